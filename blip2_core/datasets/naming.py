"""Questions and sentences about things: their names, and what kind of thing they are.

The wording varies, so that a question that was never trained on is understood. Half of the answers say the
broader word first ("This is a bird, a chickadee."): of a thing never seen before, that is the part that can be known.
"""

import random
from collections.abc import Iterator, Sequence

from .presence import NEVER_THERE, unanswerable
from .record_files import SPLITS, Caption, Question
from .things import NOT_FOR_TARGETS, Thing, is_plural, split_of, with_a
from .wordnet import WordNet

NAME_QUESTIONS = (
    "What is this?",
    "What is in the picture?",
    "What do you see?",
    "What's this?",
    "What does the picture show?",
    "What can you see in this picture?",
    "What is this called?",
    "What is shown here?",
)
MEASURED_QUESTIONS = NAME_QUESTIONS[:2]
NAME_ANSWERS = ("This is {a_name}, a kind of {broader}.", "This is {a_name}.", "It is {a_name}, which is {a_broader}.")
BROADER_FIRST = (
    "This is {a_broader}, {a_name}.",
    "It is {a_broader}: {a_name}.",
    "This is {a_broader} called {a_name}.",
    "I see {a_broader}, {a_name}.",
)
NAME_ALONE = ("This is {a_name}.", "It is {a_name}.", "The picture shows {a_name}.", "I see {a_name}.")
PHOTO_CAPTIONS = (
    "A photo of {a_name}.",
    "A photo of {a_broader}, {a_name}.",
    "A close view of {a_name}, a kind of {broader}.",
    "There is {a_name} in the picture.",
)
DRAWING_CAPTIONS = (
    "A drawing of {a_name}.",
    "A drawing of {a_broader}, {a_name}.",
    "A picture of {a_name} on a white background.",
    "There is {a_name} in the picture.",
)
STAMP_CAPTIONS = ("{a_name} on a white background.",)
# What may stand in "What kind of ... is this?".
KINDS = (
    "animal",
    "plant",
    "food",
    "vehicle",
    "clothing",
    "furniture",
    "building",
    "musical instrument",
    "tool",
    "drink",
)
MOST_NAMES, MOST_BROADER = 6, 3
ABSENT_SHARE = 0.5
HARD_SHARE = 0.5  # of the questions with no ask for a thing of the same kind


def name_records(things: Sequence[Thing], wordnet: WordNet, seed: int) -> dict[str, list[Question]]:
    """Questions about the names of things, by split.

    Training has several wordings a picture, questions with yes or no, and some about what is not there;
    dev and test have two questions for the name and one for the kind of thing.
    """
    records: dict[str, list[Question]] = {split: [] for split in SPLITS}
    train = [thing for thing in things if split_of(thing.key, seed) == "train"]
    for thing in things:
        split = split_of(thing.key, seed)
        draw = random.Random(f"{seed} {thing.image.rsplit('/', 1)[-1]}")
        if split == "train":
            records[split] += training_questions(thing, train, wordnet, draw)
        else:
            records[split] += _measured_questions(thing, draw)
    return records


def thing_captions(things: Sequence[Thing], seed: int) -> list[Caption]:
    """Caption-like sentences for the things of the training split; for a stamp its maker's own sentence too."""
    captions = []
    for thing in things:
        if split_of(thing.key, seed) != "train":
            continue
        forms: tuple[str, ...] = PHOTO_CAPTIONS if thing.source == "imagenet" else DRAWING_CAPTIONS
        if thing.source != "imagenet" and thing.photograph:
            forms = (*PHOTO_CAPTIONS, *STAMP_CAPTIONS)
        texts = [fill_form(form, thing, target_broader(thing)) for form in forms]
        if thing.sentence and thing.name.lower() in thing.sentence.lower():
            texts.append(thing.sentence.replace("“", '"').replace("”", '"').replace("’", "'"))
        captions += [Caption(thing.image, text, thing.source) for text in dict.fromkeys(text for text in texts if text)]
    return captions


def right_names(thing: Thing) -> tuple[str, ...]:
    """Everything that counts as naming the thing: its name, other names, broader words."""
    return tuple(dict.fromkeys((thing.name, *thing.synonyms, *thing.broader)))


def target_broader(thing: Thing) -> str:
    """The broader word that a model is taught to say; "" if there is none that people say."""
    fitting = [word for word in thing.broader if word not in NOT_FOR_TARGETS]
    return fitting[0] if fitting else ""


def kind_of(thing: Thing) -> str:
    """What "What kind of ... is this?" may ask for; "" if nothing fits."""
    return next((kind for kind in KINDS if kind in thing.broader), "")


def training_questions(
    thing: Thing, others: Sequence[Thing], wordnet: WordNet, draw: random.Random
) -> Iterator[Question]:
    """Questions for the name in several wordings, for the kind of thing, with yes and no, and for what is not there."""
    right = right_names(thing)
    broader = target_broader(thing)
    answers = [fill_form(form, thing, broader) for form in (*NAME_ANSWERS, *BROADER_FIRST)] if broader else []
    answers = answers or [fill_form(form, thing, broader) for form in NAME_ALONE]
    draw.shuffle(answers)
    for number, question in enumerate(draw.sample(NAME_QUESTIONS, MOST_NAMES)):
        yield Question(thing.image, question, (answers[number % len(answers)], *right), "name", thing.source)
    for question, answer in _broader_questions(thing)[:MOST_BROADER]:
        yield Question(thing.image, question, (_sentence(answer), *right), "broader", thing.source)
    yield from _yes_and_no(thing, others, draw)
    if draw.random() < ABSENT_SHARE:
        names = [name for name in NEVER_THERE if not _may_be(name, thing, wordnet)]
        draft = unanswerable(draw.choice(names), draw)
        yield Question(thing.image, draft.question, draft.answers, draft.kind, thing.source)


def _measured_questions(thing: Thing, draw: random.Random) -> Iterator[Question]:
    right = right_names(thing)
    for question in MEASURED_QUESTIONS:
        yield Question(thing.image, question, right, "name", thing.source)
    kinds = _broader_questions(thing)
    if kinds:
        question, answer = draw.choice(kinds)
        asked = question.removeprefix("What kind of ").removesuffix(" is this?")
        answers = tuple(dict.fromkeys((answer, *(word for word in right if word != asked))))
        yield Question(thing.image, question, answers, "broader", thing.source)


def _broader_questions(thing: Thing) -> list[tuple[str, str]]:
    """ "What kind of animal is this?" with "bird", and "What kind of thing is this?" with the broader word."""
    kind, broader = kind_of(thing), target_broader(thing)
    questions = []
    if kind:
        says_less = broader in ("", kind, f"piece of {kind}", "sea animal", "farm animal", "bug")
        answer = thing.name if says_less else broader
        questions += [(f"What kind of {kind} is this?", answer)]
    if broader:
        questions += [("What kind of thing is this?", kind or broader), ("What sort of thing do you see?", broader)]
    return questions


def _yes_and_no(thing: Thing, others: Sequence[Thing], draw: random.Random) -> Iterator[Question]:
    """ "Is this a bird?": once yes, once no, with the name of another kind of thing."""
    asked = draw.choice([thing.name, *([target_broader(thing)] if target_broader(thing) else [])])
    yield Question(thing.image, _is_this(asked), ("Yes.",), "yes_no", thing.source)
    strangers = [other for other in draw.sample(others, min(40, len(others))) if _apart(thing, other)]
    if draw.random() < HARD_SHARE:
        strangers.sort(key=lambda other: kind_of(other) != kind_of(thing))
    if strangers:
        other = strangers[0]
        wrong = draw.choice([other.name, target_broader(other) or other.name])
        if wrong not in right_names(thing):
            yield Question(thing.image, _is_this(wrong), ("No.",), "yes_no", thing.source)


def _is_this(name: str) -> str:
    return f"Are these {name}?" if is_plural(name) else f"Is this {with_a(name)}?"


def _apart(thing: Thing, other: Thing) -> bool:
    """Whether nobody would call the one by a name of the other, though both may be, say, animals."""
    near = {word for word in right_names(thing) if word not in KINDS and word not in NOT_FOR_TARGETS}
    return near.isdisjoint(right_names(other)) and target_broader(other) not in right_names(thing)


def _may_be(name: str, thing: Thing, wordnet: WordNet) -> bool:
    return any(
        word == name or wordnet.is_kin(word, name) for word in (thing.name, thing.name.split()[-1], *thing.synonyms)
    ) or (name in thing.broader)


def fill_form(form: str, thing: Thing, broader: str) -> str:
    """Put the names in; "" if the form needs a broader word and there is none."""
    if "broader}" in form and not broader:
        return ""
    name = with_a(thing.name)
    text = form.format(a_name=name, broader=broader, a_broader=with_a(broader) if broader else "")
    return text[:1].upper() + text[1:]


def _sentence(name: str) -> str:
    text = with_a(name)
    return text[:1].upper() + text[1:] + "."
