"""The stamps of Tux Paint: cut-out photographs and drawings of everyday things, with a sentence each.

The English sentence is the first line of the .txt file beside a picture. The folder tells the sort of
thing, so that a "mouse" under animals is not taken for a computer's.
"""

import re
from pathlib import Path

from ..errors import DataError
from .record_files import folder_with_files, read_lines
from .stamp_names import FOLDERS, NAMES
from .things import PLAIN_TERMS, Thing, everyday_names, plain_broader
from .wordnet import WordNet

GRAVESTONES = re.compile(r"grave-[a-z]")
CHESS = re.compile(r"[bw]_\d_(king|queen|bishop|knight|rook|pawn)")
COLOURS = "red|green|blue|yellow|purple|pink|brown|black|white|golden|silver"
_DRESSING = re.compile(
    rf"^(?:(?:an?|the|some|our|two|couple of|pair of|very|small|large|big|little|happy|colou?rful|ripe|huge|old|toy|"
    rf"bunch of|cluster of|head of|male|female|modern|old-fashioned|folded|tough|lit|sliced|sitting|sleeping|singing|"
    rf"poisonous|big eared|pair of open|pair of closed|sweet|{COLOURS}),? )+",
    re.IGNORECASE,
)


def read_stamps(folder: Path, wordnet: WordNet) -> list[Thing]:
    """Read the stamps that have a clear name.

    Args:
        folder: the stamps folder, with "animals", "food" and others in it.
        wordnet: adds synonyms and broader words.

    Raises:
        DataError: no such folder, or no stamp with a sentence in it.
    """
    things = [
        thing for file in folder_with_files(folder, "**/*.png", "--stamps") if (thing := _read(file, folder, wordnet))
    ]
    if not things:
        raise DataError(f"--stamps: {folder} has no stamp with a name. Expected the folder that has animals/ in it.")
    return things


def _read(file: Path, folder: Path, wordnet: WordNet) -> Thing | None:
    """One stamp; None if it has no sentence or no clear name."""
    sentence_file = file.with_suffix(".txt")
    if not sentence_file.is_file() or file.stem.endswith("_mirror"):
        return None
    sentence = next(text for _, text in read_lines(sentence_file))
    place = file.parent.relative_to(folder).as_posix()
    name, broader = _name_of(file.stem, sentence, place)
    if not name:
        return None
    synonyms, more = _from_wordnet(name, broader, wordnet)
    words = tuple(dict.fromkeys(word for word in (*broader, *more) if word != name))
    return Thing(
        str(file.resolve()),
        name,
        synonyms,
        words,
        key=_key(name, broader),
        source="stamps",
        sentence=sentence,
        photograph="cartoon" not in place,
    )


def _name_of(stem: str, sentence: str, place: str) -> tuple[str, tuple[str, ...]]:
    """The name and the broader words; "" if there is no clear name."""
    if stem in NAMES:
        return NAMES[stem][0], NAMES[stem][1:]
    if GRAVESTONES.fullmatch(stem):
        return "gravestone", ("tombstone", "headstone", "stone", "grave")
    chess = CHESS.match(stem)
    if chess and place.startswith("symbols/chess"):
        return f"chess {chess.group(1)}", ("chess piece", chess.group(1))
    broader = _of_folder(place)
    if not broader:
        return "", ()
    if broader[0] == "coin":
        return "coin", broader[1:]
    return plain_name(sentence), broader


def _of_folder(place: str) -> tuple[str, ...]:
    """The broader words of the nearest folder that has some."""
    parts = place.split("/")
    for length in range(len(parts), 0, -1):
        found = FOLDERS.get("/".join(parts[:length]))
        if found:
            return found
    return ()


def plain_name(sentence: str) -> str:
    """The name in a sentence such as "A very small pumpkin.": "pumpkin"; "" if it is no such sentence."""
    text = re.split(r"[.!(,;—–]", sentence, maxsplit=1)[0]
    text = re.sub(r"[“”\"]|’s\b", "", text).strip()
    if not _DRESSING.match(text + " "):
        return ""
    name = _DRESSING.sub("", text).strip()
    name = re.split(r"\b(?:with|covered|of|in|for|from|at|called|is|has)\b", name)[0].strip()
    return "" if len(name.split()) > 3 else name


def _from_wordnet(name: str, broader: tuple[str, ...], wordnet: WordNet) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Synonyms and broader words of the first meaning that fits the words known already."""
    meanings = [(plain_broader(wordnet, offset), offset) for offset in wordnet.senses(name)[:4]]
    fits = [len(set(above) & set(broader)) for above, _ in meanings]
    if any(fits):
        above, offset = meanings[fits.index(max(fits))]
        rails = "train" in broader  # whose cars are no cars
        synonyms = tuple(other for other in everyday_names(wordnet.synset(offset)) if other != name)
        return synonyms, tuple(word for word in above if not (rails and word == "car"))
    last = name.split()[-1]
    return ((last,) if last != name and last in PLAIN_TERMS else ()), ()


def _key(name: str, broader: tuple[str, ...]) -> str:
    """What makes two stamps the same thing: the last word of the name, and the nearest sort of thing."""
    return f"{name.split()[-1].lower().rstrip('s')}, {broader[0] if broader else ''}"
