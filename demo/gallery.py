"""The photographs to click: only ones that may be redistributed, each with its source and licence.

`gallery/credits.json` has a row for each file. To add a photograph, put a JPEG of about 640 pixels beside it and write
its row; the page's table follows.

`gallery/judged.json` has what a person thinks of the built-in model's answers to the suggested questions. The page
suggests the questions that are answered well, and shows the others as what the model gets wrong. `demo/answers.py` asks
them, and helps to judge.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from . import texts

FOLDER = Path(__file__).parent / "gallery"
JUDGED_FILE = FOLDER / "judged.json"
JUDGED_MODEL = "pocket"


@dataclass(frozen=True)
class Photo:
    """One photograph of the gallery.

    Args:
        file: its name in the folder.
        title: what it is called on the page.
        description: what it shows, for people who cannot see it.
        author: who took it, as the source says.
        source: address of the original.
        licence: name of the licence.
        licence_url: address of the licence.
        licence_stated_at: address of the page or file that says so.
        changes: what was done to the original.
        questions: suggestions, the best first.
    """

    file: str
    title: str
    description: str
    author: str
    source: str
    licence: str
    licence_url: str
    licence_stated_at: str
    changes: str
    questions: tuple[str, ...]

    @property
    def path(self) -> Path:
        """Where it is on disk."""
        return FOLDER / self.file

    @property
    def told(self) -> tuple[str, str]:
        """Its title and description in the visitor's language."""
        return texts.PHOTOS.get(self.file, (self.title, self.description))


@dataclass(frozen=True)
class Judged:
    """An answer of the built-in model, and what a person thinks of it.

    Args:
        answer: word for word.
        good: whether it is right; what is right in part, or adds something wrong, is not.
    """

    answer: str
    good: bool


@cache
def photos() -> tuple[Photo, ...]:
    """All photographs, in the order of the page."""
    rows = json.loads((FOLDER / "credits.json").read_text(encoding="utf-8"))
    return tuple(Photo(**{**row, "questions": tuple(row["questions"])}) for row in rows)


def find(path: str | Path) -> Photo | None:
    """The photograph that a file is a copy of, if it is one."""
    size = Path(path).stat().st_size
    for photo in photos():
        if photo.path.stat().st_size == size and photo.path.read_bytes() == Path(path).read_bytes():
            return photo
    return None


def thumbnails() -> list[tuple[str, str]]:
    """File and title of each."""
    return [(str(photo.path), photo.told[0]) for photo in photos()]


def credits_table() -> str:
    """Sources and licences as a Markdown table."""
    rows = [f"| {' | '.join(texts.CREDITS_HEAD)} |", "| --- | --- | --- | --- |"]
    for photo in photos():
        licence = f"[{photo.licence}]({photo.licence_url}) | [{texts.STATED_HERE}]({photo.licence_stated_at})"
        rows.append(f"| [{photo.told[0]}]({photo.source}) | {photo.author} | {licence} |")
    return "\n".join(rows)


def judged() -> dict[str, dict[str, Judged]]:
    """The answers that a person has judged, by photograph and question."""
    rows = json.loads(JUDGED_FILE.read_text(encoding="utf-8"))
    return {file: {question: Judged(**row) for question, row in told.items()} for file, told in rows.items()}


def wrong(photo: Photo, model: str) -> dict[str, str]:
    """Questions about a photograph that the built-in model answers wrongly, with its answers; none for other models."""
    told = _judged_once().get(photo.file, {}) if model == JUDGED_MODEL else {}
    bad = [question for question in photo.questions if question in told and not told[question].good]
    return {question: told[question].answer for question in bad}


def suggested(photo: Photo, model: str) -> tuple[str, ...]:
    """The questions about a photograph to suggest for a model: those of which nobody knows that it gets them wrong."""
    bad = wrong(photo, model)
    return tuple(question for question in photo.questions if question not in bad)


@cache
def _judged_once() -> dict[str, dict[str, Judged]]:
    return judged()
