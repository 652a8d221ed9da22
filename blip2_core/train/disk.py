"""Room on the disk: said before a run starts, and in one sentence where it ends while the run writes."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from ..disk import free_disk
from ..errors import Blip2Error, TrainingError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
TORCH_WRITER = "inline_container"  # torch.save tells of a full disk by a RuntimeError from this file


def expect_room(folder: Path, needed: int, what: str, *, way_out: str) -> None:
    """Raise if a disk has too little room.

    Args:
        folder: on that disk; it need not be there yet.
        needed: bytes.
        what: needs them, as in "the checkpoints".
        way_out: what to do, a sentence.

    Raises:
        TrainingError: too few bytes are free.
    """
    free = free_disk(folder)
    if needed > free:
        from ..memory import size

        raise TrainingError(f"{folder}: {what} need {size(needed)}, {size(free)} are free. {way_out}")


@contextmanager
def naming_a_full_disk(folder: Path, *, way_out: str) -> Iterator[None]:
    """Whatever is written inside: if the disk is full, one sentence says so.

    Raises:
        TrainingError: the disk is full, or its quota.
    """
    try:
        yield
    except Blip2Error:
        raise
    except (OSError, SafetensorError, RuntimeError) as error:
        if not _tells_of_a_full_disk(error):
            raise
        raise TrainingError(f"{folder}: the disk is full. {way_out}") from error


def _tells_of_a_full_disk(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno in FULL
    if isinstance(error, SafetensorError):
        return any(f"os error {number}" in str(error) for number in FULL)
    return TORCH_WRITER in str(error)
