"""What the handlers of the page share: in which lane they run, and how they leave the page when they refuse.

Two lanes: handlers that only read and write the conversation run at once; those that run the model wait for each other,
one at a time for all visitors.

Whoever shows, hides or frees a button says its label, too: Gradio may empty the label where only that is said.
"""

from typing import TYPE_CHECKING, Any

import gradio as gr

from . import texts
from .conversation import Conversation
from .errors import VisitorError

if TYPE_CHECKING:
    from .page import Parts

QUICK: dict[str, Any] = {"concurrency_limit": None, "api_visibility": "private", "show_progress": "hidden"}
MODEL: dict[str, Any] = {
    "concurrency_limit": 1, "concurrency_id": "model", "api_visibility": "private", "show_progress": "hidden",
}  # fmt: skip
REDRAW = 0.06  # seconds between two redraws of the chat


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
