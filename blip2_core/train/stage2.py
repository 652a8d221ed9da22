"""Stage 2: the visual prompt learns to speak to the frozen language model.

Decoder-only models (OPT, Llama) get the language modelling loss: the visual prompt, then the text, every word of which
is predicted. Encoder-decoder models (FlanT5) get the prefix language modelling loss: the text is split in two, the
encoder reads the visual prompt and the prefix, the decoder writes the suffix.

Only the Q-Former, its queries and the projection learn.

Paper: BLIP-2 (arXiv 2301.12597), section 3.2 and figure 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .samples import Sample
from .stage import IGNORE_INDEX, Stage, loss_of_rows, pad_rows


@dataclass(frozen=True)
class Layout:
    """How the ids of one row lie behind its visual prompt: the prompt, then each target without its last id.

    Args:
        positions: of each id; every target begins anew behind the prompt.
        segments: 0 for the prompt, n for the n-th target.
        predicting: for every id of every target, the place of the id in front of it; -1 is the last visual prompt.
    """

    positions: list[int]
    segments: list[int]
    predicting: list[int]


def lay_out(prompt: int, targets: Sequence[Sequence[int]]) -> Layout:
    """The layout of a prompt of so many ids with its targets."""
    positions, segments, predicting = [*range(prompt)], [0] * prompt, []
    for number, target in enumerate(targets, 1):
        first, length = len(positions), len(target) - 1
        predicting += [prompt - 1, *range(first, first + length)]
        positions += range(prompt, prompt + length)
        segments += [number] * length
    return Layout(positions, segments, predicting)


@dataclass(frozen=True)
class Rows:
    """What a decoder-only language model reads behind B visual prompts of Q, and where it is to predict what.

    Args:
        ids: (B, T), padded on the right.
        row: (n,) of each label.
        place: (n,) in its row, the visual prompts counted, of the state that predicts each label.
        labels: (n,) ids.
        segments: (B, Q+T), 0 for visual prompts and prompt, n for the n-th target, -1 for padding; None if no row has
            several targets.
        positions: (B, Q+T); None if no row has several targets.
    """

    ids: Tensor
    row: Tensor
    place: Tensor
    labels: Tensor
    segments: Tensor | None
    positions: Tensor | None


@dataclass(frozen=True)
class PromptedTexts:
    """Texts to be written behind visual prompts.

    Args:
        prompts: B lists of ids that are read before each target.
        targets: for each of the B, one or more lists of ids.
        shares: (n,) of each id of every target in the loss, 1 in all.
        rows: their layout for a decoder-only language model; None for an encoder-decoder.
    """

    prompts: Sequence[list[int]]
    targets: Sequence[Sequence[list[int]]]
    shares: Tensor
    rows: Rows | None = None


class LanguageStage(Stage):
    """What stage 2 and question answering share: the loss of the frozen language model behind a visual prompt."""

    trainable: tuple[str, ...] = ("model.query_tokens", "model.qformer", "model.language_projection")
    packs_texts = True

    def prompted(
        self,
        prompts: Sequence[list[int]],
        targets: Sequence[Sequence[list[int]]],
        weights: Sequence[float] | None = None,
    ) -> PromptedTexts:
        """Lay texts out behind their prompts.

        Args:
            prompts: B lists of ids that are read before each target.
            targets: for each of the B, one or more lists of ids, none of which sees the others.
            weights: of every target, however long; None weighs every token alike.
        """
        lengths = [len(text) for texts in targets for text in texts]
        weights = [length / sum(lengths) for length in lengths] if weights is None else weights
        shares = [w / n / sum(weights) for w, n in zip(weights, lengths, strict=True) for _ in range(n)]
        if not self.model.config.use_decoder_only_language_model:
            return PromptedTexts(prompts, targets, torch.tensor(shares))
        return PromptedTexts(prompts, targets, torch.tensor(shares), self._lay_out(prompts, targets))

    def _lay_out(self, prompts: Sequence[list[int]], targets: Sequence[Sequence[list[int]]]) -> Rows:
        """Padding stands on the right, where a causal model never looks."""
        queries = self.model.query_tokens.shape[1]
        rows = [lay_out(len(prompt), texts) for prompt, texts in zip(prompts, targets, strict=True)]
        ids = [
            prompt + [i for text in texts for i in text[:-1]] for prompt, texts in zip(prompts, targets, strict=True)
        ]
        packed = any(len(texts) > 1 for texts in targets)
        return Rows(
            ids=pad_rows(ids, self.adapter.pad_token_id),
            row=torch.tensor([number for number, row in enumerate(rows) for _ in row.predicting]),
            place=torch.tensor([queries + place for row in rows for place in row.predicting]),
            labels=torch.tensor([i for texts in targets for text in texts for i in text]),
            segments=pad_rows([[0] * queries + row.segments for row in rows], -1) if packed else None,
            positions=pad_rows([[*range(queries), *(queries + p for p in row.positions)] for row in rows], 0)
            if packed
            else None,
        )

    def language_loss(self, visual_prompt: Tensor, texts: PromptedTexts) -> Tensor:
        """Loss on the tokens of the targets alone, each by its share.

        Args:
            visual_prompt: (B, Q, Dl) floats.
            texts: what stands behind them.
        """
        if texts.rows is not None:
            return self._decoder_only_loss(visual_prompt, texts.rows, texts.shares)
        return self._encoder_decoder_loss(visual_prompt, texts)

    def _decoder_only_loss(self, visual_prompt: Tensor, rows: Rows, shares: Tensor) -> Tensor:
        embeds = self.model.get_input_embeddings()(self._here(rows.ids))
        embeds = torch.cat([visual_prompt, embeds.to(visual_prompt.dtype)], dim=1)  # (B, Q+T, Dl)
        hidden = self.model.language_model.base_model(
            inputs_embeds=embeds, use_cache=False, **self._packed_inputs(rows, dtype=embeds.dtype)
        ).last_hidden_state  # fmt: skip
        chosen = hidden[self._here(rows.row), self._here(rows.place)]
        return loss_of_rows(
            chosen, self._here(rows.labels), self.model.get_output_embeddings(), self._here(shares)
        )  # fmt: skip

    def _packed_inputs(self, rows: Rows, *, dtype: torch.dtype) -> dict[str, Tensor]:
        """What keeps packed texts apart: position_ids (B, Q+T), and attention_mask (B, 1, Q+T, Q+T) to be added."""
        if rows.segments is None or rows.positions is None:
            return {}
        segments = self._here(rows.segments)
        earlier = torch.ones(segments.shape[1:] * 2, dtype=torch.bool, device=self.device).tril()
        own = segments[:, :, None] == segments[:, None, :]
        allowed = (earlier & (own | (segments == 0)[:, None, :]))[:, None]
        mask = torch.zeros(allowed.shape, dtype=dtype, device=self.device)
        mask.masked_fill_(~allowed, torch.finfo(dtype).min)
        return {"position_ids": self._here(rows.positions), "attention_mask": mask}

    def _here(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.device, non_blocking=True)

    def _encoder_decoder_loss(self, visual_prompt: Tensor, texts: PromptedTexts) -> Tensor:
        counts = torch.tensor([len(several) for several in texts.targets], device=self.device)
        visual_prompt = visual_prompt.repeat_interleave(counts, dim=0)
        prompts = [prompt for prompt, several in zip(texts.prompts, texts.targets, strict=True) for _ in several]
        ids = self._here(pad_rows(prompts, self.adapter.pad_token_id))
        mask = self._here(pad_rows([[1] * len(prompt) for prompt in prompts], 0))
        embeds = torch.cat([visual_prompt, self.model.get_input_embeddings()(ids)], dim=1)  # (B, Q+T, Dl)
        mask = torch.cat([mask.new_ones(visual_prompt.shape[:2]), mask], dim=1)
        labels = self._here(pad_rows([text for several in texts.targets for text in several], IGNORE_INDEX))
        language_model: Any = self.model.language_model
        begun = language_model.prepare_decoder_input_ids_from_labels(labels)
        scores = language_model(inputs_embeds=embeds, attention_mask=mask, decoder_input_ids=begun).logits
        chosen = labels != IGNORE_INDEX
        return loss_of_rows(scores[chosen], labels[chosen], nn.Identity(), self._here(texts.shares))

    def targets_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of texts to be written, each closed by the token that ends an answer."""
        return [[*row, self.adapter.eos_token_ids[0]] for row in self.texts_ids(texts)]

    def target_ids(self, text: str) -> list[int]:
        """Ids of one text to be written."""
        return self.targets_ids([text])[0]

    def texts_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of texts by themselves, in the language model's vocabulary."""
        tokenizer: Any = self.adapter.tokenizer
        return tokenizer(list(texts), add_special_tokens=False).input_ids if texts else []


class Stage2(LanguageStage):
    """Bootstraps vision-to-language generation from captions; the Q-Former reads no text yet."""

    name = "stage2"

    def losses(self, features: Tensor, samples: Sequence[Sample]) -> dict[str, Tensor]:
        """See `Stage.losses`: `language_modelling`, or `prefix_language_modelling` with an encoder-decoder."""
        visual_prompt = self.model.project(self.model.query(self.image_embeds(features)))
        texts = [[self.target_ids(text) for text in sample.texts] for sample in samples]
        if self.model.config.use_decoder_only_language_model:
            begin = self._begin_ids()
            loss = self.language_loss(visual_prompt, self.prompted([begin] * len(texts), texts))
            return {"language_modelling": loss}
        counts = torch.tensor([len(row) for row in texts], device=self.device)
        prefixes, suffixes = zip(*(split_text(ids) for row in texts for ids in row), strict=True)
        suffixed = self.prompted(prefixes, [[ids] for ids in suffixes])
        loss = self.language_loss(visual_prompt.repeat_interleave(counts, dim=0), suffixed)
        return {"prefix_language_modelling": loss}

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
