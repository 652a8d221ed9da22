"""Questions that single out one of several things in a composed picture, and the answers that count as right."""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .naming import kind_of, right_names, target_broader
from .record_files import Box, Question
from .things import Thing, is_plural, with_a

QUESTIONS_A_THING = 2
COLOURS = "red green blue yellow purple pink brown black white orange silver".split()
PRESENCE = ("Is there {} in the picture?", "Do you see {}?", "Can you see {} in the picture?")


@dataclass(frozen=True)
class Placed:
    """A thing and its box: left, top, right, bottom as shares of the picture's width and height, 0-1."""

    thing: Thing
    box: Box

    @property
    def middle(self) -> tuple[float, float]:
        """The middle of the box."""
        left, top, right, bottom = self.box
        return (left + right) / 2, (top + bottom) / 2


def ask(placed: Sequence[Placed], draw: random.Random, *, image: str, source: str) -> list[Question]:
    """Up to two questions about each thing, drawn from all that hold for it alone.

    Args:
        placed: everything in the picture.
        draw: picks questions and wordings.
        image: the name of the picture in the records.
        source: of the records; on a photograph no place is asked for, where its own things are.
    """
    records = []
    for one in placed:
        others = [other for other in placed if other is not one]
        drafts = [*_presence(one.thing, others, draw), *tell_apart(one, others, source=source)]
        for question, answers, kind in draw.sample(drafts, min(QUESTIONS_A_THING, len(drafts))):
            records.append(Question(image, question, answers, kind, source, box=one.box))
    return records


Draft = tuple[str, tuple[str, ...], str]


def tell_apart(one: Placed, others: Sequence[Placed], *, source: str) -> Iterator[Draft]:
    """Everything to be asked of one thing that holds for no other: its kind, its colour, what is at its place."""
    yield from _kind(one.thing, others)
    yield from _colour(one.thing, others)
    if "photograph" not in source:
        yield from _place(one, others)


def _presence(thing: Thing, others: Sequence[Placed], draw: random.Random) -> Iterator[Draft]:
    """Whether it is there, by its name and by a broader word; the right answer is always yes."""
    names = own_names(thing, others)
    if names:
        yield is_it_there(draw.choice(names), draw), ("Yes.",), "yes_no"


def own_names(thing: Thing, others: Sequence[Placed]) -> list[str]:
    """Its name and a broader word, as far as none of the others goes by it too."""
    return [name for name in (thing.name, target_broader(thing)) if name and _is_only(name, others)]


def is_it_there(name: str, draw: random.Random) -> str:
    """ "Do you see a crow?" """
    form = draw.choice(PRESENCE)
    form = form.replace("Is there", "Are there") if is_plural(name) else form
    return form.format(with_a(name))


def _kind(thing: Thing, others: Sequence[Placed]) -> Iterator[Draft]:
    """ "What animal is in the picture?", where there is one only."""
    kind = kind_of(thing)
    if kind and _is_only(kind, others):
        says_more = tuple(name for name in right_names(thing) if name not in (kind, kind.split()[-1]))
        yield f"What {kind} is in the picture?", says_more, "kind"


def _colour(thing: Thing, others: Sequence[Placed]) -> Iterator[Draft]:
    """Its colour, where its maker names exactly one."""
    colour = own_colour(thing)
    if colour and _is_only(thing.name, others):
        yield f"What colour is the {thing.name}?", (colour,), "colour"


def own_colour(thing: Thing) -> str:
    """The one colour that its maker names; "" if none or several."""
    named = [colour for colour in COLOURS if re.search(rf"\b{colour}\b", thing.sentence.lower())]
    return named[0] if len(named) == 1 else ""


def _place(one: Placed, others: Sequence[Placed]) -> Iterator[Draft]:
    """What is on the left, on the right, at the top or at the bottom, where nothing else is in that half."""
    for place, axis, sign in (
        ("on the left", 0, -1),
        ("on the right", 0, 1),
        ("at the top", 1, -1),
        ("at the bottom", 1, 1),
    ):
        inner_edge = one.box[axis + 2] if sign < 0 else one.box[axis]
        alone = all(sign * (other.middle[axis] - 0.5) < 0 for other in others)
        if alone and sign * (inner_edge - 0.5) > 0:
            yield f"What is {place}?", right_names(one.thing), "place"


def _is_only(name: str, others: Sequence[Placed]) -> bool:
    """Whether none of the others goes by this name."""
    return not any(name in right_names(other.thing) or name in other.thing.name.split() for other in others)
