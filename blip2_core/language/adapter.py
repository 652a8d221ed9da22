"""Station 5 of 6, language: visual_prompt + text -> logits. What both kinds of language model share.

A language model is frozen and knows nothing about pictures. The adapter puts the soft visual prompt in front of the
embedded text, pads a batch so that every row sees what it would see alone, and feeds the model token by token.

Paper: BLIP-2 (arXiv 2301.12597), section 3.3, figure 3.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ..errors import ConfigError, ShapeError
from ..shapes import expect_shape
from .prompts import Prompt, PromptTemplate


@dataclass(frozen=True)
class PromptInputs:
    """What the language model reads: visual_prompt then text, padded.

    Args:
        inputs_embeds: (B, L, Dl) floats; L is Q plus the tokens of the longest text.
        attention_mask: (B, L) integers, 1 = attend, 0 = padding.
    """

    inputs_embeds: Tensor
    attention_mask: Tensor


@dataclass
class DecodingState:
    """An answer in the making: what the model keeps from token to token.

    Args:
        logits: (B, V) fp32, the scores of the next token.
        cache: the keys and values of everything read and written so far.
        attention_mask: (B, L) for what is in the cache, or None when there is no padding.
        next_position: (B, 1) position of the next token; decoders with absolute positions need it.
        encoder_outputs: what the encoder made of the prompt; encoder-decoders only.
    """

    logits: Tensor
    cache: Any
    attention_mask: Tensor | None
    next_position: Tensor | None = None
    encoder_outputs: Any = None


class LanguageAdapter(ABC):
    """One way to talk to a frozen language model, whatever its kind.

    Args:
        language_model: a causal or sequence-to-sequence model of `transformers`.
        tokenizer: its tokenizer.
        template: the form in which it reads questions.
        stop_ids: the ids that end an answer; left out, `end_of_answer_ids` finds them.
    """

    padding_side: Literal["left", "right"]
    context_tokens: int | None  # how many tokens, visual prompt and answer included, the model is made for

    def __init__(
        self, language_model: Any, tokenizer: Any, template: PromptTemplate, stop_ids: Sequence[int] | None = None
    ) -> None:
        self.language_model = language_model
        self.tokenizer = tokenizer
        self.template = template
        found = stop_ids or end_of_answer_ids(language_model.config, tokenizer, template)
        self.eos_token_ids: tuple[int, ...] = tuple(found)
        pad = tokenizer.pad_token_id
        self.pad_token_id: int = self.eos_token_ids[0] if pad is None else pad
        self.wordless_token_ids = _wordless(language_model, tokenizer)
        special = sorted((str(token) for token in tokenizer.added_tokens_decoder.values()), key=len, reverse=True)
        self._special_tokens = re.compile("|".join(map(re.escape, special)) or r"(?!)")

    def tokenize(self, prompts: Sequence[str]) -> list[list[int]]:
        """Turn prompts into ids, exactly as the tokenizer does on its own, special tokens around the text included.

        In a `Prompt` only the template can write special tokens: what a person typed stays plain text. A plain `str` is
        taken as a template's own text.
        """
        ids = self.tokenizer(list(prompts), padding=False, truncation=False).input_ids if prompts else []
        return [
            self._tokenize_untrusted(prompt) if self._holds_typed_special_token(prompt) else row
            for prompt, row in zip(prompts, ids, strict=True)
        ]

    def count_tokens(self, prompt: str) -> int:
        """How many tokens the text of a prompt has; the visual prompt comes on top."""
        return len(self.tokenize([prompt])[0])

    def prompt_inputs(self, visual_prompt: Tensor, prompts: Sequence[str]) -> PromptInputs:
        """Put each visual prompt in front of its text and pad the rows to one length.

        Args:
            visual_prompt: (B, Q, Dl) floats; Q = 0 asks the language model alone.
            prompts: B texts, as `PromptTemplate.render` writes them.

        Raises:
            ShapeError: not B prompts, or a width other than Dl.
            QuestionError: a prompt that leaves no room for an answer.
        """
        embed = self.language_model.get_input_embeddings()
        expect_shape(
            "visual_prompt", visual_prompt, "B Q Dl", Dl=embed.weight.shape[1],
            hint="Pass the output of the language projection.",
        )  # fmt: skip
        if len(prompts) != len(visual_prompt):
            raise ShapeError(f"prompts: expected one a picture, {len(visual_prompt)}, got {len(prompts)}.")
        device = embed.weight.device
        visual_prompt = visual_prompt.to(device, embed.weight.dtype)
        rows = []
        for visual, ids in zip(visual_prompt, self.tokenize(prompts), strict=True):
            self.expect_room(len(visual) + len(ids))
            text = embed(torch.tensor(ids, dtype=torch.long, device=device))  # (T, Dl)
            rows.append(torch.cat([visual, text.to(visual.dtype)]))  # (Q+T, Dl)
        masks = [torch.ones(len(row), dtype=torch.long, device=device) for row in rows]
        return PromptInputs(
            inputs_embeds=pad_sequence(rows, batch_first=True, padding_side=self.padding_side),
            attention_mask=pad_sequence(masks, batch_first=True, padding_side=self.padding_side),
        )

    @abstractmethod
    def expect_room(self, prompt_tokens: int) -> None:
        """Raise QuestionError when a prompt of so many tokens, visual prompt included, leaves no room to answer."""

    @abstractmethod
    def room(self, inputs: PromptInputs) -> int | None:
        """How many tokens an answer may have after this prompt; None means that the model sets no limit."""

    @abstractmethod
    def start(self, inputs: PromptInputs) -> DecodingState:
        """Read the prompt; the returned state has the scores of the first token."""

    @abstractmethod
    def step(self, state: DecodingState, token_ids: Tensor) -> Tensor:
        """Append one token a row, (B,), to `state` and return the scores of the next, (B, V) fp32."""

    def _holds_typed_special_token(self, prompt: str) -> bool:
        """Whether the tokenizer would find a special token in `prompt` that the template did not write."""
        if not isinstance(prompt, Prompt):
            return False
        written = sum(len(self._special_tokens.findall(piece)) for piece in prompt.pieces[::2])
        return len(self._special_tokens.findall(prompt)) != written

    def _tokenize_untrusted(self, prompt: str) -> list[int]:
        """Ids of a prompt in which somebody typed a special token: the template's are ids, theirs are letters."""
        assert isinstance(prompt, Prompt)
        ids: list[int] = []
        plain = ""
        for place, piece in enumerate(prompt.pieces):
            found = () if place % 2 else self._special_tokens.finditer(piece)
            last = 0
            for special in found:
                ids += self._plain_ids(plain + piece[last : special.start()])
                ids.append(self.tokenizer.convert_tokens_to_ids(special.group()))
                plain, last = "", special.end()
            plain += piece[last:]
        ids += self._plain_ids(plain)
        return self._surround(ids)

    def _plain_ids(self, text: str) -> list[int]:
        if not text:
            return []
        return self.tokenizer(text, add_special_tokens=False, split_special_tokens=True).input_ids

    def _surround(self, ids: list[int]) -> list[int]:
        """Put around `ids` what the tokenizer puts around every text: OPT and Llama a start, T5 an end."""
        bare = self.tokenizer("a", add_special_tokens=False).input_ids
        full = self.tokenizer("a").input_ids
        start = next(i for i in range(len(full)) if full[i : i + len(bare)] == bare)
        return [*full[:start], *ids, *full[start + len(bare) :]]


def _wordless(language_model: Any, tokenizer: Any) -> tuple[int, ...]:
    """The ids that no text comes of: special tokens, and rows of the vocabulary that no token has."""
    marked = {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    rows = language_model.get_input_embeddings().weight.shape[0]
    return tuple(sorted(marked | set(tokenizer.all_special_ids) | set(range(len(tokenizer), rows))))


def end_of_answer_ids(config: Any, tokenizer: Any, template: PromptTemplate) -> tuple[int, ...]:
    r"""The ids that end an answer: the template's own ("\n" for a BLIP-2 OPT), then what the config names.

    The id in a config is kept only where the tokenizer can write it and, when the template's is known, means something
    special by it: the configs of public Vicuna checkpoints name an id that is not their tokenizer's end.

    Raises:
        ConfigError: neither is a token of this tokenizer.
    """
    ends = tokenizer.encode(template.answer_end, add_special_tokens=False)
    unknown = tokenizer.unk_token if tokenizer.unk_token != template.answer_end else None  # Vicuna's is its end, too
    found = [ends[0]] if len(ends) == 1 and tokenizer.convert_ids_to_tokens(ends[0]) != unknown else []
    named = config.eos_token_id
    for token_id in named if isinstance(named, (list, tuple)) else [named]:
        if token_id is not None and token_id < len(tokenizer) and (not found or token_id in tokenizer.all_special_ids):
            found.append(token_id)
    if not found:
        raise ConfigError(
            f"answer_end: {template.answer_end!r} is not one token of this tokenizer and eos_token_id={named} is none "
            "either. Take the chat_prompt.json and the tokenizer of the same model."
        )
    return tuple(dict.fromkeys(found))
