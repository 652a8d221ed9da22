"""Lessons about what an animal wears, of which there is hardly a photograph: "What is the cat wearing?" "Sunglasses."

ImageNet has some sixty classes of things to wear, and the trunk knows them in a part of a picture too. So a photograph
of an animal shows the prototype of such a class in a part of it (see `class_lessons`), and is asked what the animal
wears; the same photograph as it is, or with something else to wear, is asked the same. In half of the lessons the
photograph as a whole shows the prototype of another animal.
"""

import random
from collections.abc import Iterator, Sequence

from . import lexicon
from .caption_questions import sentence_case
from .class_lessons import SOURCE, NumberedClass
from .flickr8k import CaptionedPhotograph
from .naming import target_broader
from .record_files import Box, Question, ShownClass
from .things import Thing, split_of, with_a

WORN_KINDS = {"clothing", "footwear", "glasses", "mask", "helmet", "armor", "jewelry"}
NOT_WORN = {"seat belt", "shield", "Christmas stocking", "diaper"}
WEARERS = {"mammal", "bird"}
ROUNDS = 6  # of questions about each photograph, each with something else to wear
OTHER_ANIMAL_SHARE = 0.5  # of the rounds
NOTHING_SHARE = 0.25  # of the rounds in which the photograph with nothing to wear is asked the same
WIDTHS, HEIGHTS = (0.25, 0.6), (0.15, 0.45)  # least and most of the part, as shares of the picture's
MIDDLES = (0.3, 0.7)  # the middle of the part lies between these shares of width and height


def worn_lessons(classes: Sequence[Thing], photographs: Sequence[CaptionedPhotograph], seed: int) -> list[Question]:
    """What an animal wears, and whether it wears this or that, `ROUNDS` times for each photograph of an animal.

    Args:
        classes: those of ImageNet in the order of its classifiers. The mammals and birds among them that are for
            training are asked about.
        photographs: of those for training as many that show a dog are asked about too; there may be none.
        seed: of the splits and of everything drawn.
    """
    draw = random.Random(f"{seed} worn")
    numbered = [NumberedClass(number, one) for number, one in enumerate(classes)]
    worn = [one for one in numbered if _is_worn(one.thing)]
    animals = [one for one in numbered if not WEARERS.isdisjoint(one.thing.broader)]
    things = [one.thing for one in animals if split_of(one.thing.key, seed) == "train"]
    wearers = [(thing.image, _called(thing)) for thing in things]
    dogs = [one.image for one in photographs if one.split == "train" and _shows_a_dog(one.captions)]
    wearers += [(image, "dog") for image in draw.sample(dogs, min(len(dogs), len(wearers)))]
    lessons: list[Question] = []
    for image, name in wearers:
        for _ in range(ROUNDS):
            other = draw.choice(animals) if draw.random() < OTHER_ANIMAL_SHARE else None
            whole = (ShownClass(other.number),) if other else ()
            lessons += _round(image, _called(other.thing) if other else name, whole, worn, draw)
    return lessons


def _is_worn(thing: Thing) -> bool:
    return not WORN_KINDS.isdisjoint(thing.broader) and thing.name not in NOT_WORN


def _called(animal: Thing) -> str:
    return target_broader(animal) or animal.name


def _shows_a_dog(captions: Sequence[str]) -> bool:
    """Whether every caption speaks of one dog, and none of anybody else or of something to wear."""
    said = [set(caption.lower().strip(".!?").replace(",", " ").split()) for caption in captions]
    others = lexicon.CLOTHES | lexicon.PEOPLE | {"dogs", "wearing", "wears"}
    return all(words & lexicon.DOGS and words.isdisjoint(others) for words in said)


def _round(
    image: str, name: str, whole: tuple[ShownClass, ...], worn: Sequence[NumberedClass], draw: random.Random
) -> Iterator[Question]:
    """Questions about one photograph and one thing to wear; `whole` is the animal that it shows instead of its own."""
    shown = draw.choice(worn)
    thing = shown.thing
    other = draw.choice([one.thing for one in worn if one.thing.name != thing.name])
    box = _part(draw)
    wearing = (*whole, ShownClass(shown.number, box))
    what, is_it = f"What is the {name} wearing?", f"Is the {name} wearing {with_a(thing.name)}?"
    yield Question(image, what, (sentence_case(with_a(thing.name)),), "worn", SOURCE, shown=wearing, box=box)
    yield Question(image, is_it, ("Yes.",), "yes_no", SOURCE, shown=wearing, box=box)
    if draw.random() < NOTHING_SHARE:
        yield Question(image, what, ("Nothing.",), "worn", SOURCE, shown=whole)
        yield Question(image, is_it, ("No.",), "yes_no", SOURCE, shown=whole)
    else:
        is_other = f"Is the {name} wearing {with_a(other.name)}?"
        yield Question(image, is_other, ("No.",), "yes_no", SOURCE, shown=wearing)


def _part(draw: random.Random) -> Box:
    """A part of the picture, rather in its middle, where the animal is."""
    (left, right), (top, bottom) = (_side(least, most, draw) for least, most in (WIDTHS, HEIGHTS))
    return left, top, right, bottom


def _side(least: float, most: float, draw: random.Random) -> tuple[float, float]:
    size, middle = draw.uniform(least, most), draw.uniform(*MIDDLES)
    return round(max(middle - size / 2, 0.0), 4), round(min(middle + size / 2, 1.0), 4)
