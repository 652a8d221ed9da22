"""How an answer is picked: the settings of station 6, checked where they are made.

They are small on purpose: a page, a command line and a server can show all of them, and none can hang the model.
"""

from dataclasses import dataclass

from .errors import SettingsError

_LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True)
class AnswerSettings:
    """How an answer is picked from the scores.

    Args:
        max_new_tokens: 1 to 4,096 tokens, at most; the visual prompt and the question do not count.
        min_new_tokens: 0 to `max_new_tokens`; before that many the answer cannot end; 0 allows an empty one.
        temperature: 0 picks the most likely token; up to 5, the higher, the bolder the draw.
        top_p: above 0, up to 1; draw from the likeliest tokens that have this share of the probability together.
        top_k: draw from so many of the likeliest tokens; 0 means all.
        repetition_penalty: 0.1 to 10; above 1 makes what the answer said already less likely.
        num_beams: 1 to 20 answers that are kept alive; above 1 with temperature 0 only.
        length_penalty: -10 to 10, for beams; above 0 prefers long answers, below 0 short ones.
        seed: makes a draw repeatable; None draws anew each time.
        stop: texts that end the answer and are not part of it.

    Raises:
        SettingsError: a value of the wrong type or out of its range, or two that contradict each other.
    """

    max_new_tokens: int = 64
    min_new_tokens: int = 1
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    repetition_penalty: float = 1.0
    num_beams: int = 1
    length_penalty: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _expect_whole("max_new_tokens", self.max_new_tokens, 1, 4096)
        _expect_whole("min_new_tokens", self.min_new_tokens, 0, self.max_new_tokens)
        _expect_number("temperature", self.temperature, 0, 5)
        _expect_number("top_p", self.top_p, 0, 1)
        _expect_whole("top_k", self.top_k, 0, 1_000_000)
        _expect_number("repetition_penalty", self.repetition_penalty, 0.1, 10)
        _expect_whole("num_beams", self.num_beams, 1, 20)
        _expect_number("length_penalty", self.length_penalty, -10, 10)
        if self.seed is not None:
            _expect_whole("seed", self.seed, 0, _LARGEST_SEED)
        if self.top_p == 0:
            raise SettingsError("top_p: expected a number above 0, got 0; use temperature=0 for the likeliest token.")
        if self.num_beams > 1 and self.temperature > 0:
            raise SettingsError("num_beams: beams do not draw at random; set temperature=0 or num_beams=1.")
        if not isinstance(self.stop, tuple) or not all(isinstance(text, str) and text for text in self.stop):
            raise SettingsError(f'stop: expected a tuple of texts such as ("\\n",), got {self.stop!r}.')


def _expect_whole(name: str, value: object, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise SettingsError(f"{name}: expected a whole number from {low:,} to {high:,}, got {value!r:.60}.")


def _expect_number(name: str, value: object, low: float, high: float) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not low <= value <= high:  # type: ignore[operator]
        raise SettingsError(f"{name}: expected a number from {low:,} to {high:,}, got {value!r:.60}.")
