"""How much memory a model would need in each precision, told before any of its weights is read or fetched."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from .bench.public import public_config
from .builtin import BUILTIN_MODELS, builtin_folder
from .builtin.command import PUBLIC_CHECKPOINTS
from .errors import CheckpointError
from .hub import split_name
from .loading_plan import comes_apart
from .memory import estimate_memory, free_memory, weigh
from .model import Blip2, Blip2Model
from .model_folder import read_config
from .quantize import pick_device, refuses_fp16


@dataclass(frozen=True)
class Needs:
    """The memory that a model needs where it would run.

    Args:
        on_gpu: whether it is the memory of a GPU.
        free: bytes to be had, those of the model that it replaces among them.
        bytes: by precision; empty where nobody knows.
        no_fp16: why fp16 does not work there, a key of `quantize.NO_FP16`; empty where it does, or nobody knows.
    """

    on_gpu: bool
    free: int
    bytes: dict[str, int] = field(default_factory=dict)
    no_fp16: str = ""

    def fits(self, precision: str) -> bool:
        """Whether it fits, as far as anybody knows; "auto" takes what does."""
        sizes = [self.bytes[precision]] if precision in self.bytes else list(self.bytes.values())
        return not sizes or min(sizes) <= self.free


def needs(name: str, precisions: Sequence[str], *, device: str = "auto", instead_of: Blip2 | None = None) -> Needs:
    """What a model needs, as far as it is known without asking anybody: not of a hub id beside the public checkpoints.

    Args:
        name: as for `blip2_core.load`.
        precisions: to be told about; fp16 only where it works.
        device: as for `blip2_core.load`.
        instead_of: the model whose place and memory it takes.

    Raises:
        SettingsError: there is no such device.
    """
    place = pick_device(device) if instead_of is None else instead_of.device
    held = sum(part.bytes for part in weigh(instead_of.model)) if instead_of is not None else 0
    sizes, no_fp16 = _known(name, tuple(precisions), place)
    return Needs(place.type == "cuda", free_memory(place) + held, dict(sizes), no_fp16)


@lru_cache(maxsize=64)
def _known(name: str, precisions: tuple[str, ...], place: torch.device) -> tuple[tuple[tuple[str, int], ...], str]:
    """Bytes by precision, and why fp16 is not among them: what one look at the config tells of both."""
    config = _config(name)
    no_fp16 = refuses_fp16(place, "" if config is None else config.text_config.model_type)
    if config is None:
        return (), no_fp16
    with torch.device("meta"):
        skeleton = Blip2Model(config)
    apart = comes_apart(config)
    kinds = (kind for kind in precisions if kind != "fp16" or not no_fp16)
    return tuple((kind, estimate_memory(skeleton, kind, device=place, apart=apart).total) for kind in kinds), no_fp16


def _config(name: str) -> Any:
    """What is known about a model without asking anybody; None where nothing is."""
    if (hub_id := split_name(name)[0]) in PUBLIC_CHECKPOINTS:
        return public_config(hub_id)
    folder = builtin_folder(name) if name in BUILTIN_MODELS else Path(name)
    try:
        return read_config(folder) if folder.is_dir() else None
    except CheckpointError:  # loading says what is wrong with it
        return None
