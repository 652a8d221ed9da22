"""Room on a disk, before anything is written; whether an error tells that there was none; who writes to a folder."""

import errno
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
SAID = "No space left on device"  # of a download through hf_xet
TORCH_WRITER = "inline_container"  # torch.save tells of a full disk by a RuntimeError from this file


def free_disk(folder: Path) -> int:
    """Bytes that are free on the disk of a folder, which need not be there yet."""
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    return shutil.disk_usage(there).free


@contextmanager
def one_at_a_time(file: Path, waiting: Callable[[], object]) -> Iterator[None]:
    """Hold a lock, for which other processes wait; the system frees the lock of one that dies.

    Args:
        file: the lock, in a folder that is there.
        waiting: called once if another process holds it.
    """
    from filelock import FileLock, Timeout

    file.touch()  # where this fails, FileLock may try for ever
    lock = FileLock(file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        waiting()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def tells_of_a_full_disk(error: Exception) -> bool:
    """Whether a disk, or its quota, was full, in the words of any of the libraries that write files here."""
    from safetensors import SafetensorError

    said = str(error)
    if isinstance(error, SafetensorError):
        return any(f"os error {number}" in said for number in FULL)
    if isinstance(error, OSError) and error.errno in FULL:
        return True
    return SAID in said or isinstance(error, RuntimeError) and TORCH_WRITER in said
