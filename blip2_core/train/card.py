"""The model card of `pocket`: a text that stays, the stages as they were run, and the numbers of `evaluate`."""

import json
import re
from collections.abc import Collection, Sequence
from importlib.resources import files
from pathlib import Path
from statistics import fmean
from typing import Any

from ..evaluate.report import read_table
from .curves import loss_names, read_log

LAST = 50  # steps whose losses are averaged
OF_SOURCES = re.compile(r"^\{of ([a-z0-9_ ]+)\}(.*\n)", re.MULTILINE)  # a line that is told where all of these are


def write_card(folder: Path, stages: Sequence[Path], *, sources: Collection[str]) -> None:
    """Write README.md into a model folder.

    Args:
        folder: of the model, with `evaluation.json` if it was measured.
        stages: run folders in their order, each with run.json and log.jsonl.
        sources: of the training text, named as the options of `data`, with underscores.
    """
    evaluation = folder / "evaluation.json"
    table = read_table(evaluation).strip() if evaluation.is_file() else "Not measured."
    text = files("blip2_core.train").joinpath("pocket_card.md").read_text(encoding="utf-8")
    text = OF_SOURCES.sub(lambda line: line[2] if {*line[1].split()} <= {*sources} else "", text)
    facts = [json.loads((run / "run.json").read_text()) for run in stages]
    in_bfloat16 = any(one["settings"]["bf16"] for one in facts)
    told = {
        "precision": "bfloat16" if in_bfloat16 else "float32",
        "stages": "\n".join(map(_stage_row, facts, stages)),
        "numbers": table,
    }
    (folder / "README.md").write_text(text.format(**told), encoding="utf-8")


def _stage_row(facts: dict[str, Any], run: Path) -> str:
    losses = read_log(run)
    by_name = {name: [line[name] for line in losses if name in line] for name in loss_names(losses)}
    changes = (
        f"{name.replace('_', ' ')} {values[0]:.2f} → {fmean(values[-LAST:]):.2f}" for name, values in by_name.items()
    )
    settings = facts["settings"]
    size = f"{settings['steps']:,} × {settings['batch_size']}"
    return f"| `{facts['stage']}` | {facts['samples']:,} | {size} | {', '.join(changes)} |"
