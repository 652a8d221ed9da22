"""Keeps training clear of held-out pictures: the same picture, or nearly the same, in two splits.

Two pictures are near-duplicates if their difference hashes differ in few bits: the picture is shrunk to a grid of grey
cells, and each bit says whether a cell is brighter than the one beside it. Scaling, compression and small changes of
brightness leave the hash nearly as it is.
"""

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np

from .record_files import pictures_of, read_lines, replace_lines

SIDE = 16  # cells a row; the hash has SIDE * SIDE bits
MOST_BITS = 20  # that may differ between near-duplicates, of 256; unrelated photographs differ in about 120
ROWS_AT_ONCE = 256


@cache
def difference_hash(file: Path) -> bytes:
    """Difference hash of a picture, SIDE * SIDE / 8 bytes.

    Raises:
        ImageError: the picture does not open.
    """
    from PIL import Image

    from ..image import open_image

    grey = open_image(file).convert("L").resize((SIDE + 1, SIDE), Image.Resampling.BOX)
    cells = np.asarray(grey, dtype=np.int16)
    return np.packbits(cells[:, 1:] > cells[:, :-1]).tobytes()


def near_duplicates(pictures: Iterable[Path], held_out: Iterable[Path]) -> dict[Path, Path]:
    """Those of `pictures` that are nearly one of `held_out`, each with the nearest one.

    Pictures that do not open are no duplicates of anything: training leaves them out and names them.
    """
    ours, theirs = _hashes(pictures), _hashes(held_out)
    if not ours or not theirs:
        return {}
    names, others = list(ours), list(theirs)
    left, right = np.stack(list(ours.values())), np.stack(list(theirs.values()))
    found = {}
    for start in range(0, len(left), ROWS_AT_ONCE):
        apart = np.bitwise_count(left[start : start + ROWS_AT_ONCE, None] ^ right[None]).sum(-1)  # (rows, held out)
        for row in np.flatnonzero(apart.min(1) <= MOST_BITS):
            found[names[start + row]] = others[apart[row].argmin()]
    return found


def _hashes(pictures: Iterable[Path]) -> dict[Path, np.ndarray]:
    from ..errors import ImageError

    found = {}
    for picture in dict.fromkeys(pictures):
        try:
            found[picture] = np.frombuffer(difference_hash(picture), dtype=np.uint64)
        except (ImageError, OSError):
            continue
    return found


def keep_clear(folder: Path) -> dict[Path, Path]:
    """Take out of every training file in `folder` the pictures that are nearly one of a dev or test file.

    Returns:
        What was taken out, each picture with the held-out one that it is nearly.
    """
    train = sorted(folder.glob("*-train.jsonl"))
    held_out = [file for split in ("dev", "test") for file in sorted(folder.glob(f"*-{split}.jsonl"))]
    found = near_duplicates(pictures_of(train), pictures_of(held_out))
    for file in train if found else []:
        lines = [line for _, line in read_lines(file)]
        kept = [line for line in lines if file.parent / json.loads(line)["image"] not in found]
        if len(kept) < len(lines):
            replace_lines(file, kept)
    return found
