"""The panel on which a visitor loads another model, or the same one in another precision; `offers.py` says which.

There is one model behind the page, so the choice is everybody's. Loading drops the old model first, and a model that
cannot fit is refused before that.
"""

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from blip2_core.precisions import PRECISIONS

from . import texts
from .errors import VisitorError
from .lanes import QUICK, refused
from .languages import in_each, shown
from .limits import Guard
from .loading import ModelLoader
from .offers import AUTO, Offers, needs

if TYPE_CHECKING:
    from blip2_core.needs import Needs

    from .page import Parts


@dataclass(frozen=True)
class ChooseParts:
    """The parts of the panel; none where nothing is offered.

    Args:
        about: what to expect of the model that is there.
        panel: what is opened.
        model: which one.
        precision: of its weights.
        told: how much memory it needs.
        load: loads it.
    """

    about: gr.HTML
    panel: gr.Accordion | None = None
    model: gr.Dropdown | None = None
    precision: gr.Radio | None = None
    told: gr.HTML | None = None
    load: gr.Button | None = None


def build_panel(loader: ModelLoader, offers: Offers) -> ChooseParts:
    """What to expect of the model, and the panel, folded."""
    expected = gr.HTML(in_each(lambda: about(loader, offers)), elem_id="about")
    if not offers.models:
        return ChooseParts(expected)
    with gr.Accordion(shown("PICK"), open=False, elem_id="pick") as panel:
        gr.HTML(in_each(lambda: f"<p>{texts.PICK_INFO}</p>"), elem_id="pick-info")
        model = gr.Dropdown(
            list(offers.titles), value=loader.title, label=shown("PICK_MODEL"), filterable=False, elem_id="pick-model"
        )
        kinds = [(shown("PICK_AUTO") if name == AUTO else name, name) for name in PRECISIONS]
        precision = gr.Radio(kinds, value=AUTO, label=shown("PICK_PRECISION"), elem_id="pick-precision")
        told = gr.HTML(elem_id="pick-told")
        load = gr.Button(shown("PICK_LOAD"), elem_id="pick-load")
    return ChooseParts(expected, panel, model, precision, told, load)


def about(loader: ModelLoader, offers: Offers) -> str:
    """What the model can and cannot do, and how to get a stronger one, as HTML."""
    expected = texts.ABOUT_POCKET if loader.name == "pocket" else texts.about(loader.title)
    if loader.captions:
        expected = f"{expected} {texts.CAPTIONS}"
    if offers.models:
        return f"<p>{expected}</p>"
    return f"<p>{expected}</p><p>{texts.LARGER_MODEL}<br><code>{texts.LARGER_COMMAND}</code></p>"


def connect(parts: "Parts", loader: ModelLoader, *, offers: Offers, guard: Guard) -> Any:
    """Connect the panel; returns the event after which another model is on its way, None without a panel.

    Args:
        parts: of the page.
        loader: of the model behind it.
        offers: what may be loaded.
        guard: counts how often.
    """
    choose = parts.choose
    if choose.panel is None:
        return None

    def tell_needs(title: str) -> str:
        model = offers.named(title)
        return "" if model is None else f'<p role="status">{escape(told(needs(model, loader)))}</p>'

    def load_model(title: str, precision: str, request: gr.Request) -> Any:
        try:
            guard.model(request)
            model = checked(title, precision, loader=loader, offers=offers, request=request)
            if not loader.switch(model, precision):
                raise VisitorError(texts.PICK_LOADING)
        except VisitorError as error:
            return refused(error, 1)[0]
        return gr.Timer(active=True)

    gr.on([choose.panel.expand, choose.model.change], tell_needs, choose.model, choose.told, **QUICK)
    return choose.load.click(load_model, [choose.model, choose.precision], parts.timer, **QUICK)


def checked(title: object, precision: str, *, loader: ModelLoader, offers: Offers, request: Any) -> str:
    """The name of a model that may be loaded.

    Raises:
        VisitorError: it is not offered, not to this visitor, is there already, does not fit, or does not work in fp16.
    """
    model = offers.named(title)
    if not offers.open_to(request) or model is None or precision not in PRECISIONS:
        raise VisitorError(texts.PICK_NOT_YOURS)
    if loader.loading:
        raise VisitorError(texts.PICK_LOADING)
    there = loader.model
    if there is not None and model == loader.name and precision in (loader.precision, there.precision):
        raise VisitorError(texts.PICK_THERE)
    needed = needs(model, loader)
    if precision == "fp16" and needed.no_fp16:
        raise VisitorError(texts.PICK_NO_FP16[needed.no_fp16])
    if not needed.fits(precision):
        need = needed.bytes.get(precision) or min(needed.bytes.values())
        sizes = {"need": texts.gigabytes(need), "free": texts.gigabytes(needed.free)}
        raise VisitorError(texts.PICK_TOO_LARGE.format(model=escape(str(title)), kind=_kind(needed), **sizes))
    return model


def told(needed: "Needs") -> str:
    """The memory of each precision, in a sentence."""
    kind, free = _kind(needed), texts.gigabytes(needed.free)
    if not needed.bytes:
        return texts.PICK_UNKNOWN.format(kind=kind, free=free)
    sizes = ", ".join(
        f"{precision}\N{NO-BREAK SPACE}{texts.gigabytes(size)}" for precision, size in needed.bytes.items()
    )
    return texts.PICK_NEEDS.format(kind=kind, sizes=sizes, free=free)


def _kind(needed: "Needs") -> str:
    return texts.PICK_MEMORY["gpu" if needed.on_gpu else "cpu"]
