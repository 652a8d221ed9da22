"""Every sentence that a visitor reads, in one place: short, friendly, and true."""

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .exchange import Measured

TITLE = "Chat with a picture"
INTRODUCTION = (
    "Pick a photograph or bring your own, then ask about it. A frozen image encoder looks at the picture once, a "
    "Q-Former that was told your question draws out what matters, and a frozen language model answers."
)
ABOUT_POCKET = (
    "<strong>What to expect.</strong> <em>pocket</em> is small enough for two processor cores, and often wrong. It "
    "does best on people, dogs and sport in plain photographs, and on kinds of things (a flower, a bird, a car). It "
    "miscounts, reads no text, knows nobody by face, and <strong>the facts it tells may be invented</strong>: do not "
    "rely on them."
)
LARGER_MODEL = "With a GPU, start a large model instead:"
LARGER_COMMAND = "python app.py <span>--model Salesforce/instructblip-flan-t5-xl</span> <span>--precision int8</span>"
PRIVACY = (
    "Pictures and questions stay on the computer that serves this page. Uploads lose their metadata and are "
    "deleted after about an hour, nothing is logged, and the page asks no other site for anything."
)

PICTURE = "Picture"
PICTURE_HINT = "Drop a picture here, click to choose one,\nor use the camera or the clipboard"
MORE_WAYS = "Or draw one, or fetch one from the web"
DRAW = "Or draw one"
ADDRESS = "Web address of a picture"
ADDRESS_HINT = "https:// address of a picture"
FETCH = "Fetch"
PRESET = "Kind of answer"
GALLERY = "Or click a photograph"
CREDITS = "Where the photographs come from"
CHANGES = "All were saved as JPEG of at most 640 pixels a side; the pen was cropped, too."
CHAT = "Conversation"
CHAT_HINT = (
    '<div class="hint"><strong>Ask about the picture</strong>'
    "<span>Choose a photograph, then type a question or click a suggestion.</span></div>"
)
QUESTION = "Your question"
QUESTION_HINT = "Ask about the picture"
NEW_CONVERSATION = "New picture, new conversation. What would you like to know about it?"
SETTINGS = "How an answer is picked"
PROMPT_INFO = "The exact prompt, behind the soft visual prompt, which has no words:"
ENDED = {"closed": "stopped", "length": "cut at the longest answer", "deadline": "cut, it took too long"}

NO_BEAMS = "Beams are off: they know the best answer only at its end, and this page shows answers as they grow."

GENERIC_QUESTIONS = (
    "Describe the picture in one sentence.",
    "What is this?",
    "Explain the advantages of this product.",
    "Tell me something about the history of this place.",
)

PENS = (
    ("Black", "#1c1917"), ("Red", "#dc2626"), ("Orange", "#ea580c"), ("Yellow", "#facc15"), ("Green", "#16a34a"),
    ("Blue", "#2563eb"), ("Brown", "#78350f"), ("Eraser", "#ffffff"),
)  # fmt: skip
_PENS = "".join(
    f'<button type="button" class="pen" data-pen="{colour}" aria-label="{name}" title="{name}" '
    f'aria-pressed="{str(name == "Black").lower()}" style="--pen: {colour}"></button>'
    for name, colour in PENS
)
BOARD = f"""
<canvas width="640" height="480" role="img" aria-label="Drawing board: draw with the mouse, a pen or a finger"></canvas>
<div class="pens" role="group" aria-label="Pens">{_PENS}
  <label>Width <input type="range" min="2" max="60" value="12" aria-label="Width of the pen"></label></div>
<div class="board-tools"><button type="button" data-board="undo">Undo</button>
  <button type="button" data-board="clear">Clear</button>
  <button type="button" data-board="use" class="use">Ask about this drawing</button></div>
"""

NOT_YET = "Not yet"
NO_PICTURE = "There is no picture yet. Click a photograph below, or drop one of your own on the left."
EMPTY_QUESTION = "The question is empty. Type a question about the picture first."
LONG_QUESTION = "The question is too long: at most {most:,} characters fit, this one has {got:,}. Please shorten it."
UNREADABLE_PICTURE = (
    "This file cannot be read as a picture. Use a PNG, JPEG, WebP, GIF, BMP or TIFF of at most 50 megapixels."
)
LOST_PICTURE = "The picture is no longer there: uploads are deleted after an hour. Please choose it again."
TOO_OFTEN = "That was a lot at once. Please try again in {seconds} seconds."
FULL = "Many people are asking just now. Please try again in a minute."
MANY_TURNS = "This conversation has {most} questions, which is the most. Press Clear to begin a new one."
LARGE_BODY = "The request is too large: pictures of at most 15 MB fit."
WEB_ADDRESS = "Please give the public web address of a picture; it begins with https:// or http://."
WEB_NO_ANSWER = "The picture could not be fetched from this address. Save it and drop it here instead."
WEB_TOO_LARGE = "The picture behind this address is larger than {most} MB. Save it smaller and drop it here instead."
WEB_NO_PICTURE = "There is no picture behind this address that can be read. Give the address of the picture itself."
WEB_OFF = "Fetching pictures from web addresses is turned off here. Please upload the picture."
LOADING = "The model is still loading. Please try again when /gradio_api/healthz says that it is ready."
BUSY = "An answer is still on its way. Wait for it, or press Stop."
NOTHING_ASKED = "Nothing was asked yet. Ask a question first."
NOTHING_TO_SAVE = "There is no answer to save yet. Ask a question first."
SAVED_NOTE = "what they tell may be invented."
BAD_SETTINGS = "One of the answer settings is out of its range. Please set it again."
FAILED = "Something went wrong while answering. Please try again; the details are on the server's terminal."
CANNOT_ASK = "The model cannot read this question. Please ask it in other words."
NO_MODEL = "The model could not be loaded, so there is no answer. The reason is on the server's terminal."
WORDLESS = "(stopped before the first word)"
NO_WORDS = "(the model had nothing to say)"


def about(model: str) -> str:
    """What to expect of a model that we did not make, as HTML."""
    return (
        f"<strong>What to expect.</strong> <em>{escape(model)}</em> can be wrong about what is in the picture, and "
        "<strong>the facts it tells may be invented</strong>: do not rely on them."
    )


def waiting(step: str, fraction: float | None) -> str:
    """What stands in the place of an answer while the model is loading."""
    return f"I will answer as soon as the model is here: {step}{_percent(fraction)} …"


def status(name: str, step: str, fraction: float | None) -> str:
    """The line about a model that is on its way, as HTML."""
    bar = f'<progress value="{fraction:.3f}" max="1" aria-label="{escape(step)}"></progress>' if fraction else ""
    text = f"Loading <strong>{escape(name)}</strong>: {escape(step)}{_percent(fraction)}"
    return f'<div class="status loading"><span class="dot"></span><span>{text}</span>{bar}</div>'


def ready(name: str, precision: str, device: str) -> str:
    """The line about a model that answers, as HTML."""
    facts = " · ".join(escape(fact) for fact in (precision, device.upper()))
    text = f"<strong>{escape(name)}</strong> · {facts}"
    return f'<div class="status ready" role="status"><span class="dot"></span><span>{text}</span></div>'


def failed(name: str) -> str:
    """The line about a model that did not come, as HTML."""
    text = f"<strong>{escape(name)}</strong> could not be loaded. The reason is on the server's terminal."
    return f'<div class="status failed" role="alert"><span class="dot"></span><span>{text}</span></div>'


def measured(measured: "Measured", notice: str = "") -> str:
    """How an answer went, on one line."""
    tokens = measured.tokens
    facts = [f"{tokens} token{'s' * (tokens != 1)}"]
    if (speed := measured.tokens_per_second) is not None:
        facts.append(f"{speed:.1f} a second")
    if (first := measured.seconds_to_first_token) is not None:
        facts.append(f"first after {first:.1f} s")
    if (ended := ENDED.get(measured.stopped_by)) is not None:
        facts.append(ended)
    return " · ".join(facts) + (f". {notice}" if notice else "")


def how(prompt: str) -> str:
    """What stands below an answer when it is unfolded."""
    return f"{PROMPT_INFO}\n\n{prompt}"


def _percent(fraction: float | None) -> str:
    return f" {fraction:.0%}" if fraction is not None else ""
