"""Which models a visitor may load in place of the page's own, and how much memory each needs.

The needs are the estimate that every load begins with. No weight is read and nothing is fetched for it, so of a model
of the Hub that is not one of the public checkpoints nobody knows before it is loaded.
"""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blip2_core.builtin import BUILTIN_MODELS, builtin_folder
from blip2_core.builtin.command import PUBLIC_CHECKPOINTS
from blip2_core.errors import Blip2Error

from .loading import ModelLoader, title_of

if TYPE_CHECKING:
    import torch

log = logging.getLogger("demo")

AUTO = "auto"
PRECISIONS = (AUTO, "fp32", "bf16", "int8", "int4")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
BEHIND = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")  # what proxies and tunnels add


@dataclass(frozen=True)
class Offers:
    """What may be loaded.

    Args:
        models: built-in names, folders and hub ids; none, and the page has no such panel.
        at_home: only whoever sits at the machine that serves the page may load them.
    """

    models: tuple[str, ...] = ()
    at_home: bool = False

    @property
    def titles(self) -> tuple[str, ...]:
        """What the page calls them."""
        return tuple(title_of(name) for name in self.models)

    def named(self, title: object) -> str | None:
        """The model that the page calls so; None where it calls none so, for a browser can send anything."""
        return next((name for name in self.models if title_of(name) == title), None)

    def open_to(self, request: Any) -> bool:
        """Whether who sent a request may load them.

        Args:
            request: of Gradio; None is nobody's.
        """
        return bool(self.models) and (not self.at_home or _from_this_machine(request))


def offered(named: Sequence[str] | None, start: str, *, local: bool) -> Offers:
    """What the page offers.

    Args:
        named: on the command line; None where nothing is said.
        start: the model that the page begins with.
        local: whether only this machine can reach the page, as far as that is known.
    """
    if named is None and not local:
        return Offers()
    others = named if named is not None else (*BUILTIN_MODELS, *PUBLIC_CHECKPOINTS)
    return Offers(tuple(dict.fromkeys([start, *others])), at_home=named is None)


def _from_this_machine(request: Any) -> bool:
    """Whether a request comes from a browser on this machine: not from elsewhere, also not through a proxy."""
    headers = getattr(request, "headers", None)
    if headers is None or any(name in headers for name in BEHIND):
        return False
    host = headers.get("host", "").rpartition(":")[0].strip("[]")
    return host in LOOPBACK and getattr(getattr(request, "client", None), "host", None) in LOOPBACK


@dataclass(frozen=True)
class Needs:
    """The memory that a model needs where it would run.

    Args:
        on_gpu: whether it is the memory of a GPU.
        free: bytes to be had, those of the model that it replaces among them.
        bytes: by precision; empty where nobody knows.
    """

    on_gpu: bool
    free: int
    bytes: dict[str, int] = field(default_factory=dict)

    def fits(self, precision: str) -> bool:
        """Whether it fits, as far as anybody knows; "auto" takes what does."""
        sizes = [self.bytes[precision]] if precision in self.bytes else list(self.bytes.values())
        return not sizes or min(sizes) <= self.free


def needs(name: str, loader: ModelLoader) -> Needs:
    """What a model needs in the place of the one that is there.

    Args:
        name: one of the offered ones.
        loader: of the model that is there.
    """
    from blip2_core.memory import free_memory, weigh

    device = _device(loader)
    held = sum(part.bytes for part in weigh(loader.model.model)) if loader.model is not None else 0
    try:
        sizes = dict(_sizes(name, device.type))
    except Blip2Error as error:
        log.warning("What %s needs is not known: %s", name, type(error).__name__)
        sizes = {}
    return Needs(device.type == "cuda", free_memory(device) + held, sizes)


def _device(loader: ModelLoader) -> "torch.device":
    import torch

    if loader.model is not None:
        return loader.model.device
    if loader.device != AUTO:
        return torch.device(loader.device)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@lru_cache(maxsize=64)
def _sizes(name: str, kind: str) -> tuple[tuple[str, int], ...]:
    import torch

    from blip2_core.config import HybridBlip2Config
    from blip2_core.memory import estimate_memory
    from blip2_core.model import Blip2Model

    config = _config(name)
    if config is None:
        return ()
    with torch.device("meta"):
        skeleton = Blip2Model(config)
    apart = isinstance(config, HybridBlip2Config) and bool(config.frozen_parts)
    place = torch.device(kind)
    return tuple(
        (precision, estimate_memory(skeleton, precision, device=place, apart=apart).total)
        for precision in PRECISIONS[1:]
    )


def _config(name: str) -> Any:
    """What is known about a model without asking anybody; None where nothing is."""
    from blip2_core.bench.public import public_config
    from blip2_core.model_folder import read_config

    if name in BUILTIN_MODELS:
        return read_config(builtin_folder(name))
    if os.path.isdir(name):
        return read_config(Path(name))
    return public_config(name) if name in PUBLIC_CHECKPOINTS else None
