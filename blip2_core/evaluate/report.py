"""The report: what was measured, with what, when; as JSON, as a table and as Markdown.

One file holds one report a task. A later run of a task replaces that task's report and leaves
the others, so that the README's table can come from a file that the command wrote.
"""

import json
import os
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import DataError
from .records import TASKS
from .scoring import ALL, Number

SAMPLES = 12
HEADINGS = ("task", "pictures of", "measure", "result", "95% interval", "blind", "n")


@dataclass(frozen=True)
class ModelFacts:
    """Which weights answered: the name typed, the precision and device they ran in, and their sha256."""

    name: str
    precision: str
    device: str
    weights: str


@dataclass(frozen=True)
class TaskReport:
    """One task's report, with everything that is needed to run it again."""

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
    samples: tuple[Any, ...]


def pick_samples(answered: Sequence[Any], seed: int) -> tuple[Any, ...]:
    """A dozen answers drawn at random, right and wrong as they come."""
    return tuple(random.Random(seed).sample(list(answered), min(SAMPLES, len(answered))))


def write_report(file: Path, report: TaskReport) -> None:
    """Put the report into the file in place of an older one of the same task; keep the others."""
    reports = _read_json(file) if file.exists() else {}
    reports[report.task] = asdict(report)
    ordered = {task: reports[task] for task in TASKS if task in reports}
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(file.name + ".part")
    unfinished.write_text(json.dumps(ordered, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(unfinished, file)  # at once, so that a reader never finds half a file


def read_table(file: Path) -> str:
    """The Markdown table of a file that `write_report` wrote, with a line on how it was made.

    Raises:
        DataError: there is no such file, or it is not such a file.
    """
    if not file.is_file():
        raise DataError(f"--table: {file} is not a file. Write one with: python -m blip2_core evaluate --out {file}")
    reports = _read_json(file)
    try:
        rows = [row for task, report in reports.items() for row in table_rows(task, _numbers(report))]
        made = list(dict.fromkeys(_how_made(task, report) for task, report in reports.items()))
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{file.name}: not a report of blip2_core evaluate ({error!r}).") from error
    return markdown_table(rows) + "\n" + "\n".join(made) + "\n"


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


def _numbers(report: dict[str, Any]) -> list[Number]:
    return [Number(**number) for number in report["numbers"]]


def _how_made(task: str, report: dict[str, Any]) -> str:
    model, settings = report["model"], report["settings"]
    limit = f", {report['limit']} drawn at random" if report["limit"] else ""
    return (
        f"- {task}: {report['split']} split{limit}, {model['name']} ({model['weights'][:12]}) in {model['precision']} "
        f"on {model['device']}, beams {settings['num_beams']}, at most {settings['max_new_tokens']} new tokens, "
        f"seed {report['seed']}, {report['date'][:10]}, {report['seconds']:.0f} s"
    )


def _read_json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{file.name}: not valid JSON ({error}).") from error
    if not isinstance(content, dict):
        raise DataError(f"{file.name}: not a report of blip2_core evaluate.")
    return content
