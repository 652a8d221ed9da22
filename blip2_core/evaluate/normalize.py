"""What counts as the same answer, written down once so that every number can be re-derived.

Three views of a text, from strict to tolerant:

* `normalize_answer` for short answers, compared as wholes: "The Grey." -> "gray";
* `answer_parts` for answers that list several things: "a book, table" -> {"book", "table"};
* `mentions` for free text: does "Two black dogs run." speak of a "dog"?

Captions are cut into words by `caption_words`, a stand-in for the Java tokenizer of the COCO evaluation.
"""

import re
from collections.abc import Sequence

ARTICLES = frozenset({"a", "an", "the"})
NUMBER_WORDS = {
    word: str(number)
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen twenty".split()
    )
} | {"none": "0"}
SPELLINGS = {"grey": "gray"}
YES_OR_NO = frozenset({"yes", "no"})
IRREGULAR_PLURALS = {
    "man": "men",
    "woman": "women",
    "child": "children",
    "person": "people",
    "mouse": "mice",
    "goose": "geese",
    "foot": "feet",
    "tooth": "teeth",
    "ox": "oxen",
    "cactus": "cacti",
}
NEVER_A_PLURAL = frozenset({"does", "has", "was", "his", "this", "its", "yes", "goes", "less"})


def normalize_answer(text: str, kind: str = "") -> str:
    """Bring a short answer into the form in which two answers are compared.

    In this order: lower case; apostrophes dropped; every other character that is no letter or digit becomes a space
    (so a hyphen, an underscore or a full stop does too); the articles a, an, the dropped, unless nothing else is there;
    number words up to twenty, and "none", written as digits; "grey" written as "gray". For the kind "yes_no" an answer
    that begins with yes or no is that word alone, so that "Yes, there is a dog." is "yes".

    Args:
        text: an answer, as the model gave it or as the file has it.
        kind: the kind of question; only "yes_no" makes a difference.

    Returns:
        Words separated by single spaces; "" if nothing is left.
    """
    words = plain_words(text)
    words = [word for word in words if word not in ARTICLES] or words
    words = [NUMBER_WORDS.get(word, SPELLINGS.get(word, word)) for word in words]
    if kind == "yes_no" and words and words[0] in YES_OR_NO:
        return words[0]
    return " ".join(words)


def answer_parts(text: str) -> frozenset[str]:
    """Split an answer that lists things, at commas and at the word "and", into a set.

    Each part is normalized by `normalize_answer`; order and repetition do not matter.
    """
    parts = re.split(r",|\band\b", text.lower().replace("_", " "))
    return frozenset(part for part in map(normalize_answer, parts) if part)


def mentions(text: str, term: str) -> bool:
    """Tell whether `text` contains `term` as whole words, each in the singular or the plural.

    A mention is all that is checked: "This is not a dog." mentions a dog.
    """
    words, wanted = plain_words(text), plain_words(term)
    if not wanted:
        return False
    starts = range(len(words) - len(wanted) + 1)
    return any(all(map(same_word, words[start:], wanted)) for start in starts)


def mentions_any(text: str, terms: Sequence[str]) -> bool:
    """Tell whether `text` mentions at least one of `terms`."""
    return any(mentions(text, term) for term in terms)


def same_word(first: str, second: str) -> bool:
    """Tell whether two lower-case words are the same or one is the plural of the other."""
    return first == second or first in _plurals(second) or second in _plurals(first)


def caption_words(text: str) -> str:
    """Cut a caption into lower-case words without punctuation, joined by single spaces.

    As in the COCO evaluation an apostrophe parts two words ("dog's" -> "dog s"; it writes the second one "'s") and a
    hyphen does not ("t-shirt").
    """
    return " ".join(re.findall(r"[^\W_]+(?:-[^\W_]+)*", text.lower()))


def plain_words(text: str) -> list[str]:
    """The lower-case words of a text: letters and digits, apostrophes dropped ("dog's" -> "dogs")."""
    without_apostrophes = re.sub(r"['’]", "", text.lower())
    return re.findall(r"[^\W_]+", without_apostrophes)


def _plurals(word: str) -> frozenset[str]:
    """Every spelling that a plural of `word` may have; too many rather than too few."""
    if len(word) < 2:
        return frozenset()
    forms = {word + "s", IRREGULAR_PLURALS.get(word, word + "s")}
    if len(word) > 2 and word.endswith(("s", "x", "z", "ch", "sh", "o")):  # > 2: "toes" is no plural of "to"
        forms.add(word + "es")
    if word.endswith("y"):
        forms.add(word[:-1] + "ies")
    if word.endswith("f"):
        forms.add(word[:-1] + "ves")
    if word.endswith("fe"):
        forms.add(word[:-2] + "ves")
    if word.endswith("man"):
        forms.add(word[:-3] + "men")
    return frozenset(forms) - NEVER_A_PLURAL
