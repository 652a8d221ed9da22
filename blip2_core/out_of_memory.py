"""When a GPU runs out of memory during an answer: what the answer had taken is let go, and the person is told.

An exception holds every frame it came through, and the frames hold the tensors of the answer that failed: while
somebody looks at the exception, the next question would find the GPU as full as before. So the frames go first.
"""

import gc
import traceback
from contextlib import ContextDecorator
from types import TracebackType

import torch

from .errors import GpuMemoryError


class freed_when_full(ContextDecorator):  # noqa: N801  # reads as what it does: `with freed_when_full():`
    """Turns `torch.OutOfMemoryError` into our own error, once what the failed work had taken is free again.

    Works around a function, too: `@freed_when_full()`.

    Raises:
        GpuMemoryError: the memory ran out inside.
    """

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, torch.OutOfMemoryError):
            return
        _let_go(error)
        del error, trace  # this frame is in the new error's traceback
        gc.collect()
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()
        raise GpuMemoryError(
            "GPU memory: this answer needed more than is free; what it had taken is free again. Ask something shorter, "
            "with fewer beams or fewer pictures at a time, or load the model with --precision int8."
        ) from None


def _let_go(error: BaseException) -> None:
    """Empty and drop the frames that an exception came through, and those of what it came from."""
    seen: BaseException | None = error
    while seen is not None:
        traceback.clear_frames(seen.__traceback__)
        seen.__traceback__ = None  # a function that closes over a tensor outlives the emptying of its frame
        seen = seen.__context__
