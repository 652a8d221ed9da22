"""Where a run writes: what is in its way is said before it starts, a disk that fills up meanwhile in one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from ..disk import free_disk, tells_of_a_full_disk
from ..errors import Blip2Error, SettingsError, TrainingError


def expect_free(folder: Path, *, way_out: str, resume: bool = False) -> None:
    """Raise if there is something else where a command is to write.

    Args:
        folder: its `--out`; it need not be there yet.
        way_out: what to do if it is in use, a sentence.
        resume: whether the folder may hold what the command goes on with.

    Raises:
        SettingsError: it is a file, or not empty.
    """
    if folder.exists() and not folder.is_dir():
        raise SettingsError(f"--out: {folder} is a file, expected a folder.")
    if folder.exists() and any(folder.iterdir()) and not resume:
        raise SettingsError(f"--out: {folder} is not empty. {way_out}")


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
