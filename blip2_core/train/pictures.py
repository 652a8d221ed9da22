"""Pictures for training: samples in, what the frozen half of the image encoder sees of them out.

With a cache each view of each picture is encoded once, ahead of training; without one, anew at every step.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from ..errors import DataError, ImageError
from ..image import ImageProcessor
from ..memory import free_memory, size
from .features import FeatureCache, View, fill_cache, open_view, view_key
from .frozen import fingerprint
from .samples import Sample

GPU_SHARE = 0.25  # of what is free on a GPU may be taken by features
ROWS_AT_ONCE = 1024  # of features, on their way to a GPU
NAMED = 3  # so many of the pictures that do not open are named


class Pictures:
    """Draws a view of each sample's picture and gives its frozen features.

    Args:
        vision_model: the image encoder that looks.
        processor: pictures to its pixel_values.
        cache_folder: where features are kept; None computes them at every step.
        views: views of each picture: the whole picture, and random crops, every odd one mirrored.
        bf16: whether the frozen encoder runs in bfloat16.
    """

    def __init__(
        self,
        vision_model: Any,
        processor: ImageProcessor,
        *,
        cache_folder: Path | None = None,
        views: int = 1,
        bf16: bool = False,
    ):
        self.vision_model, self.processor = vision_model, processor
        self.device, self.views, self.bf16 = next(vision_model.parameters()).device, views, bf16
        self.cache = self._open_cache(cache_folder) if cache_folder else None
        self._rows: dict[View, int] = {}
        self._reader: np.memmap | None = None
        self._on_gpu: Tensor | None = None

    def _open_cache(self, folder: Path) -> FeatureCache:
        size = self.processor.image_size
        blank = torch.zeros(1, 3, size, size, device=self.device)
        frozen = getattr(self.vision_model, "trunk", self.vision_model)
        return FeatureCache(
            folder, shape=self._encode(blank).shape[1:], identity=fingerprint(frozen.state_dict().items())
        )

    @torch.no_grad()
    def _encode(self, pixel_values: Tensor) -> Tensor:
        context: Any = torch.autocast(self.device.type, torch.bfloat16) if self.bf16 else nullcontext()
        with context:
            return self.vision_model.frozen_features(pixel_values.to(self.device)).float().cpu()

    def prepare(self, samples: Sequence[Sample], say: Callable[[str], None]) -> list[Sample]:
        """Fill the cache; return the samples whose picture opens, and say what was left out.

        Raises:
            DataError: no picture opens.
            TrainingError: the disk is too small for the cache.
        """
        paths = list(dict.fromkeys(sample.image for sample in samples))
        there = [path for path in paths if path.is_file()]
        problems = [f"image: {path}: no such file" for path in paths if not path.is_file()]
        if self.cache is not None:
            views = self._views_of(samples, set(there))
            self._say_if_large(self.cache.row_bytes * len(views), say)
            problems += self._fill(views, say)
            good = {path for path in there if View(path) in self._rows}
        else:
            broken = _broken(there)
            problems += broken.values()
            good = set(there).difference(broken)
        if len(good) < len(paths):
            number = len(paths) - len(good)
            say(f"{number} {'picture was' if number == 1 else 'pictures were'} left out: {'; '.join(problems[:NAMED])}")
        if not good:
            raise DataError("--data: none of the pictures opens. Check the paths in the file.")
        return [sample for sample in samples if sample.image in good]

    def _say_if_large(self, needed: int, say: Callable[[str], None]) -> None:
        """Features are read in a random order, at a good speed only as long as the memory keeps their file."""
        free = free_memory(torch.device("cpu"))
        if needed > free:
            say(
                f"--cache-features: the features take {size(needed)}, {size(free)} of memory are free, so steps may "
                "wait for the disk. Give fewer --views, or fewer pictures."
            )

    def _views_of(self, samples: Sequence[Sample], there: set[Path]) -> list[View]:
        """Each view that a sample may ask for, and each whole picture."""
        shown = ((0, *(n for n in range(1, self.views) if sample.may_be_shown(n))) for sample in samples)
        views = (
            View(sample.image, n) for sample, numbers in zip(samples, shown, strict=True) for n in numbers
        )  # fmt: skip
        return list(dict.fromkeys(view for view in views if view.path in there))

    def _fill(self, views: Sequence[View], say: Callable[[str], None]) -> list[str]:
        assert self.cache is not None
        problems = fill_cache(self.cache, views, encode=self._encode, processor=self.processor, say=say)
        keys = {view: view_key(view) for view in views}
        self._rows = {view: self.cache.rows[key] for view, key in keys.items() if key in self.cache.rows}
        self._reader = self.cache.reader() if self._rows else None
        self._on_gpu = self._moved_to_gpu()
        return problems

    def _moved_to_gpu(self) -> Tensor | None:
        """All features on the GPU, where they take less than `GPU_SHARE` of what is free."""
        if self._reader is None or self.device.type == "cpu":
            return None
        if self._reader.nbytes > GPU_SHARE * free_memory(self.device):
            return None
        rows = torch.empty(self._reader.shape, dtype=torch.float16, device=self.device)
        for start in range(0, len(rows), ROWS_AT_ONCE):
            few = slice(start, start + ROWS_AT_ONCE)
            rows[few] = torch.from_numpy(np.array(self._reader[few])).to(self.device)
        return rows

    def features(self, groups: Sequence[Sequence[Sample]], rng: random.Random) -> Tensor:
        """Frozen features of one view of each group's picture, (G, ...) floats on the model's device.

        Args:
            groups: G groups of samples that `prepare` returned, each of one picture.
            rng: draws the views; a text that names a side never gets a mirrored one, a thing with a box no crop.
        """
        views = [self._draw(group, rng) for group in groups]
        if self._on_gpu is not None:
            places = torch.tensor([self._rows[view] for view in views]).to(self.device, non_blocking=True)
            return self._on_gpu[places].float()
        if self._reader is not None:
            rows = np.stack([self._reader[self._rows[view]] for view in views])
            return torch.from_numpy(rows).float().to(self.device)
        return self._encode(self.processor([open_view(view) for view in views])).to(self.device)

    def _draw(self, group: Sequence[Sample], rng: random.Random) -> View:
        numbers = [number for number in range(self.views) if all(sample.may_be_shown(number) for sample in group)]
        view = View(group[0].image, rng.choice(numbers))
        return view if self._reader is None or view in self._rows else View(group[0].image)


def _broken(paths: Iterable[Path]) -> dict[Path, str]:
    """The pictures that do not open, each with the reason; each is opened once, so that no step meets one."""
    reasons = {}
    for path in tqdm(list(paths), desc="pictures", unit="picture"):
        try:
            open_view(View(path))
        except ImageError as error:
            reasons[path] = str(error)
    return reasons
