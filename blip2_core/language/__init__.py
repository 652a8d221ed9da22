"""Station 5 of 6, language: visual_prompt + text -> logits.

A frozen language model, either decoder-only or encoder-decoder, behind one interface.
"""

from collections.abc import Sequence
from typing import Any

from .adapter import DecodingState, LanguageAdapter, PromptInputs, end_of_answer_ids
from .decoder_only import DecoderOnlyAdapter
from .encoder_decoder import EncoderDecoderAdapter
from .prompts import Prompt, PromptTemplate, Turn, check_question, template_for

__all__ = [
    "DecoderOnlyAdapter",
    "DecodingState",
    "EncoderDecoderAdapter",
    "LanguageAdapter",
    "Prompt",
    "PromptInputs",
    "PromptTemplate",
    "Turn",
    "check_question",
    "end_of_answer_ids",
    "make_adapter",
    "template_for",
]


def make_adapter(
    language_model: Any, tokenizer: Any, template: PromptTemplate, stop_ids: Sequence[int] | None = None
) -> LanguageAdapter:
    """The adapter for a language model's kind.

    Args:
        language_model: a causal or sequence-to-sequence model of `transformers`.
        tokenizer: its tokenizer.
        template: the form in which it reads questions.
        stop_ids: the ids that end an answer; left out, they come from the template, the tokenizer and the config.

    Raises:
        ConfigError: no token ends an answer.
    """
    kind = EncoderDecoderAdapter if language_model.config.is_encoder_decoder else DecoderOnlyAdapter
    return kind(language_model, tokenizer, template, stop_ids)
