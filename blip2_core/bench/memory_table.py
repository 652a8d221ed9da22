"""The table of what each model needs: by the estimate that every load begins with, and measured where it could be.

No weights are read.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from ..builtin import builtin_folder
from ..builtin.command import PUBLIC_CHECKPOINTS
from ..config import HybridBlip2Config
from ..memory import estimate_memory
from ..model import Blip2Model
from ..model_folder import read_config
from ..quantize import DTYPES
from ..scorer import scorer_skeleton
from .public import SCORER, public_config

COLUMNS = ("fp32", "bf16", "int8", "int4")
NONE = "-"
GPU = torch.device("cuda")  # its dtypes; none is needed here
ESTIMATED, MEASURED = "estimated, GPU memory", "**measured**, RAM of the whole process"
COCO = "-coco"  # checkpoints of this name are as large as those without


def memory_table(measured: Mapping[str, int]) -> str:
    """Markdown: a row a model, a column a precision, in GB.

    Args:
        measured: what `pocket` took on a CPU, in bytes by precision.
    """
    head = ["model", *(f"{column}, GB" for column in COLUMNS), "how"]
    rows = [head, ["---"] * len(head), *_rows(measured)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _rows(measured: Mapping[str, int]) -> Iterator[list[str]]:
    yield ["`pocket` on a CPU", *(_gigabytes(measured[column]) for column in COLUMNS), MEASURED]
    yield ["`pocket` on a GPU", *memory_cells(read_config(builtin_folder("pocket"))), ESTIMATED]
    for name in PUBLIC_CHECKPOINTS:
        if not name.endswith(COCO):
            coco = f", `{COCO}`" if name + COCO in PUBLIC_CHECKPOINTS else ""
            yield [f"`{name}`{coco}", *memory_cells(public_config(name)), ESTIMATED]
    yield [f"`{SCORER}`", *_scorer_cells(), ESTIMATED]


def memory_cells(config: Any) -> list[str]:
    """GB on a GPU of the model that a config describes, a cell a precision."""
    with torch.device("meta"):
        skeleton = Blip2Model(config)
    apart = isinstance(config, HybridBlip2Config)
    return [_gigabytes(estimate_memory(skeleton, name, device=GPU, apart=apart).total) for name in COLUMNS]


def _scorer_cells() -> list[str]:
    model = scorer_skeleton(public_config(SCORER))
    vision = sum(tensor.numel() for tensor in model.vision_model.parameters())
    others = sum(tensor.numel() for tensor in model.parameters()) - vision
    return [
        _gigabytes(others * 4 + vision * DTYPES[column].itemsize) if column in DTYPES else NONE for column in COLUMNS
    ]


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f}"
