"""Station 5 of 6, language, encoder-decoder (T5): [visual_prompt][text][padding] -> logits of the next token.

The encoder reads the prompt once, in both directions; the decoder begins with its start token and looks at what the
encoder made. Positions are relative, so rows are padded on the right and the padding is masked.

Paper: BLIP-2 (arXiv 2301.12597), section 3.3, figure 3, bottom.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, EncoderDecoderCache

from .adapter import DecodingState, LanguageAdapter, PromptInputs
from .prompts import PromptTemplate

_TRAINED_TOKENS = 512  # T5 and FlanT5


class EncoderDecoderAdapter(LanguageAdapter):
    """Talks to a sequence-to-sequence language model."""

    padding_side = "right"

    def __init__(
        self, language_model: Any, tokenizer: Any, template: PromptTemplate, stop_ids: Sequence[int] | None = None
    ) -> None:
        super().__init__(language_model, tokenizer, template, stop_ids)
        # No limit, relative positions fit every length, but the length it was trained on; a chat stays within.
        self.context_tokens = getattr(language_model.config, "n_positions", _TRAINED_TOKENS)

    def expect_room(self, prompt_tokens: int) -> None:
        """See `LanguageAdapter.expect_room`; relative positions fit every length."""

    def room(self, inputs: PromptInputs) -> int | None:
        """See `LanguageAdapter.room`; relative positions fit every length."""
        return None

    @torch.no_grad()
    def start(self, inputs: PromptInputs) -> DecodingState:
        """See `LanguageAdapter.start`."""
        config = self.language_model.config
        encoder_outputs = self.language_model.get_encoder()(
            inputs_embeds=inputs.inputs_embeds, attention_mask=inputs.attention_mask, return_dict=True
        )
        state = DecodingState(
            logits=inputs.inputs_embeds.new_empty(0),
            cache=EncoderDecoderCache(DynamicCache(), DynamicCache()),
            attention_mask=inputs.attention_mask,
            encoder_outputs=encoder_outputs,
        )
        batch = len(inputs.inputs_embeds)
        begin = inputs.attention_mask.new_full((batch,), config.decoder_start_token_id)
        self.step(state, begin)
        return state

    @torch.no_grad()
    def step(self, state: DecodingState, token_ids: Tensor) -> Tensor:
        """See `LanguageAdapter.step`."""
        output = self.language_model(
            encoder_outputs=state.encoder_outputs,
            attention_mask=state.attention_mask,
            decoder_input_ids=token_ids.unsqueeze(1),
            past_key_values=state.cache,
            use_cache=True,
        )
        state.logits = output.logits[:, -1].float()  # (B, V)
        return state.logits
