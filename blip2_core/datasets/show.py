"""Writes a page of random records with their pictures, so that people can look at what training is told."""

import base64
import html
import io
import json
import random
from pathlib import Path
from typing import Any

from ..errors import DataError
from .record_files import read_lines

THUMBNAIL = 220  # pixels of the longer side
STYLE = (
    "body{font:15px sans-serif;margin:2em}section{display:flex;flex-wrap:wrap;gap:1em}"
    "figure{width:240px;margin:0}img{max-width:220px;max-height:220px}.more{color:#777}"
)


def write_page(file: Path, page: Path, number: int, seed: int) -> int:
    """Write an HTML page with up to `number` random records of each kind.

    Args:
        file: records with "image" and "caption", or "question" and "answers".
        page: the page to write; it holds its pictures inside.
        number: of records a kind.
        seed: which records are drawn.

    Returns:
        How many records are on the page.

    Raises:
        DataError: the number is below 1, or the file is missing, empty or has a malformed line.
    """
    if number < 1:
        raise DataError(f"--show: expected a number of at least 1, got {number}.")
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for line, text in read_lines(file):
        record = _read(file, line, text)
        by_kind.setdefault(str(record.get("kind", "caption")), []).append(record)
    draw = random.Random(seed)
    parts = [f'<!doctype html><meta charset="utf-8"><title>{html.escape(file.name)}</title><style>{STYLE}</style>']
    shown = 0
    for kind, records in sorted(by_kind.items()):
        chosen = draw.sample(records, min(number, len(records)))
        shown += len(chosen)
        figures = "".join(_figure(file.parent, record) for record in chosen)
        parts.append(f"<h2>{html.escape(kind)}: {len(chosen)} of {len(records)}</h2><section>{figures}</section>")
    try:
        page.write_text("\n".join(parts), encoding="utf-8")
    except OSError as error:
        raise DataError(
            f"--out: {page} cannot be written ({error.strerror}). Expected the name of an HTML file."
        ) from error
    return shown


def _read(file: Path, line: int, text: str) -> dict[str, Any]:
    try:
        record = json.loads(text)
        fits = isinstance(record["image"], str) and ("caption" in record or bool(record["answers"]))
    except (ValueError, KeyError, TypeError):
        fits = False
    if not fits:
        raise DataError(
            f"{file.name}, line {line}: expected a record with image and caption or answers, got {text[:60]!r}."
        )
    return record


def _figure(folder: Path, record: dict[str, Any]) -> str:
    answers = record.get("answers") or [record["caption"]]
    more = f'<div class="more">{html.escape(", ".join(answers[1:6]))}</div>' if answers[1:] else ""
    taught = ", ".join(f"{answer} ({number})" for answer, number in record.get("said", {}).items()) or answers[0]
    before = "".join(f'<div class="more">{html.escape(" ".join(turn))}</div>' for turn in record.get("history", []))
    in_full = f" ({html.escape(record['in_full'])})" if record.get("in_full") else ""
    words = f"{before}<b>{html.escape(record.get('question', ''))}</b>{in_full}<br>{html.escape(taught)}{more}"
    return f"<figure>{_thumbnail(folder / record['image'])}<figcaption>{words}</figcaption></figure>"


def _thumbnail(image: Path) -> str:
    """The picture as a small JPEG inside the page; a picture that does not open is named."""
    from ..errors import ImageError
    from ..image import open_image

    try:
        picture = open_image(image)
    except (ImageError, OSError):
        return f"<p>{html.escape(str(image))} does not open.</p>"
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=80)
    return f'<img src="data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}" alt="">'
