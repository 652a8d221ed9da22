"""A question, its answer, and how the answer came about."""

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blip2_core import AnswerSettings


@dataclass(frozen=True)
class Measured:
    """How an answer went.

    Args:
        tokens: picked, the one that ended the answer included.
        seconds: from the question to the end, the Q-Former's work included.
        seconds_to_first_token: from the question to the first token; None if there was none.
        stopped_by: "eos" the model, "length" the longest answer, "closed" the visitor, "deadline" this page.
        picture_was_known: whether the image encoder had seen the picture before.
    """

    tokens: int
    seconds: float
    seconds_to_first_token: float | None
    stopped_by: str
    picture_was_known: bool

    @property
    def tokens_per_second(self) -> float | None:
        """Speed of the language model once it has begun; None where there is nothing to measure."""
        speaking = self.seconds - (self.seconds_to_first_token or 0)
        return (self.tokens - 1) / speaking if self.tokens > 1 and speaking > 0 else None

    @property
    def facts(self) -> dict[str, float | str | None]:
        """For programs; seconds to the millisecond."""
        numbers = {**asdict(self), "tokens_per_second": self.tokens_per_second}
        return {name: round(value, 3) if isinstance(value, float) else value for name, value in numbers.items()}


@dataclass(eq=False)
class Exchange:
    """A question and its answer.

    Args:
        question: as the visitor typed it.
        answer: as far as it is there; empty before the first word.
        remembered: whether the model's own history has it, too.
        failed: whether the answer is a sentence of ours about what went wrong.
        spoken: whether the answer is in the model's own words, which are English, and not a sentence of ours.
        prompt: the exact text that the language model read; empty where it read nothing.
        qformer_question: what the Q-Former read; empty where it read nothing.
        settings: how the answer was picked.
        mode: for which kind of answer the question was put, "short" or "long"; None for the model's own kind.
        measured: how it went; None before its end.
        notice: a sentence about earlier turns that did not fit, in English.
        dropped: how many they are.
        history: the earlier turns that the language model read, too.
        found: what was worked out about the answer afterwards, by the panel that shows it.
    """

    question: str
    answer: str = ""
    remembered: bool = False
    failed: bool = False
    spoken: bool = False
    prompt: str = ""
    qformer_question: str = ""
    settings: "AnswerSettings | None" = None
    mode: str | None = None
    measured: Measured | None = None
    notice: str = ""
    dropped: int = 0
    history: tuple[tuple[str, str], ...] = ()
    found: dict[str, Any] = field(default_factory=dict)
