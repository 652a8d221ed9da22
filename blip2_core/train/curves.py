"""`python -m blip2_core train curves`: the losses of one or more runs, those on held-out records among them."""

import argparse
import json
from pathlib import Path
from typing import Any

from ..errors import DataError

VALIDATION_FILE = "validation.jsonl"
NO_LOSS = ("step", "samples_per_s")
SMOOTH = 0.05  # of all steps are averaged in a point of the smooth line
INSTALL = 'Drawing needs matplotlib, which is not installed. Install it with: pip install "blip2-chat[docs]"'


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `train curves`."""
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="run folders, in their order")
    parser.add_argument("--out", type=Path, required=True, help="picture file: .png or .svg")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Draw."""
    draw_curves(args.runs, args.out)
    return 0


def import_pyplot() -> Any:
    """Matplotlib's `pyplot`, drawing into files.

    Raises:
        DataError: it is not installed.
    """
    try:
        import matplotlib
        import matplotlib.pyplot as plt
    except ImportError:
        raise DataError(INSTALL) from None
    matplotlib.use("agg")
    return plt


def draw_curves(runs: list[Path], out: Path) -> None:
    """Draw one panel a run, each loss by name with its moving mean.

    Args:
        runs: run folders with log.jsonl, and validation.jsonl where held-out records were measured.
        out: the picture file.

    Raises:
        DataError: a folder has no log of a run, or matplotlib is not installed.
    """
    logs = [(folder, read_log(folder)) for folder in runs]
    plt = import_pyplot()
    columns = min(len(logs), 3)
    rows = -(-len(logs) // columns)
    figure, panels = plt.subplots(rows, columns, figsize=(4 * columns, 2.8 * rows), squeeze=False, layout="constrained")
    for panel, (folder, log) in zip(panels.flat, logs, strict=False):
        _draw(panel, folder.name, log, read_validation(folder))
    for panel in panels.flat[len(logs) :]:
        panel.axis("off")
    figure.savefig(out, dpi=90)
    plt.close(figure)


def _draw(panel: Any, title: str, log: list[dict[str, float]], held_out: list[dict[str, float]]) -> None:
    for name in loss_names(log):
        there = [step for step, losses in enumerate(log) if name in losses]
        values = [log[step][name] for step in there]
        (line,) = panel.plot(there, smooth(values), linewidth=1.5, label=name.replace("_", " "))
        panel.plot(there, values, linewidth=0.5, alpha=0.25, color=line.get_color())
    steps = [line["step"] for line in held_out]
    for name in loss_names(held_out) if held_out else ():
        panel.plot(steps, [line[name] for line in held_out], "o--", markersize=3, linewidth=1, label=name)
    panel.set(title=title, xlabel="step", ylabel="loss")
    panel.grid(alpha=0.3)
    panel.legend(fontsize=7)


def smooth(values: list[float]) -> list[float]:
    """The mean of each value and those before it, as many as `SMOOTH` of all."""
    width = max(round(len(values) * SMOOTH), 1)
    windows = (values[max(0, end - width) : end] for end in range(1, len(values) + 1))
    return [sum(window) / len(window) for window in windows]


def loss_names(log: list[dict[str, float]]) -> list[str]:
    """The losses of a run, as its stage names them; some steps may lack one of them."""
    return [name for name in dict.fromkeys(name for line in log for name in line) if name not in NO_LOSS]


def read_log(folder: Path) -> list[dict[str, float]]:
    """The lines of a run's log.

    Raises:
        DataError: there is no log, or it is empty or cut off.
    """
    file = folder / "log.jsonl"
    try:
        lines = [json.loads(line) for line in file.read_text().splitlines()]
    except (OSError, ValueError) as error:
        raise DataError(f"{file}: expected the log of a training run, it cannot be read: {error}.") from None
    if not lines:
        raise DataError(f"{file}: expected the log of a training run, it has no step yet.")
    return lines


def read_validation(folder: Path) -> list[dict[str, float]]:
    """The losses of a run on held-out records at each checkpoint; none if it had no such records."""
    file = folder / VALIDATION_FILE
    return [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []
