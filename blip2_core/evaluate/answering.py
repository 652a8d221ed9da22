"""Runs a loaded model over the questions, in batches, seeing each picture once.

Pictures go through the image encoder in groups; then all questions about a group are asked, questions of like length
next to each other, so that a batch holds little padding and no more than one group of seen pictures is kept in memory.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import torch
from PIL import Image

from ..answer import generate_text
from ..answer_settings import AnswerSettings
from ..image import open_image
from ..model import SeenImage
from .records import CaptionedImage, Question

if TYPE_CHECKING:
    from ..model import Blip2

IN_WORDS = "This is a picture of {name}. {instruction}"
SECONDS_BETWEEN_NOTES = 15

Item = TypeVar("Item")


def answer_questions(
    blip2: "Blip2", questions: Sequence[Question], settings: AnswerSettings, *, batch_size: int, mode: str | None = None
) -> list[str]:
    """Ask every question about its picture, after what was asked before, for answers of a mode; in their order."""
    by_picture: dict[Path, list[int]] = {}
    for index, question in enumerate(questions):
        by_picture.setdefault(question.image, []).append(index)
    answers = [""] * len(questions)
    notes = Notes("questions", len(questions))
    for pictures in batches(list(by_picture), batch_size):
        seen = see_pictures(blip2, pictures)
        asked = [index for picture in pictures for index in by_picture[picture]]
        asked.sort(key=lambda index: len(str(questions[index].history)) + len(questions[index].question))
        for batch in batches(asked, batch_size):
            images = [seen[questions[index].image] for index in batch]
            texts = [questions[index].question for index in batch]
            histories = [questions[index].history for index in batch]
            told = blip2.ask_batch(images, texts, settings, histories=histories, mode=mode)
            for index, answer in zip(batch, told, strict=True):
                answers[index] = answer
            notes.count(len(batch))
    return answers


def caption_images(
    blip2: "Blip2", images: Sequence[CaptionedImage], settings: AnswerSettings, *, batch_size: int
) -> list[str]:
    """Write one caption a picture with the model's own caption prompt."""
    captions: list[str] = []
    notes = Notes("captions", len(images))
    for pictures in batches([image.image for image in images], batch_size):
        seen = see_pictures(blip2, pictures)
        captions += blip2.caption_batch([seen[picture] for picture in pictures], settings)
        notes.count(len(pictures))
    return captions


def answer_in_words(
    blip2: "Blip2", questions: Sequence[Question], settings: AnswerSettings, *, batch_size: int, mode: str | None = None
) -> list[str]:
    """Ask the language model alone, told the name of the thing in words instead of shown it.

    The visual prompt is empty, (B, 0, Dl), so the very same adapter, template and settings are used as with a picture.
    """
    embeddings = blip2.adapter.language_model.get_input_embeddings().weight  # (V, Dl)
    texts = [in_words(question) for question in questions]
    answers = [""] * len(texts)
    notes = Notes("answers in words", len(texts))
    for batch in batches(sorted(range(len(texts)), key=lambda index: len(texts[index])), batch_size):
        no_picture = embeddings.new_zeros(len(batch), 0, embeddings.shape[1])  # (B, 0, Dl)
        prompts = [blip2.prompt(texts[index], mode=mode) for index in batch]
        inputs = blip2.adapter.prompt_inputs(no_picture, prompts)
        for index, answer in zip(batch, generate_text(blip2.adapter, inputs, settings), strict=True):
            answers[index] = answer
        notes.count(len(batch))
    return answers


def in_words(question: Question) -> str:
    """The instruction with the name of the thing in front of it."""
    return IN_WORDS.format(name=question.answers[0], instruction=question.question)


def see_pictures(blip2: "Blip2", pictures: Sequence[Path]) -> dict[Path, SeenImage]:
    """Run the image encoder once for several picture files."""
    seen = see_all(blip2, [open_image(picture) for picture in pictures])
    return dict(zip(pictures, seen, strict=True))


@torch.no_grad()
def see_all(blip2: "Blip2", images: Sequence[Image.Image]) -> list[SeenImage]:
    """Run the image encoder once for several pictures."""
    pixel_values = blip2.image_processor(images)  # (B, 3, H, W)
    image_embeds = blip2.model.encode_image(pixel_values)  # (B, N, Dv)
    return [SeenImage(one) for one in image_embeds.split(1)]


def batches(items: Sequence[Item], batch_size: int) -> Iterator[Sequence[Item]]:
    """The items in their order, so many at a time."""
    for first in range(0, len(items), batch_size):
        yield items[first : first + batch_size]


class Notes:
    """Says on stderr now and then how far the work is."""

    def __init__(self, what: str, total: int) -> None:
        self._what, self._total, self._done = what, total, 0
        self._start = self._last = time.monotonic()

    def count(self, more: int) -> None:
        """Take note that `more` are done."""
        self._done += more
        now = time.monotonic()
        if now - self._last > SECONDS_BETWEEN_NOTES:
            self._last = now
            sys.stderr.write(f"{self._what}: {self._done} of {self._total} after {now - self._start:.0f} s\n")
