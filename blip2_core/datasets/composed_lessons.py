"""Lessons about composed pictures, in pairs: the same picture with a thing and without it, asked about the same thing.

Such an answer cannot come from the question, nor from the rest of the picture: the bridge has to look for the thing. As
in "balanced pairs" of VQA v2 (Goyal and others, arXiv 1612.00837), here with pictures that differ in one thing only.

There are a few hundred things to be cut out, and what the queries are to look for has many more names. So the same
pictures are asked about ImageNet's classes too, several times: each thing on them shows the prototype of another class
(see `class_lessons`). Were one thing alone exchanged, to see that would be enough, and no name would have to be known.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from .caption_questions import sentence_case
from .class_lessons import SOURCE, NumberedClass
from .composed import choose, compose, cut_outs, ground_for, whole_photographs
from .flickr8k import CaptionedPhotograph
from .pointing_questions import Placed, is_it_there, own_colour, own_names, tell_apart
from .presence import LONG_ANSWERS
from .record_files import Question, ShownClass
from .things import Thing, is_plural, with_a
from .wordnet import WordNet

PAIRS = 3000
EXCHANGES = 3  # times that the things of a pair are given classes
QUALITY = 92  # of the JPEG files


def composed_lessons(
    things: Sequence[Thing],
    photographs: Sequence[CaptionedPhotograph],
    wordnet: WordNet,
    *,
    folder: Path,
    seed: int,
    classes: Sequence[Thing] = (),
) -> tuple[list[Question], list[Question]]:
    """Compose pairs of pictures from training stamps and photographs of one thing, save them, and ask about them.

    Args:
        things: those of source "stamps" are used, and beside them those of source "imagenet".
        photographs: those for training are grounds; there may be none.
        wordnet: tells which photographs show nothing of the kind of the things.
        folder: gets the folder "composed" with the pictures; records name them relative to it.
        seed: of the splits and of everything drawn.
        classes: those of ImageNet in the order of its classifiers; without them there are no lessons about classes.

    Returns:
        The questions about the things, and those about classes in their places, with answers as they are to be given;
        none if there are too few stamps.
    """
    stamps = cut_outs(things, "train", seed)
    if not stamps:
        return [], []
    (folder / "composed").mkdir(parents=True, exist_ok=True)
    pasted = [*stamps, *whole_photographs(things, "train", seed)]
    grounds = [photograph for photograph in photographs if photograph.split == "train"]
    records: list[Question] = []
    about_classes: list[Question] = []
    for number in range(PAIRS):
        draw = random.Random(f"{seed} composed {number}")
        chosen = choose(pasted, draw)
        ground = ground_for(chosen, grounds, wordnet, draw)
        source = "stamps on photographs" if ground.is_photograph else "stamps"
        asked, layout = draw.choice(chosen), draw.random()
        times = range(EXCHANGES if classes else 0)
        exchanges = [_exchange(chosen, classes, random.Random(f"{layout} {time}")) for time in times]
        for name, left_out in ((f"composed/{number:04}.jpg", None), (f"composed/{number:04}-without.jpg", asked)):
            picture, placed = compose(chosen, ground.picture, random.Random(layout), left_out=left_out)
            picture.save(folder / name, quality=QUALITY)
            records += _ask(asked, placed, layout, source, draw, image=name)
            for taught in exchanges:
                shown = tuple(ShownClass(taught[one.thing.image].number, one.box) for one in placed)
                exchanged = [Placed(taught[one.thing.image].thing, one.box) for one in placed]
                asked_class = taught[asked.image].thing
                lessons = _ask(asked_class, exchanged, layout, source, random.Random(layout), image=name)
                about_classes += [replace(lesson, source=SOURCE, shown=shown) for lesson in lessons]
    return records, about_classes


def _exchange(chosen: Sequence[Thing], classes: Sequence[Thing], draw: random.Random) -> dict[str, NumberedClass]:
    """A class for each thing, by the file of the thing."""
    drawn = draw.sample([*enumerate(classes)], len(chosen))
    return {thing.image: NumberedClass(*one) for thing, one in zip(chosen, drawn, strict=True)}


def _ask(
    asked: Thing, placed: Sequence[Placed], layout: float, source: str, draw: random.Random, *, image: str
) -> Iterator[Question]:
    """All questions about one picture of a pair; both are asked about `asked` in the same words."""
    wording = random.Random(layout)
    others = [one for one in placed if one.thing is not asked]
    there = next((one for one in placed if one.thing is asked), None)
    drafts = [(there, draft) for draft in _about(asked, there, others, wording)]
    drafts += [(one, draft) for one in placed for draft in _told_apart(one, placed, source, draw)]
    for one, (question, answer, kind) in drafts:
        yield Question(image, question, (answer,), kind, source, box=one.box if one else None)


Lesson = tuple[str, str, str]


def _about(thing: Thing, there: Placed | None, others: Sequence[Placed], wording: random.Random) -> Iterator[Lesson]:
    """Whether the thing is there, where, and in what colour, by every name of its own; it is at `there`, or absent."""
    for name in own_names(thing, others):
        are = "are" if is_plural(name) else "is"
        nothing = f"There {are} no {name} in the picture."
        long = f"Yes, there {are} {with_a(name)}." if there else f"No, t{nothing[1:]}"
        short = "Yes." if there else "No."
        yield is_it_there(name, wording), long if wording.random() < LONG_ANSWERS else short, "yes_no"
        yield f"Where {are} the {name}?", *((where(there), "place") if there else (nothing, "absent"))
        colour = own_colour(thing)
        if colour:
            answer = (sentence_case(colour), "colour") if there else (nothing, "absent")
            yield f"What colour {are} the {name}?", *answer


def where(one: Placed) -> str:
    """ "At the top left.", by the ninth of the picture that the thing's middle is in."""
    column, row = (min(2, int(3 * share)) for share in one.middle)
    side = ("left", "", "right")[column]
    if row == 1:
        return f"On the {side}." if side else "In the middle."
    return sentence_case(f"at the {('top', '', 'bottom')[row]} {side}".rstrip())


def _told_apart(one: Placed, placed: Sequence[Placed], source: str, draw: random.Random) -> Iterator[Lesson]:
    """One question that holds for this thing alone, if there is any."""
    others = [other for other in placed if other is not one]
    drafts = [*tell_apart(one, others, source=source)]
    if drafts:
        question, answers, kind = draw.choice(drafts)
        answer = answers[0] if kind == "colour" else with_a(one.thing.name)
        yield question, sentence_case(answer), kind
