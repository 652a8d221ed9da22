"""Reads the evaluation files, DIR/{task}-{split}.jsonl, and refuses what does not fit."""

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ..datasets.record_files import Box, Turn, read_box, read_history, read_in_full
from ..errors import DataError, ImageError, QuestionError

TASKS = ("caption", "vqa", "chat", "name", "instruct", "pointing")
MAKE_THEM = "Make the files with: python -m blip2_core data --help"
NAMED_PICTURES = 3  # so many of the pictures that do not open are named in the message
UNNAMED = "unnamed"  # the source of a record that does not say it, and the kind of such a question

Record = TypeVar("Record")


@dataclass(frozen=True)
class Question:
    """One question about one picture, and the answers that count as right.

    Attributes:
        image: the picture file.
        question: what is asked, as the model will read it.
        answers: every answer that counts; in the tasks name and instruct the first is the name of the thing.
        kind: kind of question, e.g. "colour"; results are given by kind.
        source: where the record comes from, e.g. "daquar"; results are given by source.
        box: where the thing asked about is; in the task pointing only.
        history: what was asked and answered before; in the task chat only.
        in_full: what would be asked without it; in the task chat only, "" where that is the question itself.
    """

    image: Path
    question: str
    answers: tuple[str, ...]
    kind: str
    source: str
    box: Box | None = None
    history: tuple[Turn, ...] = ()
    in_full: str = ""


@dataclass(frozen=True)
class CaptionedImage:
    """One picture and its reference captions."""

    image: Path
    captions: tuple[str, ...]
    source: str


def file_of(folder: Path, task: str, split: str) -> Path:
    """Where the records of one task and split lie; raises `DataError` if they do not."""
    if not folder.is_dir():
        raise DataError(f"--data: {folder} is not a folder. {MAKE_THEM}")
    file = folder / f"{task}-{split}.jsonl"
    if not file.is_file():
        splits = sorted(found.stem.removeprefix(f"{task}-") for found in folder.glob(f"{task}-*.jsonl"))
        there = (
            f"It has these splits of {task}: {', '.join(splits)}." if splits else f"It has no {task} file. {MAKE_THEM}"
        )
        raise DataError(f"--split: {folder} has no file {file.name}. {there}")
    return file


def read_questions(file: Path, *, boxes: bool = False) -> list[Question]:
    """Read the questions of a vqa, chat, name, instruct or pointing file.

    Args:
        file: the file.
        boxes: whether each says where the thing asked about is, as pointing needs it.

    Raises:
        DataError: the file is empty, a line is no JSON object or lacks a key, or a question cannot be asked.
    """
    return [
        Question(
            image=_picture(file, record, line),
            question=_question(file, record, line),
            answers=_texts(file, record, line, "answers"),
            kind=_label(file, record, line, "kind"),
            source=_label(file, record, line, "source"),
            box=_box(file, record, line) if boxes else None,
            history=read_history(record, f"{file.name}, line {line}"),
            in_full=read_in_full(record, f"{file.name}, line {line}"),
        )
        for line, record in _read_lines(file)
    ]


def read_captions(file: Path) -> list[CaptionedImage]:
    """Read a caption file, one caption a line, and gather the captions of each picture.

    Raises:
        DataError: the file is empty, or a line is no JSON object or lacks a key.
    """
    captions: dict[Path, list[str]] = {}
    sources: dict[Path, str] = {}
    for line, record in _read_lines(file):
        image = _picture(file, record, line)
        captions.setdefault(image, []).append(_text(file, record, line, "caption"))
        sources.setdefault(image, _label(file, record, line, "source"))
    return [CaptionedImage(image, tuple(texts), sources[image]) for image, texts in captions.items()]


def limit_records(records: Sequence[Record], limit: int | None, seed: int) -> list[Record]:
    """Keep `limit` records drawn at random, in their old order; all of them if `limit` is None."""
    if limit is None or limit >= len(records):
        return list(records)
    chosen = random.Random(seed).sample(range(len(records)), limit)
    return [records[index] for index in sorted(chosen)]


def check_pictures(name: str, images: Iterable[Path]) -> None:
    """Open every picture once, so that a broken one is found before the model is loaded.

    Raises:
        DataError: some do not open; the message counts them and names the first.
    """
    from ..image import open_image

    distinct = list(dict.fromkeys(images))
    broken = []
    for image in distinct:
        try:
            open_image(image)
        except (ImageError, OSError):
            broken.append(str(image))
    if broken:
        more = len(broken) - NAMED_PICTURES
        named = ", ".join(broken[:NAMED_PICTURES]) + (f" and {more} more" if more > 0 else "")
        raise DataError(f"{name}: {len(broken)} of {len(distinct)} pictures do not open: {named}.")


def _read_lines(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, object) of every line that is not blank."""
    number_of_records = 0
    for number, line in enumerate(_read_text(file).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(f"{file.name}, line {number}: not valid JSON ({error.msg}).") from None
        if not isinstance(record, dict):
            raise DataError(f"{file.name}, line {number}: expected a JSON object, got {type(record).__name__}.")
        number_of_records += 1
        yield number, record
    if not number_of_records:
        raise DataError(f"{file.name}: the file is empty. {MAKE_THEM}")


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{file.name}: the file is not UTF-8 text (byte {error.start}).") from None
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}).") from None


def _text(file: Path, record: dict[str, Any], line: int, key: str) -> str:
    value = _value(file, record, line, key)
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{file.name}, line {line}: {key}: expected a text that is not empty, got {value!r}.")
    return value


def _question(file: Path, record: dict[str, Any], line: int) -> str:
    """The question, refused here and not after an hour of work if it is too long or has nothing to read in it."""
    from ..language.prompts import check_question

    try:
        return check_question(_text(file, record, line, "question"))
    except QuestionError as error:
        raise DataError(f"{file.name}, line {line}: {error}") from None


def _label(file: Path, record: dict[str, Any], line: int, key: str) -> str:
    return _text(file, record, line, key) if key in record else UNNAMED


def _texts(file: Path, record: dict[str, Any], line: int, key: str) -> tuple[str, ...]:
    values = _value(file, record, line, key)
    is_list = isinstance(values, list) and bool(values)
    if not is_list or not all(isinstance(value, str) and value.strip() for value in values):
        raise DataError(f"{file.name}, line {line}: {key}: expected a list of texts, got {values!r}.")
    return tuple(values)


def _box(file: Path, record: dict[str, Any], line: int) -> Box:
    return read_box(_value(file, record, line, "box"), f"{file.name}, line {line}")


def _value(file: Path, record: dict[str, Any], line: int, key: str) -> Any:
    if key not in record:
        raise DataError(f'{file.name}, line {line}: the key "{key}" is missing. The line has: {", ".join(record)}.')
    return record[key]


def _picture(file: Path, record: dict[str, Any], line: int) -> Path:
    """The picture of a record; a relative path counts from the folder of the file."""
    return file.parent / _text(file, record, line, "image")
