"""Station 5 of 6, language, decoder-only (OPT, Llama): [padding][visual_prompt][text] -> logits of the next token.

The model continues what it read, so the last position of every row must be its last word: rows are padded on the left.
Padding takes no position: a row in a batch has the very positions it has alone.

Paper: BLIP-2 (arXiv 2301.12597), section 3.3, figure 3, top.
"""

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from ..errors import QuestionError
from .adapter import DecodingState, LanguageAdapter, PromptInputs
from .prompts import PromptTemplate


class DecoderOnlyAdapter(LanguageAdapter):
    """Talks to a causal language model."""

    padding_side = "left"

    def __init__(
        self, language_model: Any, tokenizer: Any, template: PromptTemplate, stop_ids: Sequence[int] | None = None
    ) -> None:
        super().__init__(language_model, tokenizer, template, stop_ids)
        self.context_tokens = getattr(language_model.config, "max_position_embeddings", None)
        # Scores over the vocabulary for the last position only: the others would cost more than the model's layers.
        trims = "logits_to_keep" in inspect.signature(language_model.forward).parameters
        self._last_only = {"logits_to_keep": 1} if trims else {}
        # The last position is a slice with gaps, on which a CPU's bf16 product takes ten times as long.
        language_model.get_output_embeddings().register_forward_pre_hook(lambda _, args: (args[0].contiguous(),))

    def expect_room(self, prompt_tokens: int) -> None:
        """See `LanguageAdapter.expect_room`."""
        if self.context_tokens is not None and prompt_tokens >= self.context_tokens:
            raise QuestionError(
                f"question: the picture and the text have {prompt_tokens:,} tokens, the language model reads "
                f"{self.context_tokens - 1:,} at most; ask a shorter question."
            )

    def room(self, inputs: PromptInputs) -> int | None:
        """See `LanguageAdapter.room`."""
        return None if self.context_tokens is None else self.context_tokens - inputs.attention_mask.shape[1]

    @torch.no_grad()
    def start(self, inputs: PromptInputs) -> DecodingState:
        """See `LanguageAdapter.start`."""
        mask = inputs.attention_mask
        state = DecodingState(
            logits=inputs.inputs_embeds.new_empty(0),
            cache=DynamicCache(config=self.language_model.config),
            attention_mask=None if bool(mask.all()) else mask,
            next_position=mask.sum(dim=1, keepdim=True),  # (B, 1)
        )
        position_ids = (mask.cumsum(dim=1) - 1).clamp(min=0)  # (B, L)
        return self._run(state, inputs_embeds=inputs.inputs_embeds, position_ids=position_ids)

    @torch.no_grad()
    def step(self, state: DecodingState, token_ids: Tensor) -> Tensor:
        """See `LanguageAdapter.step`."""
        assert state.next_position is not None
        if state.attention_mask is not None:
            state.attention_mask = torch.cat([state.attention_mask, torch.ones_like(state.next_position)], dim=1)
        position_ids, state.next_position = state.next_position, state.next_position + 1
        return self._run(state, input_ids=token_ids.unsqueeze(1), position_ids=position_ids).logits

    def _run(self, state: DecodingState, **what: Tensor) -> DecodingState:
        output = self.language_model(
            **what, attention_mask=state.attention_mask, past_key_values=state.cache, use_cache=True, **self._last_only
        )
        state.logits = output.logits[:, -1].float()  # (B, V)
        return state
