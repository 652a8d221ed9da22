"""Two panels below the conversation: where the model looked for an answer, and the road that it took.

It is the last answer, until the visitor chooses another one.

Nothing is worked out before a visitor opens a panel, for the map costs a pass back through the model; then it is kept
beside the answer it belongs to. A panel that stays open follows the conversation to the next answer.

A quick handler draws what is known already. Where something is missing it raises a counter, and the counter's change
starts the work in the lane of the model.
"""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import gradio as gr

from blip2_core.errors import ImageError

from . import texts
from .conversation import Conversation
from .errors import sentence_for
from .exchange import Exchange
from .insight_views import draw_looked, draw_road, note
from .lanes import MODEL, QUICK
from .languages import in_each, shown

if TYPE_CHECKING:
    from .page import Parts

LOOKED, ROAD = "looked", "road"
PANELS = (LOOKED, ROAD)
STRONG = 0.75  # opacity of the map, 0-1
LONGEST_NAME = 60  # characters of a question in the list of answers
WORDS = 3  # shown for each soft visual prompt
SET_HEAT = "(on, strength) => page.setHeat(on, strength)"


@dataclass(frozen=True)
class LookedParts:
    """The panel with the map, and what both panels share.

    Args:
        panel: what is opened.
        which: whose answer is explained; hidden where there is one.
        view: what stands in it.
        on: whether the map is shown.
        strength: its opacity.
        opened: the names of the panels that are open.
        wanted: a counter; when it changes, something has to be worked out.
    """

    panel: gr.Accordion
    which: gr.Dropdown
    view: gr.HTML
    on: gr.Checkbox
    strength: gr.Slider
    opened: gr.State
    wanted: gr.State


@dataclass(frozen=True)
class RoadParts:
    """The panel with the road.

    Args:
        panel: what is opened.
        view: what stands in it.
    """

    panel: gr.Accordion
    view: gr.HTML


def build_looked() -> LookedParts:
    """The panel with the map, folded."""
    with gr.Accordion(shown("LOOKED"), open=False, elem_id="looked") as panel:
        which = gr.Dropdown([], label=shown("LOOKED_WHICH"), visible=False, filterable=False, elem_id="looked-which")
        view = gr.HTML(in_each(lambda: note(texts.INSIGHT_HINTS[LOOKED])), elem_id="looked-view", padding=False)
        with gr.Row(elem_id="looked-tools"):
            on = gr.Checkbox(True, label=shown("LOOKED_ON"), container=False, min_width=120, elem_id="looked-on")
            strength = gr.Slider(
                0, 1, STRONG, step=0.05, label=shown("LOOKED_STRENGTH"), min_width=200, scale=2, buttons=[],
                elem_id="looked-strength",
            )  # fmt: skip
    return LookedParts(panel, which, view, on, strength, gr.State(()), gr.State(0))


def build_road() -> RoadParts:
    """The panel with the road, folded."""
    with gr.Accordion(shown("ROAD"), open=False, elem_id="road") as panel:
        view = gr.HTML(in_each(lambda: note(texts.INSIGHT_HINTS[ROAD])), elem_id="road-view", padding=False)
    return RoadParts(panel, view)


def connect(parts: "Parts") -> None:
    """Connect the panels to what they do; `follow` connects them to the conversation."""
    looked, road = parts.looked, parts.road
    gr.on([looked.on.input, looked.strength.input], None, [looked.on, looked.strength], None, js=SET_HEAT, **QUICK)
    for name, panel in ((LOOKED, looked.panel), (ROAD, road.panel)):
        follow(panel.expand(_marking(name, is_open=True), looked.opened, looked.opened, **QUICK), parts)
        panel.collapse(_marking(name, is_open=False), looked.opened, looked.opened, **QUICK)
    follow(looked.which.input(choose, [parts.conversation, looked.which], None, **QUICK), parts)
    looked.wanted.change(work_out, [parts.conversation, looked.opened], [looked.view, road.view], **MODEL)


def follow(event: Any, parts: "Parts") -> None:
    """Draw the panels anew after an event that may have changed which answer is explained."""
    looked = parts.looked
    drawn = [looked.view, parts.road.view, looked.wanted, looked.which]
    event.then(refresh, [parts.conversation, looked.opened, looked.wanted], drawn, **QUICK)


def refresh(conversation: Conversation, opened: Any, wanted: int) -> list:
    """What stands in each panel and the answers to choose from; raises the counter where something is missing."""
    exchange = answered(conversation)
    shown = [_view(conversation, exchange, name, is_open=name in opened) for name in PANELS]
    missing = exchange is not None and any(name in opened and name not in exchange.found for name in PANELS)
    return [*shown, wanted + 1 if missing else gr.skip(), _answers(conversation, exchange)]


def work_out(conversation: Conversation, opened: Any) -> list:
    """Find what is missing in the open panels, and draw them; runs the model."""
    from blip2_core.out_of_memory import freed_when_full

    exchange = answered(conversation)
    refused: dict[str, str] = {}
    for name in PANELS if exchange is not None else ():
        if name in opened and name not in exchange.found:
            try:
                with freed_when_full():
                    exchange.found[name] = FINDERS[name](conversation, exchange)
            except Exception as error:
                refused[name] = note(sentence_for(error, otherwise=texts.INSIGHT_FAILED))
    if answered(conversation) is not exchange:  # asked, undone or another picture meanwhile; its own event draws
        return [gr.skip()] * len(PANELS)
    return [refused.get(name) or _view(conversation, exchange, name, is_open=name in opened) for name in PANELS]


def choose(conversation: Conversation, place: Any) -> None:
    """Explain another answer from now on, until the next question; a browser can send any place."""
    exchanges = list(conversation.exchanges)
    fits = isinstance(place, int) and not isinstance(place, bool) and 0 <= place < len(exchanges)
    conversation.explained = exchanges[place] if fits else None


def answered(conversation: Conversation) -> Exchange | None:
    """The exchange to explain, the chosen one or the last, if the model has answered it in words."""
    exchanges = list(conversation.exchanges)
    if not exchanges or conversation.running:
        return None
    chosen = conversation.explained if conversation.explained in exchanges else exchanges[-1]
    return chosen if chosen.remembered else None


def _answers(conversation: Conversation, exchange: Exchange | None) -> gr.Dropdown:
    """The list of answers, shown if there is a choice."""
    exchanges = list(conversation.exchanges)
    places = [place for place, one in enumerate(exchanges) if one.remembered]
    names = [(f"{place + 1}. {texts.short(exchanges[place].question, LONGEST_NAME)}", place) for place in places]
    value = exchanges.index(exchange) if exchange in exchanges else None
    return gr.Dropdown(names, value=value, visible=len(names) > 1)


def find_looked(conversation: Conversation, exchange: Exchange) -> Any:
    """What in the picture an answer rests on; runs the model."""
    from blip2_core.attention_maps import relevance

    task = partial(relevance, history=exchange.history, mode=exchange.mode)
    return conversation.loader.run(task, conversation.sight(), exchange.question, exchange.answer)


def find_road(conversation: Conversation, exchange: Exchange) -> Any:
    """The road of a question, and where each query looked; runs the model."""
    from blip2_core.explain import explain_and_watch

    task = partial(explain_and_watch, words=WORDS, history=exchange.history, mode=exchange.mode)
    return conversation.loader.run(task, conversation.sight(), exchange.question)


FINDERS = {LOOKED: find_looked, ROAD: find_road}


def _view(conversation: Conversation, exchange: Exchange | None, name: str, *, is_open: bool) -> str:
    if exchange is None or not is_open or conversation.picture is None:
        return note(texts.INSIGHT_HINTS[name])
    if name not in exchange.found:
        return note(texts.INSIGHT_WORKING)
    try:
        if name == LOOKED:
            return draw_looked(conversation.picture, exchange, exchange.found[LOOKED])
        return draw_road(conversation.picture, exchange, *exchange.found[ROAD])
    except ImageError:
        return note(texts.LOST_PICTURE)


def _marking(name: str, *, is_open: bool) -> Any:
    def mark(opened: Any) -> tuple[str, ...]:
        others = tuple(other for other in PANELS if other in opened and other != name)
        return (*others, name) if is_open else others

    return mark
