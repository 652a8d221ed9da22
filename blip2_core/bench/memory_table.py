"""The table of what each model needs: by the estimate that every load begins with, and measured where it could be.

No weights are read.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..builtin import builtin_folder
from ..builtin.command import PUBLIC_CHECKPOINTS
from ..config import HybridBlip2Config
from ..errors import DataError
from ..memory import estimate_memory
from ..model import Blip2Model
from ..model_folder import read_config
from ..quantize import DTYPES
from ..scorer import scorer_bytes, scorer_skeleton
from .checkpoints import OURS
from .public import SCORER, public_config

COLUMNS = ("fp32", "bf16", "int8", "int4")
NONE = "-"
GPU = torch.device("cuda")  # its dtypes; none is needed here
ESTIMATED, MEASURED = "estimated, GPU memory", "**measured**, RAM of the whole process"
COCO = "-coco"  # checkpoints of this name are as large as those without


@dataclass(frozen=True)
class GpuPeaks:
    """The most memory that full-size public checkpoints held on a GPU, loading and answering.

    Args:
        device: the GPU in words.
        bytes: by model and precision; a load that failed or was not tried is missing.
    """

    device: str
    bytes: Mapping[str, Mapping[str, int]]


def read_gpu_peaks(file: Path) -> GpuPeaks:
    """Our own loads of a file that `bench checkpoints` wrote on a GPU.

    Raises:
        DataError: it is none, or of tiny models.
    """
    try:
        report = json.loads(file.read_text())
        full, device = report["small"] is False, str(report["device"])
        rows = {name: [row for row in found["loads"] if "error" not in row] for name, found in report["models"].items()}
        ours = {name: [row for row in loads if row["library"] == OURS] for name, loads in rows.items()}
        peaks = {name: {row["precision"]: int(row["peak_bytes"]) for row in loads} for name, loads in ours.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise DataError(f"{file}: expected what `bench checkpoints --out {file}` writes, it cannot be read.") from None
    if not full:
        raise DataError(f"{file}: expected full-size models, these are tiny. Measure them without --small.")
    return GpuPeaks(device, peaks)


def memory_table(measured: Mapping[str, int], gpu: GpuPeaks | None = None) -> str:
    """Markdown: a row a model, a column a precision, in GB.

    Args:
        measured: what `pocket` took on a CPU, in bytes by precision.
        gpu: what public checkpoints took on a GPU, if any was measured.
    """
    head = ["model", *(f"{column}, GB" for column in COLUMNS), "how"]
    rows = [head, ["---"] * len(head), *_rows(measured, gpu or GpuPeaks("", {}))]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _rows(measured: Mapping[str, int], gpu: GpuPeaks) -> Iterator[list[str]]:
    yield ["`pocket` on a CPU", *(_gigabytes(measured[column]) for column in COLUMNS), MEASURED]
    yield ["`pocket` on a GPU", *memory_cells(read_config(builtin_folder("pocket"))), ESTIMATED]
    for name in PUBLIC_CHECKPOINTS:
        if not name.endswith(COCO):
            coco = f", `{COCO}`" if name + COCO in PUBLIC_CHECKPOINTS else ""
            yield [f"`{name}`{coco}", *memory_cells(public_config(name)), ESTIMATED]
        if name in gpu.bytes:
            yield [f"`{name}`", *_peak_cells(gpu.bytes[name]), _measured_on(gpu.device)]
    yield [f"`{SCORER}`", *_scorer_cells(), ESTIMATED]


def memory_cells(config: Any) -> list[str]:
    """GB on a GPU of the model that a config describes, a cell a precision."""
    with torch.device("meta"):
        skeleton = Blip2Model(config)
    apart = isinstance(config, HybridBlip2Config)
    return [_gigabytes(estimate_memory(skeleton, name, device=GPU, apart=apart).total) for name in COLUMNS]


def _peak_cells(peaks: Mapping[str, int]) -> list[str]:
    return [_gigabytes(peaks[column]) if column in peaks else NONE for column in COLUMNS]


def _measured_on(device: str) -> str:
    return f"**measured** on an {device.removeprefix('NVIDIA ')}, GPU memory"


def _scorer_cells() -> list[str]:
    skeleton = scorer_skeleton(public_config(SCORER))
    return [_gigabytes(scorer_bytes(skeleton, column)) if column in DTYPES else NONE for column in COLUMNS]


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f}"
