"""One photograph of each of the thousand ImageNet classes; the file name tells the WordNet id and the name."""

import re
from collections.abc import Sequence
from pathlib import Path

from ..errors import DataError
from .imagenet_names import CLEARER, MORE_BROADER, WRONG
from .record_files import CLASSES, folder_with_files
from .things import Thing, everyday_names, plain_broader
from .wordnet import WordNet

_FILE_NAME = re.compile(r"n(\d{8})_(.+)")


def read_imagenet_samples(folder: Path, wordnet: WordNet) -> list[Thing]:
    """Read the photographs, and their names and broader words from WordNet.

    Raises:
        DataError: no such folder, no picture in it, or a file whose name has no WordNet id.
    """
    things = []
    for file in folder_with_files(folder, "*.JPEG", "--imagenet-samples"):
        found = _FILE_NAME.fullmatch(file.stem)
        if not found:
            raise DataError(f"--imagenet-samples: expected names such as n01592084_chickadee.JPEG, got {file.name}.")
        synset = wordnet.synset(found.group(1))
        name = found.group(2).replace("_", " ")
        clear = CLEARER.get(name, name)
        synonyms = tuple(dict.fromkeys(other for other in (name, *everyday_names(synset)) if other != clear))
        words = (*MORE_BROADER.get(clear, ()), *plain_broader(wordnet, synset.offset))
        broader = tuple(dict.fromkeys(word for word in words if word not in (clear, WRONG.get(clear))))
        things.append(Thing(str(file.resolve()), clear, synonyms, broader, found.group(1), "imagenet"))
    return things


def in_classifier_order(things: Sequence[Thing]) -> list[Thing]:
    """One thing a class, in the order in which ImageNet's classifiers number them: that of their WordNet ids.

    Raises:
        DataError: not a thousand of them.
    """
    if len(things) != CLASSES:
        raise DataError(
            f"--imagenet-samples: expected a photograph of each of the {CLASSES:,} classes, got {len(things):,}. "
            "Give the whole folder."
        )
    return sorted(things, key=lambda thing: thing.key)
