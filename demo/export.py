"""A conversation to take home: one zip with the picture, a page of Markdown that shows it, and all facts as JSON."""

import io
import json
import zipfile
from dataclasses import asdict

from blip2_core.errors import ImageError
from blip2_core.image import open_image

from . import gallery, texts
from .conversation import Conversation
from .errors import VisitorError
from .exchange import Exchange

NAME = "conversation"
LONGEST_SIDE = 1600  # pixels


def as_zip(conversation: Conversation) -> bytes:
    """The bytes of a zip file: conversation.md, conversation.json, picture.jpg.

    Raises:
        VisitorError: nothing was answered yet, or the picture is gone.
    """
    exchanges = [exchange for exchange in list(conversation.exchanges) if exchange.answer]
    if not exchanges or conversation.picture is None:
        raise VisitorError(texts.NOTHING_TO_SAVE)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("picture.jpg", _picture(conversation.picture))
        archive.writestr(f"{NAME}.md", as_markdown(conversation, exchanges))
        archive.writestr(f"{NAME}.json", as_json(conversation, exchanges))
    return stream.getvalue()


def as_markdown(conversation: Conversation, exchanges: list[Exchange]) -> str:
    """The conversation with its picture, and below each answer how it came about."""
    parts = [f"# {texts.TITLE}", f"![{texts.SAVED_PICTURE}](picture.jpg)"]
    if (photo := gallery.find(conversation.picture or "")) is not None:
        parts.append(texts.SAVED_PHOTO.format(**{**asdict(photo), "title": photo.told[0]}))
    for exchange in exchanges:
        parts += [f"**{_plain(exchange.question)}**", _plain(exchange.answer.strip())]
        if exchange.measured is not None:
            parts.append(f"<sub>{texts.measured(exchange.measured)}</sub>")
            parts.append(_fenced(exchange.prompt))
    parts.append(texts.SAVED_BY.format(model=_plain(conversation.loader.title)))
    return "\n\n".join(parts) + "\n"


def as_json(conversation: Conversation, exchanges: list[Exchange]) -> str:
    """All that is known, for programs."""
    model = conversation.loader.model
    facts = {
        "model": conversation.loader.title,
        "precision": model.precision if model is not None else None,
        "picture": "picture.jpg",
        "exchanges": [_facts(exchange) for exchange in exchanges],
    }
    return json.dumps(facts, indent=2, ensure_ascii=False) + "\n"


def _facts(exchange: Exchange) -> dict:
    return {
        "question": exchange.question,
        "answer": exchange.answer.strip(),
        "qformer_question": exchange.qformer_question or None,
        "prompt": exchange.prompt,
        "settings": asdict(exchange.settings) if exchange.settings is not None else None,
        "mode": exchange.mode,
        "measured": exchange.measured.facts if exchange.measured is not None else None,
        "notice": exchange.notice or None,
    }


def _picture(path: str) -> bytes:
    try:
        image = open_image(path)
    except ImageError:
        raise VisitorError(texts.LOST_PICTURE) from None
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=92)
    return stream.getvalue()


def _plain(text: str) -> str:
    """Text that Markdown leaves alone."""
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]<>#|!&~" else letter for letter in text)


def _fenced(text: str) -> str:
    """A block of text as it is, within a fence longer than any in it."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}text\n{text}\n{fence}"
