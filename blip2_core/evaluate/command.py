"""`python -m blip2_core evaluate`: the numbers of a model on held-out pictures, and the table that shows them."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import SettingsError
from ..load_options import add_placement_options, how_to_load
from ..precisions import PRECISIONS
from .records import TASKS

if TYPE_CHECKING:
    from ..answer_settings import AnswerSettings
    from ..model import Blip2
    from .report import ModelFacts
    from .tasks import TaskResult, Workload

SPLITS = ("dev", "test")
PACKAGES = ("torch", "transformers", "numpy", "pillow")


def add_parser(subparsers: Any) -> None:
    """Add `evaluate` to the command line."""
    parser = subparsers.add_parser(
        "evaluate", help="measure a model on held-out pictures, or print the table of earlier runs", description=__doc__
    )
    add = parser.add_argument
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--task", choices=TASKS, help="what is measured")
    what.add_argument("--table", type=Path, metavar="FILE", help="print what --out wrote as Markdown; loads no model")
    add("--brief", action="store_true", help="with --table: without a row for each kind of question")
    add("--model", default="pocket", help="a built-in name, a folder, a hub id or HUB_ID@REVISION (pocket)")
    add("--data", type=Path, metavar="DIR", help="folder of {task}-{split}.jsonl, as blip2_core data writes it")
    add("--split", choices=SPLITS, default="test", help="test, or dev for choosing between models (test)")
    add("--limit", type=_positive, metavar="N", help="take N records drawn at random instead of all")
    add("--seed", type=_seed, default=0, help="of every random draw (0)")
    add("--batch-size", type=_positive, default=32, metavar="N", help="pictures and questions at a time (32)")
    add("--num-beams", type=_positive, metavar="N", help="beams instead of the task's own")
    add("--precision", choices=PRECISIONS, default="auto", help="of the language model; auto is fp32 on a CPU")
    add("--withhold-question", action="store_true", help="measure without telling the Q-Former the question")
    add("--device", default="auto", help='"auto", "cpu" or "cuda"')
    add_placement_options(add)
    add("--out", type=Path, metavar="FILE", help="JSON file that gets the result; results of other tasks in it stay")
    add("--answers", type=Path, metavar="FILE", help="JSON lines file that gets every answer")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure one task and show the numbers, or show those of a file."""
    from .report import read_table

    if args.table is not None:
        sys.stdout.write(read_table(args.table, brief=args.brief))
        return 0
    if args.data is None:
        raise SettingsError(
            "--data: expected the folder of the evaluation files, got none. "
            "Make it with: python -m blip2_core data --help"
        )
    return _measure(args)


def _measure(args: argparse.Namespace) -> int:
    """Check all that can be checked first, then load the model, answer, score and write."""
    import time
    from dataclasses import replace

    from ..answer_settings import AnswerSettings
    from ..builtin.progress import ProgressBar
    from ..checkpoint import load
    from ..decoding import caption_notice
    from .report import expect_same_weights, plain_table, table_rows, write_answers, write_report
    from .tasks import run_task, settings_for

    _check_outputs(args)
    AnswerSettings(num_beams=args.num_beams or 1)  # too many are refused now, not after the load
    work = _read_work(args)
    with ProgressBar() as bar:
        blip2 = load(args.model, **how_to_load(args), progress=bar)
    if args.task != "caption" and (notice := caption_notice(blip2.model.config)):
        sys.stderr.write(f"note: {args.model}: {notice}\n")
    blip2 = replace(blip2, withholds_question=args.withhold_question)
    settings = settings_for(args.task, args.num_beams, blip2.model.config)
    facts = _facts(blip2)
    if args.out is not None:
        expect_same_weights(args.out, facts)
    start = time.monotonic()
    result = run_task(blip2, work, settings, batch_size=args.batch_size, seed=args.seed)
    report = _report(args, result, settings, facts=facts, seconds=time.monotonic() - start)
    sys.stdout.write(plain_table(table_rows(f"{args.task}, {args.split}", result.numbers)))
    if args.answers is not None:
        write_answers(args.answers, result.answered)
    if args.out is not None:
        write_report(args.out, report)
    return 0


def _check_outputs(args: argparse.Namespace) -> None:
    from .report import expect_writable, read_reports

    for name, file in (("--out", args.out), ("--answers", args.answers)):
        if file is not None:
            expect_writable(file, name)
    if args.out is not None:
        read_reports(args.out)  # a file of another kind is refused now, not after the work


def _read_work(args: argparse.Namespace) -> "Workload":
    """Read what the task needs, and open every picture once."""
    from .metrics import import_scorers
    from .records import check_pictures, file_of, limit_records, read_captions, read_questions
    from .tasks import Workload

    file = file_of(args.data, args.task, args.split)
    if args.task == "caption":
        import_scorers()  # if it is missing, say so now
        images = limit_records(read_captions(file), args.limit, args.seed)
        work = Workload(args.task, images=tuple(images))
    else:
        questions = limit_records(read_questions(file, boxes=args.task == "pointing"), args.limit, args.seed)
        train = args.data / f"{args.task}-train.jsonl"  # for the blind baseline; there may be none
        seen = read_questions(train) if args.task in ("vqa", "name") and train.is_file() else []
        work = Workload(args.task, questions=tuple(questions), train=tuple(seen))
    check_pictures(file.name, work.pictures)
    return work


def _report(
    args: argparse.Namespace, result: "TaskResult", settings: "AnswerSettings", *, facts: "ModelFacts", seconds: float
) -> Any:
    from dataclasses import asdict
    from datetime import UTC, datetime

    from .report import TaskReport, pick_samples

    return TaskReport(
        task=args.task,
        split=args.split,
        n=len(result.answered),
        limit=args.limit,
        numbers=result.numbers,
        rules=result.rules,
        settings=asdict(settings),
        batch_size=args.batch_size,
        seed=args.seed,
        model=facts,
        versions=_versions(args.task),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(seconds, 1),
        samples=pick_samples(result.answered, args.seed),
    )


def _facts(blip2: "Blip2") -> "ModelFacts":
    """What the report says about the model; what is hashed stays fp32 when the language model runs in bf16 or fp16."""
    import hashlib

    from .report import ModelFacts

    model = blip2.model
    digest = hashlib.sha256(model.query_tokens.detach().float().cpu().numpy().tobytes())
    for module in (model.qformer, model.language_projection):
        for name, tensor in sorted(module.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().float().cpu().contiguous().numpy().tobytes())
    return ModelFacts(
        str(blip2.name), blip2.precision, str(blip2.device), digest.hexdigest(), blip2.withholds_question
    )  # fmt: skip


def _versions(task: str) -> dict[str, str]:
    import platform
    from importlib.metadata import version

    packages = (*PACKAGES, "pycocoevalcap") if task == "caption" else PACKAGES
    return {"python": platform.python_version(), **{package: version(package) for package in packages}}


def _positive(text: str) -> int:
    return _whole(text, least=1)


def _seed(text: str) -> int:
    return _whole(text, least=0)


def _whole(text: str, *, least: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise argparse.ArgumentTypeError(f"expected a whole number, {least} or more, got {text!r}")
    return number
