"""Reads raw text and writes record files, with one clear sentence for whatever does not fit."""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import DataError

SPLITS = ("train", "dev", "test")
CLASSES = 1000  # of ImageNet
Turn = tuple[str, str]  # a question and its answer
Box = tuple[float, float, float, float]  # left, top, right, bottom as shares of the picture's width and height, 0-1


@dataclass(frozen=True)
class Caption:
    """One picture and one sentence about it."""

    image: str
    caption: str
    source: str


@dataclass(frozen=True)
class ShownClass:
    """A class of ImageNet whose prototype a part of a picture shall show instead of its own.

    Args:
        imagenet_class: its number, 0-999.
        box: left, top, right, bottom of the part as shares of the picture's width and height; None for all of it.
    """

    imagenet_class: int
    box: Box | None = None


@dataclass(frozen=True)
class Question:
    """One question about one picture.

    `answers` holds every answer that counts as right; in training the first one is the target, or those of `said`, each
    with the number of people who gave it. `shown` are classes that the picture shall show by their prototypes, in a
    lesson about classes that have no picture. `box` is where the thing asked about is: left, top, right, bottom as
    shares of the picture's width and height. `history` is what was asked and answered before; where the question is
    only understood with it, `in_full` is what it would be as a first question.
    """

    image: str
    question: str
    answers: tuple[str, ...]
    kind: str
    source: str
    shown: tuple[ShownClass, ...] = ()
    box: Box | None = None
    said: dict[str, int] | None = None
    history: tuple[Turn, ...] = ()
    in_full: str = ""


def read_box(value: object, where: str) -> Box:
    """A value of JSON that says where a thing is, as `Question.box` does; raises `DataError`, which names `where`."""
    if isinstance(value, list) and len(value) == 4 and all(type(side) in (int, float) for side in value):
        left, top, right, bottom = map(float, value)
        if 0 <= left < right <= 1 and 0 <= top < bottom <= 1:
            return left, top, right, bottom
    raise DataError(f"{where}: box: expected left, top, right, bottom as shares of the picture, 0-1, got {value!r}.")


def read_shown(record: dict[str, Any], where: str) -> tuple[ShownClass, ...]:
    """The classes that the picture of a JSON record shall show; raises `DataError`, which names `where`."""
    shown = record.get("shown", [])
    if not (isinstance(shown, list) and all(isinstance(one, dict) for one in shown)):
        raise DataError(f'{where}: shown: expected a list of {{"imagenet_class", "box"}}, got {shown!r:.80}.')
    return tuple(_read_one_shown(one, where) for one in shown)


def _read_one_shown(value: dict[str, Any], where: str) -> ShownClass:
    number, box = value.get("imagenet_class"), value.get("box")
    if type(number) is not int or number not in range(CLASSES):
        raise DataError(f"{where}: imagenet_class: expected a whole number from 0 to {CLASSES - 1}, got {number!r}.")
    return ShownClass(number, None if box is None else read_box(box, where))


def read_history(record: dict[str, Any], where: str) -> tuple[Turn, ...]:
    """What a JSON record says was asked and answered before; raises `DataError`, which names `where`."""
    history = record.get("history", [])
    if not (isinstance(history, list) and all(map(_is_turn, history))):
        raise DataError(f"{where}: history: expected a list of [question, answer], got {history!r:.80}.")
    return tuple((asked, answered) for asked, answered in history)


def read_in_full(record: dict[str, Any], where: str) -> str:
    """The question of a JSON record as it would be asked first; "" if it does not say. Raises `DataError`."""
    in_full = record.get("in_full", "")
    if not isinstance(in_full, str):
        raise DataError(f"{where}: in_full: expected the question as a text, got {in_full!r:.80}.")
    return in_full


def _is_turn(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(text, str) and text.strip() for text in value)


def write_records(file: Path, records: Iterable[Caption | Question]) -> int:
    """Write one JSON object a line, all or nothing, and return how many."""
    lines = [record_line(record) for record in records]
    replace_lines(file, lines)
    return len(lines)


def record_line(record: Caption | Question) -> str:
    """A record as one JSON object, without what it does not have."""
    there = {name: value for name, value in asdict(record).items() if value not in (None, (), "")}
    return json.dumps(there, ensure_ascii=False)


def replace_lines(file: Path, lines: Iterable[str]) -> None:
    """Write lines into a file, all or nothing."""
    unfinished = file.with_name(file.name + ".part")
    unfinished.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    os.replace(unfinished, file)


def read_questions(file: Path) -> list[Question]:
    """Read back a file of questions that `write_records` wrote."""
    records = (json.loads(line) for _, line in read_lines(file))
    return [
        Question(
            **{
                **record,
                "answers": tuple(record["answers"]),
                "shown": read_shown(record, str(file)),
                "history": read_history(record, str(file)),
            }
        )
        for record in records
    ]


def pictures_of(files: Iterable[Path]) -> list[Path]:
    """The pictures of record files, each once, in the order of the records; paths begin at the record file."""
    return [*dict.fromkeys(file.parent / json.loads(line)["image"] for file in files for _, line in read_lines(file))]


def told_of(files: Iterable[Path]) -> dict[str, str]:
    """What captions, questions and answers of record files say about each picture that they name, in lower case."""
    told: dict[str, list[str]] = {}
    for file in files:
        for _, line in read_lines(file):
            record = json.loads(line)
            said = [record.get("caption", ""), record.get("question", ""), *record.get("answers", ())]
            told.setdefault(record["image"], []).extend(said)
    return {picture: " ".join(filter(None, dict.fromkeys(said))).lower() for picture, said in told.items()}


def read_lines(file: Path) -> Iterator[tuple[int, str]]:
    """Yield (line number, text) of every line that is not blank.

    Raises:
        DataError: the file is missing, is not UTF-8 text, or has no such line.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise DataError(f"{file}: no such file.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: the file is not UTF-8 text (byte {error.start}).") from error
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}).") from error
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    if not lines:
        raise DataError(f"{file}: the file is empty.")
    yield from lines


def expect_files(folder: Path, names: Iterable[str], argument: str) -> None:
    """Raise `DataError` unless `folder`, which `argument` named, is a folder and has all of these files."""
    if not folder.is_dir():
        raise DataError(f"{argument}: {folder} is not a folder.")
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise DataError(f"{argument}: {folder} has no {', no '.join(missing)}.")


def folder_with_files(folder: Path, pattern: str, name: str) -> list[Path]:
    """The files of `folder` that match `pattern`, sorted.

    Raises:
        DataError: no such folder, or nothing in it matches; `name` says which argument named it.
    """
    if not folder.is_dir():
        raise DataError(f"{name}: {folder} is not a folder.")
    files = sorted(folder.glob(pattern))
    if not files:
        raise DataError(f"{name}: {folder} has no {pattern} file.")
    return files
