"""Turns: the Q-Former learns to read what was asked before, and forgets nothing of what it knew.

What the queries take out of a picture for "And what color is it?" behind "Where is the dog?" "In the snow." shall be
what they take out for "What color is the dog?". So the Q-Former is its own teacher, as it was before: asked in full and
without the turns, its visual prompt is the target, and so is where its queries look. Questions that need no turn, and
captions, are among the samples, so that they stay what they were. The language model is not run at all: a step takes a
fraction of one of `vqa`, and what a pronoun means stands in the text alone, so every picture will do for every text.

Not in the paper: it has no conversations. The model teaches itself as in context distillation (arXiv 2209.15189).
"""

import random
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..attention_maps import watch_cross_attention
from ..errors import TrainingError
from ..model import Blip2, tokenize_questions
from .looking import LEAST
from .samples import Sample
from .stage import Stage
from .teacher import distance, teacher_of

TEXTS_OF_A_PICTURE = 8
WITH_TURNS = 0.6  # of the texts, drawn from those that have turns before them
LOOKING_WEIGHT = 0.3
ALIKE = 1 / 16  # of all texts in their order by length, to either side: what a batch holds beside its own


@dataclass(frozen=True)
class Texts:
    """What the Q-Former reads about B pictures, R texts each: ids and masks (B * R, T).

    Args:
        asked: with the turns before.
        in_full: as a first question.
    """

    asked: tuple[Tensor, Tensor]
    in_full: tuple[Tensor, Tensor]


class Turns(Stage):
    """How far visual prompt and cross-attention after the turns are from those of the question asked in full.

    Args:
        blip2: the model, whose template says how the Q-Former reads turns.
        samples: all that is learnt from; each picture is asked its own text and others of them.

    Raises:
        TrainingError: the Q-Former reads no text or no turns, or no sample has a turn before it.
    """

    name = "turns"
    trainable = ("model.qformer",)

    def __init__(self, blip2: Blip2, samples: Sequence[Sample]):
        super().__init__(blip2)
        if self.qformer_tokenizer is None or not blip2.template.qformer_turn:
            raise TrainingError(
                '--model: expected a Q-Former that reads text, and "qformer_turn" in chat_prompt.json, such as '
                '" - {question} {answer}".'
            )
        self.samples = sorted(samples, key=self.text_length)
        self.lengths = [self.text_length(sample) for sample in self.samples]
        self.with_turns = [sample for sample in self.samples if sample.history]
        if not self.with_turns:
            raise TrainingError("--data: expected records with a history, such as those of chat-train.jsonl, got none.")
        self.teacher = teacher_of(self.model, learns_to_see=False)

    def freeze_the_rest(self) -> None:
        """See `Stage.freeze_the_rest`."""
        super().freeze_the_rest()
        self.teacher.eval()

    def text_length(self, sample: Sample) -> int:
        """See `Stage.text_length`."""
        return len(self._asked(sample))

    def collate(self, samples: Sequence[Sample], rng: random.Random) -> Texts:
        """See `Stage.collate`: of each picture its own text first, then others, as long among theirs as it is."""
        texts = []
        for sample in samples:
            length = self.text_length(sample)
            place = rng.uniform(bisect_left(self.lengths, length), bisect_right(self.lengths, length))
            texts.append(sample)
            for _ in range(TEXTS_OF_A_PICTURE - 1):
                others = self.with_turns if rng.random() < WITH_TURNS else self.samples
                near = place / len(self.samples) + rng.uniform(-ALIKE, ALIKE)
                texts.append(others[min(max(int(near * len(others)), 0), len(others) - 1)])
        return self._texts(texts)

    def losses(self, features: Tensor, batch: "Texts | Sequence[Sample]") -> dict[str, Tensor]:
        """See `Stage.losses`.

        `turns` is the squared distance of the visual prompts, where 1 is as far off as other questions and pictures
        are; `looking` the Kullback-Leibler divergence of where the heads of the queries look.
        """
        texts = batch if isinstance(batch, Texts) else self._texts(batch)
        image_embeds = self.image_embeds(features)
        with torch.no_grad(), watch_cross_attention(self.teacher.qformer) as shall_look:
            target = self.visual_prompt(self.teacher, image_embeds, *texts.in_full)
        with watch_cross_attention(self.model.qformer) as look:
            visual_prompt = self.visual_prompt(self.model, image_embeds, *texts.asked)
        return {
            "turns": distance(visual_prompt, target),
            "looking": LOOKING_WEIGHT * divergence(shall_look, look),
        }

    def _texts(self, samples: Sequence[Sample]) -> Texts:
        asked = [self._asked(sample) for sample in samples]
        in_full = [self.read_by_qformer(sample.in_full or sample.question) for sample in samples]
        return Texts(self._rows(asked), self._rows(in_full))

    def _rows(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        ids, mask = tokenize_questions(self.qformer_tokenizer, texts)
        assert ids is not None and mask is not None  # `__init__` saw to a tokenizer
        return ids, mask

    def _asked(self, sample: Sample) -> str:
        return self.read_by_qformer(sample.question, sample.history)


def divergence(expected: Sequence[Tensor], found: Sequence[Tensor]) -> Tensor:
    """Mean over layers, B, heads and Q of KL(expected || found), in nats.

    Args:
        expected: weights of the cross-attention, (B, heads, Q, N) a layer, as `watch_cross_attention` collects them.
        found: as many, of the same shapes.
    """
    shall, does = (torch.stack([*weights]).float().clamp(min=LEAST).log() for weights in (expected, found))
    return (shall.exp() * (shall - does)).sum(-1).mean()
