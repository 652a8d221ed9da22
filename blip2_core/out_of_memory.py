"""When a GPU runs out of memory: what the failed work had taken is let go, and the person is told.

An exception holds every frame it came through, and the frames hold the tensors of the answer that failed: while
somebody looks at the exception, the next question would find the GPU as full as before. So the frames go first.
"""

import gc
import traceback
from contextlib import ContextDecorator
from types import TracebackType

import torch

from .errors import Blip2Error, GpuMemoryError

ANSWERING = (
    "GPU memory: this answer needed more than is free; what it had taken is free again. Ask something shorter, "
    "with fewer beams or fewer pictures at a time, or load the model with --precision int8."
)
# What torch raises as a plain RuntimeError: the driver's own refusal, and that of the library that multiplies.
_FULL = ("CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")


class freed_when_full(ContextDecorator):  # noqa: N801  # reads as what it does: `with freed_when_full():`
    """Turns a full GPU into our own error, once what the failed work had taken is free again.

    Works around a function, too: `@freed_when_full()`.

    Args:
        kind: of the error.
        says: its sentence.

    Raises:
        GpuMemoryError, or `kind`: the memory ran out inside.
    """

    def __init__(self, kind: type[Blip2Error] = GpuMemoryError, says: str = ANSWERING) -> None:
        self._kind, self._says = kind, says

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or not is_full(error):
            return
        _let_go(error)
        del error, trace  # this frame is in the new error's traceback
        give_back()
        raise self._kind(self._says) from None


def give_back() -> None:
    """Return to the GPU what nothing holds any more."""
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def is_full(error: BaseException) -> bool:
    """Whether an error says that the memory of a GPU is full."""
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and any(sign in str(error) for sign in _FULL)
    )


def _let_go(error: BaseException) -> None:
    """Empty and drop the frames that an exception came through, and those of what it came from."""
    seen: BaseException | None = error
    while seen is not None:
        traceback.clear_frames(seen.__traceback__)
        seen.__traceback__ = None  # a function that closes over a tensor outlives the emptying of its frame
        seen = seen.__context__
