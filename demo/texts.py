"""What a visitor reads, in their language: `texts.NAME` gives a sentence of `languages/`, a function one with values.

Outside a visitor's request, everything is English.
"""

from html import escape
from typing import TYPE_CHECKING, Any

from .languages import sentence as say

if TYPE_CHECKING:
    from .exchange import Exchange, Measured

LARGER_COMMAND = "python app.py <span>--model Salesforce/instructblip-flan-t5-xl</span> <span>--precision int8</span>"
GENERIC_QUESTIONS = (  # English in all languages, for the model reads no other
    "Describe the picture in one sentence.",
    "What is this?",
    "Explain the advantages of this product.",
    "Tell me something about the history of this place.",
)
PEN_COLOURS = ("#1c1917", "#dc2626", "#ea580c", "#facc15", "#16a34a", "#2563eb", "#78350f", "#ffffff")


def __getattr__(name: str) -> Any:
    """The sentence of this name, in the language of the visitor whose request is being handled."""
    if name.startswith("_"):
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return say(name)


def board() -> str:
    """The drawing board, as HTML; its script is page.js."""
    pens = "".join(
        f'<button type="button" class="pen" data-pen="{colour}" aria-label="{name}" title="{name}" '
        f'aria-pressed="{str(place == 0).lower()}" style="--pen: {colour}"></button>'
        for place, (name, colour) in enumerate(zip(say("PENS"), PEN_COLOURS, strict=True))
    )
    width = f'<input type="range" min="2" max="60" value="12" aria-label="{say("BOARD_PEN_WIDTH")}">'
    return (
        f'<canvas width="640" height="480" role="img" aria-label="{say("BOARD")}"></canvas>'
        f'<div class="pens" role="group" aria-label="{say("BOARD_PENS")}">{pens}'
        f"<label>{say('BOARD_WIDTH')} {width}</label></div>"
        f'<div class="board-tools"><button type="button" data-board="undo">{say("UNDO")}</button>'
        f'<button type="button" data-board="clear">{say("CLEAR")}</button>'
        f'<button type="button" data-board="use" class="use">{say("BOARD_USE")}</button></div>'
    )


def chat_hint() -> str:
    """What stands in the empty conversation, as HTML."""
    parts = [f"<strong>{say('CHAT_HINT')}</strong>", f"<span>{say('CHAT_HINT_HOW')}</span>"]
    if in_english := say("IN_ENGLISH"):
        parts.append(f"<span>{in_english}</span>")
    return f'<div class="hint">{"".join(parts)}</div>'


def wrong(answers: dict[str, str], *, nothing_else: bool = False) -> str:
    """The questions about a photograph that the model gets wrong, folded unless there are no others, as HTML."""
    if not answers:
        return ""
    rows = "".join(f"<li>{escape(asked)} <q>{escape(short(told))}</q></li>" for asked, told in answers.items())
    title = say("WRONG_ONE") if len(answers) == 1 else say("WRONG").format(count=len(answers))
    return f'<details{" open" if nothing_else else ""}><summary>{title}</summary><ul lang="en">{rows}</ul></details>'


def short(text: str, most: int = 120) -> str:
    """The beginning of a text that is longer than so many characters, cut between words."""
    return text if len(text) <= most else text[:most].rsplit(" ", 1)[0] + " …"


def side(title: str, answer: str, facts: str, *, spoken: bool) -> str:
    """One side of a comparison, as HTML; an answer that is spoken is in the model's own words, which are English."""
    language = ' lang="en"' if spoken else ""
    return (
        f'<section class="side" aria-label="{escape(title)}"><h3>{escape(title)}</h3>'
        f'<p class="answer"{language}>{escape(answer)}</p><p class="facts">{escape(facts)}</p></section>'
    )


def days(number: float) -> str:
    """A time, in words."""
    return _one_or_more("DAYS", number, number=f"{number:g}")


def about(model: str) -> str:
    """What to expect of a model that we did not make, as HTML."""
    return say("ABOUT_MODEL").format(model=escape(model))


def waiting(step: str, fraction: float | None) -> str:
    """What stands in the place of an answer while the model is loading."""
    return say("WAITING").format(step=_step(step) + _percent(fraction))


def status(name: str, step: str, fraction: float | None) -> str:
    """The line about a model that is on its way, as HTML."""
    told = escape(_step(step))
    bar = f'<progress value="{fraction:.3f}" max="1" aria-label="{told}"></progress>' if fraction else ""
    text = say("LOADING_MODEL").format(name=escape(name), step=told + _percent(fraction))
    return f'<div class="status loading"><span class="dot"></span><span>{text}</span>{bar}</div>'


def ready(name: str, precision: str, device: str) -> str:
    """The line about a model that answers, as HTML."""
    facts = " · ".join(escape(fact) for fact in (precision, device.upper()))
    text = f"<strong>{escape(name)}</strong> · {facts}"
    return f'<div class="status ready" role="status"><span class="dot"></span><span>{text}</span></div>'


def failed(name: str) -> str:
    """The line about a model that did not come, as HTML."""
    text = say("MODEL_FAILED").format(name=escape(name))
    return f'<div class="status failed" role="alert"><span class="dot"></span><span>{text}</span></div>'


def gigabytes(count: int) -> str:
    """Bytes, in words."""
    return say("GIGABYTES").format(number=_decimal(count / 1e9))


def measured(measured: "Measured", dropped: int = 0) -> str:
    """How an answer went, on one line.

    Args:
        measured: what was measured.
        dropped: how many of the oldest questions were left out.
    """
    facts = [_one_or_more("TOKENS", measured.tokens)]
    if (speed := measured.tokens_per_second) is not None:
        facts.append(say("SPEED").format(number=_decimal(speed)))
    if (first := measured.seconds_to_first_token) is not None:
        facts.append(say("FIRST_TOKEN").format(number=_decimal(first)))
    if (ended := say("ENDED").get(measured.stopped_by)) is not None:
        facts.append(ended)
    return " · ".join(facts) + (f". {_one_or_more('DROPPED', dropped)}" if dropped else "")


def how(exchange: "Exchange") -> str:
    """What stands below a measured answer, unfolded: what was kept, what the Q-Former read, and the prompt."""
    assert exchange.measured is not None
    kept = say("PICTURE_KNOWN") if exchange.measured.picture_was_known else say("PICTURE_NEW")
    read = exchange.qformer_question
    more = read not in ("", exchange.question, exchange.prompt)
    told = f"{say('QFORMER_READ')}\n\n{read}\n\n" if more else ""
    return f"{kept} {told}{say('PROMPT_INFO')}\n\n{exchange.prompt}"


def _one_or_more(name: str, count: float, **values: str) -> str:
    """The first of two sentences for one thing, the second for more or none."""
    one, more = say(name)
    return (one if count == 1 else more).format(count=count, **values)


def _step(step: str) -> str:
    """What the loader does, of whose English words we know those at the beginning."""
    for english, ours in say("STEPS").items():
        if step.startswith(english):
            return ours + step.removeprefix(english)
    return step


def _decimal(number: float) -> str:
    return f"{number:.1f}".replace(".", say("DECIMAL"))


def _percent(fraction: float | None) -> str:
    return "" if fraction is None else " " + say("PERCENT").format(number=round(fraction * 100))
