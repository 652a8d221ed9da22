"""The table of what each public checkpoint needs, by the estimate that every load begins with; no weights are read."""

from collections.abc import Iterator
from typing import Any

import torch

from ..builtin.command import PUBLIC_CHECKPOINTS
from ..matching import MatchingModel
from ..memory import estimate_memory
from ..model import Blip2Model
from ..quantize import DTYPES, is_t5
from .public import SCORER, public_config

COLUMNS = ("fp32", "fp16", "bf16", "int8", "int4")
NONE = "-"


def memory_table() -> str:
    """Markdown: a row a checkpoint, a column a precision, GB on a GPU, all of them estimated."""
    head = ["checkpoint", *(f"{column}, GB" for column in COLUMNS)]
    rows = [head, ["---"] * len(head), *_rows()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _rows() -> Iterator[list[str]]:
    gpu = torch.device("cuda")  # its dtypes; none is needed here
    for name in PUBLIC_CHECKPOINTS:
        with torch.device("meta"):
            skeleton = Blip2Model(public_config(name))
        half = NONE if is_t5(skeleton.config.text_config.model_type) else None
        cells = [
            half if column == "fp16" and half else _gigabytes(estimate_memory(skeleton, column, device=gpu).total)
            for column in COLUMNS
        ]
        yield [name, *cells]
    yield [SCORER, *_scorer_cells()]


def _scorer_cells() -> list[str]:
    config: Any = public_config(SCORER)
    with torch.device("meta"):
        model = MatchingModel(
            config.vision_config,
            config.qformer_config,
            num_query_tokens=config.num_query_tokens,
            contrastive_width=config.image_text_hidden_size,
        )
    vision = sum(tensor.numel() for tensor in model.vision_model.parameters())
    others = sum(tensor.numel() for tensor in model.parameters()) - vision
    return [
        _gigabytes(others * 4 + vision * DTYPES[column].itemsize) if column in DTYPES else NONE for column in COLUMNS
    ]


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f}"
