"""The report: what was measured, with what, when; as JSON, as a table and as Markdown.

One file holds one report for each task and split. A later run replaces its own report and leaves the others, so that
the README's table can come from a file that the command wrote. All reports of a file are about the same weights.
"""

import json
import os
import random
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError
from .records import TASKS
from .scoring import ALL, Number

if TYPE_CHECKING:
    from .tasks import Answered

SAMPLES = 12
HEADINGS = ("task, split", "pictures of", "measure", "result", "95% interval", "blind", "n")


@dataclass(frozen=True)
class ModelFacts:
    """Which weights answered.

    Attributes:
        name: what the person asked for.
        precision: e.g. "bf16".
        device: e.g. "cpu".
        weights: sha256 over the weights between image encoder and language model, 64 hexadecimal digits.
        withholds_question: whether the Q-Former was not told the question.
    """

    name: str
    precision: str
    device: str
    weights: str
    withholds_question: bool = False


@dataclass(frozen=True)
class TaskReport:
    """One task's report, with everything that is needed to run it again; `n` records, `seconds` to answer and score."""

    task: str
    split: str
    n: int
    limit: int | None
    numbers: tuple[Number, ...]
    rules: tuple[str, ...]
    settings: dict[str, Any]
    batch_size: int
    seed: int
    model: ModelFacts
    versions: dict[str, str]
    date: str
    seconds: float
    samples: "tuple[Answered, ...]"


def pick_samples(answered: "Sequence[Answered]", seed: int) -> "tuple[Answered, ...]":
    """A dozen answers drawn at random, right and wrong as they come."""
    return tuple(random.Random(seed).sample(list(answered), min(SAMPLES, len(answered))))


def expect_writable(file: Path, name: str) -> None:
    """Find out before the work, not after it, whether the result can be written.

    Raises:
        DataError: `file`, which the argument `name` named, is a folder or lies where nothing can be written.
    """
    if file.is_dir():
        raise DataError(f"{name}: expected a file, {file} is a folder.")
    folder = next(parent for parent in file.absolute().parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise DataError(f"{name}: {file} cannot be written, {folder} is read-only or no folder. Name another place.")


def expect_same_weights(file: Path, model: ModelFacts) -> None:
    """Refuse to mix numbers of two models in one table.

    Raises:
        DataError: the file holds reports of other weights, or is not a file of reports.
    """
    for report in read_reports(file).values():
        known = report.get("model", {}) if isinstance(report, dict) else {}
        if known.get("weights") != model.weights:
            raise DataError(
                f"--out: {file} holds numbers of other weights: {known.get('name')} "
                f"({str(known.get('weights'))[:12]}), this is {model.name} ({model.weights[:12]}). "
                "Name another file, or delete this one."
            )


def write_report(file: Path, report: TaskReport) -> None:
    """Put the report into the file in place of an older one of its task and split; keep the others."""
    reports = read_reports(file) | {f"{report.task}-{report.split}": asdict(report)}
    ordered = dict(sorted(reports.items(), key=lambda item: (TASKS.index(item[1]["task"]), item[0])))
    write_at_once(file, [json.dumps(ordered, indent=2, ensure_ascii=False)])


def write_answers(file: Path, answered: "Iterable[Answered]") -> None:
    """Write every answer beside what was expected, one JSON object a line."""
    write_at_once(file, [json.dumps(asdict(one), ensure_ascii=False) for one in answered])


def write_at_once(file: Path, lines: Sequence[str]) -> None:
    """Write the lines so that a reader never finds half a file.

    Raises:
        DataError: the disk is full, or nothing may be written there.
    """
    unfinished = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        os.replace(unfinished, file)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise DataError(f"{file}: cannot be written ({error.strerror}). Name another place.") from None


def read_table(file: Path, *, brief: bool = False) -> str:
    """The Markdown table of a file that `write_report` wrote, with a line on how each part was made.

    Args:
        file: the file.
        brief: leave out what is of a single kind of questions.

    Raises:
        DataError: there is no such file, or it is not such a file.
    """
    if not file.is_file():
        raise DataError(f"--table: {file} is not a file. Write one with: python -m blip2_core evaluate --out {file}")
    reports = read_reports(file)
    try:
        rows = [row for report in reports.values() for row in report_rows(report, brief=brief)]
        made = [_how_made(report) for report in reports.values()]
    except (KeyError, TypeError, AttributeError):
        raise DataError(f"{file}: expected a file that blip2_core evaluate wrote, got other JSON.") from None
    return markdown_table(rows) + "\n" + "\n".join(made) + "\n"


def report_rows(report: dict[str, Any], *, brief: bool = False) -> list[tuple[str, ...]]:
    """The rows of one report as it stands in the file; brief ones have no kinds of questions."""
    numbers = [Number(**number) for number in report["numbers"] if not brief or number["kind"] == ALL]
    return table_rows(f"{report['task']}, {report['split']}", numbers)


def table_rows(task: str, numbers: Sequence[Number]) -> list[tuple[str, ...]]:
    """One row of words for each number, under `HEADINGS`."""
    return [
        (
            task,
            number.source if number.kind == ALL else f"{number.source}: {number.kind}",
            number.measure,
            _show(number.value, number),
            f"{_show(number.low, number)} to {_show(number.high, number)}" if number.low is not None else "",
            _show(number.blind, number),
            str(number.n),
        )
        for number in numbers
    ]


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """The rows as a Markdown table under `HEADINGS`."""
    lines = [HEADINGS, ("---",) * len(HEADINGS), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)


def plain_table(rows: Sequence[Sequence[str]]) -> str:
    """The rows in columns for a terminal, under `HEADINGS`."""
    lines = [HEADINGS, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    padded = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
    return "".join(line.rstrip() + "\n" for line in padded)


def _show(value: float | None, number: Number) -> str:
    """Shares and BLEU times 100 with one decimal, shares with a percent sign; CIDEr with two decimals."""
    if value is None:
        return ""
    if not number.percent:
        return f"{value:.2f}"
    return f"{100 * value:.1f}" if number.measure.startswith("BLEU") else f"{100 * value:.1f}%"


def _how_made(report: dict[str, Any]) -> str:
    model, settings = report["model"], report["settings"]
    drawn = ", drawn at random" if report["limit"] else ""
    beams = f"{settings['num_beams']} beams" if settings["num_beams"] > 1 else "greedy"
    return (
        f"- {report['task']}, {report['split']}: {report['n']} records{drawn}; {model['name']} "
        f"({model['weights'][:12]}) in {model['precision']} on {model['device']}, {beams}, at most "
        f"{settings['max_new_tokens']} new tokens, seed {report['seed']}; {report['date'][:10]}, "
        f"{report['seconds']:.0f} s"
    )


def read_reports(file: Path) -> dict[str, Any]:
    """The reports of a file by task and split; none if there is no file yet.

    Raises:
        DataError: the file is there but holds something else.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise DataError(f"{file}: expected JSON, got {error}. Name another file, or delete this one.") from None
    if not isinstance(content, dict) or not all(
        isinstance(report, dict) and report.get("task") in TASKS for report in content.values()
    ):
        raise DataError(f"{file}: expected a file that blip2_core evaluate wrote, got other JSON. Name another file.")
    return content
