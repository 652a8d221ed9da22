"""`python -m blip2_core train ablations`: what each part of the recipe is good for, from short equal runs.

Every variant leaves one thing out, or changes one, and is then trained for the same number of steps on the same batches
and measured on the same held-out questions of the dev split: by the loss of the answers, and by the share that is right
where more than one answer is, which tells runs apart only if they are long. Stages that two variants share are trained
once.

It works in the folder of `train pocket`: that has the data, the frozen features and the image encoder's own blocks.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from ..errors import SettingsError
from .curves import import_pyplot, read_validation
from .pocket import QUESTIONS, Part, run_once, train_command

LOSS = "loss"  # of the right answers, in nats a token
WITH_LOSS = "vqa"  # its records hold the answer as it is taught; those of the others what an answer has to mention
MEASURES = {"name": "name or broader term", "instruct": "speaks of the thing"}
LEARNING_RATE = 6e-4
LEAST_STEPS = 4  # one in each stage
BATCH_SIZES = {"stage1": 16, "stage2": 8, "vqa": 8}  # stage 1 compares the pictures of a batch, so it gets more


@dataclass(frozen=True)
class Variant:
    """One row of the table.

    Args:
        name: as the table says it.
        stage1: whether it goes through stage 1.
        queries: learned queries.
        withhold_question: keep the question from the Q-Former.
        left_out: training files of the last stage that it does without.
    """

    name: str
    stage1: bool = True
    queries: int = 16
    withhold_question: bool = False
    left_out: tuple[str, ...] = ()

    @property
    def bridge(self) -> str:
        """Name of the first stages, which several variants may share."""
        return f"{self.queries}-queries{'' if self.stage1 else '-no-stage1'}"


VARIANTS = (
    Variant("as shipped"),
    Variant("no stage 1", stage1=False),
    Variant("question not given to the Q-Former", withhold_question=True),
    Variant("8 queries", queries=8),
    Variant("32 queries", queries=32),
    Variant("no self-distilled instructions", left_out=("instruct", "class-instruct")),
    Variant("no lessons about class prototypes", left_out=("class", "class-instruct", "composed-class", "worn")),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `train ablations`."""
    add = parser.add_argument
    add("--work", type=Path, required=True, help="folder of train pocket: data/, features/, vision/model/")
    add("--out", type=Path, required=True, metavar="FILE.json", help="the table; a .png beside it is drawn")
    add("--steps", type=int, default=240, help="of the last stage; the first two take a quarter of it each (240)")
    add("--seeds", type=int, default=2, help="runs of each variant (2)")
    add("--limit", type=int, default=400, help="questions of each kind that are asked (400)")
    add("--only", nargs="+", choices=[v.name for v in VARIANTS], metavar="VARIANT", help="these rows, by name (all)")
    add("--dry-run", action="store_true", help="print the commands and run none")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train and measure what is left of the table, then write it and draw it."""
    if args.steps < LEAST_STEPS or args.seeds < 1:
        raise SettingsError(
            f"--steps, --seeds: expected at least {LEAST_STEPS} and 1, got {args.steps} and {args.seeds}."
        )
    if not args.dry_run and not (args.work / "vision" / "model").is_dir():
        raise SettingsError(f"--work: expected {args.work / 'vision' / 'model'}, as train pocket makes it, found none.")
    for seed in range(args.seeds):
        for variant in _chosen(args):
            for name, command in commands(args, variant, seed):
                run_once(args.work / "ablations", name, command, dry_run=args.dry_run)
    if not args.dry_run:
        table = _table(args)
        args.out.write_text(json.dumps(table, indent=1) + "\n")
        draw(table, args.out.with_suffix(".png"))
        sys.stdout.write(f"{args.out}: finished\n")
    return 0


def _chosen(args: argparse.Namespace) -> list[Variant]:
    return [variant for variant in VARIANTS if args.only is None or variant.name in args.only]


def commands(args: argparse.Namespace, variant: Variant, seed: int) -> list[tuple[str, list[str]]]:
    """The commands of one variant under one seed, each with the name that it is remembered by."""
    model = args.work / "vision" / "model"
    queries = ["--queries", str(variant.queries)]
    found = []
    stages = ["stage1", "stage2"] if variant.stage1 else ["stage2"]
    for stage in stages:
        name = f"{variant.bridge}-{stage}-{seed}"
        steps = _bridge_steps(args) // len(stages)  # without stage 1 its steps go to stage 2
        command = _train(args, stage, name, model=model, files=("caption",), steps=steps, seed=seed)
        found.append((name, [*command, *queries]))
        model, queries = _folder(args, name) / "model", []
    name = f"{_slug(variant)}-vqa-{seed}"
    files = tuple(file for file in dict.fromkeys(QUESTIONS) if file not in variant.left_out)
    withhold = ["--withhold-question"] if variant.withhold_question else []
    command = _train(args, "vqa", name, model=model, files=files, steps=args.steps, seed=seed)
    command += ["--validation", str(args.work / "data" / f"{WITH_LOSS}-dev.jsonl")]
    found.append((name, [*command, *withhold]))
    for task in MEASURES:
        found.append((f"{name}-{task}", [*_evaluate(args, task, name), *withhold]))
    return found


def _bridge_steps(args: argparse.Namespace) -> int:
    """Of the first two stages together, an even number."""
    return args.steps // 4 * 2


def _train(
    args: argparse.Namespace, stage: str, name: str, *, model: Path, files: tuple[str, ...], steps: int, seed: int
) -> list[str]:
    part = Part(stage, files, steps, BATCH_SIZES[stage], LEARNING_RATE, warmup=steps // 8)
    out = _folder(args, name)
    return train_command(part, args.work, out, model=str(model), seed=seed, dry_run=args.dry_run, views=1)


def _evaluate(args: argparse.Namespace, task: str, name: str) -> list[str]:
    folder = _folder(args, name)
    return [
        *("evaluate", "--task", task, "--split", "dev", "--data", str(args.work / "data"), "--limit", str(args.limit)),
        *("--model", str(folder / "model"), "--batch-size", "64"),
        *("--out", str(folder / "evaluation.json")),
    ]


def _folder(args: argparse.Namespace, name: str) -> Path:
    return args.work / "ablations" / name


def _slug(variant: Variant) -> str:
    return variant.name.replace(" ", "-").lower()


def _table(args: argparse.Namespace) -> dict[str, Any]:
    """The numbers of every variant and seed, with how they were made."""
    rows = []
    for variant in _chosen(args):
        runs = [_numbers(_folder(args, f"{_slug(variant)}-vqa-{seed}")) for seed in range(args.seeds)]
        rows.append({"variant": variant.name, **{measure: [run[measure] for run in runs] for measure in runs[0]}})
    return {
        "steps": {"stage1 and stage2 together": _bridge_steps(args), "vqa": args.steps},
        "batch_size": BATCH_SIZES,
        "split": "dev",
        "questions": args.limit,
        "seeds": list(range(args.seeds)),
        "rows": rows,
    }


def _numbers(folder: Path) -> dict[str, float]:
    """The loss, and the share of right answers of each task."""
    found = {f"{LOSS}, {WITH_LOSS}": read_validation(folder)[-1][f"{WITH_LOSS}-dev"]}
    for report in json.loads((folder / "evaluation.json").read_text()).values():
        measured = (n["value"] for n in report["numbers"] if n["measure"] == MEASURES[report["task"]])
        found[report["task"]] = round(next(measured), 4)  # the first is of all questions
    return found


def draw(table: dict[str, Any], out: Path) -> None:
    """Draw a panel for each measure: a dash is the mean of the seeds, and a thin line joins the runs of one seed.

    Where the lines of the seeds run alike, a difference is more than the seeds'.

    Raises:
        DataError: matplotlib is not installed.
    """
    plt = import_pyplot()
    rows = table["rows"]
    measures = [name for name in rows[0] if name != "variant"]
    names = [row["variant"] for row in rows]
    figure, panels = plt.subplots(
        1, len(measures), figsize=(3 * len(measures) + 2, 3), sharey=True, squeeze=False, layout="constrained"
    )
    for panel, measure in zip(panels.flat, measures, strict=True):
        scale, unit = (1, "nats a token") if measure.startswith(LOSS) else (100, "right, %")
        values = [[scale * value for value in row[measure]] for row in rows]
        panel.plot([mean(of_row) for of_row in values], names, "|", color="#64748b", markersize=14, markeredgewidth=3)
        for seed, of_seed in enumerate(zip(*values, strict=True)):
            panel.plot(of_seed, names, ".-", color=f"C{seed}", linewidth=0.8, markersize=6, label=f"seed {seed}")
        panel.set(title=measure, xlabel=unit)
        panel.grid(axis="x", alpha=0.3)
    panels[0, 0].invert_yaxis()
    panels[0, 0].legend(fontsize="small")
    figure.savefig(out, dpi=90)
    plt.close(figure)
