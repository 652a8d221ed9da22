"""Keeps pictures of visitors for a few days, so that links to conversations about them work.

Only a visitor who asks for it has a picture kept. It lies without metadata, in a folder that no address of the page
reads, under an id of 128 random bits, and whoever has the id gets it. Files that are too old are deleted whenever one
comes or is looked for; where there are too many, the oldest go first.
"""

import io
import logging
import os
import re
import secrets
import threading
import time
from pathlib import Path

from blip2_core.errors import ImageError
from blip2_core.image import open_image

from . import metadata, texts
from .errors import VisitorError

log = logging.getLogger("demo")

DAY = 86_400  # seconds
LARGEST_PICTURE = 4_000_000  # bytes; a larger one is kept smaller
LONGEST_SIDE = 1600  # pixels, of one that is kept smaller
MOST_BYTES = 500_000_000  # of all pictures together
MOST_PICTURES = 1_000
_ID = re.compile(r"[A-Za-z0-9_-]{22}")


class KeptPictures:
    """A folder of pictures with a lifetime.

    Args:
        folder: where they lie; made when the first one comes.
        days: how long each is kept.
    """

    def __init__(self, folder: Path, days: float = 7) -> None:
        self.folder, self.days = folder, days
        self._lock = threading.Lock()

    def keep(self, picture: str) -> str:
        """Keep a copy of a picture; returns its id.

        Raises:
            VisitorError: the picture is gone, or the disk takes no more.
        """
        try:
            data = _small(Path(picture))
        except (ImageError, OSError):
            raise VisitorError(texts.LOST_PICTURE) from None
        name = secrets.token_urlsafe(16)
        try:
            with self._lock:
                self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._prune(room=len(data))
                with open(self.folder / name, "wb", opener=_for_the_owner_only) as file:
                    file.write(data)
        except OSError as error:
            log.warning("A picture could not be kept for a link: %s", type(error).__name__)
            raise VisitorError(texts.LINK_NO_ROOM) from None
        return name

    def find(self, name: str) -> bytes:
        """The picture of an id.

        Raises:
            VisitorError: there is none, or no longer.
        """
        file = self._file(name)
        try:
            with self._lock:
                self._prune()
                return file.read_bytes()
        except OSError:
            raise VisitorError(texts.LINK_EXPIRED) from None

    def forget(self, name: str) -> None:
        """Delete the picture of an id, if there is one."""
        self._file(name).unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        if not _ID.fullmatch(name):
            raise VisitorError(texts.LINK_EXPIRED)
        return self.folder / name

    def _prune(self, room: int = 0) -> None:
        """Delete what is too old, and the oldest of what is too much; files of any other name are nobody's picture."""
        if not self.folder.is_dir():
            return
        pictures = [entry for entry in os.scandir(self.folder) if _ID.fullmatch(entry.name)]
        files = sorted((entry.stat().st_mtime, entry.stat().st_size, entry.path) for entry in pictures)
        oldest, left, count = time.time() - self.days * DAY, sum(size for _, size, _ in files), len(files)
        for born, size, path in files:
            if born > oldest and left + room <= MOST_BYTES and count + bool(room) <= MOST_PICTURES:
                return
            Path(path).unlink(missing_ok=True)
            left, count = left - size, count - 1


def _for_the_owner_only(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_EXCL, 0o600)


def _small(path: Path) -> bytes:
    """The picture as it is if it is small enough, so that the same answers come; else a smaller one."""
    data = metadata.clean_bytes(path.read_bytes())
    if len(data) <= LARGEST_PICTURE:
        return data
    image, stream = open_image(data), io.BytesIO()
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    image.save(stream, "JPEG", quality=92)
    return stream.getvalue()
