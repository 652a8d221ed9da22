"""WordNet 3.0 nouns: what a thing is called, and what kinds of thing it is (chickadee -> bird -> animal).

Read straight from the database files data.noun and index.noun (Debian: wordnet-base). A WordNet id
such as n01592084 is "n" and the byte offset of its line in data.noun.
"""

from dataclasses import dataclass
from pathlib import Path

from ..errors import DataError
from .record_files import expect_files, read_lines

HYPERNYM_MARKS = ("@", "@i")  # "is a kind of", "is an instance of"
LICENCE_INDENT = "  "  # the lines of the licence at the top of both files begin so


@dataclass(frozen=True)
class Synset:
    """One meaning: the names that share it, and the ids of the meanings right above it."""

    offset: str
    names: tuple[str, ...]
    hypernyms: tuple[str, ...]
    gloss: str


class WordNet:
    """The nouns of a WordNet folder, parsed as they are asked for."""

    def __init__(self, folder: Path) -> None:
        """Read both files.

        Raises:
            DataError: the folder or a file is missing, empty or malformed.
        """
        expect_files(folder, ("data.noun", "index.noun"), "--wordnet")
        self._lines = _lines_by_key(folder / "data.noun")
        self._senses = _lines_by_key(folder / "index.noun")
        self._above: dict[tuple[str, int], frozenset[str]] = {}
        self._kin: dict[tuple[str, str], bool] = {}

    def synset(self, offset: str) -> Synset:
        """The meaning with this id ("01592084"); raises `DataError` if there is none."""
        if offset not in self._lines:
            raise DataError(f"--wordnet: data.noun has no id n{offset}. Expected WordNet 3.0.")
        try:
            return _parse(self._lines[offset])
        except (ValueError, IndexError) as error:
            raise DataError(f"--wordnet: data.noun: the line of n{offset} is malformed.") from error

    def senses(self, word: str) -> list[str]:
        """The ids of all meanings of a word or phrase, most frequent first; plurals are understood."""
        for form in singular_forms(word.lower()):
            line = self._senses.get(form.replace(" ", "_"))
            if line:
                fields = line.split()
                return fields[-int(fields[2]) :]
        return []

    def is_noun(self, words: str) -> bool:
        """Whether a word or phrase in the singular is a noun."""
        return words.replace(" ", "_") in self._senses

    def is_kin(self, word: str, name: str) -> bool:
        """Whether a word means `name`, a kind of it, or what it is a kind of.

        The name counts in its most frequent meaning, the word in its two most frequent ones.
        """
        if (word, name) not in self._kin:
            above_name, above_word = self._with_broader(name, 1), self._with_broader(word, 2)
            meanings, meaning = self.senses(word)[:2], self.senses(name)[:1]
            self._kin[word, name] = not (above_name.isdisjoint(meanings) and above_word.isdisjoint(meaning))
        return self._kin[word, name]

    def _with_broader(self, word: str, meanings: int) -> frozenset[str]:
        """The ids of the first meanings of a word and of everything above them, the emptiest left out."""
        if (word, meanings) not in self._above:
            ids = self.senses(word)[:meanings]
            above = {synset.offset for offset in ids for synset in self.broader(offset)}
            self._above[word, meanings] = frozenset({*ids, *above})
        return self._above[word, meanings]

    def broader(self, offset: str) -> list[Synset]:
        """Every meaning above this one, nearest first."""
        found: dict[str, Synset] = {}
        waiting = list(self.synset(offset).hypernyms)
        while waiting:
            above = waiting.pop(0)
            if above not in found:
                found[above] = self.synset(above)
                waiting.extend(found[above].hypernyms)
        return list(found.values())


def singular_forms(word: str) -> list[str]:
    """The word itself, then what it may be the plural of."""
    forms = [word]
    for ending, singular in (("ies", "y"), ("ves", "f"), ("men", "man"), ("es", ""), ("s", "")):
        if word.endswith(ending) and len(word) > len(ending) + 1:
            forms.append(word[: -len(ending)] + singular)
    return forms


def _lines_by_key(file: Path) -> dict[str, str]:
    """Each line of the database under its first field."""
    lines = {}
    for _, line in read_lines(file):
        key, _, rest = line.partition(" ")
        if rest and not key.isdigit() or len(key) == 8:
            lines[key] = line
    return lines


def _parse(line: str) -> Synset:
    """Read "offset lexfile type words name id ... pointers mark offset type source ... | gloss"."""
    data, _, gloss = line.partition(" | ")
    fields = data.split()
    number_of_words = int(fields[3], 16)
    names = tuple(fields[4 + 2 * index].replace("_", " ") for index in range(number_of_words))
    first = 4 + 2 * number_of_words
    pointers = [fields[first + 1 + 4 * index :][:2] for index in range(int(fields[first]))]
    hypernyms = tuple(offset for mark, offset in pointers if mark in HYPERNYM_MARKS)
    return Synset(fields[0], names, hypernyms, gloss.strip())
