"""The layout of the page. What happens on a click is in `events.py`.

Two columns on a desk, one under the other on a phone: the picture and the photographs to click, then the conversation.
Each part keeps an `elem_id`, by which the style sheet and the browser tests find it.
"""

from dataclasses import dataclass, fields

import gradio as gr

from . import comparing, events, feedback, gallery, insight, linking, texts, web_pictures
from .conversation import MOST_CHARACTERS, Conversation
from .door import Door
from .extras import Extras
from .limits import Guard, Limits
from .loading import ModelLoader
from .settings import FEWEST_TOKENS, FIRST_PRESET, MOST_TOKENS, PRESETS

POLL = 0.5  # seconds between two looks at a model that is loading


@dataclass(frozen=True)
class Parts:
    """The parts of the page that something happens to."""

    conversation: gr.State
    timer: gr.Timer
    status: gr.HTML
    retry: gr.Button
    picture: gr.Image
    gallery: gr.Gallery
    handed: gr.UploadButton
    address: gr.Textbox | None
    fetch: gr.Button | None
    chat: gr.Chatbot
    suggestions: tuple[gr.Button, ...]
    wrong: gr.HTML
    question: gr.Textbox
    send: gr.Button
    stop: gr.Button
    again: gr.Button
    undo: gr.Button
    save: gr.Button
    saved: gr.DownloadButton
    clear: gr.Button
    preset: gr.Radio
    settings: tuple[gr.Slider | gr.Textbox, ...]
    link: linking.LinkParts
    looked: insight.LookedParts
    road: insight.RoadParts
    compare: comparing.CompareParts


def build_page(
    loader: ModelLoader, *, limits: Limits | None = None, web: bool = True, extras: Extras | None = None
) -> gr.Blocks:
    """Build the page.

    Args:
        loader: the model behind it, which may still be on its way.
        limits: how much a visitor may ask for.
        web: whether pictures may be fetched from web addresses.
        extras: what there is beyond the chat.
    """
    guard, door, extras = Guard(limits), Door(web=web), extras or Extras()
    door.guard()
    with gr.Blocks(title=f"{texts.TITLE} · BLIP-2", analytics_enabled=False, delete_cache=(600, 3600)) as page:
        found: dict = {"conversation": gr.State(Conversation(loader, guard.limits)), "timer": gr.Timer(POLL)}
        found |= _header(loader)
        with gr.Row(elem_id="columns"):
            with gr.Column(scale=5, min_width=320, elem_id="left"):
                found |= _picture_side(loader, web=web)
            with gr.Column(scale=6, min_width=320, elem_id="right"):
                found |= _chat_side(loader, guard, extras)
        found["road"] = insight.build_road()
        gr.HTML(f"<p>{texts.PRIVACY} {texts.FEEDBACK if extras.thumbs else ''}</p>", elem_id="privacy")
        with gr.Row(elem_id="out-of-sight"):  # for page.js
            found["handed"] = gr.UploadButton(file_types=["image"], elem_id="handed")
            found["saved"] = gr.DownloadButton(elem_id="saved")
        parts = Parts(**{field.name: found[field.name] for field in fields(Parts)})
        events.connect(page, parts, loader, guard=guard, door=door, extras=extras)
    return page


def _header(loader: ModelLoader) -> dict:
    with gr.Row(elem_id="header"):
        with gr.Column(scale=3, min_width=300):
            gr.HTML(f"<h1>{texts.TITLE}</h1><p>{texts.INTRODUCTION}</p>", elem_id="title")
        with gr.Column(scale=1, min_width=260, elem_id="state"):
            status = gr.HTML(texts.status(loader.title, loader.state.step, None), elem_id="status")
            retry = gr.Button("Try again", visible=False, size="sm", elem_id="retry")
    return {"status": status, "retry": retry}


def _picture_side(loader: ModelLoader, *, web: bool) -> dict:
    picture = gr.Image(
        label=texts.PICTURE, show_label=False, type="filepath", image_mode=None, height=340, buttons=["fullscreen"],
        sources=["upload", "webcam", "clipboard"], placeholder=texts.PICTURE_HINT, elem_id="picture",
        webcam_options=gr.WebcamOptions(mirror=False),
    )  # fmt: skip
    gr.HTML(f"<h2>{texts.GALLERY}</h2>", elem_id="gallery-title")
    thumbnails = gr.Gallery(
        [(str(photo.path), photo.title) for photo in gallery.photos()], label=texts.GALLERY, show_label=False,
        columns=6, allow_preview=False, object_fit="cover", interactive=False, buttons=[], container=False,
        elem_id="gallery",
    )  # fmt: skip
    more = _more_ways(web=web)
    gr.HTML(_about(loader), elem_id="about")
    with gr.Accordion(texts.CREDITS, open=False, elem_id="credits"):
        gr.Markdown(f"{gallery.credits_table()}\n\n{texts.CHANGES}")
    return {"picture": picture, "gallery": thumbnails, **more}


def _more_ways(*, web: bool) -> dict:
    """A drawing board, whose script is page.js, and a box for a web address."""
    address = fetch = None
    with gr.Accordion(texts.MORE_WAYS if web else texts.DRAW, open=False, elem_id="more-ways"):
        if web:
            with gr.Row(elem_id="web"):
                address = gr.Textbox(
                    label=texts.ADDRESS, show_label=False, container=False, placeholder=texts.ADDRESS_HINT, scale=8,
                    max_length=web_pictures.MOST_CHARACTERS, min_width=120, elem_id="address",
                )  # fmt: skip
                fetch = gr.Button(texts.FETCH, size="sm", scale=1, min_width=80, elem_id="fetch")
        gr.HTML(texts.BOARD, elem_id="board")
    return {"address": address, "fetch": fetch}


def _chat_side(loader: ModelLoader, guard: Guard, extras: Extras) -> dict:
    chat = gr.Chatbot(
        label=texts.CHAT, show_label=False, height=430, placeholder=texts.CHAT_HINT, buttons=["copy_all"],
        render_markdown=False, allow_tags=False, latex_delimiters=[], editable="user", elem_id="chat",
        feedback_options=feedback.OPTIONS if extras.thumbs else None,
    )  # fmt: skip
    with gr.Row(elem_id="suggestions"):
        suggestions = tuple(gr.Button(text, size="sm", min_width=80) for text in texts.GENERIC_QUESTIONS)
    wrong = gr.HTML(elem_id="wrong")
    with gr.Row(elem_id="ask"):
        question = gr.Textbox(
            label=texts.QUESTION, show_label=False, placeholder=texts.QUESTION_HINT, max_lines=4, scale=8,
            min_width=160, max_length=MOST_CHARACTERS, container=False, autofocus=False, elem_id="question",
            html_attributes=gr.InputHTMLAttributes(autocomplete="off", autocorrect="on"),
        )  # fmt: skip
        send = gr.Button("Send", variant="primary", scale=1, min_width=88, elem_id="send")
        stop = gr.Button("Stop", variant="stop", scale=1, min_width=88, visible=False, elem_id="stop")
    with gr.Row(elem_id="tools"):
        again = gr.Button("Another answer", size="sm", min_width=60, interactive=False, elem_id="again")
        undo = gr.Button("Undo", size="sm", min_width=60, interactive=False, elem_id="undo")
        save = gr.Button("Save", size="sm", min_width=60, interactive=False, elem_id="save")
        link = linking.build_button()
        clear = gr.Button("Clear", size="sm", min_width=60, interactive=False, elem_id="clear")
    return {
        "chat": chat, "suggestions": suggestions, "wrong": wrong, "question": question, "send": send, "stop": stop,
        "again": again,
        "undo": undo, "save": save, "clear": clear, "link": linking.build_panel(link),
        "looked": insight.build_looked(), **_panels(),
        "compare": comparing.build_panel(loader, extras.other, guard),
    }  # fmt: skip


def _panels() -> dict:
    start = PRESETS[FIRST_PRESET]
    with gr.Accordion(texts.SETTINGS, open=False, elem_id="settings"):
        preset = gr.Radio(list(PRESETS), value=FIRST_PRESET, label=texts.PRESET, elem_id="preset")
        temperature = gr.Slider(
            0, 1.5, start.temperature, step=0.1, label="Temperature", elem_id="temperature",
            info="0 takes the likeliest word every time; higher values draw more boldly.",
        )  # fmt: skip
        top_p = gr.Slider(
            0.1, 1, start.top_p, step=0.05, label="Top-p", elem_id="top-p",
            info="Draw from the likeliest words that have this share of the probability together.",
        )  # fmt: skip
        length = gr.Slider(
            FEWEST_TOKENS, MOST_TOKENS, start.max_tokens, step=8, label="Longest answer, in tokens", elem_id="length",
            info="A token is about three quarters of a word.",
        )  # fmt: skip
        penalty = gr.Slider(
            1, 1.5, start.repetition_penalty, step=0.05, label="Repetition penalty", elem_id="penalty",
            info="Above 1, words of the answer so far become less likely.",
        )  # fmt: skip
        seed = gr.Textbox(
            start.seed, label="Seed", placeholder="empty: a new one each time", max_length=10, elem_id="seed",
            info="The same whole number gives the same draw. Used when the temperature is above 0.",
        )  # fmt: skip
        gr.Markdown(texts.NO_BEAMS)
    return {"preset": preset, "settings": (temperature, top_p, length, penalty, seed)}


def _about(loader: ModelLoader) -> str:
    """What the model can and cannot do, and how to load a stronger one."""
    about = texts.ABOUT_POCKET if loader.name == "pocket" else texts.about(loader.title)
    return f"<p>{about}</p><p>{texts.LARGER_MODEL}<br><code>{texts.LARGER_COMMAND}</code></p>"
