"""Cuts a caption into noun phrases and finds what the things in it do.

A noun phrase begins at a determiner, a number or a known noun, and goes on until a word that cannot
be part of one: "A [brown dog] | runs | through [the tall grass]". No statistical parser is needed for
sentences as plain as captions; where this reading is unsure there is no phrase.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from . import lexicon

_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9'\-]*|[.,;:!?\"()]")
MOST_WORDS = 6  # a longer phrase has been read wrongly
IsNoun = Callable[[str], bool]


@dataclass(frozen=True)
class NounPhrase:
    """One thing of a caption.

    Args:
        start: the place of its first token.
        end: the place behind its last token.
        determiner: "a", "the", "two", "his", ...; "" if there is none.
        modifiers: the words between the determiner and the name.
        name: what it is, in the caption's own number: "tennis ball", "dogs".
        head: the last word of the name, in the singular: "ball", "dog".
        number: how many there are; None if the caption does not say.
        plural: whether there are several.
    """

    start: int
    end: int
    determiner: str
    modifiers: tuple[str, ...]
    name: str
    head: str
    number: int | None
    plural: bool

    @property
    def colour(self) -> str:
        """Its colour in words, "" if none is given: "brown", "black and white", "dark blue"."""
        return read_colour(self.modifiers)

    def text(self, *, with_colour: bool = False) -> str:
        """The phrase without adjectives: "a ball"; with its colour, "a red ball"."""
        words = [self.colour, self.name] if with_colour and self.colour else [self.name]
        determiner = self.determiner
        if determiner in ("his", "her", "its", "their") and self.head not in lexicon.BODY:
            determiner = "" if self.plural else "a"
        return with_article(determiner, " ".join(words))


@dataclass(frozen=True)
class Predicate:
    """What a subject does: "is catching a ball" as ("catch", "catching a ball", the ball)."""

    verb: str
    text: str
    object: NounPhrase | None
    preposition: str


@dataclass(frozen=True)
class Sentence:
    """One caption, cut up."""

    tokens: tuple[str, ...]
    phrases: tuple[NounPhrase, ...]

    def phrase_at(self, place: int) -> NounPhrase | None:
        """The phrase that begins at this token."""
        return next((phrase for phrase in self.phrases if phrase.start == place), None)

    def token(self, place: int) -> str:
        """The token at this place, "" beyond the ends."""
        return self.tokens[place] if 0 <= place < len(self.tokens) else ""


def read_sentence(text: str, is_noun: IsNoun) -> Sentence:
    """Cut one caption into tokens and noun phrases.

    Args:
        text: the caption.
        is_noun: tells whether a word, or several with spaces, are a noun (WordNet knows).
    """
    tokens = tuple(token.lower() for token in _TOKEN.findall(text))
    phrases: list[NounPhrase] = []
    place = 0
    while place < len(tokens):
        phrase = _phrase_from(tokens, place, is_noun)
        if phrase is None:
            place += 1
            continue
        phrases.append(phrase)
        place = phrase.end
    return Sentence(tokens, tuple(_merge_groups(tokens, phrases)))


def singular(word: str) -> str:
    """The singular of a noun; pairs such as "jeans" stay as they are."""
    if word in lexicon.PLURAL_ONLY:
        return lexicon.PLURAL_ONLY[word]
    if word in lexicon.PAIRS or word.endswith("ss") or not word.endswith("s") or len(word) < 4:
        return word
    if word.endswith(("ches", "shes", "xes", "sses")):
        return word[:-2]
    return word[:-3] + "y" if word.endswith("ies") and len(word) > 4 else word[:-1]


def is_plural(word: str) -> bool:
    """Whether a noun is in the plural."""
    return singular(word) != word or word in lexicon.PAIRS


def with_article(determiner: str, name: str) -> str:
    """Put the determiner in front, "a" or "an" as the next letter wants it."""
    if determiner in ("a", "an"):
        determiner = "an" if name[:1] in "aeiou" and not name.startswith(("uni", "one")) else "a"
    return f"{determiner} {name}".strip()


def read_colour(modifiers: tuple[str, ...]) -> str:
    """The colour among the words before a noun: ("large", "black", "and", "white") is "black and white"."""
    words: list[str] = []
    for place, word in enumerate(modifiers):
        after = modifiers[place + 1] if place + 1 < len(modifiers) else ""
        if word in lexicon.COLOURS or (word in lexicon.SHADES and after in lexicon.COLOURS):
            words.append(word)
        elif word in ("and", ",") and words and after in lexicon.COLOURS | lexicon.SHADES:
            words.append("and")
        elif words and word not in lexicon.ADJECTIVES:
            return ""  # "red cowboy hat" is read as a compound before; anything else is unsure
    colours = [word for word in words if word in lexicon.COLOURS]
    return " ".join(words) if len(colours) == words.count("and") + 1 else ""


def ing_form(verb: str) -> str:
    """The form in "is running"."""
    if verb in lexicon.IRREGULAR_ING:
        return lexicon.IRREGULAR_ING[verb]
    if verb in lexicon.DOUBLED:
        return verb + verb[-1] + "ing"
    return verb[:-1] + "ing" if verb.endswith("e") and not verb.endswith("ee") else verb + "ing"


def _s_form(verb: str) -> str:
    if verb.endswith(("s", "sh", "ch", "x", "o", "z")):
        return verb + "es"
    return verb[:-1] + "ies" if verb.endswith("y") and verb[-2] not in "aeiou" else verb + "s"


ING_VERBS = {ing_form(verb): verb for verb in lexicon.VERBS}
S_VERBS = {_s_form(verb): verb for verb in lexicon.VERBS}


def read_predicate(sentence: Sentence, subject: NounPhrase) -> Predicate | None:
    """What the subject does, as far as the caption says it plainly."""
    place = _skip_to_verb(sentence, subject.end)
    token = sentence.token(place)
    verb = ING_VERBS.get(token, "")
    if not verb and sentence.token(place - 1) not in ("is", "are"):
        plain = token if token in lexicon.VERBS else ""
        verb = plain if subject.plural else S_VERBS.get(token, "")
    return _complete(sentence, verb, place + 1) if verb and verb not in ("put", "be") else None


def _skip_to_verb(sentence: Sentence, place: int) -> int:
    """Step over "in a red shirt", "wearing a hat", "with a beard" and "is" / "who is"."""
    for _ in range(3):
        token = sentence.token(place)
        after = sentence.phrase_at(place + 1)
        if token in ("in", "with", "wearing", "and") and after and (token != "and" or after.head in lexicon.CLOTHES):
            place = after.end
        elif token in ("is", "are", "who", "that"):
            place += 1
        else:
            break
    return place


def _complete(sentence: Sentence, verb: str, place: int) -> Predicate | None:
    """Add the object, or the first prepositional phrase, to the verb."""
    words = [ing_form(verb)]
    if sentence.token(place) in ("up", "down", "around", "out", "off", "away") and not sentence.phrase_at(place + 1):
        words.append(sentence.token(place))
        place += 1
    thing = sentence.phrase_at(place)
    preposition = ""
    if thing is None and sentence.token(place) in lexicon.PREPOSITIONS - {"of", "with", "like", "to", "for", "during"}:
        preposition = sentence.token(place)
        if preposition in ("next", "out", "off", "outside") and sentence.token(place + 1) in ("to", "of", "in"):
            preposition += " " + sentence.token(place + 1)
            place += 1
        thing = sentence.phrase_at(place + 1)
    if thing and sentence.token(thing.end) == "of":
        thing = None  # "the side of the road" would be cut to "the side"
    if thing is None:
        return (
            None
            if verb in lexicon.VAGUE_VERBS | lexicon.WITH_OBJECT or words[1:]
            else Predicate(verb, words[0], None, "")
        )
    text = " ".join([*words, *preposition.split(), thing.text()])
    return Predicate(verb, text, thing, preposition)


def _phrase_from(tokens: tuple[str, ...], start: int, is_noun: IsNoun) -> NounPhrase | None:
    """The noun phrase that begins at `start`, if one does."""
    determiner = tokens[start] if tokens[start] in lexicon.DETERMINERS or tokens[start] in lexicon.NUMBERS else ""
    place = first = start + 1 if determiner else start
    if not determiner and not _may_begin(tokens[start]):
        return None
    while place < len(tokens) and _goes_on(tokens, first, place, is_noun):
        place += 1
    words = tokens[first:place]
    if not words or len(words) > MOST_WORDS or not _is_head(words[-1], is_noun):
        return None
    return _build(determiner, words, (start, place), is_noun)


def _may_begin(token: str) -> bool:
    """Whether a phrase without determiner may begin here: "dogs", "blue jeans"."""
    known = lexicon.PEOPLE | lexicon.ANIMALS | lexicon.CLOTHES | lexicon.PLACES | lexicon.THINGS
    return (
        token in lexicon.COLOURS
        or token in lexicon.ADJECTIVES - {"wearing"}
        or (singular(token) in known or token in known)
        and token not in S_VERBS
        and token not in lexicon.PREPOSITIONS
    )


def _goes_on(tokens: tuple[str, ...], first: int, place: int, is_noun: IsNoun) -> bool:
    """Whether the token at `place` belongs to the phrase whose words began at `first`."""
    token = tokens[place]
    before = tokens[place - 1] if place > first else ""
    after = tokens[place + 1] if place + 1 < len(tokens) else ""
    if token == "and":
        return before in lexicon.COLOURS and after in lexicon.COLOURS | lexicon.SHADES
    if _ends_phrase(token):
        return False
    if not before or before in lexicon.ADJECTIVES | lexicon.COLOURS or before == "and":
        return True
    return not _is_verb_here(token, before, after, is_noun)


def _ends_phrase(token: str) -> bool:
    return (
        token in lexicon.PUNCTUATION
        or token in lexicon.PREPOSITIONS
        or token in lexicon.OTHER_ENDS
        or token in lexicon.DETERMINERS - {"other"}
        or token == "wearing"
    )


def _is_verb_here(token: str, before: str, after: str, is_noun: IsNoun) -> bool:
    """Whether this word, behind a noun, says what the noun does."""
    if token in ING_VERBS or token.endswith("ing") and token not in lexicon.ING_NOUNS:
        return (token, after) not in lexicon.ING_COMPOUNDS
    if token.endswith("ed") or token in ("held", "lit", "shown", "thrown", "caught", "made", "stuck"):
        return _ends_phrase(after) or after == ""
    actor = singular(before) in lexicon.PEOPLE | lexicon.ANIMALS
    if actor and (token in lexicon.VERBS or token.endswith("s") and not is_plural(before)):
        return True
    if token in S_VERBS:
        return (before in lexicon.PAIRS or not is_plural(before)) and f"{before} {singular(token)}" not in COMPOUNDS
    if token.endswith("ly"):
        return True
    return token in lexicon.VERBS and is_plural(before)


COMPOUNDS = frozenset({"carnival ride", "ski jump", "amusement ride", "bike race", "horse race", "ski slope"})


def _is_head(word: str, is_noun: IsNoun) -> bool:
    if word in lexicon.ADJECTIVES | lexicon.COLOURS | frozenset({"and", "other"}) or word in ING_VERBS:
        return False
    return is_noun(singular(word)) or word in lexicon.PAIRS


def _build(determiner: str, words: tuple[str, ...], span: tuple[int, int], is_noun: IsNoun) -> NounPhrase:
    head_word = words[-1]
    length = 1
    for longer in (3, 2):
        joined = " ".join([*words[-longer:-1], singular(head_word)])
        plain = not set(words[-longer:-1]) & (lexicon.COLOURS | lexicon.ADJECTIVES - {"golden"})
        if len(words) >= longer and plain and is_noun(joined):
            length = longer
            break
    if length == 1 and len(words) > 1 and _names_a_kind(words[-2], is_noun):
        length = 2
    number = lexicon.NUMBERS.get(determiner)
    plural = is_plural(head_word) if number is None else number > 1
    if number is None and determiner in ("a", "an", "another"):
        number = 1
    return NounPhrase(
        *span,
        determiner=determiner,
        modifiers=words[:-length],
        name=" ".join(words[-length:]),
        head=singular(head_word),
        number=number,
        plural=plural,
    )


def _names_a_kind(word: str, is_noun: IsNoun) -> bool:
    """Whether the word before the head says what kind it is: "skate" park, "school" jacket."""
    plain = word not in lexicon.COLOURS | lexicon.ADJECTIVES | lexicon.SHADES and word != "and"
    return (
        plain and not word.endswith(("ed", "ing", "y", "less", "ful")) and "-" not in word and is_noun(singular(word))
    )


def _merge_groups(tokens: tuple[str, ...], phrases: list[NounPhrase]) -> list[NounPhrase]:
    """Read "a group of people" as people, and "a pair of dogs" as two dogs."""
    merged: list[NounPhrase] = []
    for phrase in phrases:
        last = merged[-1] if merged else None
        joined = last is not None and tokens[last.end : phrase.start] == ("of",)
        if last is not None and joined and last.head in lexicon.GROUPS and last.name != "family":
            number = lexicon.COUNTED_GROUPS.get(last.head, phrase.number)
            merged[-1] = NounPhrase(
                last.start,
                phrase.end,
                determiner=phrase.determiner if phrase.number else "",
                modifiers=phrase.modifiers,
                name=phrase.name,
                head=phrase.head,
                number=number if phrase.plural else None,
                plural=True,
            )
        else:
            merged.append(phrase)
    return merged
