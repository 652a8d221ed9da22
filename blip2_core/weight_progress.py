"""How far the reading of weights is, in bytes: `transformers` counts them by name and draws a bar of its own."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from transformers.utils import logging

from .builtin.frozen_parts import Progress

LOADING = "Loading weights"


@contextmanager
def told_in_bytes(progress: Progress | None, skeleton: nn.Module, bytes_each: int) -> Iterator[None]:
    """Within the block, tell `progress` of the weights that `transformers` loads, and let it draw nothing.

    Args:
        progress: told (done bytes, total bytes, what); None leaves all as it is.
        skeleton: the model on the meta device.
        bytes_each: of a number, as it is kept.
    """
    if progress is None:
        yield
        return
    sizes = {name: parameter.numel() * bytes_each for name, parameter in skeleton.named_parameters()}

    def hook(factory: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        ours = args and options.get("desc") == LOADING
        return _counted(args[0], sizes, progress) if ours else factory(*args, **options)

    before = logging.set_tqdm_hook(hook)
    try:
        yield
    finally:
        logging.set_tqdm_hook(before)


def _counted(named: Iterable[tuple[str, Any]], sizes: dict[str, int], progress: Progress) -> Iterator[tuple[str, Any]]:
    done, total = 0, sum(sizes.values())
    for name, weight in named:
        yield name, weight
        done += sizes.get(name, 0)
        progress(done, total, LOADING)
    progress(total, total, LOADING)
