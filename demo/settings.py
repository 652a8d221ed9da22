"""The panel of answer settings: what it shows and what comes out of it."""

import random
from dataclasses import dataclass, replace

from blip2_core.answer_settings import AnswerSettings
from blip2_core.decoding import MODES
from blip2_core.errors import SettingsError

from . import texts
from .errors import VisitorError

FEWEST_TOKENS, MOST_TOKENS = 8, 256
LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True)
class Panel:
    """The values of the panel as the browser sends them, so nothing about them is certain.

    Args:
        temperature: 0 picks the likeliest word each time.
        top_p: share of the probability to draw from.
        max_tokens: length of the longest answer.
        repetition_penalty: above 1 makes words of the answer so far less likely.
        seed: makes a draw repeatable; empty draws anew.
        mode: "short" or "long" for the form of question that asks for such an answer, where the model has one; empty
            for the form that it was made for.
    """

    temperature: float = 0.0
    top_p: float = 0.9
    max_tokens: float = 96
    repetition_penalty: float = 1.05
    seed: str = ""
    mode: str = ""

    @staticmethod
    def of(settings: AnswerSettings, mode: str | None = None) -> "Panel":
        """The values that give these settings and this mode."""
        seed = "" if settings.seed is None else str(settings.seed)
        numbers = settings.temperature, settings.top_p, settings.max_new_tokens, settings.repetition_penalty
        return Panel(*numbers, seed, mode or "")

    @property
    def values(self) -> tuple[float | str, ...]:
        """In the order of the page."""
        return self.temperature, self.top_p, self.max_tokens, self.repetition_penalty, self.seed, self.mode

    def settings(self) -> AnswerSettings:
        """The settings for one answer.

        Raises:
            VisitorError: a value out of its range.
        """
        try:
            length = int(self.max_tokens)
            seed = int(self.seed) if self.seed and self.seed.strip() else None
            if self.mode and self.mode not in MODES:
                raise SettingsError(f"mode: expected one of {MODES}, got {self.mode!r:.60}.")
            if not FEWEST_TOKENS <= length <= MOST_TOKENS:
                raise SettingsError(f"max_tokens: expected {FEWEST_TOKENS} to {MOST_TOKENS}, got {length}.")
            return AnswerSettings(
                max_new_tokens=length, temperature=self.temperature, top_p=self.top_p if self.temperature else 1.0,
                repetition_penalty=self.repetition_penalty, seed=seed,
            )  # fmt: skip
        except (SettingsError, AttributeError, TypeError, ValueError, OverflowError):
            raise VisitorError(texts.BAD_SETTINGS) from None


PRESETS = {
    "Short answer": Panel(max_tokens=24, mode="short"),
    "Description": Panel(mode="long"),
    "Creative": Panel(temperature=0.9, top_p=0.95, max_tokens=160, repetition_penalty=1.15, mode="long"),
}
FIRST_PRESET = "Description"


def settings_for_another(settings: AnswerSettings) -> AnswerSettings:
    """Settings that give another answer to the same question: drawn at random, with a seed of its own."""
    temperature = settings.temperature if settings.temperature > 0 else 0.7
    return replace(
        settings, temperature=temperature, top_p=min(settings.top_p, 0.9), seed=random.randrange(LARGEST_SEED)
    )


def repeatable(settings: AnswerSettings) -> AnswerSettings:
    """The same settings; a draw without a seed gets one, so that a link can repeat it."""
    if settings.temperature == 0 or settings.seed is not None:
        return settings
    return replace(settings, seed=random.randrange(LARGEST_SEED))
