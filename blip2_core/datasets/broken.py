"""Pictures that do not open: counted and named, and left out of every file, so that all else can be made."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from ..errors import ImageError
from .duplicates import difference_hash

NAMED = 3  # so many of them are named


class _Pictured(Protocol):
    @property
    def image(self) -> str: ...


T = TypeVar("T", bound=_Pictured)


def without_broken(items: Sequence[T], say: Callable[[str], None]) -> list[T]:
    """The items whose picture opens.

    Args:
        items: anything with the path of its picture.
        say: told how many pictures do not open, and which.
    """
    broken = [image for image in dict.fromkeys(item.image for item in items) if not _opens(image)]
    if broken:
        many = f"{len(broken):,} pictures do not open and are" if len(broken) > 1 else "1 picture does not open and is"
        more = ", ..." if len(broken) > NAMED else ""
        say(f"{many} left out: {', '.join(broken[:NAMED])}{more}")
    left_out = frozenset(broken)
    return [item for item in items if item.image not in left_out]


def _opens(image: str) -> bool:
    """Whether it has a hash, which the search for duplicates asks for again and then need not compute."""
    try:
        difference_hash(Path(image))
    except (ImageError, OSError):
        return False
    return True
