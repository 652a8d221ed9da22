"""Stage 0, vision: the hybrid ViT's own blocks learn to name what captions speak of, before they are frozen.

The frozen trunk knows the thousand classes of ImageNet, most of them animals and objects in the middle of the picture.
Captions speak of people, what they do and where. The class token learns to predict the words that people used for the
picture; the patches learn it too, each for itself, the picture's score of a word being that of its best patches.

Differs from the paper: its ViT comes trained (EVA-CLIP); this one gets a short training of its own.
"""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ..model import Blip2
from .samples import Sample
from .stage import Stage

RAREST = 8  # a word that fewer pictures have teaches nothing
STOP_WORDS = frozenset(
    "a an the and or of in on at to with is are was were be been being it its his her their there this that these "
    "those as by for from into onto while up down out off over some one other another who which he she they them him "
    "has have had not no yes i you we picture photo what image".split()
)
WORD = re.compile(r"[a-z]+")
OWN_BLOCKS = (  # of the hybrid ViT, behind its frozen trunk
    "model.vision_model.patch_embedding",
    "model.vision_model.detail_embedding",
    "model.vision_model.position_embedding",
    "model.vision_model.layers",
    "model.vision_model.post_layernorm",
)


class VisionStage(Stage):
    """Bag of words from the class token and from the patches."""

    name = "vision"
    trainable = (*OWN_BLOCKS, "word_head", "patch_head")

    def __init__(self, blip2: Blip2, samples: Sequence[Sample]):
        super().__init__(blip2)
        self.words_of = _words_of_pictures(samples)
        counts = Counter(word for words in self.words_of.values() for word in words)
        self.word_ids = {word: index for index, word in enumerate(w for w, n in counts.most_common() if n >= RAREST)}
        width = self.model.vision_model.config.hidden_size
        self.word_head = nn.Linear(width, max(len(self.word_ids), 1))
        self.patch_head = nn.Linear(width, max(len(self.word_ids), 1))
        self.to(self.device)

    def losses(self, features: Tensor, samples: Sequence[Sample]) -> dict[str, Tensor]:
        """See `Stage.losses`: `words` of the class token, `patch_words` of the patches."""
        targets = self._targets(samples)  # (B, V), each row sums to 1, or to 0 without a known word
        embeds = self.model.vision_model.from_features(features)  # (B, N, Dv)
        from_class = self.word_head(embeds[:, 0]).float()
        from_patches = torch.logsumexp(self.patch_head(embeds[:, 1:]).float(), dim=1)  # (B, V)
        return {"words": _soft_loss(from_class, targets), "patch_words": _soft_loss(from_patches, targets)}

    def _targets(self, samples: Sequence[Sample]) -> Tensor:
        targets = torch.zeros(len(samples), self.word_head.out_features)
        for row, sample in zip(targets, samples, strict=True):
            words = self.words_of.get(sample.image) or _words(sample.text)  # held-out records are not in the table
            known = [self.word_ids[word] for word in words if word in self.word_ids]
            row[known] = 1 / max(len(known), 1)
        return targets.to(self.device)


def _words_of_pictures(samples: Sequence[Sample]) -> dict[Path, set[str]]:
    found: dict[Path, set[str]] = {}
    for sample in samples:
        found.setdefault(sample.image, set()).update(_words(sample.text))
    return found


def _words(text: str) -> set[str]:
    return set(WORD.findall(text.lower())) - STOP_WORDS


def _soft_loss(scores: Tensor, targets: Tensor) -> Tensor:
    return -(targets * scores.log_softmax(dim=-1)).sum(dim=-1).mean()
