"""Room on the disk: said before a run starts, and in one sentence where it ends while the run writes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from ..disk import free_disk, tells_of_a_full_disk
from ..errors import Blip2Error, TrainingError


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
        if not tells_of_a_full_disk(error):
            raise
        raise TrainingError(f"{folder}: the disk is full. {way_out}") from error
