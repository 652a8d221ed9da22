"""What a visitor can put right, and how what went wrong inside is told to them."""

import logging

from blip2_core.errors import Blip2Error, GpuMemoryError, ImageError, QuestionError

from . import texts

log = logging.getLogger("demo")


class VisitorError(Exception):
    """Something the visitor can put right; its text is a sentence for them."""


class NoGpuError(Blip2Error):
    """Whoever lends GPUs has none for this visitor now."""


_TOLD = {  # names in `languages/`
    ImageError: "LOST_PICTURE", QuestionError: "CANNOT_ASK", GpuMemoryError: "GPU_FULL", NoGpuError: "NO_GPU",
}  # fmt: skip


def sentence_for(error: Exception, *, otherwise: str) -> str:
    """What a visitor reads of an error.

    The terminal gets the name only of an error that the library raises on purpose, for its text may hold what was
    asked, and the whole of any other.

    Args:
        error: was just caught.
        otherwise: the sentence for what no visitor can do anything about.
    """
    if not isinstance(error, Blip2Error):
        log.error("Something went wrong behind the page.", exc_info=error)
        return otherwise
    log.warning("A visitor was told about this: %s", type(error).__name__)
    for kind, name in _TOLD.items():
        if isinstance(error, kind):
            return getattr(texts, name)
    return otherwise
