"""Pictures composed from cut-outs, with the box of everything in them: what `evaluate --task pointing` asks about.

Two to four stamps of one split are pasted, apart from each other, on a plain or softly textured ground or on a held-out
photograph whose captions name nothing like them. So it is known where each thing is, and a question can be asked that
singles one out. Whether the map of what an answer rests on has its maximum in that thing's box is the pointing game
(Zhang and others, arXiv 1608.00507).
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from ..image import open_image
from .flickr8k import CaptionedPhotograph
from .pointing_questions import Placed, ask
from .record_files import Question
from .scene import read_scene
from .things import Thing, split_of
from .wordnet import WordNet

HELD_OUT = ("dev", "test")
PICTURES = 120  # of each split
SIZES = ((480, 480), (560, 420), (420, 560))  # pixels
LONGEST = {2: (0.5, 0.75), 3: (0.42, 0.6), 4: (0.36, 0.5)}  # side of a thing, of the picture's shorter one
SMALLEST = 60  # pixels of a stamp's longer side; a smaller one is a blur when enlarged
OPAQUE = 32  # of 255; fainter parts, as shadows, do not belong to the thing
LARGEST_PASTED = 420  # pixels of a photograph's longer side; the shorter side of a picture
GAP = 8  # pixels between two things at least
TRIES = 200


@dataclass(frozen=True)
class Ground:
    """What things are pasted on: a picture, and whether it shows something itself."""

    picture: Image.Image
    is_photograph: bool


def pointing_records(
    things: Sequence[Thing], photographs: Sequence[CaptionedPhotograph], wordnet: WordNet, *, folder: Path, seed: int
) -> dict[str, list[Question]]:
    """Compose the pictures of dev and test, save them, and ask about them.

    Args:
        things: those of source "stamps" are used.
        photographs: those of the split are grounds; there may be none.
        wordnet: tells which photographs show nothing of the kind of the things.
        folder: gets the folder "pointing" with the pictures; records name them relative to it.
        seed: of the splits and of everything drawn.

    Returns:
        The questions by split, each with the box of the thing that it asks about.
    """
    (folder / "pointing").mkdir(parents=True, exist_ok=True)
    records: dict[str, list[Question]] = {split: [] for split in HELD_OUT}
    for split in HELD_OUT:
        stamps = cut_outs(things, split, seed)
        held_out = [photograph for photograph in photographs if photograph.split == split]
        for number in range(PICTURES if stamps else 0):
            draw = random.Random(f"{seed} pointing {split} {number}")
            name = f"pointing/{split}-{number:03}.png"
            chosen = choose(stamps, draw)
            ground = ground_for(chosen, held_out, wordnet, draw)
            picture, placed = compose(chosen, ground.picture, draw)
            picture.save(folder / name)
            source = "stamps on photographs" if ground.is_photograph else "stamps"
            records[split] += ask(placed, draw, image=name, source=source)
    return records


def cut_outs(things: Sequence[Thing], split: str, seed: int) -> list[Thing]:
    """The stamps of a split that can be pasted; none if they show too few things to fill a picture."""
    stamps = [thing for thing in things if thing.source == "stamps" and split_of(thing.key, seed) == split]
    stamps = [thing for thing in stamps if thing.broader and _cut_out(thing.image) is not None]
    return stamps if len({thing.key for thing in stamps}) >= max(LONGEST) else []


def whole_photographs(things: Sequence[Thing], split: str, seed: int) -> list[Thing]:
    """The photographs of a split that show one thing and can be pasted as they are, with their edges."""
    return [
        thing for thing in things if thing.source == "imagenet" and thing.broader and split_of(thing.key, seed) == split
    ]


def compose(
    things: Sequence[Thing], ground: Image.Image, draw: random.Random, *, left_out: Thing | None = None
) -> tuple[Image.Image, list[Placed]]:
    """Paste things on a ground at random places, apart from each other.

    Args:
        things: what is pasted.
        ground: what it is pasted on; it is left as it is.
        draw: picks sizes and places.
        left_out: one of the things; its place stays empty, all else is as with it.

    Returns:
        The picture, and the things that are on it, with their boxes as shares of its width and height.
    """
    cut = [cut_out for thing in things if (cut_out := _to_paste(thing)) is not None]
    low, high = LONGEST[len(things)]
    longest = [draw.uniform(low, high) * min(ground.size) for _ in cut]
    while True:
        sized = [_resize(cut_out, side) for cut_out, side in zip(cut, longest, strict=True)]
        boxes = _place([cut_out.size for cut_out in sized], ground.size, draw)
        if boxes:
            break
        longest = [0.9 * side for side in longest]
    picture = ground.copy()
    width, height = picture.size
    placed = []
    for thing, cut_out, box in zip(things, sized, boxes, strict=True):
        if thing is not left_out:
            picture.paste(cut_out, box[:2], cut_out)
            left, top, right, bottom = box
            placed.append(Placed(thing, (left / width, top / height, right / width, bottom / height)))
    return picture, placed


def choose(stamps: Sequence[Thing], draw: random.Random) -> list[Thing]:
    """Two to four things, no two of them the same."""
    number = draw.choice(sorted(LONGEST))
    chosen: list[Thing] = []
    for thing in draw.sample(stamps, len(stamps)):
        if len(chosen) < number and all(thing.key != other.key for other in chosen):
            chosen.append(thing)
    return chosen


@cache
def _cut_out(file: str) -> Image.Image | None:
    """The stamp without its empty margin; None if it is too small or has no transparent ground."""
    with Image.open(file) as opened:
        stamp = opened.convert("RGBA")
    alpha = stamp.getchannel("A")
    box = alpha.point(lambda value: 255 if value > OPAQUE else 0).getbbox()
    lowest, _ = alpha.getextrema()
    if box is None or lowest == 255 or max(box[2] - box[0], box[3] - box[1]) < SMALLEST:  # type: ignore[operator]
        return None
    return stamp.crop(box)


def _to_paste(thing: Thing) -> Image.Image | None:
    return _cut_out(thing.image) if thing.source == "stamps" else _whole(thing.image)


@cache
def _whole(file: str) -> Image.Image:
    photograph = open_image(file).convert("RGBA")
    photograph.thumbnail((LARGEST_PASTED, LARGEST_PASTED))
    return photograph


def _resize(cut_out: Image.Image, longest: float) -> Image.Image:
    scale = longest / max(cut_out.size)
    width, height = (max(1, round(side * scale)) for side in cut_out.size)
    return cut_out.resize((width, height), Image.Resampling.BICUBIC)


def _place(
    sizes: Sequence[tuple[int, int]], ground: tuple[int, int], draw: random.Random
) -> list[tuple[int, int, int, int]]:
    """A box in pixels for each size, none touching another; no boxes if no try found room for all."""
    for _ in range(TRIES):
        boxes = []
        for width, height in sizes:
            left, top = draw.randint(0, ground[0] - width), draw.randint(0, ground[1] - height)
            boxes.append((left, top, left + width, top + height))
        if all(_apart(one, other) for index, one in enumerate(boxes) for other in boxes[:index]):
            return boxes
    return []


def _apart(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    beside = one[0] >= other[2] + GAP or other[0] >= one[2] + GAP
    return beside or one[1] >= other[3] + GAP or other[1] >= one[3] + GAP


def ground_for(
    things: Sequence[Thing], photographs: Sequence[CaptionedPhotograph], wordnet: WordNet, draw: random.Random
) -> Ground:
    """Plain, softly textured, or a photograph, each as often as the others; textured where no photograph will do."""
    size = draw.choice(SIZES)
    kind = draw.choice(("plain", "textured", "photograph"))
    if kind == "photograph":
        fitting = next(_unlike(things, draw.sample(photographs, len(photographs)), wordnet), None)
        if fitting is not None:
            return Ground(_cover(open_image(fitting.image), size), is_photograph=True)
    colour = tuple(draw.randint(150, 255) for _ in range(3))
    roughness = 0 if kind == "plain" else 16
    return Ground(_textured(colour, roughness, size, draw=draw), is_photograph=False)


def _unlike(
    things: Sequence[Thing], photographs: Sequence[CaptionedPhotograph], wordnet: WordNet
) -> Iterator[CaptionedPhotograph]:
    """The photographs of whose captions no word means one of the things, a kind of it or what it is a kind of."""
    names = {name for thing in things for name in (thing.name, *thing.broader)}
    for photograph in photographs:
        words = read_scene(photograph.captions, wordnet.is_noun).words
        if not any(word in names or wordnet.is_kin(word, name) for word in words for name in names):
            yield photograph


def _cover(photograph: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The middle of a photograph, enlarged to a size."""
    scale = max(side / own for side, own in zip(size, photograph.size, strict=True))
    width, height = (side / scale for side in size)
    left, top = (photograph.width - width) / 2, (photograph.height - height) / 2
    return photograph.resize(size, Image.Resampling.BICUBIC, box=(left, top, left + width, top + height))


def _textured(colour: tuple[int, ...], roughness: float, size: tuple[int, int], *, draw: random.Random) -> Image.Image:
    """A ground of one colour with soft clouds, lighter and darker by about `roughness` of 255."""
    clouds = np.array([[draw.gauss(0, roughness) for _ in range(9)] for _ in range(9)], dtype=np.float32)
    spread = np.asarray(Image.fromarray(clouds).resize(size, Image.Resampling.BICUBIC))
    pixels = np.asarray(colour, dtype=np.float32) + spread[..., None]
    return Image.fromarray(np.rint(pixels).clip(0, 255).astype(np.uint8))
