"""Stage 2: the visual prompt learns to speak to the frozen language model.

Decoder-only models (OPT, Llama) get the language modelling loss: the visual prompt, then the text, every word of which
is predicted. Encoder-decoder models (FlanT5) get the prefix language modelling loss: the text is split in two, the
encoder reads the visual prompt and the prefix, the decoder writes the suffix.

Only the Q-Former, its queries and the projection learn.

Paper: BLIP-2 (arXiv 2301.12597), section 3.2 and figure 3.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .samples import Sample
from .stage import IGNORE_INDEX, Stage, loss_at_labels, pad_rows


class LanguageStage(Stage):
    """What stage 2 and question answering share: the loss of the frozen language model behind a visual prompt."""

    trainable = ("model.query_tokens", "model.qformer", "model.language_projection")

    def language_loss(
        self, visual_prompt: Tensor, prompts: Sequence[list[int]], targets: Sequence[list[int]]
    ) -> Tensor:
        """Loss on the targets alone.

        Args:
            visual_prompt: (B, Q, Dl) floats.
            prompts: B lists of ids that are read before the target.
            targets: B lists of ids that are predicted.
        """
        if self.model.config.use_decoder_only_language_model:
            return self._decoder_only_loss(visual_prompt, prompts, targets)
        return self._encoder_decoder_loss(visual_prompt, prompts, targets)

    def _decoder_only_loss(
        self, visual_prompt: Tensor, prompts: Sequence[list[int]], targets: Sequence[list[int]]
    ) -> Tensor:
        """Padding stands on the right, where a causal model never looks: no mask is needed."""
        pairs = list(zip(prompts, targets, strict=True))
        ids = pad_rows([prompt + target for prompt, target in pairs], self.adapter.pad_token_id).to(self.device)
        labels = pad_rows([[IGNORE_INDEX] * len(prompt) + target for prompt, target in pairs], IGNORE_INDEX)
        embeds = torch.cat([visual_prompt, self.model.get_input_embeddings()(ids)], dim=1)  # (B, Q+T, Dl)
        hidden = self.model.language_model.base_model(inputs_embeds=embeds, use_cache=False).last_hidden_state
        before = visual_prompt.shape[1] - 1  # the last visual prompt predicts the first word
        return loss_at_labels(hidden[:, before:-1], labels.to(self.device), self.model.get_output_embeddings())

    def _encoder_decoder_loss(
        self, visual_prompt: Tensor, prompts: Sequence[list[int]], targets: Sequence[list[int]]
    ) -> Tensor:
        ids = pad_rows(prompts, self.adapter.pad_token_id).to(self.device)
        mask = pad_rows([[1] * len(prompt) for prompt in prompts], 0).to(self.device)
        embeds = torch.cat([visual_prompt, self.model.get_input_embeddings()(ids)], dim=1)  # (B, Q+T, Dl)
        mask = torch.cat([mask.new_ones(visual_prompt.shape[:2]), mask], dim=1)
        labels = pad_rows(targets, IGNORE_INDEX).to(self.device)
        return self.model.language_model(inputs_embeds=embeds, attention_mask=mask, labels=labels).loss

    def target_ids(self, text: str) -> list[int]:
        """Ids of a text to be written, closed by the token that ends an answer."""
        ids = self.adapter.tokenizer(text, add_special_tokens=False).input_ids
        return [*ids, self.adapter.eos_token_ids[0]]


class Stage2(LanguageStage):
    """Bootstraps vision-to-language generation from captions; the Q-Former reads no text yet."""

    name = "stage2"

    def losses(self, features: Tensor, samples: Sequence[Sample]) -> dict[str, Tensor]:
        """See `Stage.losses`: `language_modelling`, or `prefix_language_modelling` with an encoder-decoder."""
        visual_prompt = self.model.project(self.model.query(self.image_embeds(features)))
        texts = [self.target_ids(sample.text) for sample in samples]
        if self.model.config.use_decoder_only_language_model:
            begin = self._begin_ids()
            return {"language_modelling": self.language_loss(visual_prompt, [begin] * len(texts), texts)}
        prefixes, suffixes = zip(*(split_text(ids) for ids in texts), strict=True)
        return {"prefix_language_modelling": self.language_loss(visual_prompt, prefixes, suffixes)}

    def _begin_ids(self) -> list[int]:
        """What the tokenizer puts in front of every text: OPT and Llama a start token, others nothing."""
        tokenizer: Any = self.adapter.tokenizer
        bare = tokenizer("a", add_special_tokens=False).input_ids
        full = tokenizer("a").input_ids
        return full[: full.index(bare[0])]


def split_text(ids: list[int]) -> tuple[list[int], list[int]]:
    """Cut a text in two at a point drawn uniformly from 1 to its middle: prefix and suffix.

    The draw comes from torch's generator, which the loop seeds anew at every step.
    """
    middle = max(len(ids) // 2, 1)
    point = int(torch.randint(1, middle + 1, ()))
    return ids[:point], ids[point:]
