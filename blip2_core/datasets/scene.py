"""What the captions of one photograph say together: who is in it, how many, and what they wear and do.

Captions are written by five people. A question is only worth asking where their sentences speak of
the same person or animal, so phrases are gathered into actors here before anything is asked.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from . import lexicon
from .phrases import NounPhrase, Predicate, Sentence, read_predicate, read_sentence, singular

Mention = tuple[Sentence, NounPhrase]


@dataclass(frozen=True)
class Actor:
    """One person or animal, or one group of them, with every phrase that speaks of it."""

    name: str
    plural: bool
    mentions: tuple[Mention, ...]

    @property
    def predicates(self) -> list[Predicate]:
        """What the captions say it does."""
        found = [read_predicate(sentence, phrase) for sentence, phrase in self.mentions]
        return [predicate for predicate in found if predicate]

    @property
    def clothes(self) -> list[list[NounPhrase]]:
        """What it wears, one list a caption that says so."""
        found = [worn_by(sentence, phrase) for sentence, phrase in self.mentions]
        return [clothes for clothes in found if clothes]

    @property
    def is_are(self) -> str:
        """The verb that goes with its name."""
        return "are" if self.plural else "is"


@dataclass(frozen=True)
class Scene:
    """The cut-up captions of one photograph."""

    sentences: tuple[Sentence, ...]

    @property
    def words(self) -> frozenset[str]:
        """Every word of every caption, nouns in the singular too."""
        tokens = {
            part for sentence in self.sentences for token in sentence.tokens for part in (token, *token.split("-"))
        }
        return frozenset(tokens | {singular(token) for token in tokens})

    def mentions(self, heads: frozenset[str]) -> list[list[Mention]]:
        """For each caption the phrases with one of these heads."""
        return [
            [(sentence, phrase) for phrase in sentence.phrases if phrase.head in heads] for sentence in self.sentences
        ]

    def the_one(self, name: str, heads: frozenset[str]) -> Actor | None:
        """The actor that all phrases with these heads speak of; None if they may speak of several."""
        by_caption = self.mentions(heads)
        found = [mention for caption in by_caption for mention in caption]
        plurals = {phrase.plural for _, phrase in found}
        several = any(len(caption) > 1 for caption in by_caption) or len(plurals) != 1
        another = any(phrase.determiner in ("another", "other", "each") for _, phrase in found)
        return None if several or another else Actor(name, plurals.pop(), tuple(found))

    def actors(self) -> list[Actor]:
        """Who can be asked about without doubt, those that most captions name first."""
        actors = []
        for group in (lexicon.PEOPLE, lexicon.DOGS):
            together = self.the_one("", group)
            for word in self._common_words(group):
                same = self.the_one(word, frozenset({word}))
                if together:
                    actors.append(Actor(_in_number(word, together), together.plural, together.mentions))
                elif same:
                    actors.append(Actor(_in_number(word, same), same.plural, same.mentions))
        for word in self._common_words(lexicon.ANIMALS - lexicon.DOGS):
            same = self.the_one(word, frozenset({word}))
            if same:
                actors.append(Actor(_in_number(word, same), same.plural, same.mentions))
        return actors

    def _common_words(self, group: frozenset[str]) -> list[str]:
        counts: dict[str, int] = {}
        for sentence in self.sentences:
            for phrase in sentence.phrases:
                if phrase.head in group and phrase.name.count(" ") == 0:
                    counts[phrase.head] = counts.get(phrase.head, 0) + 1
        return sorted(counts, key=lambda word: -counts[word])


def read_scene(captions: Sequence[str], is_noun: Callable[[str], bool]) -> Scene:
    """Cut up the captions of one photograph."""
    return Scene(tuple(read_sentence(caption, is_noun) for caption in captions))


def worn_by(sentence: Sentence, actor: NounPhrase) -> list[NounPhrase]:
    """The clothes that stand right behind a person: "in a red shirt and blue jeans", "wearing a hat"."""
    place = actor.end
    clothes: list[NounPhrase] = []
    while True:
        token = sentence.token(place)
        if token in ("dressed", "is", "are", "who", "that") or token == "with" and not _clothes_at(sentence, place + 1):
            place += 1
            if token == "with":
                return clothes
            continue
        if token not in ("in", "wearing", "with", "and", ","):
            return clothes
        thing = _clothes_at(sentence, place + 1)
        if token == "," and sentence.token(place + 1) == "and":
            thing = _clothes_at(sentence, place + 2)
        if thing is None or token in ("and", ",") and not clothes:
            return clothes
        clothes.append(thing)
        place = thing.end


def plural_of(word: str) -> str:
    """The plural of a noun that has a singular."""
    for plural, one in lexicon.PLURAL_ONLY.items():
        if one == word:
            return plural
    if word in lexicon.PAIRS or word in ("fish", "sheep", "deer", "team", "crowd"):
        return word
    if word.endswith(("s", "sh", "ch", "x")):
        return word + "es"
    return word[:-1] + "ies" if word.endswith("y") and word[-2] not in "aeiou" else word + "s"


def _clothes_at(sentence: Sentence, place: int) -> NounPhrase | None:
    phrase = sentence.phrase_at(place)
    return phrase if phrase and phrase.head in lexicon.CLOTHES else None


def _in_number(word: str, actor: Actor) -> str:
    return plural_of(word) if actor.plural else word
