"""`python -m blip2_core train pocket`: the whole recipe of the built-in model, one command after another.

Every step is a command that can be run by hand; each is printed before it runs, and is skipped if it has finished
before. So the recipe goes on where it stopped, and what the shipped model was made by is what is written here.
"""

import argparse
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import SettingsError, TrainingError

SOURCES = ("flickr8k", "flickr8k_captions", "daquar", "imagenet_samples", "stamps", "wordnet")
VIEWS = "4"
LEAST_STEPS = 2
COMPILED_FROM = 100  # steps; fewer take less time than compiling
TASKS = ("caption", "vqa", "name", "instruct")


@dataclass(frozen=True)
class Part:
    """One stage of the recipe.

    Args:
        stage: as on the command line; it starts from the model of the part before.
        data: names of the training files, a name twice for twice the weight.
        steps: optimizer steps of the shipped model.
        batch_size: samples a step, or visual prompts where texts are packed.
        learning_rate: at its highest.
        warmup: steps.
    """

    stage: str
    data: tuple[str, ...]
    steps: int
    batch_size: int
    learning_rate: float
    warmup: int


QUESTIONS = ("vqa", "daquar", "name", "name", "instruct", "label", "class", "class-instruct")
RECIPE = (
    Part("vision", ("caption",), 800, 96, 6e-4, 100),
    Part("stage1", ("caption",), 200, 80, 5e-4, 80),
    Part("stage2", ("caption",), 300, 64, 6e-4, 60),
    Part("vqa", ("caption", "caption-things", *QUESTIONS), 3400, 64, 6e-4, 60),
)
RECIPE_MINUTES = 160  # of training on two cores with AMX; the text that is made and the measuring come on top


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `train pocket`."""
    add = parser.add_argument
    add("--out", type=Path, required=True, help="folder of data, features and stages; in the end pocket/ is in it")
    for source in SOURCES:
        add(f"--{source.replace('_', '-')}", type=Path, metavar="DIR", help="see: data --help")
    add("--distill", type=Path, metavar="MODEL_FOLDER", help="see: data --help")
    add(
        "--minutes",
        type=float,
        help=f"train for about so long; the full recipe takes about {RECIPE_MINUTES} on two cores",
    )
    add("--seed", type=int, default=0)
    add("--dry-run", action="store_true", help="print the commands and run none")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run what is left of the recipe, then write the model card."""
    from .card import write_card

    if args.minutes is not None and not args.minutes > 0:
        raise SettingsError(f"--minutes: expected a number above 0, got {args.minutes}.")
    run_once(args.out, "data", _data_command(args), dry_run=args.dry_run)
    _expect_captions(args)
    for part, command in _stage_commands(args):
        run_once(args.out, part.stage, command, dry_run=args.dry_run)
    pocket = args.out / "pocket"
    if not args.dry_run:
        shutil.copytree(args.out / RECIPE[-1].stage / "model", pocket, dirs_exist_ok=True)
    for task in TASKS:
        if args.dry_run or (args.out / "data" / f"{task}-test.jsonl").is_file():
            run_once(args.out, f"evaluate-{task}", _evaluate_command(args, task), dry_run=args.dry_run)
    if not args.dry_run:
        write_card(pocket, [args.out / part.stage for part in RECIPE])
        sys.stdout.write(f"{pocket}: finished\n")
    return 0


def run_once(folder: Path, name: str, command: Sequence[str], *, dry_run: bool = False) -> None:
    """Print a command and run it, unless the very same one has finished before.

    Args:
        folder: where it is remembered that the command has finished.
        name: under which.
        command: what stands behind `python -m blip2_core`.
        dry_run: only print.

    Raises:
        TrainingError: the command failed.
    """
    line = shlex.join(["python", "-m", "blip2_core", *command])
    marker = folder / "finished" / name
    finished = marker.is_file() and marker.read_text() == line
    sys.stderr.write(f"{'finished before: ' if finished else ''}{line}\n")
    if dry_run or finished:
        return
    code = subprocess.run([sys.executable, "-m", "blip2_core", *command], check=False).returncode
    if code:
        raise TrainingError(f"{name} ended with code {code}, see above. Give the same command again and it goes on.")
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.write_text(line)


def _data_command(args: argparse.Namespace) -> list[str]:
    given = [(source, getattr(args, source)) for source in (*SOURCES, "distill")]
    options = [text for name, value in given if value for text in (f"--{name.replace('_', '-')}", str(value))]
    labels = ["--labels"] if args.imagenet_samples and args.wordnet else []
    return ["data", "--out", str(args.out / "data"), *options, *labels, "--seed", str(args.seed)]


def _expect_captions(args: argparse.Namespace) -> None:
    if not args.dry_run and not (args.out / "data" / "caption-train.jsonl").is_file():
        raise SettingsError("--flickr8k: expected captioned photographs, all stages but the last learn from captions.")


def _stage_commands(args: argparse.Namespace) -> Iterator[tuple[Part, list[str]]]:
    share = 1.0 if args.minutes is None else min(args.minutes / RECIPE_MINUTES, 1.0)
    model = "new"
    for part in RECIPE:
        steps = max(round(part.steps * share), LEAST_STEPS)
        short = replace(part, steps=steps, warmup=min(part.warmup, steps))
        command = train_command(
            short, args.out, args.out / part.stage, model=model, seed=args.seed, dry_run=args.dry_run
        )  # fmt: skip
        compiling = ["--compile"] if steps >= COMPILED_FROM else []
        yield part, [*command, *compiling, *(["--save-fp16"] if part is RECIPE[-1] else [])]
        model = str(args.out / part.stage / "model")


def train_command(part: Part, work: Path, out: Path, *, model: str, seed: int, dry_run: bool) -> list[str]:
    """The command that trains one stage; training files that are not there are left out.

    Args:
        part: what is trained, and how.
        work: folder of `train pocket`, with data/ and features/.
        out: the run folder; a run that is there goes on.
        model: what it starts from.
        seed: of every draw.
        dry_run: name all training files, whether they are there or not.
    """
    files = [work / "data" / f"{name}-train.jsonl" for name in part.data]
    there = [str(file) for file in files if dry_run or file.is_file()]
    return [
        *("train", part.stage, "--model", model, "--out", str(out), "--data", *there),
        *("--cache-features", str(work / "features"), "--views", VIEWS, "--resume"),
        *("--steps", str(part.steps), "--batch-size", str(part.batch_size), "--warmup", str(part.warmup)),
        *("--learning-rate", str(part.learning_rate), "--seed", str(seed)),
    ]


def _evaluate_command(args: argparse.Namespace, task: str) -> list[str]:
    folder = args.out / "pocket"
    return [
        *("evaluate", "--task", task, "--split", "test", "--data", str(args.out / "data"), "--model", str(folder)),
        *("--precision", "bf16", "--out", str(folder / "evaluation.json")),
    ]
