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
    "deleted after about an hour, unless you have one kept for a link. Nothing is logged, and the page asks no other "
    "site for anything."
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

LINK = "Link"
LINK_LABEL = "Link to this conversation"
LINK_COPIED = "The link is copied."
LINK_COPY_YOURSELF = "This browser lets no page copy by itself. Please copy the link below."
LINK_TO_PHOTO = (
    "It holds the name of the photograph, your questions and the answer settings; nothing is stored here. Whoever "
    "opens it gets the questions asked again. It works as long as this page does."
)
LINK_TO_PICTURE = (
    "Your picture is kept here for {days}; after that, or if this page's disk is emptied before, the link says that it "
    "has expired. Whoever has the link sees the picture and your questions, which are asked again."
)
LINK_CONSENT = (
    "A picture of your own does not fit into a link. For the link to work, this page's computer would keep a copy for "
    "{days}, without its metadata. Whoever has the link can see it; nobody can guess it."
)
LINK_KEEP = "Keep the picture and copy the link"
LINK_FORGET = "Delete the kept picture"
LINK_FORGOTTEN = "The kept picture is deleted. The link no longer works."
LINK_GALLERY_ONLY = "Only conversations about photographs of the gallery have a link here. Press Save to keep this one."
LINK_NO_ROOM = "This page's computer cannot keep the picture. Press Save to keep the conversation."
LINK_TOO_LONG = "This conversation is too long for a link, which holds up to {most} questions. Press Save to keep it."
LINK_BROKEN = "This link cannot be read: perhaps a part of it is missing. Please copy the whole of it."
LINK_EXPIRED = "The picture of this link is no longer kept here. Please ask for a new link."
LINK_CUT = "The other questions of this link were not asked, for it took too long."
FEEDBACK = (
    "Feedback is on. A thumb below an answer stores the question, the answer, the model, its precision, the settings, "
    "the thumb and the time in a file on this page's computer, for those who run the page. The picture and your "
    "address are not stored, and without a thumb nothing is."
)
WRONG = "{count} questions about this photograph that it gets wrong"
WRONG_ONE = "A question about this photograph that it gets wrong"
COMPARE = "Compare"
COMPARE_INFO = (
    "Ask one question twice and watch both answers grow. The language model reads the same prompt on both sides, "
    "without the earlier questions; only what the Q-Former reads is different."
)
COMPARE_INFO_MODELS = (
    "Ask one question twice and watch both answers grow, without the earlier questions: of one model, whose Q-Former "
    "reads the question or reads none, or of two models."
)
COMPARE_KIND = "What is different"
COMPARE_KINDS = {"question": "Whether the Q-Former reads the question", "model": "The model"}
COMPARE_QUESTION = "Question for both sides"
COMPARE_QUESTION_HINT = "Empty: the last question again"
COMPARE_ASK = "Ask both"
COMPARE_STOP = "Stop both"
COMPARE_GIVEN = "The Q-Former reads the question"
COMPARE_WITHHELD = "The Q-Former reads no question"
COMPARE_READS_NOTHING = (
    "The Q-Former of this model never reads the question, so both sides would say the same. Load an InstructBLIP or "
    "pocket to compare."
)
FEEDBACK_THANKS = "Thank you"
FEEDBACK_STORED = "Your thumb is stored with the question and the answer, without the picture."
FEEDBACK_FULL = "The thumb could not be stored: the file for it takes no more."
NOTHING_TO_JUDGE = "There is no answer of the model here to judge."
FROM_LINK = "This conversation comes from a link. Its questions are asked again, now and here."


def wrong(answers: dict[str, str], *, nothing_else: bool = False) -> str:
    """The questions about a photograph that the model gets wrong, folded unless there are no others, as HTML."""
    if not answers:
        return ""
    rows = "".join(f"<li>{escape(asked)} <q>{escape(_short(told))}</q></li>" for asked, told in answers.items())
    title = WRONG_ONE if len(answers) == 1 else WRONG.format(count=len(answers))
    return f"<details{' open' if nothing_else else ''}><summary>{title}</summary><ul>{rows}</ul></details>"


def side(title: str, answer: str, facts: str) -> str:
    """One side of a comparison, as HTML."""
    return (
        f'<section class="side" aria-label="{escape(title)}"><h3>{escape(title)}</h3>'
        f'<p class="answer">{escape(answer)}</p><p class="facts">{escape(facts)}</p></section>'
    )

INSIGHT_WORKING = "Working it out …"
INSIGHT_FAILED = "This could not be worked out for this answer. The reason is on the server's terminal."
INSIGHT_HINTS = {
    "looked": "Ask about the picture. Then this shows on which parts of it the last answer rests.",
    "road": "Ask about the picture. Then this shows the road of your question, step by step, with real numbers.",
}
LOOKED = "Where it looked"
LOOKED_ON = "Show the map"
LOOKED_STRENGTH = "Strength"
LOOKED_CAPTION = "{question} <b>{answer}</b>"
LOOKED_LESS, LOOKED_MORE = "less", "more relevant"
LOOKED_ALT = "The picture with a map over it: the answer rests most on the {place}."
LOOKED_NOWHERE = "The picture. No part of it speaks for the answer, so the map is empty."
LOOKED_ABOUT = (
    "Coloured is what made this answer likelier: the attention of the Q-Former's queries, weighted by how much the "
    "answer depends on it. The rest of the answer comes from the question and from what the language model knows."
)
ROAD = "How it works"
ROAD_ABOUT = "The road of “{question}”, from the picture to the language model. The numbers are this picture's own."
ROAD_PROMPT = "The text that the language model reads after the soft visual prompt"
ROAD_QUERIES = "The {count} queries"
ROAD_QUERIES_ABOUT = (
    "Each query looks at the picture in its own way and becomes one soft visual prompt, a vector that stands where a "
    "word would. Below it are the words whose vectors lie nearest (1 would be the same); often they make little sense."
)
QUERY_ALT = "Query {number} looked most at the {place}."
PLACES = (("upper left", "top", "upper right"), ("left side", "middle", "right side"),
          ("lower left", "bottom", "lower right"))  # fmt: skip


def days(number: float) -> str:
    """A time, in words."""
    return "1 day" if number == 1 else f"{number:g} days"


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


def _short(text: str, most: int = 120) -> str:
    return text if len(text) <= most else text[:most].rsplit(" ", 1)[0] + " …"
