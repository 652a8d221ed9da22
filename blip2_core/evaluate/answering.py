"""Runs a loaded model over the questions, in batches, seeing each picture once.

All that the evaluation asks of a model is here: `see`, `ask_batch`, `caption_batch` and,
for the yardstick in words, the language adapter with an empty visual prompt.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..answer import AnswerSettings, generate_text
from .records import CaptionedImage, Question

if TYPE_CHECKING:
    from ..model import Blip2, SeenImage

IN_WORDS = "This is a picture of {name}. {instruction}"
SECONDS_BETWEEN_NOTES = 15


def answer_questions(
    blip2: "Blip2", questions: Sequence[Question], settings: AnswerSettings, *, batch_size: int
) -> list[str]:
    """Ask every question about its picture; the answers come in the order of the questions.

    Questions about one picture are asked next to each other, so that the image encoder runs
    once for each picture and no more than a batch of seen pictures is kept in memory.
    """
    order = sorted(range(len(questions)), key=lambda index: str(questions[index].image))
    answers = [""] * len(questions)
    seen: dict[Path, SeenImage] = {}
    for batch in _batches(order, batch_size, "questions"):
        images = [questions[index].image for index in batch]
        seen = {image: seen[image] if image in seen else blip2.see(image) for image in dict.fromkeys(images)}
        texts = [questions[index].question for index in batch]
        for index, answer in zip(batch, blip2.ask_batch([seen[i] for i in images], texts, settings), strict=True):
            answers[index] = answer.strip()
    return answers


def caption_images(
    blip2: "Blip2", images: Sequence[CaptionedImage], settings: AnswerSettings, *, batch_size: int
) -> list[str]:
    """Write one caption a picture with the model's own caption prompt."""
    captions: list[str] = []
    for batch in _batches(range(len(images)), batch_size, "captions"):
        captions += blip2.caption_batch([images[index].image for index in batch], settings)
    return [caption.strip() for caption in captions]


def answer_in_words(
    blip2: "Blip2", questions: Sequence[Question], settings: AnswerSettings, *, batch_size: int
) -> list[str]:
    """Ask the language model alone, told the name of the thing in words instead of shown it.

    The visual prompt is empty, (B, 0, Dl), so the very same adapter, template and settings
    are used as with a picture.
    """
    embeddings = blip2.adapter.language_model.get_input_embeddings().weight  # (V, Dl)
    answers: list[str] = []
    for batch in _batches(range(len(questions)), batch_size, "answers in words"):
        prompts = [blip2.prompt(in_words(questions[index])) for index in batch]
        no_picture = embeddings.new_zeros(len(prompts), 0, embeddings.shape[1])  # (B, 0, Dl)
        inputs = blip2.adapter.prompt_inputs(no_picture, prompts)
        answers += generate_text(blip2.adapter, inputs, settings)
    return [answer.strip() for answer in answers]


def in_words(question: Question) -> str:
    """The instruction with the name of the thing in front of it."""
    return IN_WORDS.format(name=question.answers[0], instruction=question.question)


def _batches(order: Sequence[int], batch_size: int, what: str) -> Iterator[list[int]]:
    """Cut `order` into batches and say on stderr now and then how far the work is."""
    start = last_note = time.monotonic()
    for first in range(0, len(order), batch_size):
        yield list(order[first : first + batch_size])
        now = time.monotonic()
        if now - last_note > SECONDS_BETWEEN_NOTES:
            last_note = now
            done = min(first + batch_size, len(order))
            sys.stderr.write(f"{what}: {done} of {len(order)} after {now - start:.0f} s\n")
