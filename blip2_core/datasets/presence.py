"""Questions about what is there and what is not: yes or no in equal parts, and questions that have no answer.

As in POPE (arXiv 2305.10355) the thing that is not there is a hard one: something that is often seen, or
often seen together with what is there. It counts as absent only if no caption names it, nor a kind
of it, nor what it is a kind of, nor a word that lets one expect it (a surfer, where a surfboard is asked for).
"""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from . import lexicon
from .caption_questions import Draft, agreed_number, sentence_case
from .phrases import ing_form, with_article
from .scene import Actor, Scene, plural_of

# What may be asked for, and the words that make its absence doubtful even though it is not named.
EXPECTED_WITH = {
    "dog": "animal animals pet puppy paw leash collar fetch bark",
    "cat": "animal animals pet kitten",
    "horse": "animal animals jockey rodeo carriage saddle polo bull pony rider cowboy",
    "cow": "animal animals bull cattle rodeo farm calf",
    "bird": "animal animals pigeon duck goose swan seagull flock parrot owl feather crane eagle",
    "sheep": "animal animals herd goat farm",
    "elephant": "animal animals zoo circus",
    "fish": "animal animals fishing aquarium",
    "ball": "soccer football basketball baseball tennis volleyball rugby golf cricket "
    "softball lacrosse polo game sport "
    "player play fetch toy hockey pitcher bat racket bowling quarterback team juggle "
    "match referee court goal kick throw",
    "frisbee": "disc toy disk fetch game catch",
    "stick": "branch twig log wood hockey pole fetch toy",
    "bicycle": "bike biker bmx cyclist bicyclist cycle ride rider tricycle unicycle wheel race pedal helmet",
    "motorcycle": "bike biker motorbike motocross motorcyclist dirt rider ride racer race vehicle moped scooter",
    "skateboard": "skater skateboarder skate board ramp skateboarding trick",
    "snowboard": "snowboarder snowboarding board ski slope snow",
    "surfboard": "surfer surf surfing board wave boogie bodyboard",
    "boat": "ship canoe kayak raft sail sailboat paddle row water lake ocean dock pier harbor river vessel",
    "car": "vehicle race racing automobile suv jeep truck street road taxi van traffic parking city driver drive cars",
    "truck": "vehicle car jeep suv van street road traffic",
    "bus": "vehicle street road traffic stop city",
    "train": "subway rail railroad track tracks station locomotive",
    "guitar": "instrument band music musician concert bass play stage musical",
    "umbrella": "parasol rain shade beach market",
    "bench": "sit seat sitting park seated",
    "pool": "swim swimming swimmer water slide dive",
    "beach": "sand shore ocean sea surf coast sandy wave water seaside",
    "swing": "playground swinging park",
    "slide": "playground sliding park pool",
    "trampoline": "jump bounce bouncing",
    "bridge": "walkway overpass river railing",
    "flag": "banner parade",
    "tent": "camp camping canopy market fair",
    "fountain": "water spray sprinkler splash",
    "waterfall": "falls water cliff river rapids",
    "balloon": "party parade inflatable clown",
    "microphone": "sing singer band stage concert speak speaker music musician karaoke",
    "wheelchair": "chair disabled",
    "kayak": "canoe boat raft paddle kayaker rapids water river",
    "airplane": "plane jet sky aircraft fly",
    "tree": "wood woods forest branch leaf leaves park palm garden log grass yard trunk "
    "outdoors outside field hill snow "
    "lawn mountain path trail rural street jungle pine bush plant lake river city climbing",
    "woman": "",
    "man": "",
    "girl": "",
    "boy": "",
    "baby": "",
}
SEXED = {"man": lexicon.MEN, "woman": lexicon.WOMEN, "boy": lexicon.BOYS, "girl": lexicon.GIRLS}
OTHER_WORDS_FOR = {"bicycle": ("bike",), "motorcycle": ("motorbike",), "airplane": ("plane",), "frisbee": ("disc",)}
# Doings that leave no room for each other.
APART = ("running", "sitting", "sleeping", "swimming", "climbing", "eating", "skiing", "jumping", "dancing")
LIES_APART = {
    "snow": ("beach", "pool", "ocean"),
    "pool": ("snow", "field"),
    "beach": ("snow", "street"),
    "water": ("snow", "street"),
    "grass": ("snow", "beach"),
    "street": ("beach", "snow"),
}
LONG_ANSWERS = 0.25  # so many yes/no answers in training are whole sentences
NEVER_THERE = (
    "elephant giraffe zebra lion piano refrigerator laptop television teapot helicopter tractor snake penguin clock "
    "pizza cake kangaroo rabbit monkey candle telephone banana vase crocodile dinosaur toothbrush camel owl lamp "
    "spaceship castle tiger violin strawberry pumpkin oven pillow lighthouse"
).split()
EMPTY_WORDS = frozenset(
    {"object", "thing", "item", "piece", "one", "part", "unit", "whole", "something", "head", "stuff"}
)
ABSENT_THING = ("What color is the {}?", "Where is the {}?", "What is the {} made of?", "How big is the {}?")
ABSENT_ANIMAL = ("What color is the {}?", "What is the {} doing?", "Where is the {}?", "How many {s} are there?")
ABSENT_PERSON = ("What is the {} wearing?", "What is the {} doing?", "What is the {} holding?", "Where is the {}?")


@dataclass(frozen=True)
class Statistics:
    """In how many training photographs a thing is named, alone and together with another."""

    alone: Counter[str]
    together: dict[str, Counter[str]]


def count_things(scenes: Sequence[Scene]) -> Statistics:
    """Count the things of `EXPECTED_WITH` over the training photographs."""
    alone: Counter[str] = Counter()
    together: dict[str, Counter[str]] = {name: Counter() for name in EXPECTED_WITH}
    for scene in scenes:
        named = [name for name in EXPECTED_WITH if is_named(name, scene)]
        alone.update(named)
        for name in named:
            together[name].update(other for other in named if other != name)
    return Statistics(alone, together)


def is_named(name: str, scene: Scene) -> bool:
    """Whether a caption names the thing as such."""
    wanted = SEXED.get(name, frozenset({name, *OTHER_WORDS_FOR.get(name, ())}))
    group = lexicon.DOGS if name == "dog" else wanted
    return any(phrase.head in group for sentence in scene.sentences for phrase in sentence.phrases)


def may_be_there(name: str, scene: Scene, is_kin: Callable[[str, str], bool]) -> bool:
    """Whether any caption leaves room for the thing."""
    words = scene.words
    if name in SEXED:
        neutral = lexicon.NEUTRAL_PEOPLE | {
            "human",
            "male",
            "female",
            "other",
            "another",
            "somebody",
            "someone",
            "she",
            "he",
        }
        ages = lexicon.CHILDREN if name in ("boy", "girl") else frozenset()
        same_sex = lexicon.MEN | lexicon.BOYS if name in ("man", "boy") else lexicon.WOMEN | lexicon.GIRLS
        return bool(words & (neutral | ages | same_sex)) or any(is_person_word(word, is_kin) for word in words)
    if name == "baby" and words & (lexicon.PEOPLE - lexicon.MEN - lexicon.WOMEN):
        return True
    expected = set(EXPECTED_WITH.get(name, "").split())
    return bool(words & expected) or any(word == name or is_kin(word, name) for word in words if len(word) > 2)


def is_person_word(word: str, is_kin: Callable[[str, str], bool]) -> bool:
    """Whether a word may mean a person whose sex it does not tell, such as "referee"."""
    told = lexicon.MEN | lexicon.WOMEN | lexicon.BOYS | lexicon.GIRLS | lexicon.CHILDREN
    return word.endswith(("er", "or", "ist", "ee")) and word not in told and is_kin(word, "person")


def absent_thing(scene: Scene, statistics: Statistics, is_kin: Callable[[str, str], bool], draw: random.Random) -> str:
    """A thing that is not there: half the time one that goes with what is there, else one often seen.

    Returns "" if everything may be there.
    """
    weights = dict(statistics.alone)
    if draw.random() < 0.5:
        together: Counter[str] = Counter()
        for name in EXPECTED_WITH:
            if is_named(name, scene):
                together.update(statistics.together[name])
        weights = dict(together) or weights
    left = {name: weight for name, weight in weights.items() if not may_be_there(name, scene, is_kin)}
    return draw.choices(list(left), weights=list(left.values()))[0] if left else ""


def present_things(scene: Scene) -> list[str]:
    """The things that at least two captions name, so that everybody sees them."""
    return [
        name for name in EXPECTED_WITH if sum(is_named(name, Scene((sentence,))) for sentence in scene.sentences) >= 2
    ]


def existence(name: str, there: bool, draw: random.Random) -> Draft:
    """ "Is there a dog in the picture?" with its answer, now and then a whole sentence."""
    a_name = with_article("a", name)
    question = draw.choice(
        (
            f"Is there {a_name} in the picture?",
            f"Is there {a_name}?",
            f"Do you see {a_name}?",
            f"Can you see {a_name} in the picture?",
        )
    )
    short, long = ("yes", f"yes, there is {a_name}") if there else ("no", f"no, there is no {name} in the picture")
    answers = (short, long) if draw.random() > LONG_ANSWERS else (long, short)
    return Draft(question, tuple(map(sentence_case, answers)), "yes_no")


def yes_no_pairs(scene: Scene, draw: random.Random) -> Iterator[tuple[Draft, Draft]]:
    """Pairs of one yes and one no about doings, colours, numbers and places of the same actor."""
    for actor in scene.actors()[:2]:
        for pair in (_doing_pair(actor, scene, draw), _colour_pair(actor, draw), _place_pair(actor, scene, draw)):
            if pair:
                yield tuple(
                    Draft(question, (answer,), "yes_no") for question, answer in zip(pair, ("Yes.", "No."), strict=True)
                )  # type: ignore[misc]
    for head in ("dog", "person", "man", "girl", "boy"):
        number = agreed_number(scene, head)
        if number and number < 5:
            other = 2 if number == 1 else draw.choice([n for n in (1, 2, 2, 3, 4) if n != number])
            yes, no = (_number_question(head, n) for n in (number, other))
            yield Draft(yes, ("Yes.",), "yes_no"), Draft(no, ("No.",), "yes_no")


def balanced(drafts: Sequence[Draft], draw: random.Random, *, most_to_one: float) -> set[int]:
    """Which yes/no drafts to keep so that no question is nearly always answered in one way.

    Questions that ask for the same ("Is there a dog?", "Do you see a dog?") are taken together; of the
    commoner answer at most `most_to_one` times as many are kept as of the other.

    Returns:
        The places of the kept drafts.
    """
    asked: dict[str, tuple[list[int], list[int]]] = {}
    for place, draft in enumerate(drafts):
        if draft.kind == "yes_no":
            asked.setdefault(topic(draft.question), ([], []))[draft.answers[0].startswith("No")].append(place)
    kept: set[int] = set()
    for both in asked.values():
        most = round(most_to_one * min(map(len, both)))
        for places in both:
            kept.update(draw.sample(places, min(len(places), most)))
    return kept


def topic(question: str) -> str:
    """What a yes/no question asks for, whoever is asked about: "Is the boy swimming?" is "is ... swimming"."""
    words = question.lower().rstrip("?").replace(" in the picture", "")
    words = re.sub(r"^(is there|do you see|can you see) an? ", "there is ", words)
    if words.startswith("there is "):
        return words
    return re.sub(r"^(is|are) the [a-z]+ ", "is ... ", words)


def _number_question(head: str, number: int) -> str:
    if number == 1:
        return f"Is there only one {head}?"
    return f"Are there {lexicon.NUMBER_WORDS[number]} {plural_of(head)}?"


def _doing_pair(actor: Actor, scene: Scene, draw: random.Random) -> tuple[str, str] | None:
    done = {ing_form(predicate.verb) for predicate in actor.predicates}
    sure = [verb for verb in APART if verb in done]
    named = {verb for verb in APART if verb in scene.words or _stem(verb) & scene.words}
    others = [verb for verb in APART if verb not in named and {verb, sure[0]} != {"running", "jumping"}] if sure else []
    if len(sure) != 1 or sum(ing_form(p.verb) == sure[0] for p in actor.predicates) < 2 or len(named) > 1 or not others:
        return None
    asked = f"{actor.is_are.capitalize()} the {actor.name}"
    weights = [4 if verb in ("running", "jumping", "sitting") else 1 for verb in others]
    return f"{asked} {sure[0]}?", f"{asked} {draw.choices(others, weights)[0]}?"


def _stem(verb: str) -> frozenset[str]:
    base = next((verb_base for verb_base in lexicon.VERBS if ing_form(verb_base) == verb), verb)
    return frozenset({base, base + "s"})


def _colour_pair(actor: Actor, draw: random.Random) -> tuple[str, str] | None:
    colours = {word for _, phrase in actor.mentions for word in phrase.colour.split()}
    heads = {phrase.head for _, phrase in actor.mentions}
    if len(colours & lexicon.COLOURS) != 1 or actor.plural or not heads <= lexicon.ANIMALS:
        return None
    colour = next(iter(colours & lexicon.COLOURS))
    far = {"brown": "black white", "black": "white brown", "white": "black brown", "tan": "black", "golden": "black"}
    if colour not in far:
        return None
    return f"Is the {actor.name} {colour}?", f"Is the {actor.name} {draw.choice(far[colour].split())}?"


def _place_pair(actor: Actor, scene: Scene, draw: random.Random) -> tuple[str, str] | None:
    places = {phrase.head for sentence in scene.sentences for phrase in sentence.phrases}
    there = [place for place in LIES_APART if place in places and sum(place in s.tokens for s in scene.sentences) >= 2]
    if len(there) != 1:
        return None
    far = [place for place in LIES_APART[there[0]] if place not in scene.words and not _hints(place) & scene.words]
    if not far:
        return None
    asked = f"{actor.is_are.capitalize()} the {actor.name}"
    return f"{asked} {_at(there[0])}?", f"{asked} {_at(draw.choice(far))}?"


def _hints(place: str) -> frozenset[str]:
    return frozenset(EXPECTED_WITH.get(place, "").split()) | frozenset({f"{place}y"})


def _at(place: str) -> str:
    return f"{'on' if place in ('beach', 'street', 'grass') else 'in'} the {place}"


def unanswerable(name: str, draw: random.Random) -> Draft:
    """A question about something that is not there; the answer says so."""
    forms = ABSENT_THING
    if name in lexicon.ANIMALS or name in ("kangaroo", "crocodile", "dinosaur"):
        forms = ABSENT_ANIMAL
    elif name in lexicon.PEOPLE:
        forms = ABSENT_PERSON
    question = draw.choice(forms).replace("{s}", plural_of(name)).format(name)
    answers = [f"there is no {name} in the picture", f"there is no {name}", f"no {name}", "none"]
    if "How many" in question:
        answers.insert(0, f"there are no {plural_of(name)} in the picture")
    return Draft(question, tuple(map(sentence_case, answers)), "absent")


def never_there(scene: Scene, is_kin: Callable[[str, str], bool], draw: random.Random) -> str:
    """Something that hardly any photograph shows, and this one does not; "" if none is sure."""
    words = [word for word in scene.words if len(word) > 2 and word not in EMPTY_WORDS]
    left = [name for name in NEVER_THERE if not any(word == name or is_kin(word, name) for word in words)]
    return draw.choice(left) if left else ""
