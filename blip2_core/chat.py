"""Beside station 6, chat: one conversation about one picture. See it once, ask often.

The image encoder runs once a picture; every question then costs a Q-Former pass and an answer. The Q-Former reads the
current question alone, the language model also reads the earlier turns as text, as many of the latest as fit.

Differs from the paper: BLIP-2 was trained on single questions (section 5, limits), so what it makes of earlier turns is
a gift of its language model, not something it learned.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .answer import Answer, AnswerSettings, AnswerStream
from .errors import NoImageError, QuestionError, SettingsError
from .language.prompts import Turn, check_question

if TYPE_CHECKING:
    from .model import Blip2, SeenImage


class ChatSession:
    """A conversation with a model about one picture.

    Args:
        blip2: a loaded model; sessions may share it.
        budget_tokens: how many tokens the text of a prompt may have, earlier turns included; left out, what the
            language model reads minus the visual prompt and the room for the answer.

    Attributes:
        history: the turns so far, oldest first; a turn is there once its answer has ended or was stopped.
        dropped_turns: how many of the oldest turns the last question had to go without.
        notice: one sentence about the dropped turns for the person, or None.
        last_answer: the `Answer` of the last stream, with its times; None after `ask`.

    Raises:
        SettingsError: a budget that is no whole number above 0.
    """

    def __init__(self, blip2: "Blip2", budget_tokens: int | None = None) -> None:
        whole = isinstance(budget_tokens, int) and not isinstance(budget_tokens, bool)
        if budget_tokens is not None and (not whole or budget_tokens < 1):
            raise SettingsError(f"budget_tokens: expected a whole number above 0, got {budget_tokens!r}.")
        self.blip2 = blip2
        self.budget_tokens = budget_tokens
        self._seen: SeenImage | None = None
        self._stream: AnswerStream | None = None
        self.forget()

    @property
    def seen(self) -> "SeenImage | None":
        """What the image encoder made of the picture; None before the first."""
        return self._seen

    def see(self, image: Any) -> None:
        """Look at a picture and begin a new conversation about it.

        Args:
            image: a path, bytes, a PIL image or what `Blip2.see` returned.

        Raises:
            ImageError: it cannot be read; the old picture and its conversation stay.
        """
        self._seen = self.blip2.see(image)
        self.forget()

    def forget(self) -> None:
        """Begin a new conversation about the same picture."""
        self.history: list[Turn] = []
        self.dropped_turns = 0
        self.notice: str | None = None
        self.last_answer: Answer | None = None

    def ask(self, question: str, settings: AnswerSettings | None = None, *, mode: str | None = None) -> str:
        """Ask about the picture and wait for the whole answer; without settings, as the model's family answers.

        Args:
            question: what is asked.
            settings: how the answer is picked.
            mode: "short" (a word or a few) or "long", as for `Blip2.ask`.

        Raises:
            NoImageError: no picture was seen yet.
            QuestionError: the question cannot be asked.
            SettingsError: an unknown mode.
        """
        seen, question = self._ready(question)
        settings = settings or self.blip2.answer_settings(mode)
        history, sent = self.history, self._fitting_history(question, settings, mode)
        self.last_answer = None
        answer = self.blip2.ask(seen, question, settings, sent, mode=mode)
        _remember(history, question, answer)
        return answer

    def stream(
        self, question: str, settings: AnswerSettings | None = None, *, mode: str | None = None
    ) -> Iterator[str]:
        """Ask about the picture and get the answer piece by piece.

        Closing the returned generator stops the work within one token; what was said until then stays in the history.
        Without settings it is answered as the model's family does, but without beams; `mode` as for `ask`.

        Raises:
            NoImageError: no picture was seen yet.
            QuestionError: the question cannot be asked.
            SettingsError: an unknown mode, or beams, which have nothing to show before the end.
        """
        seen, question = self._ready(question)
        settings = settings or replace(self.blip2.answer_settings(mode), num_beams=1)
        history, sent = self.history, self._fitting_history(question, settings, mode)
        self.last_answer = None
        self._stream = self.blip2.stream(seen, question, settings, sent, mode=mode)
        return self._listen(history, question, self._stream)

    def stop(self) -> None:
        """Stop the stream that is running, if one is, within one token; any thread may call it, a button's for one."""
        if self._stream is not None:
            self._stream.close()

    def undo(self) -> Turn | None:
        """Take the last turn back and return it; None when there is none."""
        return self.history.pop() if self.history else None

    def regenerate(self, settings: AnswerSettings | None = None, *, mode: str | None = None) -> Iterator[str]:
        """Ask the last question again, as `stream` does, in place of its turn.

        Raises:
            QuestionError: there is no last question.
        """
        turn = self.undo()
        if turn is None:
            raise QuestionError("question: nothing was asked yet; ask a question first.")
        return self.stream(turn[0], settings, mode=mode)

    def _ready(self, question: str) -> tuple["SeenImage", str]:
        if self._seen is None:
            raise NoImageError("the session has no image yet. Call session.see(image) before session.ask(...).")
        return self._seen, check_question(question)

    def _fitting_history(self, question: str, settings: AnswerSettings, mode: str | None) -> list[Turn]:
        """The latest turns that fit into the budget in front of the question; says how many did not."""
        sent, budget = list(self.history), self._budget(settings)
        adapter, prompt = self.blip2.adapter, self.blip2.prompt
        while sent and budget is not None and adapter.count_tokens(prompt(question, sent, mode)) > budget:
            sent.pop(0)
        self.dropped_turns = len(self.history) - len(sent)
        self.notice = _notice(self.dropped_turns)
        return sent

    def _budget(self, settings: AnswerSettings) -> int | None:
        if not self.blip2.adapter.template.history:
            return None  # no turn is read, so none takes room
        context = self.blip2.adapter.context_tokens
        if self.budget_tokens is not None or context is None:
            return self.budget_tokens
        return context - self.blip2.model.query_tokens.shape[1] - settings.max_new_tokens

    def _listen(self, history: list[Turn], question: str, stream: AnswerStream) -> Iterator[str]:
        answer = ""
        try:
            for piece in stream:
                answer += piece
                yield piece
        except GeneratorExit:
            _remember(history, question, answer)
            raise
        finally:
            stream.close()
            self.last_answer = stream.report
        _remember(history, question, answer)


def _remember(history: list[Turn], question: str, answer: str) -> None:
    """Keep a turn; one without a word is none. A later picture has another list, so late answers cannot mix in."""
    if answer:
        history.append((question, answer))


def _notice(dropped: int) -> str | None:
    if not dropped:
        return None
    if dropped == 1:
        return "The oldest question no longer fits into what the language model reads and was left out."
    return f"The {dropped} oldest questions no longer fit into what the language model reads and were left out."
