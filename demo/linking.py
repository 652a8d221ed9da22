"""Links to conversations on the page: the button that makes one, and what happens when one is opened.

What a link says stands in `permalink.py`; the pictures behind some links lie in `kept_pictures.py`.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from . import insight, permalink, texts
from .conversation import Conversation
from .door import keep
from .errors import VisitorError
from .kept_pictures import KeptPictures
from .lanes import MODEL, QUICK, busy, idle, paced, refused, tools
from .languages import shown
from .limits import Guard

if TYPE_CHECKING:
    from .page import Parts

COPY = "(link, said) => page.copyLink(link, said)"
NOTHING_KEPT = ("", "")


@dataclass(frozen=True)
class LinkParts:
    """The parts of the page that make and open links.

    Args:
        button: makes a link.
        said: whether the link was copied.
        note: how long it works, and what it costs.
        text: the link.
        consent: goes on although the picture has to be kept.
        forget: deletes the kept picture.
        kept: which picture of this visitor was kept, and its id.
        linked: an opened link whose questions are still to be asked.
    """

    button: gr.Button
    said: gr.HTML
    note: gr.HTML
    text: gr.Textbox
    consent: gr.Button
    forget: gr.Button
    kept: gr.State
    linked: gr.State


def build_button() -> gr.Button:
    """The button, among the tools."""
    return gr.Button(shown("LINK"), size="sm", min_width=60, elem_id="link")


def build_panel(button: gr.Button) -> LinkParts:
    """What the button shows. The style sheet hides what does not belong to the state that the note names."""
    with gr.Column(elem_id="link-panel"):
        said, note = gr.HTML(elem_id="link-said"), gr.HTML(elem_id="link-note")
        text = gr.Textbox(
            label=shown("LINK_LABEL"), show_label=False, interactive=True, lines=1, max_lines=3, container=False,
            elem_id="link-text",
        )  # fmt: skip
        consent = gr.Button(shown("LINK_KEEP"), size="sm", variant="primary", elem_id="link-keep")
        forget = gr.Button(shown("LINK_FORGET"), size="sm", elem_id="link-forget")
    return LinkParts(button, said, note, text, consent, forget, kept=gr.State(NOTHING_KEPT), linked=gr.State(None))


def connect(
    page: gr.Blocks, parts: "Parts", looked: Any, *, link: LinkParts, guard: Guard, pictures: KeptPictures | None
) -> None:
    """Connect the button, and the page's own address.

    Args:
        page: the page, open.
        parts: its parts.
        looked: the event after which a new picture can be asked about.
        link: the parts that belong to links.
        guard: counts what visitors ask for.
        pictures: keeps pictures of visitors; None keeps none.
    """
    _connect_making(parts, link, guard, pictures)

    def open_link(text: str, request: gr.Request) -> list:
        return _opened(text, request, guard, pictures, parts)

    def ask_again(conversation: Conversation, picture: str | None, linked: Any, request: gr.Request) -> Iterator[list]:
        yield from _ask_again(conversation, picture, linked, lambda: guard.question(request))

    shown = [parts.picture, link.linked, *parts.settings]
    page.load(open_link, link.text, shown, js="() => [page.linkText()]", **QUICK)
    asked = [link.linked, parts.chat, parts.send, parts.stop, *tools(parts)]
    asked_again = looked.then(ask_again, [parts.conversation, parts.picture, link.linked], asked, **MODEL)
    insight.follow(asked_again, parts)


def _connect_making(parts: "Parts", link: LinkParts, guard: Guard, pictures: KeptPictures | None) -> None:
    def make(conversation: Conversation, kept: tuple[str, str]) -> list:
        try:
            return _made(conversation, kept, pictures)
        except VisitorError as error:
            return refused(error, 4)

    def keep_and_make(conversation: Conversation, kept: tuple[str, str], request: gr.Request) -> list:
        try:
            guard.picture(request)
            return _made(conversation, _kept(conversation, kept, pictures), pictures)
        except VisitorError as error:
            return refused(error, 4)

    def forget(kept: tuple[str, str]) -> list:
        if pictures is not None and kept != NOTHING_KEPT:
            pictures.forget(kept[1])
        return _shown("forgotten", texts.LINK_FORGOTTEN)

    made = [link.said, link.note, link.text, link.kept]
    for button, handler in ((link.button, make), (link.consent, keep_and_make)):
        clicked = button.click(handler, [parts.conversation, link.kept], made, **QUICK)
        clicked.success(None, [link.text, link.said], [link.text, link.said], js=COPY, **QUICK)
    link.forget.click(forget, link.kept, made, **QUICK)
    changed = [
        parts.send.click, parts.question.submit, parts.undo.click, parts.clear.click, parts.again.click,
        parts.picture.change, *[suggestion.click for suggestion in parts.suggestions],
    ]  # fmt: skip
    gr.on(changed, lambda: "", None, link.note, **QUICK)


def _kept(conversation: Conversation, kept: tuple[str, str], pictures: KeptPictures | None) -> tuple[str, str]:
    """This visitor's picture and its id, after a copy of it was kept."""
    if pictures is None:
        raise VisitorError(texts.LINK_GALLERY_ONLY)
    picture = conversation.picture or ""
    return kept if kept[0] == picture else (picture, pictures.keep(picture))


def _made(conversation: Conversation, kept: tuple[str, str], pictures: KeptPictures | None) -> list:
    """The panel with a link, or with the question whether the picture may be kept."""
    picture = conversation.picture
    if picture is None:
        raise VisitorError(texts.NO_PICTURE)
    if not Path(picture).is_file():
        raise VisitorError(texts.LOST_PICTURE)
    link = permalink.Link(asked=permalink.asked_in(list(conversation.exchanges)), model=conversation.loader.title)
    if name := permalink.photo_name(picture):
        return _shown("linked", texts.LINK_TO_PHOTO, text=permalink.written(replace(link, photo=name)), kept=kept)
    permalink.written(replace(link, picture="." * 22))  # says now what would be refused afterwards
    if pictures is None:
        raise VisitorError(texts.LINK_GALLERY_ONLY)
    lifetime = texts.days(pictures.days)
    if kept[0] == picture:
        text = permalink.written(replace(link, picture=kept[1]))
        return _shown("linked kept", texts.LINK_TO_PICTURE.format(days=lifetime), text=text, kept=kept)
    return _shown("consent", texts.LINK_CONSENT.format(days=lifetime), kept=kept)


def _shown(state: str, note: str, *, text: str = "", kept: tuple[str, str] = NOTHING_KEPT) -> list:
    """Values of `said`, `note`, `text` and `kept`; the state is "linked", "linked kept", "consent" or "forgotten"."""
    told = f'<p data-copied="{escape(texts.LINK_COPIED)}" data-yourself="{escape(texts.LINK_COPY_YOURSELF)}"></p>'
    return [told if text else "", f'<p data-state="{state}">{escape(note)}</p>', text, kept]


def _opened(text: str, request: gr.Request, guard: Guard, pictures: KeptPictures | None, parts: "Parts") -> list:
    """The picture of the page's own address, what is to be asked about it, and the settings."""
    nothing = [gr.skip()] * (2 + len(parts.settings))
    if not text:
        return nothing
    try:
        guard.picture(request)
        link = permalink.read(text)
        if link.photo:
            path = permalink.photo_path(link.photo)
        elif pictures is None:
            raise VisitorError(texts.LINK_EXPIRED)
        else:
            path = keep(pictures.find(link.picture), parts.picture.GRADIO_CACHE, "picture")
    except VisitorError as error:
        return refused(error, len(nothing))
    settings = list(link.asked[-1].panel.values) if link.asked else nothing[2:]
    return [path, link if link.asked else None, *settings]


def _ask_again(
    conversation: Conversation, picture: str | None, linked: permalink.Link | None, count: Any
) -> Iterator[list]:
    """Ask the questions of a link one after the other; nothing happens on the pictures of others."""
    if linked is None or picture is None:
        yield [gr.skip()] * 8  # Gradio empties the outputs of a generator that yields nothing
        return
    began = time.monotonic()
    here = conversation.loader.title
    another = linked.was_answered_by_another(here)
    conversation.note(texts.FROM_OTHER_MODEL.format(model=linked.model, here=here) if another else texts.FROM_LINK)
    try:
        for place, asked in enumerate(linked.asked):
            if place and time.monotonic() - began > conversation.limits.seconds_an_answer:
                raise VisitorError(texts.LINK_CUT)
            if conversation.picture != picture or (place and conversation.stopped):
                break
            count()
            conversation.begin(asked.question, picture)
            yield [None, conversation.messages, *busy()]
            for _ in paced(conversation.answer(asked.panel.settings(), asked.panel.mode or None)):
                yield [None, conversation.messages, *busy()]
    except VisitorError as error:
        gr.Warning(str(error), duration=8, title=texts.NOT_YET)
    yield [None, conversation.messages, *idle(conversation)]
