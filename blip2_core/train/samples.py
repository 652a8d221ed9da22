"""Training files: one JSON object a line, with a picture and either a caption or a question with its answers."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import DataError

SIDES = re.compile(r"\b(left|right)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Sample:
    """One picture with one text.

    Args:
        image: the picture file.
        text: the caption, or the answer to learn.
        question: None for a caption.
        source: where the record comes from; "" if the file does not say.
    """

    image: Path
    text: str
    question: str | None = None
    source: str = ""

    @property
    def may_be_mirrored(self) -> bool:
        """Whether the text stays true in a mirror."""
        return not SIDES.search(f"{self.question} {self.text}")


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
            question, text = None, record["caption"]
        else:
            question, text = record["question"], record["answers"][0]
        fits = isinstance(text, str) and text.strip() and (question is None or isinstance(question, str))
    except (ValueError, KeyError, TypeError, IndexError):
        fits = False
    if not fits:
        raise DataError(
            f'{file}, line {number}: expected {{"image", "caption"}} or {{"image", "question", "answers": [...]}}, '
            f"got {line[:80]!r}."
        )
    return Sample(image, text.strip(), question, str(record.get("source", "")))
