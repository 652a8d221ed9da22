"""The one public endpoint, `/ask`: a picture and a question in, the answer and how it came about out.

For `gradio_client`, for curl, and, where Gradio's `mcp` extra is installed, as a tool for language models.

It gives the answer in one piece, so when its caller goes away Gradio has no generator to close: it only marks the event
as one that nobody listens to. The answer looks at that mark after each token.
"""

from collections.abc import Callable
from typing import Any

import gradio as gr
from gradio.context import LocalContext

from . import texts
from .conversation import Conversation
from .errors import VisitorError
from .limits import Guard
from .loading import ModelLoader
from .settings import Panel

START = Panel()


def add_ask(loader: ModelLoader, guard: Guard, lane: dict[str, Any]) -> None:
    """Add the endpoint to the page that is open; nobody sees it there.

    Args:
        loader: the model behind it.
        guard: counts questions.
        lane: where it waits for the model; says nothing about who may call it.
    """

    def ask(
        image: str | None,
        question: str,
        temperature: float = START.temperature,
        top_p: float = START.top_p,
        max_tokens: float = START.max_tokens,
        repetition_penalty: float = START.repetition_penalty,
        seed: str = START.seed,
        request: gr.Request = None,  # type: ignore[assignment]
    ) -> tuple[str, str, dict]:
        """Ask a BLIP-2 model one question about one picture.

        Args:
            image: the picture, at most 15 MB and 50 megapixels: a PNG, JPEG, WebP, GIF, BMP or TIFF file.
            question: at most 1,000 characters.
            temperature: 0 to 1.5; 0 takes the likeliest word every time.
            top_p: 0.1 to 1; draw from the likeliest words that have this share of the probability together.
            max_tokens: 8 to 256, the longest answer.
            repetition_penalty: 1 to 1.5; above 1, words of the answer so far become less likely.
            seed: a whole number that makes a draw repeatable; empty draws anew.

        Returns:
            The answer, the exact prompt that the language model read, and the timings.
        """
        try:
            guard.question(request)
            panel = Panel(temperature, top_p, max_tokens, repetition_penalty, seed)
            return _answer(Conversation(loader, guard.limits), image, question, panel, has_left=_caller_has_left())
        except VisitorError as error:
            raise gr.Error(str(error), print_exception=False) from None

    with gr.Row(visible=False):
        picture = gr.Image(type="filepath", image_mode=None, label="image")
        question = gr.Textbox(label="question")
        numbers = [gr.Number(value, label=name) for name, value in zip(NAMES, START.values, strict=False)]
        seed = gr.Textbox(START.seed, label="seed")
        answer, prompt = gr.Textbox(label="answer"), gr.Textbox(label="prompt")
        timings = gr.JSON(label="timings")
    gr.on(
        [], ask, [picture, question, *numbers, seed], [answer, prompt, timings],
        **{**lane, "api_visibility": "public"}, api_name="ask",
    )  # fmt: skip


NAMES = ("temperature", "top_p", "max_tokens", "repetition_penalty")


def _caller_has_left() -> Callable[[], bool]:
    """Says, whenever it is called, whether whoever asked has hung up since.

    It knows nothing of a caller who has not begun to listen: the answer might still be fetched.
    """
    page, event_id = LocalContext.blocks.get(None), LocalContext.event_id.get(None)
    event = page._queue.event_ids_to_events.get(event_id) if page is not None and event_id else None
    return lambda: event is not None and not event.alive


def _answer(
    conversation: Conversation, image: str | None, question: str, panel: Panel, *, has_left: Callable[[], bool]
) -> tuple[str, str, dict]:
    settings = panel.settings()
    if conversation.loader.model is None:
        raise VisitorError(texts.LOADING if conversation.loader.state.error is None else texts.NO_MODEL)
    conversation.begin(question, image)
    for _ in conversation.answer(settings):
        if has_left():
            conversation.stop()
    exchange = conversation.exchanges[-1]
    if exchange.failed or exchange.measured is None:
        raise VisitorError(exchange.answer)
    facts = {"model": conversation.loader.title, **exchange.measured.facts}
    return exchange.answer.strip(), exchange.prompt, facts
