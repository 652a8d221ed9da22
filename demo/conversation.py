"""One visitor's conversation: the picture, what was asked and answered, and the answer that is on its way.

The page draws what stands here and sends nothing back but the picture's path and the question: a browser can forge what
it shows, so the history that the language model reads lives on the server, in the visitor's `ChatSession`.

A conversation is used by several threads: one answers, another may stop it, clear it or change the picture meanwhile.
Only `look` and `answer` run the model; whoever calls them makes sure that one runs at a time.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blip2_core.errors import Blip2Error, ImageError
from blip2_core.image import open_image

from . import texts
from .errors import VisitorError, sentence_for
from .exchange import Exchange, Measured
from .limits import Limits
from .loading import ModelLoader

if TYPE_CHECKING:
    from blip2_core import AnswerSettings, ChatSession, SeenImage

log = logging.getLogger("demo")

MOST_CHARACTERS = 1_000  # of a question
SPOKEN = "spoken"  # marks a message in the model's own words; access.js says of those that they are English
PATIENCE = 0.3  # seconds between two looks at a model that is loading


class Conversation:
    """What one visitor and the model have said about one picture.

    Args:
        loader: where the model comes from, once it is there.
        limits: how long an answer and a conversation may become.

    Attributes:
        exchanges: oldest first; the last may be on its way.
        running: whether an answer is on its way.
        explained: the exchange that the visitor wants explained; None for the last one.
    """

    def __init__(self, loader: ModelLoader, limits: Limits | None = None) -> None:
        self.loader, self.limits = loader, limits or Limits()
        self.running = False
        self._picture: str | None = None
        self._seen: str | None = None  # the picture that the session has looked at
        self._session: ChatSession | None = None
        self._stopping = False
        self._pending: Exchange | None = None
        self._begin_anew(note="")
        loader.serve(self)

    def __deepcopy__(self, memo: dict) -> "Conversation":
        """A new visitor's: Gradio copies the first value of a state for each session."""
        return Conversation(self.loader, self.limits)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The conversation as the page draws it: below each answer, folded, how it came about."""
        return [message for message, _ in self._drawn()]

    @property
    def picture(self) -> str | None:
        """Path of the picture that is talked about."""
        return self._picture

    @property
    def stopped(self) -> bool:
        """Whether the last answer, or the conversation, was stopped by the visitor."""
        return self._stopping

    def exchange_at(self, place: object) -> Exchange | None:
        """The exchange that one of `messages` belongs to; None where there is none, for a browser can send anything."""
        drawn = self._drawn()
        fits = isinstance(place, int) and not isinstance(place, bool) and 0 <= place < len(drawn)
        return drawn[place][1] if fits else None

    def note(self, sentence: str) -> None:
        """Stand a sentence of the page's own in front of the conversation."""
        self._note = sentence

    def _drawn(self) -> list[tuple[dict[str, Any], Exchange | None]]:
        drawn: list[tuple[dict[str, Any], Exchange | None]] = []
        if self._note:
            drawn.append(({"role": "assistant", "content": self._note}, None))
        for exchange in list(self.exchanges):
            drawn.append(({"role": "user", "content": exchange.question}, exchange))
            if exchange.answer:
                marked = {"metadata": {"id": SPOKEN}} if exchange.spoken else {}
                drawn.append(({"role": "assistant", "content": exchange.answer, **marked}, exchange))
            if exchange.measured is not None:
                how = texts.how(exchange)
                metadata = {"title": texts.measured(exchange.measured, exchange.dropped), "status": "done"}
                told = {"role": "assistant", "content": how, "metadata": metadata}
                drawn.append((told, exchange))
        return drawn

    def show(self, picture: str | None) -> bool:
        """Take another picture, which begins a new conversation; says whether it is another one.

        Raises:
            VisitorError: the file is no picture; then everything stays as it was.
        """
        if picture == self._picture:
            return False
        if picture is not None:
            _expect_picture(picture)
        had_one = bool(self.exchanges or self._note)
        self.stop()
        self._picture = picture
        self._begin_anew(note=texts.NEW_CONVERSATION if had_one and picture is not None else "")
        return True

    def look(self) -> None:
        """Run the image encoder ahead of the first question, if the model is there.

        What goes wrong is told when something is asked, which tries it again.
        """
        if self.loader.model is not None and self._picture is not None:
            with suppress(Blip2Error):
                self._session_about_picture()

    def sight(self) -> "SeenImage":
        """What the image encoder made of the picture, which it looks at again only if it has to.

        Where the GPU is lent for one answer at a time, it is the picture itself.
        """
        session = self._session_about_picture()
        assert session.seen is not None
        return session.seen

    def begin(self, question: str, picture: str | None) -> None:
        """Accept a question; `answer` answers it.

        Raises:
            VisitorError: no picture, an unreadable one, no question, one that is too long, or one too many.
        """
        if self.running:
            raise VisitorError(texts.BUSY)
        if picture is None:
            raise VisitorError(texts.NO_PICTURE)
        question = checked_question(question)
        self.show(picture)
        self.refuse()
        if len(self.exchanges) >= self.limits.turns:
            raise VisitorError(texts.MANY_TURNS.format(most=self.limits.turns))
        self._add(question)

    def begin_edited(self, place: int, question: str) -> None:
        """Ask an earlier question in other words; it and what came after it are taken back.

        Args:
            place: of the question among `messages`.
            question: its new words.

        Raises:
            VisitorError: there is no question, it cannot be asked, or an answer is on its way.
        """
        if self.running:
            raise VisitorError(texts.BUSY)
        question, drawn = checked_question(question), self._drawn()
        fits = isinstance(place, int) and 0 <= place < len(drawn) and drawn[place][0]["role"] == "user"
        if not fits:
            raise VisitorError(texts.NOTHING_ASKED)
        while drawn[place][1] in self.exchanges:
            self.undo()
        self._add(question)

    def begin_again(self) -> None:
        """Take the last answer back; `answer` gives another one to the same question.

        Raises:
            VisitorError: nothing was asked, or an answer is on its way.
        """
        self._add(self.undo())

    def answer(self, settings: "AnswerSettings", mode: str | None = None) -> Iterator[None]:
        """Answer the question that was begun, if one was; yields whenever there is more to draw.

        Closing it stops the work.

        Args:
            settings: how the answer is picked.
            mode: "short" or "long" for the form that asks for such an answer, where the model has one.
        """
        exchange, self._pending = self._pending, None
        if exchange is None or self.running:
            return
        self.running, exchange.settings, exchange.mode = True, settings, mode
        try:
            yield from self._wait_for_model(exchange)
            if self.loader.model is not None and not self._stopping:
                yield from self._stream(exchange, settings)
            exchange.answer = exchange.answer or texts.WORDLESS
        except Exception as error:
            exchange.answer, exchange.failed = sentence_for(error, otherwise=texts.FAILED), True
            exchange.spoken = False
        finally:
            self.running = False
        yield

    def refuse(self) -> bool:
        """Drop the question that was begun without answering it; says whether there was one."""
        if self._pending is None or self.running:
            return False
        self.undo()
        return True

    def stop(self) -> None:
        """Stop the answer that is on its way, or about to begin; any thread may call it."""
        self._stopping = True
        if self._session is not None:
            self._session.stop()

    def undo(self) -> str:
        """Take the last question and its answer back; returns the question.

        Raises:
            VisitorError: nothing was asked, or an answer is on its way.
        """
        if self.running:
            raise VisitorError(texts.BUSY)
        if not self.exchanges:
            raise VisitorError(texts.NOTHING_ASKED)
        exchange = self.exchanges.pop()
        self._pending = None
        if exchange.remembered and self._session is not None:
            self._session.undo()
        return exchange.question

    def clear(self) -> None:
        """Begin a new conversation about the same picture."""
        self.stop()
        self._begin_anew(note="")

    def release(self) -> None:
        """Begin a new conversation about the same picture with another model; any thread may call it."""
        spoken = bool(self.exchanges or self._note)
        self.clear()
        self._session = self._seen = None
        self._note = texts.NEW_MODEL if spoken else ""

    def _add(self, question: str) -> None:
        self._stopping, self.explained = False, None
        self._pending = Exchange(question)
        self.exchanges.append(self._pending)

    def _begin_anew(self, *, note: str) -> None:
        self.exchanges: list[Exchange] = []
        self.explained: Exchange | None = None
        self._pending = None
        self._note = note
        if self._session is not None:
            self._session.forget()

    def _wait_for_model(self, exchange: Exchange) -> Iterator[None]:
        """Tell how far the model is until it is there, and clear the place for the answer."""
        while not self._stopping and not self.loader.wait(PATIENCE):
            exchange.answer = texts.waiting(self.loader.state.step, self.loader.state.fraction)
            yield
        exchange.failed = self.loader.model is None and not self._stopping
        exchange.answer = texts.NO_MODEL if exchange.failed else ""

    def _session_about_picture(self) -> "ChatSession":
        """The session, after it has looked at the picture: once a picture."""
        assert self.loader.model is not None
        if self._session is None:
            self._session = self.loader.model.chat()
        if self._seen != self._picture:
            self._session.see(self._picture)
            self._seen = self._picture
        return self._session

    def _stream(self, exchange: Exchange, settings: "AnswerSettings") -> Iterator[None]:
        from blip2_core.language import check_question

        began, late = time.perf_counter(), False
        was_known = self._seen == self._picture and not self.loader.forgets
        session = self._session_about_picture()
        history = session.history
        known = list(history)
        pieces = session.stream(exchange.question, settings, mode=exchange.mode)
        sent = known[session.dropped_turns :]
        blip2, question = session.blip2, check_question(exchange.question)
        exchange.prompt = str(blip2.prompt(question, sent, exchange.mode))
        exchange.qformer_question = blip2.qformer_question(question, sent, exchange.mode)
        exchange.history = tuple(sent)
        prepared = time.perf_counter() - began
        try:
            for piece in pieces:
                exchange.answer += piece
                exchange.spoken = bool(exchange.answer)
                yield
                late = time.perf_counter() - began > self.limits.seconds_an_answer
                if self._stopping or late:
                    break
        finally:
            pieces.close()
            exchange.remembered = len(history) > len(known)
        exchange.answer = exchange.answer or (texts.WORDLESS if self._stopping else texts.NO_WORDS)
        if (last := session.last_answer) is not None:
            first = last.seconds_to_first_token
            exchange.measured = Measured(
                tokens=last.num_tokens, seconds=prepared + last.seconds, picture_was_known=was_known,
                seconds_to_first_token=None if first is None else prepared + first,
                stopped_by="deadline" if late and not self._stopping else last.stopped_by,
            )  # fmt: skip
        exchange.notice, exchange.dropped = session.notice or "", session.dropped_turns


def suggestions(picture: str | None, model: str = "") -> tuple[tuple[str, ...], dict[str, str]]:
    """Questions that suit a picture, and questions that a model gets wrong about it, with its answers.

    Args:
        picture: a photograph of the gallery has questions of its own, any other picture general ones.
        model: which model is asked.
    """
    from . import gallery

    photo = gallery.find(picture) if picture and Path(picture).is_file() else None
    if photo is None:
        return texts.GENERIC_QUESTIONS, {}
    return gallery.suggested(photo, model), gallery.wrong(photo, model)


def _expect_picture(path: str) -> None:
    try:
        open_image(path)
    except ImageError as error:
        log.info("A picture was refused: %s", type(error).__name__)
        raise VisitorError(texts.UNREADABLE_PICTURE) from None


def checked_question(question: object) -> str:
    """The question without outer white space."""
    question = question.strip() if isinstance(question, str) else ""
    if not question:
        raise VisitorError(texts.EMPTY_QUESTION)
    if len(question) > MOST_CHARACTERS:
        raise VisitorError(texts.LONG_QUESTION.format(most=MOST_CHARACTERS, got=len(question)))
    return question
