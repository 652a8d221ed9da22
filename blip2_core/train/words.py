"""Between stages 1 and 2: the visual prompt's vectors learn to lie near the words that the answer will need.

The frozen language model reads its own word embeddings best. So, before it is asked anything, each soft visual prompt
is held against those embeddings: the best of the queries has to find the words of the caption or, told the question,
of the answer. No language model runs, so a step costs a small part of one through it, and what is learnt is what the
language model needs: which words the picture, and the question about it, call for.

Differs from the paper: BLIP-2 goes straight from stage 1 to the language model, trained on 129 million pictures.
"""

from collections import Counter
from collections.abc import Sequence
from math import log
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..model import Blip2, tokenize_questions
from .samples import Sample
from .stage import Stage
from .vision import STOP_WORDS, WORD

RAREST = 5  # a token that fewer texts call for is left out
FIRST_SCALE = 4.0


class WordsStage(Stage):
    """Words of the answer from the best of the visual prompt's vectors.

    The hybrid ViT's own blocks learn along, as the image encoder does in the paper's fine-tuning (section 4.3).
    """

    name = "words"
    trainable = (
        "model.vision_model.patch_embedding",
        "model.vision_model.position_embedding",
        "model.vision_model.layers",
        "model.vision_model.post_layernorm",
        "model.query_tokens",
        "model.qformer",
        "model.language_projection",
        "scale",
    )

    words: Tensor

    def __init__(self, blip2: Blip2, samples: Sequence[Sample]):
        super().__init__(blip2)
        self.tokens_of = {text: self._tokens(text) for text in {sample.text for sample in samples}}
        counts = Counter(token for sample in samples for token in self.tokens_of[sample.text])
        known = [token for token, count in counts.most_common() if count >= RAREST]
        self.places = {token: place for place, token in enumerate(known)}
        embeddings: Any = self.model.get_input_embeddings().weight
        table = embeddings.detach()[known].float()  # (V, Dl)
        table = F.normalize(table - table.mean(0), dim=1)
        self.register_buffer("words", table, persistent=False)
        self.scale = nn.Parameter(torch.tensor(log(FIRST_SCALE)))
        self.to(self.device)

    def _tokens(self, text: str) -> list[int]:
        """The language model's tokens of what a text says; of "no" and the like, the text itself."""
        words = [word for word in WORD.findall(text.lower()) if word not in STOP_WORDS] or WORD.findall(text.lower())
        ids = [self.adapter.tokenizer(f" {word}", add_special_tokens=False).input_ids for word in dict.fromkeys(words)]
        return list(dict.fromkeys(token for word_ids in ids for token in word_ids))

    def losses(self, features: Tensor, samples: Sequence[Sample]) -> dict[str, Tensor]:
        """See `Stage.losses`: `words`."""
        scores = self.scores(features, [sample.question for sample in samples])
        targets = self._targets(samples)  # (B, V), each row sums to 1, or to 0 without a known word
        return {"words": -(targets * scores.log_softmax(dim=1)).sum() / targets.sum().clamp(min=1)}

    def scores(self, features: Tensor, questions: Sequence[str | None]) -> Tensor:
        """(B, V): how much the visual prompt calls for each word."""
        template = self.adapter.template
        ids, mask = tokenize_questions(
            self.qformer_tokenizer,
            [question or template.caption_question for question in questions],
            device=self.device,
        )
        embeds = self.model.vision_model.from_features(features)
        visual_prompt = self.model.project(self.model.query(embeds, ids, mask))  # (B, Q, Dl)
        near = F.linear(visual_prompt, self.words.to(visual_prompt.dtype)).float() * self.scale.exp()  # (B, Q, V)
        return near.logsumexp(dim=1)

    def _targets(self, samples: Sequence[Sample]) -> Tensor:
        targets = torch.zeros(len(samples), len(self.words))
        for row, sample in zip(targets, samples, strict=True):
            known = [self.places[token] for token in self.tokens_of[sample.text] if token in self.places]
            row[known] = 1 / max(len(known), 1)
        return targets.to(self.device)
