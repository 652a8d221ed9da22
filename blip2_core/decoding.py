"""How each family's answers are searched when nobody says otherwise: as the papers measured them.

A public checkpoint answers with five beams. What it is worth to be short differs by family: a T5's answers to questions
are searched with a length penalty of -1, a decoder-only model's with 0. Captions have 8 to 30 tokens. The small models
with a hybrid ViT were tuned and measured on the likeliest word each time, and keep it.

Two modes of answering a question: "short" is visual question answering, a word or a few; "long" is a whole sentence or
more. Left out, a BLIP-2 answers shortly and an InstructBLIP at length, as each was made for.

Papers: BLIP-2 (arXiv 2301.12597), section 4.1 and appendix; InstructBLIP (arXiv 2305.06500), appendix. Numbers that are
not in the papers (10 and 256 tokens, repetition, the length penalty of each family) are those of LAVIS.
"""

from dataclasses import replace
from typing import Any

from .answer_settings import AnswerSettings
from .errors import SettingsError

MODES = ("short", "long")
BEAMS = 5
CAPTIONING_PIXELS = 364  # of a picture that a checkpoint tuned on COCO captions reads
GREEDY = {"short": AnswerSettings(max_new_tokens=12), "long": AnswerSettings()}
GREEDY_CAPTION = AnswerSettings()


def check_mode(mode: str | None) -> None:
    """Raise for an unknown mode.

    Raises:
        SettingsError: it is none of `MODES`.
    """
    if mode is not None and mode not in MODES:
        raise SettingsError(f'mode: expected "short" or "long", got {mode!r:.60}.')


def answer_settings(config: Any, mode: str | None = None) -> AnswerSettings:
    """How a model of this config answers a question.

    Args:
        config: of the whole model.
        mode: "short" or "long"; left out, what the family was made for.

    Raises:
        SettingsError: an unknown mode.
    """
    check_mode(mode)
    if is_greedy(config):
        return GREEDY[mode or "long"]
    if (mode or _made_for(config)) == "long":
        return AnswerSettings(max_new_tokens=256, num_beams=BEAMS, repetition_penalty=1.5)
    length_penalty = -1.0 if config.text_config.is_encoder_decoder else 0.0
    return AnswerSettings(max_new_tokens=10, num_beams=BEAMS, length_penalty=length_penalty)


def caption_settings(config: Any) -> AnswerSettings:
    """How a model of this config describes a picture."""
    if is_greedy(config):
        return GREEDY_CAPTION
    return AnswerSettings(min_new_tokens=8, max_new_tokens=30, num_beams=BEAMS)


def caption_notice(config: Any) -> str | None:
    """One sentence for a person who asks questions of a model that was tuned to write captions; None for all others.

    The public captioning checkpoints are the BLIP-2 that read pictures of 364 pixels; LAVIS' users measured them as if
    they were the others and got a third of the accuracy.
    """
    if config.model_type != "blip-2" or config.vision_config.image_size != CAPTIONING_PIXELS:
        return None
    return "this checkpoint was tuned to write captions and answers questions badly; take the one without -coco."


def is_greedy(config: Any) -> bool:
    """Whether models of this kind were tuned on the likeliest word each time."""
    return config.model_type == "hybrid_blip2"


def _made_for(config: Any) -> str:
    return "long" if config.model_type.startswith("instructblip") else "short"


def adjusted(settings: AnswerSettings, given: dict[str, Any]) -> AnswerSettings:
    """The settings with some of them given by a person; what those rule out gives way.

    Args:
        settings: a family's own.
        given: fields of `AnswerSettings`; a temperature ends the beams, a small `max_new_tokens` the least length.

    Raises:
        SettingsError: a value out of its range, or two given ones that contradict each other.
    """
    giving_way: dict[str, Any] = {}
    if given.get("temperature", 0) > 0:
        giving_way["num_beams"] = 1
    if "max_new_tokens" in given:
        giving_way["min_new_tokens"] = min(settings.min_new_tokens, given["max_new_tokens"])
    return replace(settings, **{**giving_way, **given})
