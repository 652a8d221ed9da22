"""What the language model is asked in words for self-distillation: about things by name, about photographs by caption.

Two instructions about photographs need no language model: what is happening, and a description in detail, are what the
captions say.
"""

import random
import re
from collections.abc import Iterator, Sequence

from . import lexicon
from .distill import Lesson
from .flickr8k import CaptionedPhotograph
from .instructions import fitting_instructions
from .naming import right_names, target_broader
from .record_files import Question
from .scene import Actor, read_scene
from .things import Thing, is_plural, split_of, with_a
from .wordnet import WordNet

EVERY_THING = ("Write down the facts that you know about this.", "Tell me something about this.")
DETAIL = ("Describe the picture in detail.", "Describe the picture.", "Tell me what you see in the picture.")
HAPPENING = ("What is happening here?", "What is going on in the picture?")


def thing_lessons(things: Sequence[Thing], wordnet: WordNet, seed: int) -> list[Lesson]:
    """Every fitting instruction about every thing of the training split."""
    lessons = []
    for thing in things:
        if split_of(thing.key, seed) == "train":
            draw = random.Random(f"{seed} {thing.image.rsplit('/', 1)[-1]}")
            fitting = [*dict.fromkeys(fitting_instructions(thing)), draw.choice(EVERY_THING)]
            asked = dict.fromkeys([fitting[0], *draw.sample(fitting[1:], min(1, len(fitting) - 1))])
            definition = _definition(thing, wordnet)
            lessons += [_thing_lesson(thing, question, definition, draw) for question in asked]
    random.Random(seed).shuffle(lessons)
    return lessons


def photograph_lessons(
    photographs: Sequence[CaptionedPhotograph], wordnet: WordNet, seed: int, number: int
) -> tuple[list[Lesson], list[Question]]:
    """Lessons about `number` training photographs, and the records that need no language model."""
    draw = random.Random(seed)
    train = [photograph for photograph in photographs if photograph.split == "train"]
    lessons: list[Lesson] = []
    records: list[Question] = []
    for photograph in draw.sample(train, min(number, len(train))):
        actors = read_scene(photograph.captions, wordnet.is_noun).actors()
        if actors:
            lessons.append(_photograph_lesson(photograph, actors[0], draw))
        records += _told_by_captions(photograph, draw)
    return lessons, records


def _thing_lesson(thing: Thing, question: str, definition: str, draw: random.Random) -> Lesson:
    """ "Write down the facts that you know about this bird." in words: "... about the chickadee (bird)."."""
    broader = target_broader(thing)
    the_thing = f"the {thing.name}" + (f" ({broader})" if broader and broader not in thing.name else "")
    told = question
    for this in ("the history of this place", "this place", "this product", "this."):
        if this in told:
            told = told.replace(this, this.split("this")[0] + the_thing + ("." if this.endswith(".") else ""))
            break
    else:
        words = told.split("this ", 1)
        told = words[0] + the_thing + (" used for?" if words[1:] == ["used for?"] else ".")
    beginning = f"{_naming(thing, broader, draw)} {definition}".strip()
    verb = " are" if is_plural(thing.name) else ""
    subject = f"The {thing.name}"
    if question.startswith("What is this used for"):
        subject = "It is used" if not verb else "They are used"
        verb = ""
    return Lesson(
        thing.image,
        question,
        f"{definition} {told}".strip(),
        f"{beginning} {subject}{verb}",
        right_names(thing),
        thing.source,
    )


def _naming(thing: Thing, broader: str, draw: random.Random) -> str:
    """ "This is a chickadee, a kind of bird." or, as often, "This is a bird, a chickadee."."""
    if is_plural(thing.name):
        return f"These are {thing.name}."
    if not broader or broader in thing.name:
        return f"This is {with_a(thing.name)}."
    if draw.random() < 0.5:
        return f"This is {with_a(thing.name)}, a kind of {broader.removeprefix('piece of ')}."
    return f"This is {with_a(broader)}, {with_a(thing.name)}."


def _definition(thing: Thing, wordnet: WordNet) -> str:
    """WordNet's definition as a sentence, "It is a vehicle used to push snow from roads."; "" where none fits."""
    if thing.source != "imagenet":
        return ""
    gloss = re.sub(r"\([^)]*\)", "", wordnet.synset(thing.key).gloss.split(";")[0].split('"')[0])
    gloss = re.sub(r"\s+", " ", gloss).replace(" ,", ",").strip(" ,:")
    if gloss.startswith(("any ", "used ", "either ", "of ", "all ", "genus ")) or not 3 < len(gloss.split()) < 18:
        return ""
    before_of = re.split(r" (?:of|with|in|that|used|for) ", gloss)[0].split()
    if gloss.startswith("bred ") or before_of[-1].endswith("s") and not before_of[-1].endswith("ss"):
        return ""  # a plural, or WordNet's misprint
    article = (
        ""
        if gloss.split()[0] in ("a", "an", "the", "one", "small", "some")
        else with_a(gloss.split()[0]).split()[0] + " "
    )
    article = "a " if gloss.startswith("small") else article if article.strip() in ("a", "an") else ""
    return f"It is {article}{gloss}."


def _photograph_lesson(photograph: CaptionedPhotograph, actor: Actor, draw: random.Random) -> Lesson:
    """A question that the captions do not answer, about somebody in the picture."""
    caption = max(photograph.captions, key=lambda text: (f" {actor.name}" in text.lower(), len(text) < 90, len(text)))
    who = f"the {actor.name}"
    one = actor.name if actor.plural else with_a(actor.name)
    question, beginning = draw.choice(
        (
            ("Tell me a story about this picture.", f"One day, {one}"),
            ("What might happen next?", f"Next, {who} might"),
            ("Describe the mood of the picture.", "The mood is"),
            (f"What might {who} be thinking?", f"{who[:1].upper()}{who[1:]} might be thinking"),
            (
                f"How does {who} feel?" if not actor.plural else f"How do {who} feel?",
                f"{who[:1].upper()}{who[1:]} {'feel' if actor.plural else 'feels'}",
            ),
        )
    )
    terms = () if question.startswith("Describe") else (actor.name, *lexicon.PLURAL_ONLY)
    return Lesson(photograph.image, question, f"{caption} {question}", beginning, terms, "flickr8k")


def _told_by_captions(photograph: CaptionedPhotograph, draw: random.Random) -> Iterator[Question]:
    """What is happening, and a description of two captions that say different things."""
    longest, *others = sorted(photograph.captions, key=len, reverse=True)
    if 6 <= len(longest.split()) <= 24:
        yield Question(photograph.image, draw.choice(HAPPENING), (longest,), "instruct", "flickr8k")
    words = set(longest.lower().split())
    different = max(others, key=lambda text: len(set(text.lower().split()) - words), default="")
    if different and len(longest.split()) + len(different.split()) <= 40:
        yield Question(photograph.image, draw.choice(DETAIL), (f"{longest} {different}",), "instruct", "flickr8k")
