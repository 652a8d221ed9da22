"""Questions about one photograph, made from its captions by rule: colour, number, object, activity, place, clothes.

Every generator gives drafts: a question, and the answers that the captions support. A model is taught to say what each
caption says, or the first answer where they do not differ; all answers count as right when it is measured.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from . import lexicon
from .phrases import NounPhrase, Predicate, Sentence
from .scene import Actor, Scene, plural_of

ASKED_OBJECTS = {
    "hold": lexicon.THINGS,
    "carry": lexicon.THINGS,
    "ride": lexicon.THINGS,
    "chase": lexicon.THINGS | lexicon.ANIMALS | lexicon.PEOPLE,
    "catch": lexicon.THINGS,
    "throw": lexicon.THINGS,
    "kick": lexicon.THINGS,
    "eat": lexicon.THINGS | frozenset({"ice", "snow", "grass"}),
    "play": lexicon.THINGS,
    "push": lexicon.THINGS | lexicon.PEOPLE,
    "pull": lexicon.THINGS | lexicon.PEOPLE,
    "climb": lexicon.PLACES | lexicon.THINGS,
    "read": lexicon.THINGS,
    "watch": lexicon.THINGS | lexicon.ANIMALS | lexicon.PEOPLE,
    "lick": lexicon.THINGS | lexicon.PEOPLE,
}
COLOURED_THINGS = (
    lexicon.THINGS | frozenset("car truck boat bus building wall couch bench slide tent".split())
) - frozenset("water music trick mountain cliff wave baby dog cat puppy bull horse snowball".split())
OFTEN_MEANT_PLACES = ("in", "on", "through", "across", "along", "over", "down", "at")
PATTERNS = frozenset({"striped", "plaid", "flowered", "checkered", "camouflage", "leather", "denim", "hooded"})
FEWEST_AGREEING, FEWEST_FOR_ONE = 2, 3  # so many captions must give the same number


@dataclass(frozen=True)
class Draft:
    """A question, the answers that count as right, its kind, and what the captions say, one after another."""

    question: str
    answers: tuple[str, ...]
    kind: str
    said: tuple[str, ...] = ()


def draft_questions(scene: Scene) -> list[Draft]:
    """Every question that the captions of one photograph answer."""
    makers: Sequence[Callable[[Scene], Iterator[Draft]]] = (
        _colours_of_animals,
        _colours_of_things,
        _clothes,
        _numbers,
        _objects,
        _in_the_mouth,
        _kinds_of_animal,
        _who,
        _activities,
        _places,
    )
    drafts: dict[str, Draft] = {}
    for maker in makers:
        for draft in maker(scene):
            drafts.setdefault(draft.question, draft)
    return list(drafts.values())


def sentence_case(text: str) -> str:
    """Make an answer a sentence: "a red ball" becomes "A red ball."."""
    return text[:1].upper() + text[1:] + "."


def by_agreement(texts: Sequence[str]) -> tuple[str, ...]:
    """Distinct texts, those that most captions give first, earlier ones before later."""
    counts = Counter(texts)
    return tuple(sorted(counts, key=lambda text: (-counts[text], texts.index(text))))


def colour_answers(colours: Sequence[str]) -> tuple[str, ...]:
    """The colours with their other orders and spellings: "brown and white", "white and brown"."""
    answers = list(by_agreement(colours))
    for colour in list(answers):
        parts = colour.split(" and ")
        if len(parts) == 2:
            answers.append(f"{parts[1]} and {parts[0]}")
        words = colour.split()
        if len(words) == 2 and words[0] in lexicon.SHADES:
            answers.append(words[1])
    for colour in list(answers):
        for old, new in lexicon.COLOUR_SPELLINGS.items():
            answers += [colour.replace(old, new)] if old in colour.split() else []
    return tuple(dict.fromkeys(answers))


def _draft(question: str, answers: Sequence[str], kind: str, said: Sequence[str] = ()) -> Iterator[Draft]:
    if answers:
        yield Draft(question, tuple(map(sentence_case, answers)), kind, tuple(map(sentence_case, said)))


def _colours_of_animals(scene: Scene) -> Iterator[Draft]:
    for actor in scene.actors():
        heads = {phrase.head for _, phrase in actor.mentions}
        colours = [phrase.colour for _, phrase in actor.mentions if phrase.colour]
        if heads <= lexicon.ANIMALS:
            question = f"What color {actor.is_are} the {actor.name}?"
            yield from _draft(question, colour_answers(colours), "colour", colours)


def _colours_of_things(scene: Scene) -> Iterator[Draft]:
    heads = {phrase.head for sentence in scene.sentences for phrase in sentence.phrases if phrase.colour}
    for head in sorted(heads & COLOURED_THINGS):
        thing = scene.the_one(head, frozenset({head}))
        if thing and not thing.plural:
            colours = [phrase.colour for _, phrase in thing.mentions if phrase.colour]
            name = thing.mentions[0][1].name
            yield from _draft(f"What color is the {name}?", colour_answers(colours), "colour", colours)


def _clothes(scene: Scene) -> Iterator[Draft]:
    for actor in _people(scene):
        worn = [phrase for clothes in actor.clothes for phrase in clothes]
        colours: dict[str, list[str]] = {}
        for phrase in worn:
            if phrase.colour and not actor.plural:
                colours.setdefault(phrase.name, []).append(phrase.colour)
        for name, found in colours.items():
            verb = "are" if name in lexicon.PAIRS or name.endswith("s") and name != "dress" else "is"
            yield from _draft(f"What color {verb} the {actor.name}'s {name}?", colour_answers(found), "colour", found)
        things = [_with_a(phrase, phrase.name) for phrase in worn]
        question = f"What {actor.is_are} the {actor.name} wearing?"
        yield from _draft(question, _clothes_answers(things, actor.clothes), "worn", things)


def _clothes_answers(things: Sequence[str], by_caption: Sequence[Sequence[NounPhrase]]) -> tuple[str, ...]:
    """First each thing by itself, then each with its colour, and two together.

    The thing alone is what the captions agree on, and what is said most: a colour that is wrong makes it all wrong.
    """
    answers = [*by_agreement(things)]
    for clothes in by_caption:
        for phrase in clothes:
            answers += [_dressed_as(phrase), _with_a(phrase, phrase.head)]
        answers += [f"{_with_a(a, a.name)} and {_with_a(b, b.name)}" for a in clothes for b in clothes if a is not b]
        answers += [f"{_dressed_as(a)} and {_dressed_as(b)}" for a in clothes for b in clothes if a is not b]
    return tuple(dict.fromkeys(answers))


def _dressed_as(phrase: NounPhrase) -> str:
    pattern = next((word for word in phrase.modifiers if word in PATTERNS), "")
    return _with_a(phrase, f"{phrase.colour or pattern} {phrase.name}".strip())


def _with_a(phrase: NounPhrase, name: str) -> str:
    if phrase.plural or phrase.name in lexicon.PAIRS:
        return name
    return ("an " if name[0] in "aeio" else "a ") + name


def _numbers(scene: Scene) -> Iterator[Draft]:
    for head in sorted({phrase.head for sentence in scene.sentences for phrase in sentence.phrases}):
        if head not in lexicon.PEOPLE | lexicon.ANIMALS or head in lexicon.GROUPS or head == "crowd":
            continue
        number = agreed_number(scene, head)
        if number:
            yield from _draft(f"How many {plural_of(head)} are there?", (lexicon.NUMBER_WORDS[number],), "number")


def agreed_number(scene: Scene, head: str) -> int | None:
    """How many there are, if at least two captions say so and none says otherwise.

    Plurals without a number ("dogs") agree with two and more; one takes three captions.
    """
    group = lexicon.DOGS if head in lexicon.DOGS else _counted_as(head)
    by_caption = [[phrase for _, phrase in caption] for caption in scene.mentions(group)]
    counts = [_count(phrases) for phrases in by_caption if phrases]
    numbers = [count for count in counts if count]
    if len(set(numbers)) != 1 or numbers[0] not in lexicon.NUMBER_WORDS:
        return None
    number = numbers[0]
    named = sum(any(phrase.head == head for phrase in phrases) for phrases in by_caption)
    often = named >= FEWEST_AGREEING and named * 2 > len(numbers) or named and head in ("person", "dog")
    if number == 1 and (None in counts or len(numbers) < FEWEST_FOR_ONE or "other" in scene.words):
        return None
    return number if often and len(numbers) >= FEWEST_AGREEING else None


def _count(phrases: Sequence[NounPhrase]) -> int | None:
    """How many one caption counts; None if it does not say."""
    if any(
        phrase.number is None and phrase.plural or phrase.determiner in ("other", "each", "the") and len(phrases) > 1
        for phrase in phrases
    ):
        return None
    return sum(phrase.number or 1 for phrase in phrases)


def _counted_as(head: str) -> frozenset[str]:
    """The words that may speak of the same persons: all of people, for a person of no sex or age."""
    if head in lexicon.NEUTRAL_PEOPLE:
        return lexicon.PEOPLE
    for group in (lexicon.MEN, lexicon.WOMEN, lexicon.CHILDREN):
        if head in group:
            return group | lexicon.NEUTRAL_PEOPLE
    return frozenset({head})


def _objects(scene: Scene) -> Iterator[Draft]:
    for actor in scene.actors():
        by_verb: dict[str, list[NounPhrase]] = {}
        for predicate in actor.predicates:
            thing = predicate.object
            if thing and not predicate.preposition and thing.head in ASKED_OBJECTS.get(predicate.verb, ()):
                by_verb.setdefault(_asked_verb(predicate), []).append(thing)
        for verb, things in by_verb.items():
            answers = [thing.text() for thing in things]
            more = [text for thing in things for text in (thing.text(with_colour=True), thing.head)]
            question = f"What {actor.is_are} the {actor.name} {verb}?"
            yield from _draft(question, tuple(dict.fromkeys([*by_agreement(answers), *more])), "object", answers)


def _asked_verb(predicate: Predicate) -> str:
    return predicate.text.split()[0]


def _in_the_mouth(scene: Scene) -> Iterator[Draft]:
    for actor in scene.actors():
        things = []
        for sentence, subject in actor.mentions:
            if subject.head in lexicon.ANIMALS:
                things += [phrase for phrase in sentence.phrases if _is_in_mouth(sentence, phrase)]
        names = by_agreement([thing.text() for thing in things if thing.head not in ("mouth", "tongue")])
        more = [text for thing in things for text in (thing.text(with_colour=True), thing.head)]
        if names and not actor.plural:
            yield from _draft(f"What is in the {actor.name}'s mouth?", tuple(dict.fromkeys([*names, *more])), "object")


def _is_in_mouth(sentence: Sentence, phrase: NounPhrase) -> bool:
    behind = tuple(sentence.token(phrase.end + step) for step in range(3))
    return behind[0] in ("in", "inside") and behind[1] in ("its", "his", "her", "the") and behind[2] == "mouth"


def _kinds_of_animal(scene: Scene) -> Iterator[Draft]:
    animals = [p for sentence in scene.sentences for p in sentence.phrases if p.head in lexicon.ANIMALS]
    captions = sum(any(p.head in lexicon.ANIMALS for p in sentence.phrases) for sentence in scene.sentences)
    groups = {"dog" if p.head in lexicon.DOGS else p.head for p in animals}
    if captions < FEWEST_AGREEING or len(groups) != 1 or any(" " in p.name and p.name not in groups for p in animals):
        return
    names = ["dog" if groups == {"dog"} else animals[0].head]
    names += [p.head for p in animals]
    plural = sum(p.plural for p in animals) * 2 > len(animals)
    forms = [form for name in dict.fromkeys(names) for form in (f"a {name}", plural_of(name), f"two {plural_of(name)}")]
    forms = [("an" + form[1:] if form[:3] in ("a e", "a o") else form) for form in forms]
    target = plural_of(names[0]) if plural else forms[0]
    yield from _draft("What animal is in the picture?", tuple(dict.fromkeys([target, *forms])), "object")


def _who(scene: Scene) -> Iterator[Draft]:
    """ "Who is in the picture?", where the captions know one person or one group."""
    people = [p for s in scene.sentences for p in s.phrases if p.head in lexicon.PEOPLE - {"team", "crowd"}]
    together = scene.the_one("", lexicon.PEOPLE)
    if not together or len(together.mentions) < FEWEST_AGREEING + 1:
        return
    names = by_agreement([p.head for p in people])
    if together.plural:
        answers = [p.text() for p in people if p.number] + [plural_of(name) for name in names]
    else:
        answers = [("an " if name[0] in "aeiou" else "a ") + name for name in names]
    answers += ["people"] if together.plural else ["a person", *_wider_person(names)]
    yield from _draft(
        "Who is in the picture?", tuple(dict.fromkeys([*by_agreement(answers[: len(people)]), *answers])), "object"
    )


def _wider_person(names: Sequence[str]) -> list[str]:
    return ["a child", "a kid"] if set(names) & (lexicon.BOYS | lexicon.GIRLS) else []


def _activities(scene: Scene) -> Iterator[Draft]:
    for actor in scene.actors():
        predicates = [p for p in actor.predicates if p.object is None or p.object.head not in ("it", "way", "one")]
        texts = [predicate.text for predicate in predicates]
        verbs = Counter(predicate.verb for predicate in predicates)
        texts.sort(key=lambda text: (-verbs[_verb_of(predicates, text)], " " not in text))
        question = f"What {actor.is_are} the {actor.name} doing?"
        yield from _draft(question, tuple(dict.fromkeys([*texts, *_shorter(predicates)])), "activity", texts)


def _verb_of(predicates: Sequence[Predicate], text: str) -> str:
    return next(predicate.verb for predicate in predicates if predicate.text == text)


def _shorter(predicates: Sequence[Predicate]) -> list[str]:
    """The verbs alone, where that says something."""
    return [p.text.split()[0] for p in predicates if p.verb not in lexicon.VAGUE_VERBS | lexicon.WITH_OBJECT | {"ride"}]


def placed_activities(draft: Draft, scene: Scene) -> tuple[str, ...]:
    """More right answers for measuring: every activity with every place that the captions name."""
    cores = [text.rstrip(".") for text in draft.answers if len(text.split()) <= 4]
    places = sorted({phrase.name for s in scene.sentences for phrase in s.phrases if phrase.head in lexicon.PLACES})
    return tuple(f"{core} {prep} the {place}." for core in cores for place in places for prep in OFTEN_MEANT_PLACES)


def _places(scene: Scene) -> Iterator[Draft]:
    for actor in scene.actors():
        found = [text for text in (_place_of(sentence, phrase) for sentence, phrase in actor.mentions) if text]
        answers = by_agreement(found)
        if answers:
            more = [
                f"{prep} the {text.split(' ', 2)[2]}"
                for text in answers
                for prep in ("in", "on", "at")
                if text.count(" ") > 1
            ]
            question = f"Where {actor.is_are} the {actor.name}?"
            yield from _draft(question, tuple(dict.fromkeys([*answers, *more])), "place", found)


def _place_of(sentence: Sentence, actor: NounPhrase) -> str:
    """Where the caption says the actor is: "in the snow"; "" if it does not."""
    for phrase in sentence.phrases:
        preposition = sentence.token(phrase.start - 1)
        if phrase.start < actor.end or phrase.head not in lexicon.PLACES or phrase.plural and phrase.number:
            continue
        if preposition not in ("in", "on", "at", "through", "across", "along", "near", "under", "beside", "down"):
            continue
        if sentence.token(phrase.end) == "of":
            continue
        standing = {"through": "in", "across": "on" if phrase.head not in ("field", "water", "grass", "snow") else "in"}
        standing |= {"along": "on", "down": "on"}
        determiner = phrase.determiner if phrase.determiner in ("a", "an", "the") else "the"
        name = phrase.name
        if name[0] in "aeiou" and determiner == "a":
            determiner = "an"
        elif name[0] not in "aeiou" and determiner == "an":
            determiner = "a"
        return f"{standing.get(preposition, preposition)} {determiner} {name}"
    return ""


def _people(scene: Scene) -> list[Actor]:
    return [actor for actor in scene.actors() if {phrase.head for _, phrase in actor.mentions} <= lexicon.PEOPLE]
