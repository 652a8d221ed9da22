"""What happens on a click. Every handler checks what it gets, for a browser can send anything.

Which handlers wait for each other stands in `lanes.py`. No endpoint of the page is public; the one that is stands in
`api.py`.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from . import choosing, comparing, export, feedback, gallery, insight, linking, texts
from .api import add_ask
from .conversation import Conversation, suggestions
from .door import Door, keep
from .errors import VisitorError
from .extras import Extras
from .lanes import MODEL, QUICK, WAITING, busy, expect_room, idle, message_place, paced, refused, tool_updates, tools
from .languages import ENGLISH, current
from .limits import Guard
from .loading import ModelLoader
from .settings import PRESETS, Panel, repeatable, settings_for_another

if TYPE_CHECKING:
    from .page import Parts


def connect(page: gr.Blocks, parts: "Parts", loader: ModelLoader, *, guard: Guard, door: Door, extras: Extras) -> None:
    """Connect the parts of the page to what they do.

    Args:
        page: the page, open.
        parts: its parts.
        loader: the model behind it.
        guard: counts what visitors ask for.
        door: where pictures come in.
        extras: what there is beyond the chat.
    """
    _connect_status(page, parts, loader, extras)
    looked = _connect_picture(parts, guard)
    linking.connect(page, parts, looked, link=parts.link, guard=guard, pictures=extras.pictures)
    _connect_more_ways(parts, guard, door)
    _connect_asking(page, parts, guard)
    _connect_tools(parts)
    _connect_presets(parts)
    _connect_choosing(parts, loader, guard, extras)
    feedback.connect(parts, extras.thumbs, guard)
    comparing.connect(page, parts, parts.compare, guard)
    insight.connect(parts)
    add_ask(loader, guard, MODEL)


def _connect_status(page: gr.Blocks, parts: "Parts", loader: ModelLoader, extras: Extras) -> None:
    def look() -> list:
        retry = gr.Button(texts.TRY_AGAIN, visible=loader.may_retry)
        about = choosing.about(loader, extras.offers) if loader.switched or loader.captions else gr.skip()
        return [_status(loader), retry, gr.Timer(active=not loader.wait(0)), about]

    def try_again() -> list:
        loader.start()
        return look()

    def name_photos() -> Any:
        return gr.skip() if current() == ENGLISH else gallery.thumbnails()

    page.load(name_photos, None, parts.gallery, **QUICK)
    shown = [parts.status, parts.retry, parts.timer, parts.choose.about]
    gr.on([page.load, parts.timer.tick], look, None, shown, queue=False, **QUICK)
    parts.retry.click(try_again, None, shown, **QUICK)


def _status(loader: ModelLoader) -> str:
    if (model := loader.model) is not None:
        return texts.ready(loader.title, model.precision, model.device.type)
    if loader.state.error is not None:
        return texts.failed(loader.title)
    return texts.status(loader.title, loader.state.step, loader.state.fraction)


def _connect_picture(parts: "Parts", guard: Guard) -> Any:
    """Returns the event after which a new picture can be asked about."""

    drawn = [parts.picture, *_drawn_parts(parts)]

    def show(conversation: Conversation, picture: str | None, request: gr.Request) -> list:
        try:
            return _show(conversation, picture, guard, request)
        except VisitorError as error:
            return [_kept(conversation.picture), *refused(error, len(drawn) - 1)]

    parts.gallery.select(_chosen_photo, None, parts.picture, **QUICK)
    shown = parts.picture.change(show, [parts.conversation, parts.picture], drawn, **QUICK)
    insight.follow(shown, parts)
    return shown.then(_look, parts.conversation, None, **MODEL)


def _connect_more_ways(parts: "Parts", guard: Guard, door: Door) -> None:
    """A drawing or a pasted picture, which the page hands over as a file, and a web address."""

    def fetch(address: str, request: gr.Request) -> list:
        try:
            guard.picture(request)
            return [door.fetch(address, parts.picture.GRADIO_CACHE), ""]
        except VisitorError as error:
            return refused(error, 2)

    parts.handed.upload(lambda path: path, parts.handed, parts.picture, **QUICK)
    if parts.address is not None and parts.fetch is not None:
        typed = [parts.fetch.click, parts.address.submit]
        gr.on(typed, fetch, parts.address, [parts.picture, parts.address], **{**QUICK, "show_progress": "minimal"})


def _chosen_photo(event: gr.SelectData) -> str:
    return str(gallery.photos()[event.index].path)


def _show(conversation: Conversation, picture: str | None, guard: Guard, request: gr.Request) -> list:
    if picture != conversation.picture:
        guard.picture(request)
    conversation.show(picture)
    shown = gr.skip() if picture is None else gr.Image(alt_text=_alt_text(picture))
    return [shown, *_drawn(conversation, picture)]


def _kept(picture: str | None) -> str | None:
    """The picture that stays where another one is refused, unless it was deleted meanwhile."""
    return picture if picture is not None and Path(picture).is_file() else None


def _drawn_parts(parts: "Parts") -> list:
    """The conversation, what suits its picture to ask, and the tools; `_drawn` gives what stands in them."""
    return [parts.chat, parts.wrong, *parts.suggestions, *tools(parts)]


def _drawn(conversation: Conversation, picture: str | None) -> list:
    """Of the `_drawn_parts`."""
    suggested, wrong = suggestions(picture, conversation.loader.name)
    buttons = [gr.Button(text, visible=True) for text in suggested]
    buttons += [gr.Button(visible=False)] * (len(texts.GENERIC_QUESTIONS) - len(buttons))
    told = texts.wrong(wrong, nothing_else=not suggested)
    return [conversation.messages, told, *buttons, *tool_updates(conversation)]


def _alt_text(picture: str) -> str:
    """What people hear who cannot see the picture."""
    photo = gallery.find(picture)
    return texts.PICTURE if photo is None else photo.told[1]


def _look(conversation: Conversation) -> None:
    conversation.look()


def _connect_asking(page: gr.Blocks, parts: "Parts", guard: Guard) -> None:
    asked = [parts.chat, parts.question, parts.send, parts.stop, *tools(parts)]

    def begun(conversation: Conversation, request: gr.Request, begin: Callable[[], None], question: Any) -> list:
        try:
            expect_room(page, guard)
            guard.question(request)
            begin()
        except VisitorError as error:
            return refused(error, len(asked))
        return _asked(conversation, question=question)

    def begin(conversation: Conversation, picture: str | None, question: str, request: gr.Request) -> list:
        return begun(conversation, request, lambda: conversation.begin(question, picture), "")

    def begin_again(conversation: Conversation, request: gr.Request) -> list:
        return begun(conversation, request, conversation.begin_again, gr.skip())

    def begin_edited(conversation: Conversation, edited: gr.EditData, request: gr.Request) -> list:
        return begun(conversation, request, lambda: conversation.begin_edited(*_edited(edited)), gr.skip())

    typed = gr.on(
        [parts.send.click, parts.question.submit],
        begin, [parts.conversation, parts.picture, parts.question], asked, **QUICK,
    )  # fmt: skip
    _then_answer(typed, parts, _answer)
    for button in parts.suggestions:
        clicked = button.click(begin, [parts.conversation, parts.picture, button], asked, **QUICK)
        _then_answer(clicked, parts, _answer)
    _then_answer(parts.chat.edit(begin_edited, parts.conversation, asked, **QUICK), parts, _answer)
    _then_answer(parts.again.click(begin_again, parts.conversation, asked, **QUICK), parts, _answer_again)
    parts.stop.click(_stop, parts.conversation, None, **QUICK)
    parts.chat.change(None, parts.chat, None, js="(messages) => access.noteSpoken(messages)", **QUICK)


def _edited(edited: gr.EditData) -> tuple[Any, Any]:
    """Place and words of an edited question, as far as a browser can be believed."""
    return message_place(edited.index), edited.value


def _then_answer(begun, parts: "Parts", answer) -> None:
    answered = begun.success(answer, [parts.conversation, *parts.settings], parts.chat, **WAITING)
    done = answered.then(_finish, parts.conversation, [parts.chat, parts.send, parts.stop, *tools(parts)], **QUICK)
    insight.follow(begun, parts)
    insight.follow(done, parts)


def _asked(conversation: Conversation, *, question: Any) -> list:
    return [conversation.messages, question, *busy()]


def _answer(conversation: Conversation, *panel: Any) -> Iterator[Any]:
    yield from _draw_answer(conversation, panel, another=False)


def _answer_again(conversation: Conversation, *panel: Any) -> Iterator[Any]:
    yield from _draw_answer(conversation, panel, another=True)


def _draw_answer(conversation: Conversation, panel: tuple, *, another: bool) -> Iterator[Any]:
    """Redraw the chat while the answer grows."""
    try:
        chosen = Panel(*panel)
        settings = repeatable(chosen.settings())
    except VisitorError as error:
        conversation.refuse()
        yield refused(error, 1)[0]
        return
    settings = settings_for_another(settings) if another else settings
    for _ in paced(conversation.answer(settings, chosen.mode or None)):
        yield conversation.messages
    yield conversation.messages


def _finish(conversation: Conversation) -> list:
    if conversation.refuse():  # the answer never got into the queue
        gr.Warning(texts.FULL, duration=8, title=texts.NOT_YET)
    return [conversation.messages, *idle(conversation)]


def _stop(conversation: Conversation) -> None:
    conversation.stop()


def _connect_tools(parts: "Parts") -> None:
    def save(conversation: Conversation) -> Any:
        try:
            return keep(export.as_zip(conversation), parts.saved.GRADIO_CACHE, f"{export.NAME}.zip")
        except VisitorError as error:
            return refused(error, 1)[0]

    taken_back = [parts.chat, parts.question, *tools(parts)]

    def undo(conversation: Conversation) -> list:
        try:
            question = conversation.undo()
        except VisitorError as error:
            return refused(error, len(taken_back))
        return [conversation.messages, question, *tool_updates(conversation)]

    undone = parts.undo.click(undo, parts.conversation, taken_back, **QUICK)
    cleared = parts.clear.click(_clear, parts.conversation, [parts.chat, *tools(parts)], **QUICK)
    insight.follow(undone, parts)
    insight.follow(cleared, parts)
    saved = parts.save.click(save, parts.conversation, parts.saved, **QUICK)
    saved.success(None, None, None, js="() => page.press('#saved')", **QUICK)


def _clear(conversation: Conversation) -> list:
    conversation.clear()
    return [conversation.messages, *tool_updates(conversation)]


def _connect_choosing(parts: "Parts", loader: ModelLoader, guard: Guard, extras: Extras) -> None:
    def redraw(conversation: Conversation) -> list:
        return _drawn(conversation, conversation.picture)

    if (begun := choosing.connect(parts, loader, offers=extras.offers, guard=guard)) is not None:
        insight.follow(begun.then(redraw, parts.conversation, _drawn_parts(parts), **QUICK), parts)


def _connect_presets(parts: "Parts") -> None:
    def choose(name: str | None) -> list:
        return list(PRESETS[name].values) if name in PRESETS else [gr.skip()] * len(parts.settings)

    parts.preset.input(choose, parts.preset, list(parts.settings), **QUICK)
    by_hand = [setting.input for setting in parts.settings if not isinstance(setting, gr.State)]
    gr.on(by_hand, lambda: None, None, parts.preset, **QUICK)  # none of them any more
