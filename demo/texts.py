"""Every sentence that a visitor reads, in one place: short, friendly, and true."""

from html import escape

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
    "Pictures and questions stay on the computer that serves this page. Uploads are deleted after about an hour, "
    "nothing is logged, and the page asks no other site for anything."
)

PICTURE = "Picture"
PICTURE_HINT = "Drop a picture here, click to choose one,\nor use the camera or the clipboard"
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
PROMPT = "The exact prompt"
PROMPT_INFO = (
    "The text that the language model read for the last answer. The soft visual prompt, which has no words, stands in "
    "front of it."
)

NO_BEAMS = "Beams are off: they know the best answer only at its end, and this page shows answers as they grow."

GENERIC_QUESTIONS = (
    "Describe the picture in one sentence.",
    "What is this?",
    "Explain the advantages of this product.",
    "Tell me something about the history of this place.",
)

NOT_YET = "Not yet"
NO_PICTURE = "There is no picture yet. Click a photograph below, or drop one of your own on the left."
EMPTY_QUESTION = "The question is empty. Type a question about the picture first."
LONG_QUESTION = "The question is too long: at most {most:,} characters fit, this one has {got:,}. Please shorten it."
UNREADABLE_PICTURE = (
    "This file cannot be read as a picture. Use a PNG, JPEG, WebP, GIF, BMP or TIFF of at most 50 megapixels."
)
LOST_PICTURE = "The picture is no longer there: uploads are deleted after an hour. Please choose it again."
BUSY = "An answer is still on its way. Wait for it, or press Stop."
NOTHING_ASKED = "Nothing was asked yet. Ask a question first."
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


def measured(tokens: int, seconds: float, first: float | None, *, stopped: bool) -> str:
    """How an answer went, on one line."""
    start = f", first word after {first:.1f} s" if first is not None else ""
    speed = f" ({tokens / seconds:.1f} a second)" if tokens > 1 and seconds > 0 else ""
    return f"{'Stopped: ' if stopped else ''}{tokens} token{'s' * (tokens != 1)} in {seconds:.1f} s{speed}{start}."


def _percent(fraction: float | None) -> str:
    return f" {fraction:.0%}" if fraction is not None else ""
