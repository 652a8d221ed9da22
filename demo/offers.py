"""Which models a visitor may load in place of the page's own, and how much memory each needs.

The needs are the estimate that every load begins with: no weight is read and nothing is fetched for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blip2_core.builtin import BUILTIN_MODELS
from blip2_core.builtin.command import PUBLIC_CHECKPOINTS
from blip2_core.precisions import PRECISIONS

from .loading import ModelLoader, title_of

if TYPE_CHECKING:
    from blip2_core.needs import Needs

AUTO = "auto"
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


def needs(name: str, loader: ModelLoader) -> "Needs":
    """What a model needs in the place of the one that is there.

    Args:
        name: one of the offered ones.
        loader: of the model that is there.
    """
    from blip2_core.needs import needs as core_needs

    kinds = [kind for kind in PRECISIONS if kind != AUTO]
    return core_needs(name, kinds, device=loader.device, instead_of=loader.model)
