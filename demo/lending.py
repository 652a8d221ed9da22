"""Runs a model where a GPU is lent for one call at a time, as on ZeroGPU.

There `spaces.GPU` turns a function into one that asks the platform for a GPU and runs in a process that has it, forked
for the call, with the weights on it. Arguments and what comes back go through a pipe, and whatever that process finds
out ends with it. So a question goes over whole: the path of the picture, the words, the settings, the earlier turns.
Text and numbers come back, and the picture is looked at anew for each question.

The rest of the page need not know: it gets a `LentBlip2` in the place of a `Blip2`.
"""

import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, fields, replace
from typing import Any

import gradio as gr

from blip2_core.answer import Answer, PieceStream
from blip2_core.answer_settings import AnswerSettings
from blip2_core.errors import Blip2Error
from blip2_core.image import open_image
from blip2_core.model import Blip2
from blip2_core.quantize import pick_device

from .errors import NoGpuError

Gpu = Callable[..., Callable[..., Any]]  # `spaces.GPU`
Turns = Sequence[tuple[str, str]]

SECONDS_TO_BEGIN = 10  # until the weights are on the GPU and the picture is seen
SECONDS_A_TOKEN = 0.1
SECONDS_TO_EXPLAIN = 20
BROKE_OFF = "ZeroGPU worker error"  # of what `spaces` raises, the title where there was a GPU; the others had none


@dataclass(frozen=True)
class Said:
    """A piece of an answer on its way out of the process that has the GPU.

    Args:
        text: what is new.
        num_tokens: picked so far.
        stopped_by: with the last piece, as `Answer` has it.
    """

    text: str
    num_tokens: int
    stopped_by: Any = None


def lend(blip2: Blip2, gpu: Gpu) -> "LentBlip2":
    """Move a model to the GPU that `spaces` feigns until it lends one; call it on the main thread, before the launch.

    Loading there at once would not do: `transformers` reads weights in threads of its own, where nothing is feigned.

    Args:
        blip2: on the CPU; it must not be used any more.
        gpu: the decorator `spaces.GPU`.
    """
    device = pick_device("cuda")
    blip2.model.to(device)
    parts = {part.name: getattr(blip2, part.name) for part in fields(blip2)}
    return LentBlip2(**parts, lender=Lender(blip2, gpu), lent_device=device)


def seconds_to_answer(picture: str, question: str, settings: AnswerSettings, *_: Any) -> int:
    """For how long a GPU is asked for; what is asked for briefly is lent sooner."""
    return math.ceil(SECONDS_TO_BEGIN + SECONDS_A_TOKEN * settings.max_new_tokens)


def seconds_to_explain(*_: Any) -> int:
    """For how long a GPU is asked for to look into an answer."""
    return SECONDS_TO_EXPLAIN


class Lender:
    """What runs in the process that has the GPU, and how it is called from here.

    Attributes:
        say: gives the pieces of an answer.
        work: gives the result of a function of the model.
    """

    def __init__(self, blip2: Blip2, gpu: Gpu) -> None:
        self._blip2 = blip2
        self.say = gpu(self._say, duration=seconds_to_answer)
        self.work = gpu(self._work, duration=seconds_to_explain)

    def _say(
        self, picture: str, question: str, settings: AnswerSettings, history: Turns, mode: str | None, withheld: bool
    ) -> Iterator[Said | Blip2Error]:
        """In the process that has the GPU; an error is sent like a piece, for one that is raised comes by name only."""
        try:
            asked = replace(self._blip2, withholds_question=withheld)
            with closing(asked.stream(picture, question, settings, history, mode=mode)) as stream:
                for piece in stream:
                    yield Said(piece, stream.num_tokens)
            yield Said("", stream.num_tokens, stream.report.stopped_by)
        except Blip2Error as error:
            yield error

    def _work(self, task: Callable[..., Any], *arguments: Any) -> Any:
        """In the process that has the GPU; an error comes back like a result."""
        try:
            return task(self._blip2, *arguments)
        except Blip2Error as error:
            return error


@dataclass(frozen=True)
class LentBlip2(Blip2):
    """A model whose GPU is lent for each answer; `see`, `stream` and `run` do what the page does with a model.

    Args:
        lender: calls it.
        lent_device: the GPU that will be lent.
    """

    lender: Lender = field(kw_only=True)
    lent_device: Any = field(kw_only=True)

    @property
    def device(self) -> Any:
        """The GPU that will be lent; on other threads than the main one, the weights deny that they are there."""
        return self.lent_device

    def see(self, image: Any) -> Any:
        """Nothing is looked at before a question comes, but a picture that cannot be read is refused now.

        Raises:
            ImageError: it cannot be read.
        """
        open_image(image)
        return image

    def stream(
        self, image: Any, question: str, settings: AnswerSettings | None = None, history: Turns = (), *,
        mode: str | None = None,
    ) -> "LentStream":  # fmt: skip
        """As `Blip2.stream`, of a path."""
        settings = settings or replace(self.answer_settings(mode), num_beams=1)
        asked = (str(image), question, settings, tuple(history), mode, self.withholds_question)
        return LentStream(lambda: self.lender.say(*asked))

    def run(self, task: Callable[..., Any], *arguments: Any) -> Any:
        """What a function makes of the model and some arguments; all of it must be able to go through a pipe.

        Raises:
            NoGpuError: no GPU was lent.
            Blip2Error: the function raised it.
        """
        with _told_plainly():
            return _unless_error(self.lender.work(task, *arguments))


class LentStream(PieceStream):
    """One answer as it grows on a GPU that is lent for it; otherwise as `AnswerStream`.

    Its times are those of whoever waits here, for a GPU too.
    """

    def __init__(self, ask: Callable[[], Any]) -> None:
        super().__init__(self._run(ask))

    def _run(self, ask: Callable[[], Any]) -> Generator[str]:
        self._began = time.perf_counter()
        first, text, last = None, "", Said("", 0)
        try:
            with _told_plainly(), closing(ask()) as said:
                for piece in said:
                    last = _unless_error(piece)
                    first = first or time.perf_counter() - self._began
                    text += last.text
                    if self._closed:
                        break
                    if last.text:
                        yield last.text
        finally:
            seconds = time.perf_counter() - self._began
            self.report = Answer(text, last.num_tokens, first, seconds, last.stopped_by or "closed")


def _unless_error(came: Any) -> Any:
    if isinstance(came, Blip2Error):
        raise came
    return came


@contextmanager
def _told_plainly() -> Iterator[None]:
    """Give our own error in place of the toast in which `spaces` says that there is no GPU."""
    try:
        yield
    except gr.Error as error:
        if getattr(error, "title", "") == BROKE_OFF:
            raise
        raise NoGpuError(f"{getattr(error, 'title', '')}: {error.message}") from None
