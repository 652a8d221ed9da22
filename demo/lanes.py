"""What the handlers of the page share: in which lane they run, and how they leave the page when they refuse.

Two lanes: handlers that only read and write the conversation run at once; those that run the model wait for each other,
one at a time for all visitors.

Whoever shows, hides or frees a button says its label, too: Gradio may empty the label where only that is said.
"""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import gradio as gr

from . import texts
from .conversation import Conversation
from .errors import VisitorError
from .limits import Guard

if TYPE_CHECKING:
    from .page import Parts

QUICK: dict[str, Any] = {"concurrency_limit": None, "api_visibility": "private", "show_progress": "hidden"}
MODEL: dict[str, Any] = {
    "concurrency_limit": 1, "concurrency_id": "model", "api_visibility": "private", "show_progress": "hidden",
}  # fmt: skip
WAITING = {**MODEL, "show_progress": "minimal"}  # tells how many are before this visitor
REDRAW = 0.06  # seconds between two redraws of an answer


def expect_room(page: gr.Blocks, guard: Guard) -> None:
    """Raise where so many wait for the model that no more should.

    Raises:
        VisitorError: it is so.
    """
    if len(page._queue) >= guard.limits.waiting:
        raise VisitorError(texts.FULL)


def paced(changes: Iterator[None]) -> Iterator[None]:
    """A few of the changes a second, for each redraw sends all of it through; the last may not be among them."""
    drawn_at = 0.0
    for _ in changes:
        if time.monotonic() - drawn_at > REDRAW:
            drawn_at = time.monotonic()
            yield


def message_place(index: Any) -> Any:
    """The place of a message in the chat, of what a browser tells, which may be anything."""
    return index[0] if isinstance(index, list | tuple) and index else index


def tools(parts: "Parts") -> list[gr.Button]:
    """The buttons that are of no use before the first question, nor while an answer is on its way."""
    return [parts.again, parts.undo, parts.save, parts.clear]


def tool_updates(conversation: Conversation) -> list[gr.Button]:
    """Of the `tools`, while no answer is on its way."""
    return _tool_buttons(interactive=bool(conversation.exchanges))


def busy() -> list[gr.Button]:
    """Of Send, Stop and the `tools`, while an answer is on its way."""
    return [*send_or_stop(running=True), *_tool_buttons(interactive=False)]


def idle(conversation: Conversation) -> list[gr.Button]:
    """Of Send, Stop and the `tools`, while none is."""
    return [*send_or_stop(running=False), *tool_updates(conversation)]


def send_or_stop(*, running: bool, labels: tuple[str, str] | None = None) -> list[gr.Button]:
    """Of a button that asks and one that stops, whose labels are those of the chat unless others are given."""
    send, stop = labels or (texts.SEND, texts.STOP)
    return [gr.Button(send, visible=not running), gr.Button(stop, visible=running)]


def _tool_buttons(*, interactive: bool) -> list[gr.Button]:
    labels = (texts.AGAIN, texts.UNDO, texts.SAVE, texts.CLEAR)
    return [gr.Button(label, interactive=interactive) for label in labels]


def refused(error: VisitorError, outputs: int) -> list:
    """Tell the visitor and leave the page as it is. Raising `gr.Error` would cover the chat with an "Error" badge."""
    gr.Warning(str(error), duration=8, title=texts.NOT_YET)
    return [gr.skip()] * outputs
