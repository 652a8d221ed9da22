"""What happens on a click. Every handler checks what it gets, for a browser can send anything.

Two lanes: handlers that only read and write the conversation run at once; those that run the model wait for each other,
one at a time for all visitors. No endpoint is public.
"""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import gradio as gr

from . import gallery, texts
from .conversation import Conversation, VisitorError, suggestions
from .loading import ModelLoader
from .settings import Panel, settings_for_another

if TYPE_CHECKING:
    from .page import Parts

QUICK: dict[str, Any] = {"concurrency_limit": None, "api_visibility": "private", "show_progress": "hidden"}
MODEL: dict[str, Any] = {
    "concurrency_limit": 1, "concurrency_id": "model", "api_visibility": "private", "show_progress": "hidden",
}  # fmt: skip
REDRAW = 0.06  # seconds between two redraws of the chat


def connect(page: gr.Blocks, parts: "Parts", loader: ModelLoader) -> None:
    """Connect the parts of the page to what they do.

    Args:
        page: the page, open.
        parts: its parts.
        loader: the model behind it.
    """
    page.load(lambda: Conversation(loader), None, parts.conversation, **QUICK)
    _connect_status(page, parts, loader)
    _connect_picture(parts)
    _connect_asking(parts)
    _connect_tools(parts)


def _connect_status(page: gr.Blocks, parts: "Parts", loader: ModelLoader) -> None:
    def look() -> list:
        return [_status(loader), gr.Button(visible=loader.may_retry), gr.Timer(active=not loader.wait(0))]

    def try_again() -> list:
        loader.start()
        return look()

    shown = [parts.status, parts.retry, parts.timer]
    gr.on([page.load, parts.timer.tick], look, None, shown, queue=False, **QUICK)
    parts.retry.click(try_again, None, shown, **QUICK)


def _status(loader: ModelLoader) -> str:
    if (model := loader.model) is not None:
        return texts.ready(loader.title, model.precision, model.device.type)
    if loader.state.error is not None:
        return texts.failed(loader.title)
    return texts.status(loader.title, loader.state.step, loader.state.fraction)


def _connect_picture(parts: "Parts") -> None:
    drawn = [parts.picture, parts.chat, parts.prompt, parts.facts, *parts.suggestions, *_tools(parts)]
    parts.gallery.select(_chosen_photo, None, parts.picture, **QUICK)
    parts.picture.change(_show, [parts.conversation, parts.picture], drawn, **QUICK).then(
        _look, parts.conversation, None, **MODEL
    )


def _chosen_photo(event: gr.SelectData) -> str:
    return str(gallery.photos()[event.index].path)


def _show(conversation: Conversation, picture: str | None) -> list:
    kept = gr.skip()
    try:
        conversation.show(picture)
    except VisitorError as error:
        gr.Warning(str(error), duration=8, title=texts.NOT_YET)
        kept = picture = None
    buttons = [gr.Button(text) for text in suggestions(picture)]
    buttons += [gr.Button(visible=False)] * (len(texts.GENERIC_QUESTIONS) - len(buttons))
    return [kept, conversation.messages, "", "", *buttons, *_tool_updates(conversation)]


def _look(conversation: Conversation) -> None:
    conversation.look()


def _connect_asking(parts: "Parts") -> None:
    asked = [parts.chat, parts.question, parts.send, parts.stop, *_tools(parts)]
    typed = gr.on(
        [parts.send.click, parts.question.submit],
        _begin, [parts.conversation, parts.picture, parts.question], asked, **QUICK,
    )  # fmt: skip
    _then_answer(typed, parts, _answer)
    for button in parts.suggestions:
        clicked = button.click(_begin, [parts.conversation, parts.picture, button], asked, **QUICK)
        _then_answer(clicked, parts, _answer)
    again = parts.again.click(_begin_again, parts.conversation, asked, **QUICK)
    _then_answer(again, parts, _answer_again)
    parts.stop.click(_stop, parts.conversation, None, **QUICK)


def _then_answer(begun, parts: "Parts", answer) -> None:
    drawn = [parts.chat, parts.prompt, parts.facts]
    answered = begun.success(answer, [parts.conversation, *parts.settings], drawn, **MODEL)
    answered.then(_finish, parts.conversation, [parts.chat, parts.send, parts.stop, *_tools(parts)], **QUICK)


def _begin(conversation: Conversation, picture: str | None, question: str) -> list:
    try:
        conversation.begin(question, picture)
    except VisitorError as error:
        return _refused(error, 7)
    return _asked(conversation, question="")


def _begin_again(conversation: Conversation) -> list:
    try:
        conversation.begin_again()
    except VisitorError as error:
        return _refused(error, 7)
    return _asked(conversation, question=gr.skip())


def _asked(conversation: Conversation, *, question: Any) -> list:
    busy = [gr.Button(interactive=False)] * 3
    return [conversation.messages, question, gr.Button(visible=False), gr.Button(visible=True), *busy]


def _answer(conversation: Conversation, *panel: Any) -> Iterator[list]:
    yield from _draw_answer(conversation, panel, another=False)


def _answer_again(conversation: Conversation, *panel: Any) -> Iterator[list]:
    yield from _draw_answer(conversation, panel, another=True)


def _draw_answer(conversation: Conversation, panel: tuple, *, another: bool) -> Iterator[list]:
    """Redraw the chat while the answer grows, a few times a second: each redraw sends through all of it."""
    try:
        settings = Panel(*panel).settings()
    except VisitorError as error:
        conversation.refuse()
        yield _refused(error, 3)
        return
    drawn_at = 0.0
    for _ in conversation.answer(settings_for_another(settings) if another else settings):
        if time.monotonic() - drawn_at > REDRAW:
            drawn_at = time.monotonic()
            yield [conversation.messages, conversation.prompt, conversation.facts]
    yield [conversation.messages, conversation.prompt, conversation.facts]


def _finish(conversation: Conversation) -> list:
    shown = [gr.Button(visible=True), gr.Button(visible=False)]
    return [conversation.messages, *shown, *_tool_updates(conversation)]


def _stop(conversation: Conversation) -> None:
    conversation.stop()


def _connect_tools(parts: "Parts") -> None:
    drawn = [parts.chat, parts.prompt, parts.facts, parts.question, *_tools(parts)]
    parts.undo.click(_undo, parts.conversation, drawn, **QUICK)
    parts.clear.click(_clear, parts.conversation, drawn, **QUICK)


def _undo(conversation: Conversation) -> list:
    try:
        question = conversation.undo()
    except VisitorError as error:
        return _refused(error, 7)
    return [conversation.messages, conversation.prompt, conversation.facts, question, *_tool_updates(conversation)]


def _clear(conversation: Conversation) -> list:
    conversation.clear()
    return [conversation.messages, "", "", gr.skip(), *_tool_updates(conversation)]


def _tools(parts: "Parts") -> list[gr.Button]:
    return [parts.again, parts.undo, parts.clear]


def _tool_updates(conversation: Conversation) -> list[gr.Button]:
    """Of no use before the first question."""
    return [gr.Button(interactive=bool(conversation.exchanges))] * 3


def _refused(error: VisitorError, outputs: int) -> list:
    """Tell the visitor and leave the page as it is. Raising `gr.Error` would cover the chat with an "Error" badge."""
    gr.Warning(str(error), duration=8, title=texts.NOT_YET)
    return [gr.skip()] * outputs
