"""The lecture's instructions about the things of the held-out pictures, each where it fits.

"Explain the advantages of this product." is asked of a product, "Tell me something about the history of this
place." of a building or a place, "Write down the facts that you know about this flower." of a flower. Right is an
answer that speaks of the thing: its name first, then its other names and broader words.
"""

import random
from collections.abc import Sequence

from .naming import kind_of, right_names, target_broader
from .record_files import Question
from .things import Thing, split_of, with_a

PRODUCT = "Explain the advantages of this product."
PLACE = "Tell me something about the history of this place."
USED_FOR = "What is this used for?"
FACTS = "Write down the facts that you know about this {kind}."
TELL = "Tell me something about this {kind}."
PLACE_WORDS = frozenset(
    "building house church temple tower castle monument memorial bridge town city "
    "landscape mountain shore landmark dam "
    "palace place".split()
) | {"religious building", "natural place", "cemetery", "ruin"}
FOOD_WORDS = frozenset({"food", "fruit", "vegetable", "dessert", "bread", "candy"})
NOT_PRODUCTS = frozenset("person planet star moon bone grave money fire".split()) | {"body part", "chess piece"}
MADE_WORDS = frozenset(
    "tool vehicle clothing furniture appliance computer machine telephone camera "
    "lamp bag bottle weapon container device "
    "equipment instrument toy shoe hat pen cup pot pan bowl knife box clock screen".split()
)
# The first sort that fits a thing decides which instructions fit.
SORTS = (
    (frozenset({"flower"}), "flower"),
    (frozenset({"drink"}), "drink"),
    (FOOD_WORDS, "food"),
    (frozenset({"bird"}), "bird"),
    (frozenset({"dog"}), "dog"),
    (frozenset({"animal"}), "animal"),
    (frozenset({"mushroom"}), "mushroom"),
    (frozenset({"plant", "tree"}), "plant"),
    (PLACE_WORDS, "place"),
    (MADE_WORDS, "product"),
)


def fitting_instructions(thing: Thing) -> list[str]:
    """Every instruction that makes sense for this kind of thing, the lecture's own ones first."""
    words = {thing.name, *thing.broader}
    for sort, kind in SORTS:
        if words & sort:
            return _about(kind)
    if words & NOT_PRODUCTS or not thing.broader:
        return ["Write down the facts that you know about this."]
    return [USED_FOR, "Tell me something about this."]


def _about(kind: str) -> list[str]:
    """The instructions about one sort of thing."""
    if kind == "place":
        return [PLACE, TELL.format(kind=kind)]
    if kind == "product":
        return [PRODUCT, USED_FOR, TELL.format(kind=kind)]
    if kind == "food":
        return [TELL.format(kind=kind), FACTS.format(kind=kind)]
    wider = {"flower": "plant", "bird": "animal", "dog": "animal"}.get(kind, kind)
    return list(dict.fromkeys((FACTS.format(kind=kind), TELL.format(kind=kind), FACTS.format(kind=wider))))


def instruction_records(things: Sequence[Thing], seed: int) -> dict[str, list[Question]]:
    """One or two instructions about each held-out thing, in dev and test."""
    records: dict[str, list[Question]] = {"dev": [], "test": []}
    for thing in things:
        split = split_of(thing.key, seed)
        if split == "train":
            continue
        draw = random.Random(f"{seed} {thing.image.rsplit('/', 1)[-1]}")
        fitting = fitting_instructions(thing)
        asked = dict.fromkeys((fitting[0], draw.choice(fitting)))
        records[split] += [
            Question(thing.image, question, right_names(thing), "instruct", thing.source) for question in asked
        ]
    return records


def described_in_words(thing: Thing) -> str:
    """The thing in words, for a language model that cannot see it: "a chickadee, a kind of bird"."""
    broader = target_broader(thing) or kind_of(thing)
    same = not broader or broader in thing.name
    return with_a(thing.name) if same else f"{with_a(thing.name)}, a kind of {broader.removeprefix('piece of ')}"
