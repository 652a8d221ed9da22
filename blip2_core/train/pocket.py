"""`python -m blip2_core train pocket`: the whole recipe of the built-in model, one command after another.

Every step is a command that can be run by hand; each is printed before it runs, and is skipped if it has finished
before on the same data. So the recipe goes on where it stopped. It runs each stage once; the shipped model went through
question answering many times (its card says how), on the same data.

Every source of training text may be left out. Without captioned photographs the first stages learn from sentences about
things instead, and without those from answers.
"""

import argparse
import hashlib
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..datasets.record_files import pictures_of
from ..errors import SettingsError, TrainingError
from .disk import expect_room

SOURCES = ("flickr8k", "flickr8k_captions", "daquar", "imagenet_samples", "stamps", "wordnet")
VIEWS = 4
VIEW_BYTES = 2 * (352 + 27) * (9 * 9 + 17 * 17)  # what the trunk sees of a view and its pixels, in half precision
SHORT_BELOW = 0.25  # of the full recipe: so short a training does not see a picture often, and is not measured for long
MEASURED_IF_SHORT = 500  # records of each task
LEAST_STEPS = 2
SHORT_WARMUP = 0.2  # of the steps of a short stage: a shorter one throws it off the start
COMPILED_FROM = 100  # steps; fewer take less time than compiling
TASKS = ("caption", "vqa", "chat", "name", "instruct", "pointing")


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
        needs: name of the training file without which the stage is left out.
    """

    stage: str
    data: tuple[str, ...]
    steps: int
    batch_size: int
    learning_rate: float
    warmup: int
    needs: str = ""


INSTEAD_OF_CAPTIONS = ("caption-things", "vqa")  # the first that is there
QUESTIONS = (
    *("vqa", "vqa", "daquar", "daquar", "daquar", "name", "name", "instruct", "instruct", "label", "seen"),
    *("class", "class-instruct", "class-instruct", "composed", "composed-class", "worn"),
)
RECIPE = (
    Part("vision", ("caption",), 800, 96, 6e-4, 100),
    Part("stage1", ("caption",), 200, 80, 5e-4, 80),
    Part("stage2", ("caption",), 300, 64, 6e-4, 60),
    Part("vqa", ("caption", "caption", "caption-things", *QUESTIONS), 3400, 64, 6e-4, 60),
    Part("turns", ("chat", "caption", "caption-things", *QUESTIONS), 850, 16, 6e-4, 50, needs="chat"),
)
RECIPE_MINUTES = 850  # of training on two cores with AVX-512, by a run of a 26th of the steps; fewer with AMX


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
        help=f"train for about so long, for a worse model; the full recipe takes about {RECIPE_MINUTES} on two cores. "
        "Making the text, computing features and measuring come on top",
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
    if not args.dry_run:
        _expect_room_for_features(args)
    recipe = _recipe(args)
    for part, command in _stage_commands(args, recipe):
        files = training_files(part, args.out, dry_run=args.dry_run)
        run_once(args.out, part.stage, command, inputs=files, dry_run=args.dry_run)
    pocket = args.out / "pocket"
    if not args.dry_run:
        shutil.copytree(args.out / recipe[-1].stage / "model", pocket, dirs_exist_ok=True)
    for task in TASKS:
        asked = args.out / "data" / f"{task}-test.jsonl"
        if args.dry_run or asked.is_file():
            inputs = [asked, *sorted(pocket.glob("*.safetensors"))]
            run_once(
                args.out, f"evaluate-{task}", _evaluate_command(args, task), inputs=inputs, dry_run=args.dry_run
            )  # fmt: skip
    if not args.dry_run:
        write_card(pocket, [args.out / part.stage for part in recipe], sources=_sources(args))
        sys.stdout.write(f"{pocket}: finished\n")
    return 0


def run_once(
    folder: Path, name: str, command: Sequence[str], *, inputs: Sequence[Path] = (), dry_run: bool = False
) -> None:
    """Print a command and run it, unless the very same one has finished before with the same inputs.

    Args:
        folder: where it is remembered that the command has finished.
        name: under which.
        command: what stands behind `python -m blip2_core`.
        inputs: files that it reads, and whose contents may have changed since.
        dry_run: only print.

    Raises:
        TrainingError: the command failed.
    """
    line = shlex.join(["python", "-m", "blip2_core", *command])
    marker = folder / "finished" / name
    digests = (
        {} if dry_run else {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in dict.fromkeys(inputs)}
    )
    done = "\n".join([line, *(f"{digest}  {file}" for file, digest in digests.items())])
    finished = marker.is_file() and marker.read_text() == done
    sys.stderr.write(f"{'finished before: ' if finished else ''}{line}\n")
    if dry_run or finished:
        return
    code = subprocess.run([sys.executable, "-m", "blip2_core", *command], check=False).returncode
    if code:
        raise TrainingError(
            f"{name} ended with code {code}, see above. Once that is put right, the same command goes on."
        )
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.write_text(done)


def _sources(args: argparse.Namespace) -> dict[str, Path]:
    """Where the training text is made from, by the name of the option; what was left out is not among them."""
    return {source: folder for source in (*SOURCES, "distill") if (folder := getattr(args, source))}


def _data_command(args: argparse.Namespace) -> list[str]:
    given = _sources(args).items()
    options = [text for name, folder in given for text in (f"--{name.replace('_', '-')}", str(folder))]
    looking = ["--labels", "--cache-features", str(args.out / "features")]
    labels = looking if args.imagenet_samples and args.wordnet else []
    return ["data", "--out", str(args.out / "data"), *options, *labels, "--seed", str(args.seed)]


def _expect_room_for_features(args: argparse.Namespace) -> None:
    """Say before the first stage what the features of all stages take."""
    files = {file: None for part in _recipe(args) for file in training_files(part, args.out, dry_run=False)}
    views = _views(args) * len(pictures_of(files))
    cached = args.out / "features" / "features.bin"
    needed = views * VIEW_BYTES - (cached.stat().st_size if cached.is_file() else 0)
    expect_room(
        cached.parent, needed, f"the features of {views:,} views", way_out="Make room, or give --out on another disk."
    )


def _recipe(args: argparse.Namespace) -> list[Part]:
    """The stages for which there is what they need; in a dry run all of them."""
    data = args.out / "data"
    return [part for part in RECIPE if args.dry_run or not part.needs or (data / f"{part.needs}-train.jsonl").is_file()]


def _share(args: argparse.Namespace) -> float:
    """How much of the full recipe is trained."""
    return 1.0 if args.minutes is None else min(args.minutes / RECIPE_MINUTES, 1.0)


def _views(args: argparse.Namespace) -> int:
    return 1 if _share(args) < SHORT_BELOW else VIEWS


def _stage_commands(args: argparse.Namespace, recipe: Sequence[Part]) -> Iterator[tuple[Part, list[str]]]:
    share, views, model = _share(args), _views(args), "new"
    for part in recipe:
        steps = max(round(part.steps * share), LEAST_STEPS)
        warmup = min(max(round(part.warmup * share), round(steps * SHORT_WARMUP), 1), part.warmup)
        short = replace(part, steps=steps, warmup=warmup)
        command = train_command(
            short, args.out, args.out / part.stage, model=model, seed=args.seed, dry_run=args.dry_run, views=views
        )  # fmt: skip
        compiling = ["--compile"] if steps >= COMPILED_FROM else []
        yield part, [*command, *compiling, *(["--save-fp16"] if part is recipe[-1] else [])]
        model = str(args.out / part.stage / "model")


def training_files(part: Part, work: Path, *, dry_run: bool) -> list[Path]:
    """The training files of a part that are there, or what takes their place; in a dry run all of them.

    Raises:
        SettingsError: there is nothing to learn from.
    """
    files = {name: work / "data" / f"{name}-train.jsonl" for name in (*part.data, *INSTEAD_OF_CAPTIONS)}
    there = [files[name] for name in part.data if dry_run or files[name].is_file()]
    there = there or [files[name] for name in INSTEAD_OF_CAPTIONS if files[name].is_file()][:1]
    if not there:
        raise SettingsError(
            f"{part.stage}: {work / 'data'} has no training text. Expected --flickr8k with its captions, --daquar, or "
            "--imagenet-samples or --stamps with --wordnet."
        )
    return there


def train_command(
    part: Part, work: Path, out: Path, *, model: str, seed: int, dry_run: bool, views: int = VIEWS
) -> list[str]:
    """The command that trains one stage; training files that are not there are left out.

    Args:
        part: what is trained, and how.
        work: folder of `train pocket`, with data/ and features/.
        out: the run folder; a run that is there goes on.
        model: what it starts from.
        seed: of every draw.
        dry_run: name all training files, whether they are there or not.
        views: of each picture.
    """
    files = map(str, training_files(part, work, dry_run=dry_run))
    return [
        *("train", part.stage, "--model", model, "--out", str(out), "--data", *files),
        *("--cache-features", str(work / "features"), "--views", str(views), "--resume"),
        *("--steps", str(part.steps), "--batch-size", str(part.batch_size), "--warmup", str(part.warmup)),
        *("--learning-rate", str(part.learning_rate), "--seed", str(seed)),
    ]


def _evaluate_command(args: argparse.Namespace, task: str) -> list[str]:
    folder = args.out / "pocket"
    some = ["--limit", str(MEASURED_IF_SHORT)] if _share(args) < SHORT_BELOW else []
    return [
        *("evaluate", "--task", task, "--split", "test", "--data", str(args.out / "data"), "--model", str(folder)),
        *("--precision", "fp32", "--out", str(folder / "evaluation.json"), *some),
    ]
