"""Frozen features, computed once and kept: what the frozen part of the image encoder sees of each picture.

A picture may be kept in several views: view 0 is the whole picture, the others are random crops, every odd one
mirrored. A view depends on the picture and its number alone, so that a cache can grow and be shared between runs.

On disk a cache is two files: `features.bin`, rows of float16, and `index.jsonl`, a header and one line for each
finished row. A row without its line was cut off by an interruption and is written again. Runs that share a cache read
it at the same time and fill it one after the other, behind a lock.
"""

import hashlib
import json
import math
import os
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from tqdm import tqdm

from ..disk import one_at_a_time
from ..errors import DataError, ImageError
from ..image import ImageProcessor, open_image
from .ahead import in_advance
from .disk import expect_room, naming_a_full_disk

T = TypeVar("T")
SMALLEST_CROP = 0.6  # of the picture's area
STRETCH = 4 / 3  # a crop is at most this much wider or higher than the picture
FULL_WAY_OUT = "Make room and give the same command again: the features that are there are kept."


@dataclass(frozen=True)
class View:
    """One way to look at one picture file.

    Args:
        path: the picture file.
        number: 0 for the whole picture, above for a random crop; odd ones are mirrored.
    """

    path: Path
    number: int = 0


def open_view(view: View) -> Image.Image:
    """The picture of a view, upright RGB."""
    picture = open_image(view.path)
    if view.number == 0:
        return picture
    rng = random.Random(f"{view.path.name}:{view.number}")
    area = rng.uniform(SMALLEST_CROP, 1.0)
    stretch = math.exp(rng.uniform(-math.log(STRETCH), math.log(STRETCH)))
    width = min(picture.width, round(picture.width * math.sqrt(area * stretch)))
    height = min(picture.height, round(picture.height * math.sqrt(area / stretch)))
    left, top = rng.randint(0, picture.width - width), rng.randint(0, picture.height - height)
    crop = picture.crop((left, top, left + width, top + height))
    return ImageOps.mirror(crop) if view.number % 2 else crop


def view_key(view: View) -> str:
    """Name of a view in the index: hash of the file's bytes, then the view's number."""
    file = view.path.stat()
    return f"{_content_hash(view.path, file.st_mtime_ns, file.st_size)}-{view.number}"


@cache
def _content_hash(path: Path, changed: int, size: int) -> str:
    """Hash of a file's bytes, read once for all its views; `changed` and `size` tell when it is another file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:32]


class FeatureCache:
    """Features of many views in one memory-mapped file.

    Args:
        folder: where the two files are; made if it is not there.
        shape: shape of one view's features.
        identity: fingerprint of the frozen encoder; a cache made by another one is refused.

    Raises:
        DataError: the folder cannot be made, or holds features of another encoder or of another shape.
    """

    def __init__(self, folder: Path, *, shape: Sequence[int], identity: str):
        self.folder, self.shape = Path(folder), tuple(shape)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"--cache-features: {folder} cannot be made ({error.strerror}).") from error
        self.rows: dict[str, int]
        self._header: dict[str, object] = {"identity": identity, "shape": list(self.shape)}
        self._read()

    @property
    def _index(self) -> Path:
        return self.folder / "index.jsonl"

    @property
    def _bin(self) -> Path:
        return self.folder / "features.bin"

    @property
    def row_bytes(self) -> int:
        """Bytes on disk of one view."""
        return 2 * math.prod(self.shape)  # float16

    @contextmanager
    def filling(self, say: Callable[[str], object]) -> Iterator[None]:
        """Be the only process that fills the cache; what another one has just added is in `rows`.

        Args:
            say: told that another process fills it, if one does, before this one waits for it.
        """
        with one_at_a_time(self.folder / "lock", lambda: say(f"Waiting for another run that fills {self.folder}.")):
            self._read()
            whole = "".join(json.dumps(line) + "\n" for line in (self._header, *({"key": key} for key in self.rows)))
            if not self._index.exists() or self._index.read_text() != whole:  # an interruption cut it off
                self._index.write_text(whole)
            self._bin.touch()
            yield

    def _read(self) -> None:
        """Find the whole rows that have a whole line."""
        self.rows = {}
        lines = self._index.read_text().splitlines() if self._index.exists() else []
        if not lines or (len(lines) == 1 and not lines[0].endswith("}")):  # cut off while the header was written
            return
        self._expect_header(lines[0])
        written = self._bin.stat().st_size // self.row_bytes if self._bin.exists() else 0
        for row, line in enumerate(lines[1 : written + 1]):
            if not line.endswith("}"):  # the last line was cut off
                break
            self.rows[json.loads(line)["key"]] = row

    def _expect_header(self, line: str) -> None:
        try:
            found = dict(json.loads(line))
        except ValueError:
            found = {}
        if found != self._header:
            raise DataError(
                f"{self.folder}: expected features of encoder {str(self._header['identity'])[:12]} "
                f"with shape {self.shape}, "
                f"found encoder {str(found.get('identity'))[:12]} with shape {found.get('shape')}. "
                "Give --cache-features an empty folder."
            )

    def missing(self, views: Iterable[View]) -> list[View]:
        """The views that are not in the cache yet, each once."""
        seen: dict[str, View] = {}
        for view in views:
            key = view_key(view)
            if key not in self.rows:
                seen.setdefault(key, view)
        return list(seen.values())

    def add(self, views: Sequence[View], features: Tensor) -> None:
        """Append the features (B, *shape) of some views, while `filling`.

        Raises:
            TrainingError: the disk is full; what was there before stays.
        """
        first, keys = len(self.rows), [view_key(view) for view in views]
        with naming_a_full_disk(self.folder, way_out=FULL_WAY_OUT):
            with open(self._bin, "r+b") as file:
                file.seek(first * self.row_bytes)
                file.write(features.to(torch.float16).contiguous().numpy().tobytes())
                file.truncate()
            with open(self._index, "a") as index:
                index.write("".join(json.dumps({"key": key}) + "\n" for key in keys))
        self.rows |= {key: first + offset for offset, key in enumerate(keys)}

    def reader(self) -> np.memmap:
        """All rows, memory-mapped: (rows, *shape) float16; there has to be one."""
        return np.memmap(self._bin, dtype=np.float16, mode="r", shape=(len(self.rows), *self.shape))


def fill_cache(
    cache: FeatureCache,
    views: Iterable[View],
    *,
    encode: Callable[[Tensor], Tensor],
    processor: ImageProcessor,
    say: Callable[[str], object],
    batch_size: int = 32,
) -> list[str]:
    """Compute what is missing, with a progress bar, once no other process does.

    Args:
        cache: where the features go.
        views: the views that training will ask for.
        encode: pixel_values (B, 3, H, W) to features (B, *shape).
        processor: pictures to pixel_values.
        say: told if another process has to end before.
        batch_size: views encoded at once.

    Returns:
        One sentence for each picture that does not open; training goes on without them.

    Raises:
        TrainingError: the disk has too little room for what is missing.
    """
    wanted = cache.missing(views)
    if not wanted:
        return []
    with cache.filling(say):
        return _fill(cache, cache.missing(wanted), encode, processor, batch_size)


def _fill(
    cache: FeatureCache,
    missing: Sequence[View],
    encode: Callable[[Tensor], Tensor],
    processor: ImageProcessor,
    batch_size: int,
) -> list[str]:
    problems: list[str] = []
    expect_room(
        cache.folder,
        len(missing) * cache.row_bytes,
        f"the features of {len(missing):,} views",
        way_out="Make room, give --cache-features a folder on another disk, or fewer --views.",
    )

    def read(view: View) -> Tensor | str:
        """Its pixel_values (1, 3, H, W), or why it does not open."""
        try:
            return processor([open_view(view)])
        except ImageError as error:
            return str(error)

    threads = os.cpu_count() or 1
    with (
        tqdm(total=len(missing), desc="frozen features", unit="picture", disable=not missing) as bar,
        closing(in_advance(read, missing, ahead=batch_size + threads, threads=threads)) as opened,
    ):
        for batch in in_batches(missing, batch_size):
            read_here = list(zip(batch, opened, strict=False))
            pixels = [(view, found) for view, found in read_here if isinstance(found, Tensor)]
            problems += [found for _, found in read_here if isinstance(found, str)]
            if pixels:
                cache.add([view for view, _ in pixels], encode(torch.cat([found for _, found in pixels])))
            bar.update(len(batch))
    return list(dict.fromkeys(problems))


def in_batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """So many at once, in their order; the last may be fewer."""
    return (items[start : start + size] for start in range(0, len(items), size))
