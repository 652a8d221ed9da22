"""The layout of the page. What happens on a click is in `events.py`.

Two columns on a desk, one under the other on a phone: the picture and the photographs to click, then the conversation.
Each part keeps an `elem_id`, by which the style sheet and the browser tests find it.
"""

from dataclasses import dataclass, fields

import gradio as gr

from . import choosing, comparing, events, feedback, gallery, insight, linking, texts, web_pictures
from .conversation import MOST_CHARACTERS, Conversation
from .door import Door
from .extras import Extras
from .languages import in_each, shown
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
    settings: tuple[gr.Slider | gr.Textbox | gr.State, ...]
    link: linking.LinkParts
    looked: insight.LookedParts
    road: insight.RoadParts
    compare: comparing.CompareParts
    choose: choosing.ChooseParts


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
                found |= _picture_side(loader, extras, web=web)
            with gr.Column(scale=6, min_width=320, elem_id="right"):
                found |= _chat_side(loader, guard, extras)
        found["road"] = insight.build_road()
        gr.HTML(in_each(lambda: _foot(thumbs=extras.thumbs is not None)), elem_id="privacy")
        with gr.Row(elem_id="out-of-sight"):  # for page.js
            found["handed"] = gr.UploadButton(file_types=["image"], elem_id="handed")
            found["saved"] = gr.DownloadButton(elem_id="saved")
        parts = Parts(**{field.name: found[field.name] for field in fields(Parts)})
        events.connect(page, parts, loader, guard=guard, door=door, extras=extras)
    return page


def _header(loader: ModelLoader) -> dict:
    with gr.Row(elem_id="header"):
        with gr.Column(scale=3, min_width=300):
            gr.HTML(in_each(lambda: f"<h1>{texts.TITLE}</h1><p>{texts.INTRODUCTION}</p>"), elem_id="title")
        with gr.Column(scale=1, min_width=260, elem_id="state"):
            step = loader.state.step
            status = gr.HTML(in_each(lambda: texts.status(loader.title, step, None)), elem_id="status")
            retry = gr.Button(shown("TRY_AGAIN"), visible=False, size="sm", elem_id="retry")
    return {"status": status, "retry": retry}


def _picture_side(loader: ModelLoader, extras: Extras, *, web: bool) -> dict:
    picture = gr.Image(
        label=shown("PICTURE"), show_label=False, type="filepath", image_mode=None, height=340, buttons=["fullscreen"],
        sources=["upload", "webcam", "clipboard"], placeholder=shown("PICTURE_HINT"), elem_id="picture",
        webcam_options=gr.WebcamOptions(mirror=False),
    )  # fmt: skip
    gr.HTML(in_each(lambda: f"<h2>{texts.GALLERY}</h2>"), elem_id="gallery-title")
    thumbnails = gr.Gallery(
        gallery.thumbnails(), label=shown("GALLERY"), show_label=False,
        columns=6, allow_preview=False, object_fit="cover", interactive=False, buttons=[], container=False,
        elem_id="gallery",
    )  # fmt: skip
    more = _more_ways(web=web)
    choose = choosing.build_panel(loader, extras.offers)
    with gr.Accordion(shown("CREDITS"), open=False, elem_id="credits"):
        gr.Markdown(in_each(lambda: f"{gallery.credits_table()}\n\n{texts.CHANGES}"))
    return {"picture": picture, "gallery": thumbnails, "choose": choose, **more}


def _more_ways(*, web: bool) -> dict:
    """A drawing board, whose script is page.js, and a box for a web address."""
    address = fetch = None
    with gr.Accordion(shown("MORE_WAYS") if web else shown("DRAW"), open=False, elem_id="more-ways"):
        if web:
            with gr.Row(elem_id="web"):
                address = gr.Textbox(
                    label=shown("ADDRESS"), show_label=False, container=False, placeholder=shown("ADDRESS_HINT"),
                    max_length=web_pictures.MOST_CHARACTERS, scale=8, min_width=120, elem_id="address",
                )  # fmt: skip
                fetch = gr.Button(shown("FETCH"), size="sm", scale=1, min_width=80, elem_id="fetch")
        gr.HTML(in_each(texts.board), elem_id="board")
    return {"address": address, "fetch": fetch}


def _chat_side(loader: ModelLoader, guard: Guard, extras: Extras) -> dict:
    chat = gr.Chatbot(
        label=shown("CHAT"), show_label=False, height=430, placeholder=in_each(texts.chat_hint), buttons=["copy_all"],
        render_markdown=False, allow_tags=False, latex_delimiters=[], editable="user", elem_id="chat",
        feedback_options=feedback.OPTIONS if extras.thumbs else None,
    )  # fmt: skip
    with gr.Row(elem_id="suggestions"):
        suggestions = tuple(gr.Button(text, size="sm", min_width=80) for text in texts.GENERIC_QUESTIONS)
    wrong = gr.HTML(elem_id="wrong")
    with gr.Row(elem_id="ask"):
        question = gr.Textbox(
            label=shown("QUESTION"), show_label=False, placeholder=shown("QUESTION_HINT"), max_lines=4, scale=8,
            min_width=160, max_length=MOST_CHARACTERS, container=False, autofocus=False, elem_id="question",
            html_attributes=gr.InputHTMLAttributes(autocomplete="off", autocorrect="on"),
        )  # fmt: skip
        send = gr.Button(shown("SEND"), variant="primary", scale=1, min_width=88, elem_id="send")
        stop = gr.Button(shown("STOP"), variant="stop", scale=1, min_width=88, visible=False, elem_id="stop")
    with gr.Row(elem_id="tools"):
        again = gr.Button(shown("AGAIN"), size="sm", min_width=60, interactive=False, elem_id="again")
        undo = gr.Button(shown("UNDO"), size="sm", min_width=60, interactive=False, elem_id="undo")
        save = gr.Button(shown("SAVE"), size="sm", min_width=60, interactive=False, elem_id="save")
        link = linking.build_button()
        clear = gr.Button(shown("CLEAR"), size="sm", min_width=60, interactive=False, elem_id="clear")
    return {
        "chat": chat, "suggestions": suggestions, "wrong": wrong, "question": question, "send": send, "stop": stop,
        "again": again, "undo": undo, "save": save, "clear": clear, "link": linking.build_panel(link),
        "looked": insight.build_looked(), **_panels(),
        "compare": comparing.build_panel(loader, extras.other, guard),
    }  # fmt: skip


def _panels() -> dict:
    start = PRESETS[FIRST_PRESET]
    with gr.Accordion(shown("SETTINGS"), open=False, elem_id="settings"):
        kinds = [(in_each(lambda name=name: texts.PRESETS[name]), name) for name in PRESETS]
        preset = gr.Radio(kinds, value=FIRST_PRESET, label=shown("PRESET"), elem_id="preset")
        temperature = gr.Slider(
            0, 1.5, start.temperature, step=0.1, elem_id="temperature",
            label=shown("TEMPERATURE"), info=shown("TEMPERATURE_INFO"),
        )  # fmt: skip
        top_p = gr.Slider(
            0.1, 1, start.top_p, step=0.05, label=shown("TOP_P"), info=shown("TOP_P_INFO"), elem_id="top-p"
        )
        length = gr.Slider(
            FEWEST_TOKENS, MOST_TOKENS, start.max_tokens, step=8, elem_id="length",
            label=shown("LENGTH"), info=shown("LENGTH_INFO"),
        )  # fmt: skip
        penalty = gr.Slider(
            1, 1.5, start.repetition_penalty, step=0.05, elem_id="penalty",
            label=shown("PENALTY"), info=shown("PENALTY_INFO"),
        )  # fmt: skip
        seed = gr.Textbox(
            start.seed, label=shown("SEED"), placeholder=shown("SEED_HINT"), info=shown("SEED_INFO"), max_length=10,
            elem_id="seed",
        )  # fmt: skip
        gr.HTML(in_each(lambda: f"<p>{texts.NO_BEAMS}</p>"), elem_id="no-beams")
    return {"preset": preset, "settings": (temperature, top_p, length, penalty, seed, gr.State(start.mode))}


def _foot(*, thumbs: bool) -> str:
    """What becomes of what people bring, and the keys."""
    told = f"{texts.PRIVACY} {texts.FEEDBACK}" if thumbs else texts.PRIVACY
    return f'<p>{told}</p><p class="keys">{texts.KEYS}</p>'
