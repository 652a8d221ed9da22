"""The same question about the same picture on two sides, whose answers grow at the same time.

Two things can be compared. One is what makes InstructBLIP: on one side the Q-Former reads the question before it draws
out of the picture what matters, on the other it reads none, and the language model is asked the same on both. The other
is two models. A comparison knows no earlier turns.

The two sides take turns, a piece of text each, so each side's times count only its own work.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from blip2_core.errors import ImageError
from blip2_core.image import open_image

from . import texts
from .conversation import PATIENCE, checked_question
from .errors import VisitorError, sentence_for
from .exchange import Measured
from .limits import Limits
from .loading import ModelLoader

if TYPE_CHECKING:
    from blip2_core import AnswerSettings, AnswerStream, Blip2
    from blip2_core.model import SeenImage

BY_QUESTION, BY_MODEL = "question", "model"


@dataclass(eq=False)
class Side:
    """One of the two answers.

    Args:
        title: what is different about it.
        loader: where its model comes from.
        withheld: whether its Q-Former reads no question.
        answer: as far as it is there.
        measured: how it went; None before its end.
        failed: whether the answer is a sentence of ours about what went wrong.
        spoken: whether the answer is in the model's own words.
    """

    title: str
    loader: ModelLoader
    withheld: bool = False
    answer: str = ""
    measured: Measured | None = None
    failed: bool = False
    spoken: bool = False


class Comparison:
    """What one visitor compares.

    Args:
        loader: the model of the page.
        other: a second one, if there is one.
        limits: how long both answers together may take.

    Attributes:
        sides: left and right.
        running: whether answers are on their way.
    """

    def __init__(self, loader: ModelLoader, other: ModelLoader | None = None, limits: Limits | None = None) -> None:
        self.loader, self.other, self.limits = loader, other, limits or Limits()
        self.running = False
        self.sides = self._sides(self.kinds[0])
        self._question, self._picture, self._pending, self._stopping = "", "", False, False
        self._seen: dict[ModelLoader, tuple[str, SeenImage]] = {}
        loader.serve(self)

    def __deepcopy__(self, memo: dict) -> "Comparison":
        """A new visitor's: Gradio copies the first value of a state for each session."""
        return Comparison(self.loader, self.other, self.limits)

    @property
    def kinds(self) -> tuple[str, ...]:
        """What can be compared."""
        return (BY_QUESTION,) if self.other is None else (BY_QUESTION, BY_MODEL)

    def begin(self, kind: str, question: str, picture: str | None) -> None:
        """Accept a question for both sides; `answer` answers it.

        Raises:
            VisitorError: it cannot be asked, there is no picture, or answers are on their way.
        """
        if self.running:
            raise VisitorError(texts.BUSY)
        if picture is None:
            raise VisitorError(texts.NO_PICTURE)
        if kind not in self.kinds:
            raise VisitorError(texts.BAD_SETTINGS)
        self._question, self._picture = checked_question(question), picture
        if kind == BY_QUESTION and not _reads_questions(self.loader.model):
            raise VisitorError(texts.COMPARE_READS_NOTHING)
        try:
            open_image(picture)
        except ImageError:
            raise VisitorError(texts.LOST_PICTURE) from None
        self.sides, self._pending, self._stopping = self._sides(kind), True, False

    def answer(self, settings: "AnswerSettings", mode: str | None = None) -> Iterator[None]:
        """Answer on both sides, if a question was begun; yields whenever there is more to draw.

        Closing it stops the work. Arguments as for `Conversation.answer`.
        """
        if not self._pending or self.running:
            return
        self._pending, self.running = False, True
        try:
            yield from self._wait_for_models()
            yield from self._race([_Lane(side, mode) for side in self.sides if not side.failed], settings)
        finally:
            self.running = False
        yield

    def refuse(self) -> bool:
        """Drop the question that was begun without answering it; says whether there was one."""
        dropped, self._pending = self._pending and not self.running, self._pending and self.running
        return dropped

    def stop(self) -> None:
        """Stop both answers; any thread may call it."""
        self._stopping = True

    def release(self) -> None:
        """End both answers and forget what the model has seen, for another one takes its place."""
        self.stop()
        self._seen.clear()

    def _sides(self, kind: str) -> tuple[Side, Side]:
        if kind == BY_MODEL and self.other is not None:
            return Side(self.loader.title, self.loader), Side(self.other.title, self.other)
        return Side(texts.COMPARE_GIVEN, self.loader), Side(texts.COMPARE_WITHHELD, self.loader, withheld=True)

    def _wait_for_models(self) -> Iterator[None]:
        """Tell how far each model is until it is there, and clear the place for its answer."""
        for side in self.sides:
            while not self._stopping and not side.loader.wait(PATIENCE):
                side.answer = texts.waiting(side.loader.state.step, side.loader.state.fraction)
                yield
            side.failed = side.loader.model is None
            side.answer = texts.NO_MODEL if side.failed and not self._stopping else ""

    def _race(self, lanes: "list[_Lane]", settings: "AnswerSettings") -> Iterator[None]:
        """Let the sides take turns until both have ended."""
        began = time.perf_counter()
        try:
            while lanes and not self._stopping:
                for lane in list(lanes):
                    if self._stopping or not self._advance(lane, settings):
                        lanes.remove(lane)
                    yield
                if time.perf_counter() - began > self.limits.seconds_an_answer:
                    for lane in lanes:
                        lane.end("deadline")
                    return
        finally:
            for lane in lanes:
                lane.end("closed")

    def _advance(self, lane: "_Lane", settings: "AnswerSettings") -> bool:
        """One piece of one answer; says whether there may be more."""
        began = time.perf_counter()
        try:
            if lane.stream is None:
                seen, known = self._see(lane.side.loader)
                lane.start(seen, self._question, settings, known=known)
            return lane.grow(began)
        except Exception as error:
            lane.fail(sentence_for(error, otherwise=texts.FAILED))
        return False

    def _see(self, loader: ModelLoader) -> "tuple[SeenImage, bool]":
        """The picture as a model has seen it, and whether it had before."""
        assert loader.model is not None
        picture, seen = self._seen.get(loader, ("", None))
        if picture == self._picture and seen is not None:
            return seen, not loader.forgets
        seen = loader.model.see(self._picture)
        self._seen[loader] = (self._picture, seen)
        return seen, False


class _Lane:
    """A side whose answer is growing."""

    def __init__(self, side: Side, mode: str | None) -> None:
        self.side, self.mode = side, mode
        self.stream: AnswerStream | None = None
        self._seconds, self._first, self._known = 0.0, None, False

    def start(self, seen: "SeenImage", question: str, settings: "AnswerSettings", *, known: bool) -> None:
        """Begin the answer."""
        model = self.side.loader.model
        assert model is not None
        if self.side.withheld:
            model = replace(model, withholds_question=True)
        self.stream, self._known = model.stream(seen, question, settings, mode=self.mode), known

    def grow(self, began: float) -> bool:
        """Get the next piece, since `began` by this side's clock; says whether there was one."""
        assert self.stream is not None
        piece = next(self.stream, None)
        self._seconds += time.perf_counter() - began
        if piece is None:
            self.end("")
            return False
        self._first = self._first or self._seconds
        self.side.answer += piece
        self.side.spoken = bool(self.side.answer)
        return True

    def fail(self, sentence: str) -> None:
        """Say what went wrong in place of an answer."""
        self.side.answer, self.side.failed, self.side.spoken, self.stream = sentence, True, False, None

    def end(self, cut_by: str) -> None:
        """End the answer, if it has begun, and measure it.

        Args:
            cut_by: who ended it before its end; empty where nobody did.
        """
        if self.stream is None or self.side.measured is not None:
            return
        self.stream.close()
        if (report := self.stream.report) is not None:
            self.side.measured = Measured(
                tokens=report.num_tokens, seconds=self._seconds, seconds_to_first_token=self._first,
                stopped_by=cut_by or report.stopped_by, picture_was_known=self._known,
            )  # fmt: skip
        self.side.answer = self.side.answer or (texts.WORDLESS if cut_by else texts.NO_WORDS)


def _reads_questions(model: "Blip2 | None") -> bool:
    """Whether a model's Q-Former reads the question; of one that is still loading, nobody knows."""
    return model is None or model.qformer_tokenizer is not None
