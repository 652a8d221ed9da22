"""Training files: one JSON object a line, with a picture and either a caption or a question with its answers."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..datasets.record_files import Box, ShownClass, Turn, read_box, read_history, read_in_full, read_shown
from ..errors import DataError

MOST_PACKED = 5  # records behind one visual prompt: the captions that a picture has in most collections
SIDES = re.compile(r"\b(left|right)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Sample:
    """One picture with one text.

    Args:
        image: the picture file.
        text: the caption, or the answer to learn.
        question: None for a caption.
        source: where the record comes from; "" if the file does not say.
        more: further texts of the same picture and question.
        weights: of each text; together 1 for each record.
        classes: that the picture shall show by their prototypes instead of what it shows, in all of it or in places.
        box: where the thing asked about is: left, top, right, bottom as shares of the picture's width and height.
        history: what was asked and answered before.
        in_full: the question as it would be asked without the history; "" where that is the question itself.
        kept: whether the text is not to be learnt, but what the model says of it to stay.
    """

    image: Path
    text: str
    question: str | None = None
    source: str = ""
    more: tuple[str, ...] = ()
    weights: tuple[float, ...] = (1.0,)
    classes: tuple[ShownClass, ...] = ()
    box: Box | None = None
    history: tuple[Turn, ...] = ()
    in_full: str = ""
    kept: bool = False

    @property
    def texts(self) -> tuple[str, ...]:
        """Every text to learn."""
        return (self.text, *self.more)

    def may_be_shown(self, view: int) -> bool:
        """Whether the text stays true, and the box where it is, in a view: 0 is whole, odd ones are mirrored."""
        if self.box is not None:
            return view == 0
        return view % 2 == 0 or not SIDES.search(f"{self.history} {self.question} {self.texts}")


def pack(samples: Sequence[Sample]) -> list[Sample]:
    """Gather texts that share a picture and a question, so that one visual prompt serves `MOST_PACKED` of them.

    A record that is there twice gets two: the same text behind the same visual prompt would only be read twice.
    """
    groups: dict[Any, list[list[Sample]]] = {}
    for sample in samples:
        alike = (sample.image, sample.question, sample.history, sample.classes, sample.box)
        packs = groups.setdefault(alike, [])
        room = next((one for one in packs if len(one) < MOST_PACKED and sample not in one), None)
        if room is None:
            packs.append([sample])
        else:
            room.append(sample)
    return [_joined(one) for packs in groups.values() for one in packs]


def _joined(samples: Sequence[Sample]) -> Sample:
    """One sample with the texts of all."""
    first, *more = (text for sample in samples for text in sample.texts)
    weights = tuple(weight for sample in samples for weight in sample.weights)
    return replace(samples[0], text=first, more=tuple(more), weights=weights)


def by_what_they_show(samples: Sequence[Sample]) -> list[list[int]]:
    """Places of the samples, together where picture and classes are the same; by the first of each."""
    groups: dict[Any, list[int]] = {}
    for place, sample in enumerate(samples):
        groups.setdefault((sample.image, sample.classes), []).append(place)
    return [*groups.values()]


def fingerprint_of(samples: Sequence[Sample]) -> str:
    """What a run learns from, as 16 hexadecimal digits; pictures by name, so that their folder may move."""
    digest = hashlib.sha256()
    for sample in samples:
        told = (sample.image.name, sample.question, sample.texts, sample.weights, sample.classes, sample.box)
        asked = (*sample.history, *([sample.in_full] if sample.in_full else []), *(["kept"] if sample.kept else []))
        digest.update(repr((*told, *asked)).encode())
    return digest.hexdigest()[:16]


def read_samples(files: Sequence[Path]) -> list[Sample]:
    """Read training files, or every .jsonl file of a folder, in the order given.

    Raises:
        DataError: a file is missing, empty, or has a line that is no such record.
    """
    samples: list[Sample] = []
    for file in _expand(files):
        before = len(samples)
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{file}: expected a file of JSON lines, it cannot be read: {error}.") from None
        samples += [_sample(line, file, number) for number, line in enumerate(lines, 1) if line.strip()]
        if len(samples) == before:
            raise DataError(f"{file}: expected one JSON object a line, the file is empty.")
    return samples


def _expand(files: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for file in map(Path, files):
        inside = sorted(file.glob("*.jsonl")) if file.is_dir() else [file]
        if not inside:
            raise DataError(f"{file}: expected .jsonl files in this folder, found none.")
        found += inside
    return found


def _sample(line: str, file: Path, number: int) -> Sample:
    try:
        record = json.loads(line)
        image = file.parent / record["image"]  # an absolute path stays as it is
        if "caption" in record:
            question, said = None, {record["caption"]: 1}
        else:
            question, said = record["question"], record.get("said") or {record["answers"][0]: 1}
        fits = all(isinstance(text, str) and text.strip() and number > 0 for text, number in said.items())
        fits = fits and (question is None or isinstance(question, str))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        fits = False
    if not fits:
        raise DataError(
            f'{file}, line {number}: expected {{"image", "caption"}} or {{"image", "question", "answers": [...]}}, '
            f"got {line[:80]!r}."
        )
    where = f"{file}, line {number}"
    classes = read_shown(record, where)
    box = None if record.get("box") is None else read_box(record["box"], where)
    first, *more = (text.strip() for text in said)
    people = sum(said.values())
    weights = tuple(number / people for number in said.values())
    source = str(record.get("source", ""))
    history, in_full = read_history(record, where), read_in_full(record, where)
    return Sample(image, first, question, source, tuple(more), weights, classes, box, history, in_full)
