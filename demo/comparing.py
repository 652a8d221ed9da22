"""The panel on which one question is answered twice, side by side; what is compared stands in `comparison.py`."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from . import texts
from .comparison import Comparison
from .conversation import MOST_CHARACTERS, Conversation
from .errors import VisitorError
from .lanes import MODEL, QUICK, expect_room, paced, refused, send_or_stop
from .languages import in_each, sentence, shown
from .limits import Guard
from .loading import ModelLoader
from .settings import Panel, repeatable

if TYPE_CHECKING:
    from .page import Parts


@dataclass(frozen=True)
class CompareParts:
    """The parts of the panel.

    Args:
        comparison: what this visitor compares.
        kind: what is different; hidden where there is one choice.
        question: for both sides.
        ask: asks it.
        stop: stops both answers.
        sides: where the answers stand.
    """

    comparison: gr.State
    kind: gr.Radio
    question: gr.Textbox
    ask: gr.Button
    stop: gr.Button
    sides: tuple[gr.HTML, gr.HTML]


def build_panel(loader: ModelLoader, other: ModelLoader | None, guard: Guard) -> CompareParts:
    """The panel, folded."""
    comparison = Comparison(loader, other, guard.limits)
    with gr.Accordion(shown("COMPARE"), open=False, elem_id="compare"):
        info = "COMPARE_INFO_MODELS" if other else "COMPARE_INFO"
        gr.HTML(in_each(lambda: f"<p>{sentence(info)}</p>"), elem_id="compare-info")
        kinds = [(in_each(lambda name=name: texts.COMPARE_KINDS[name]), name) for name in comparison.kinds]
        kind = gr.Radio(
            kinds, value=comparison.kinds[0], label=shown("COMPARE_KIND"), visible=other is not None,
            elem_id="compare-kind",
        )  # fmt: skip
        with gr.Row(elem_id="compare-ask"):
            question = gr.Textbox(
                label=shown("COMPARE_QUESTION"), show_label=False, placeholder=shown("COMPARE_QUESTION_HINT"),
                scale=8, max_lines=3, min_width=120, max_length=MOST_CHARACTERS, container=False,
                elem_id="compare-question",
            )  # fmt: skip
            ask = gr.Button(shown("COMPARE_ASK"), variant="primary", scale=1, min_width=96, elem_id="compare-send")
            stop = gr.Button(
                shown("COMPARE_STOP"), variant="stop", scale=1, min_width=96, visible=False, elem_id="compare-stop"
            )
        with gr.Row(elem_id="sides"):
            drawn = [in_each(lambda place=place: _drawn(deepcopy(comparison))[place]) for place in (0, 1)]
            left, right = (gr.HTML(side) for side in drawn)
    return CompareParts(gr.State(comparison), kind, question, ask, stop, (left, right))


def connect(page: gr.Blocks, parts: "Parts", panel: CompareParts, guard: Guard) -> None:
    """Connect the panel."""

    def begin_comparing(
        conversation: Conversation, comparison: Comparison, kind: str, question: str, request: gr.Request
    ) -> list:
        try:
            expect_room(page, guard)
            for _ in comparison.sides:
                guard.question(request)
            question = question if question.strip() else _last_question(conversation)
            comparison.begin(kind, question, conversation.picture)
        except VisitorError as error:
            return refused(error, 5)
        return [question, *_buttons(running=True), *_drawn(comparison)]

    def finish_comparing(comparison: Comparison) -> list:
        if comparison.refuse():  # the answers never got into the queue
            gr.Warning(texts.FULL, duration=8, title=texts.NOT_YET)
        return [*_buttons(running=False), *_drawn(comparison)]

    asked = [panel.question, panel.ask, panel.stop, *panel.sides]
    begun = gr.on(
        [panel.ask.click, panel.question.submit], begin_comparing,
        [parts.conversation, panel.comparison, panel.kind, panel.question], asked, **QUICK,
    )  # fmt: skip
    answered = begun.success(_compare, [panel.comparison, *parts.settings], list(panel.sides), **MODEL)
    answered.then(finish_comparing, panel.comparison, asked[1:], **QUICK)
    panel.stop.click(_stop_comparing, panel.comparison, None, **QUICK)


def _last_question(conversation: Conversation) -> str:
    exchanges = list(conversation.exchanges)
    return exchanges[-1].question if exchanges else ""


def _compare(comparison: Comparison, *values: Any) -> Iterator[list]:
    """Redraw both sides while they grow."""
    try:
        panel = Panel(*values)
        settings = repeatable(panel.settings())
    except VisitorError as error:
        comparison.refuse()
        yield refused(error, 2)
        return
    for _ in paced(comparison.answer(settings, panel.mode or None)):
        yield _drawn(comparison)
    yield _drawn(comparison)


def _stop_comparing(comparison: Comparison) -> None:
    comparison.stop()


def _buttons(*, running: bool) -> list[gr.Button]:
    return send_or_stop(running=running, labels=(texts.COMPARE_ASK, texts.COMPARE_STOP))


def _drawn(comparison: Comparison) -> list[str]:
    return [
        texts.side(side.title, side.answer, texts.measured(side.measured) if side.measured else "", spoken=side.spoken)
        for side in comparison.sides
    ]
