"""Thumbs on answers, for those who run the page: off unless `python app.py --feedback FILE.jsonl` names a file.

A thumb appends one line of text: question, answer, model, precision, settings, thumb, time. Never the picture, never
the address or the session of whoever gave it; and without a thumb nothing is stored at all. Lines are bounded, so is
the file, and thumbs are counted like questions.
"""

import json
import logging
import os
import threading
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from blip2_core.errors import Blip2Error

from . import texts
from .conversation import Conversation
from .errors import VisitorError
from .lanes import QUICK, message_place
from .limits import Guard

if TYPE_CHECKING:
    from .page import Parts

log = logging.getLogger("demo")

OPTIONS = ("Like", "Dislike")  # the names under which Gradio draws thumbs
LONGEST_TEXT = 4_000  # characters, of a question and of an answer
MOST_BYTES = 100_000_000  # of the file
THUMBS = {True: "up", False: "down", "": "taken back"}


class FeedbackError(Blip2Error, ValueError):
    """The file for feedback cannot be written."""


class FeedbackFile:
    """A file to which thumbs are appended, a line of JSON each.

    Args:
        path: of the file; made if it is not there, for its owner only.

    Raises:
        FeedbackError: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            os.close(self._open())
        except OSError as error:
            raise FeedbackError(
                f"--feedback: {path} cannot be written ({error.strerror}). Name a file in a folder that can."
            ) from None

    def store(self, conversation: Conversation, place: object, liked: object) -> None:
        """Append a line.

        Args:
            conversation: what was said.
            place: of the answer among the messages, as the browser tells.
            liked: True or False; "" takes an earlier one back.

        Raises:
            VisitorError: there is no answer, no such thumb, or no room.
        """
        exchange = conversation.exchange_at(message_place(place))
        thumb = THUMBS.get(liked) if isinstance(liked, bool | str) else None
        if exchange is None or exchange.failed or exchange.measured is None or thumb is None:
            raise VisitorError(texts.NOTHING_TO_JUDGE)
        model = conversation.loader.model
        self._append({
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "thumb": thumb,
            "question": exchange.question[:LONGEST_TEXT],
            "answer": exchange.answer.strip()[:LONGEST_TEXT],
            "model": conversation.loader.title,
            "precision": model.precision if model is not None else None,
            "settings": asdict(exchange.settings) if exchange.settings is not None else None,
        })  # fmt: skip

    def _append(self, facts: dict[str, Any]) -> None:
        line = (json.dumps(facts) + "\n").encode()
        try:
            with self._lock, open(self._open(), "ab") as file:
                if file.tell() + len(line) > MOST_BYTES:
                    raise VisitorError(texts.FEEDBACK_FULL)
                file.write(line)
        except OSError as error:
            log.warning("Feedback could not be stored: %s", type(error).__name__)
            raise VisitorError(texts.FEEDBACK_FULL) from None

    def _open(self) -> int:
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def connect(parts: "Parts", feedback: FeedbackFile | None, guard: Guard) -> None:
    """Let the thumbs below answers be stored, if there is a file for them."""
    if feedback is None:
        return

    def store_thumb(conversation: Conversation, given: gr.LikeData, request: gr.Request) -> None:
        try:
            guard.thumb(request)
            feedback.store(conversation, given.index, given.liked)
        except VisitorError as error:
            gr.Warning(str(error), duration=8, title=texts.NOT_YET)
        else:
            gr.Info(texts.FEEDBACK_STORED, duration=5, title=texts.FEEDBACK_THANKS)

    parts.chat.like(store_thumb, parts.conversation, None, **QUICK)
