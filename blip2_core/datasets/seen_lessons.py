"""What the image encoder sees in parts of pictures: lessons on whether a thing is there, which say where.

Class lessons show the queries prototypes in all purity. In a picture a class is seen less clearly, in a few cells among
many, and to find it there takes practice of its own. So the trunk's classifier is asked about each cell of the training
pictures, photographs and composed ones: cut-outs it sees less clearly still, or takes for something else. Where it is
sure of a word, a class's name or a broader one, the answer is "Yes.", and the box of those cells is where to look;
as many words or more, of which nothing is seen in any cell, get a "No.". As in POPE (arXiv 2305.10355) these are words
that are seen often elsewhere.

The trunk errs, and then the lesson is wrong about the picture. It stays right about what the queries are given to
see, which is all that they can learn to find.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from .imagenet import in_classifier_order
from .labels import SOURCE
from .naming import target_broader
from .pointing_questions import is_it_there
from .record_files import Box, Question
from .things import Thing

if TYPE_CHECKING:
    from torch import Tensor

    from ..vision.hybrid import Grid, HybridViT

SURE = 0.5  # least likelihood of a word in a cell
SURE_OF_ALL = 0.4  # of the class that labels a picture
PART_OF_IT = 0.5  # of the likelihood of its likeliest cell: what the cells around must have to belong to the thing
LEAST_PART = 0.25
IN_ONE_PLACE = 0.8  # of all such cells lie together, or the word has no one place
TRACE = 0.02  # likelihood in some cell, or in the whole, from which on a word cannot be called absent
AT_ONCE = 4  # pictures: the maps of more leave the caches
MOST_EACH = 7  # words of a picture
TRIES = 60


@dataclass(frozen=True)
class Seen:
    """What the trunk sees in a picture.

    Args:
        image: the file, as it was named.
        label: the class that it is sure to see in the whole, as a thing of this picture.
        there: words, each with the box of the cells in which it is seen, as shares of the picture.
        traces: words of which at least a trace is seen.
    """

    image: str
    label: Thing | None
    there: tuple[tuple[str, Box], ...]
    traces: frozenset[str]


def look(
    images: Sequence[str],
    classes: Sequence[Thing],
    say: Callable[[str], None],
    *,
    folder: Path = Path(),
    cache_folder: Path | None = None,
) -> list[Seen]:
    """Ask the trunk about some pictures and every cell of them; those that do not open are left out.

    Args:
        images: picture files.
        classes: the thousand classes of ImageNet, one `Thing` each, in any order.
        say: told which pictures do not open.
        folder: to which files are relative.
        cache_folder: where training finds what the trunk sees of them; None keeps nothing.

    Raises:
        DataError: not a thousand classes, or no picture opens.
        FrozenPartError: the trunk cannot be fetched.
        TrainingError: the disk is too small for the cache.
    """
    import torch
    from tqdm import tqdm

    from ..quantize import fast_at_bf16
    from ..train.bootstrap import IMAGE_SIZE, trunk_image_processor
    from ..train.features import in_batches
    from ..train.pictures import Pictures
    from ..train.samples import Sample

    ordered = in_classifier_order(classes)
    words, belongs = _words(ordered)
    model, processor = _encoder(), trunk_image_processor(IMAGE_SIZE)
    grid, names, seen = model.config.grid, {folder / image: image for image in images}, []
    bf16 = fast_at_bf16(torch.device("cpu"))
    pictures = Pictures(model, processor, cache_folder=cache_folder, bf16=bf16)
    samples = pictures.prepare([Sample(path, "") for path in names], say)
    with tqdm(total=len(samples), desc="labels", unit="picture") as bar:
        for few in in_batches(samples, AT_ONCE):
            features = pictures.features([[sample] for sample in few], random.Random(0))
            shares = model.class_shares(features)[1]  # (B, 1 + cells, 1000)
            for sample, own in zip(few, shares, strict=True):
                image, of_words = names[sample.image], own @ belongs  # (1 + cells, words)
                there = tuple(_there(of_words[-grid.cells :], words, grid))
                seen.append(Seen(image, _label(own[0], ordered, image), there, _traces(of_words, words)))
            bar.update(len(few))
    return seen


def _encoder() -> "HybridViT":
    from ..builtin.frozen_parts import load_trunk
    from ..checkpoint import TRUNK_PART
    from ..train.bootstrap import PARTS, vision_config
    from ..vision import HybridViT

    model = HybridViT(vision_config()).eval()
    model.trunk.load_state_dict(load_trunk(PARTS[TRUNK_PART]))
    return model


def _words(classes: Sequence[Thing]) -> "tuple[list[str], Tensor]":
    """Names and broader words, and which classes belong to each: (1000, words), 0 or 1."""
    import torch

    numbers: dict[str, list[int]] = {}
    for number, thing in enumerate(classes):
        for word in dict.fromkeys((thing.name, target_broader(thing))):
            if word:
                numbers.setdefault(word, []).append(number)
    belongs = torch.zeros(len(classes), len(numbers))
    for place, own in enumerate(numbers.values()):
        belongs[own, place] = 1
    return [*numbers], belongs


def _label(shares: "Tensor", ordered: Sequence[Thing], image: str) -> Thing | None:
    place = int(shares.argmax())
    return replace(ordered[place], image=image, source=SOURCE) if shares[place] >= SURE_OF_ALL else None


def _there(cells: "Tensor", words: Sequence[str], grid: "Grid") -> Iterator[tuple[str, Box]]:
    """Each word that is surely seen in one place of the finest grid; likelihoods (cells, words)."""
    for place in (cells.amax(0) >= SURE).nonzero()[:, 0].tolist():
        own = cells[:, place].unflatten(0, (grid.side, grid.side))
        likeliest = float(own.max())
        part = own >= max(LEAST_PART, PART_OF_IT * likeliest)
        row, column = divmod(int(own.argmax()), grid.side)
        mask = Image.fromarray(part.byte().numpy()).copy()  # as it is, nothing can be drawn on it
        ImageDraw.floodfill(mask, (column, row), 2)
        together = mask.point([0, 0, 1, *[0] * 253])
        if sum(together.tobytes()) >= IN_ONE_PLACE * int(part.sum()):
            yield words[place], _as_shares(together.getbbox(), grid)


def _as_shares(box: tuple[int, int, int, int] | None, grid: "Grid") -> Box:
    assert box is not None, "the likeliest cell is in it"
    begin, _, end, _ = grid.box
    left, top, right, bottom = (round(min(max((side - begin) / (end - begin), 0.0), 1.0), 4) for side in box)
    return left, top, right, bottom


def _traces(likelihoods: "Tensor", words: Sequence[str]) -> frozenset[str]:
    return frozenset(words[place] for place in (likelihoods.amax(0) >= TRACE).nonzero()[:, 0].tolist())


def seen_records(seen: Sequence[Seen], told: Mapping[str, str], seed: int, *, absent: int = 1) -> Iterator[Question]:
    """Whether this or that is in a picture: what is seen there and, about as often or more, what is not.

    Args:
        seen: of each picture.
        told: by picture, what is said about it, in lower case; nothing they name counts as absent.
        seed: of everything drawn.
        absent: words that are not seen for one that is.
    """
    often = [word for one in seen for word, _ in one.there]
    for one in seen:
        draw = random.Random(f"{seed} seen {Path(one.image).name}")
        for word, box in draw.sample(one.there, min(MOST_EACH, len(one.there))):
            yield Question(one.image, is_it_there(word, draw), ("Yes.",), "yes_no", SOURCE, box=box)
            tried = dict.fromkeys(draw.choices(often, k=TRIES))
            missing = (other for other in tried if _is_absent(other, one, told))
            for other in islice(missing, absent):
                yield Question(one.image, is_it_there(other, draw), ("No.",), "yes_no", SOURCE)


def _is_absent(word: str, seen: Seen, told: Mapping[str, str]) -> bool:
    return word not in seen.traces and not any(part in told.get(seen.image, "") for part in word.lower().split())
