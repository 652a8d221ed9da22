"""The model card of `pocket`: a text that stays, the stages as they were run, and the numbers of `evaluate`."""

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from statistics import fmean

from ..evaluate.report import read_table
from .curves import loss_names, read_log

LAST = 50  # steps whose losses are averaged


def write_card(folder: Path, stages: Sequence[Path]) -> None:
    """Write README.md into a model folder.

    Args:
        folder: of the model, with `evaluation.json` if it was measured.
        stages: run folders in their order, each with run.json and log.jsonl.
    """
    evaluation = folder / "evaluation.json"
    table = read_table(evaluation).strip() if evaluation.is_file() else "Not measured."
    text = files("blip2_core.train").joinpath("pocket_card.md").read_text(encoding="utf-8")
    rows = "\n".join(map(_stage_row, stages))
    (folder / "README.md").write_text(text.replace("{stages}", rows).replace("{numbers}", table), encoding="utf-8")


def _stage_row(run: Path) -> str:
    facts = json.loads((run / "run.json").read_text())
    losses = read_log(run)
    by_name = {name: [line[name] for line in losses if name in line] for name in loss_names(losses)}
    changes = (
        f"{name.replace('_', ' ')} {values[0]:.2f} → {fmean(values[-LAST:]):.2f}" for name, values in by_name.items()
    )
    settings = facts["settings"]
    size = f"{settings['steps']:,} × {settings['batch_size']}"
    return f"| `{facts['stage']}` | {facts['samples']:,} | {size} | {', '.join(changes)} |"
