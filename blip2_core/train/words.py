"""Between stages 1 and 2: the visual prompt's vectors learn to lie near the words that the answer will need.

The frozen language model reads its own word embeddings best. So, before it is asked anything, the visual prompt is
held against those embeddings: its vectors have to be the words of the caption or, told the question, of the answer,
one after another, as if they had been typed. No language model runs, so a step costs a small part of one through it,
and what is learnt is what the language model needs: which words the picture, and the question about it, call for.

Differs from the paper: BLIP-2 goes straight from stage 1 to the language model, trained on 129 million pictures.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..model import Blip2, tokenize_questions
from .samples import Sample
from .stage import IGNORE_INDEX, Stage
from .vision import STOP_WORDS, WORD

RAREST = 3  # a token that fewer texts call for is left out
SCALE = 10.0  # of the scores; word embeddings lie about 2.4 from their middle, so that a vector that is a word is sure


class WordsStage(Stage):
    """The words of the answer, in their order, from the vectors of the visual prompt.

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
    )

    words: Tensor
    middle: Tensor

    def __init__(self, blip2: Blip2, samples: Sequence[Sample]):
        super().__init__(blip2)
        self.tokens_of = {text: self._tokens(text) for text in {sample.text for sample in samples}}
        counts = Counter(token for sample in samples for token in self.tokens_of[sample.text])
        known = [token for token, count in counts.most_common() if count >= RAREST]
        self.places = {token: place for place, token in enumerate(known)}
        embeddings: Any = self.model.get_input_embeddings().weight
        self.register_buffer("middle", embeddings.detach().float().mean(0), persistent=False)  # (Dl,)
        table = F.normalize(embeddings.detach()[known].float() - self.middle, dim=1)
        self.register_buffer("words", table, persistent=False)  # (V, Dl)
        self.to(self.device)

    def _tokens(self, text: str) -> list[int]:
        """The language model's tokens of what a text says, in order; of "no" and the like, the text itself."""
        words = [word for word in WORD.findall(text.lower()) if word not in STOP_WORDS] or WORD.findall(text.lower())
        ids = [self.adapter.tokenizer(f" {word}", add_special_tokens=False).input_ids for word in words]
        return [token for word_ids in ids for token in word_ids]

    def losses(self, features: Tensor, samples: Sequence[Sample]) -> dict[str, Tensor]:
        """See `Stage.losses`: `words`."""
        scores = self.scores(features, [sample.question for sample in samples])
        targets = self._targets(samples, scores.shape[1])  # (B, Q)
        return {"words": F.cross_entropy(scores.flatten(0, 1), targets.flatten(), ignore_index=IGNORE_INDEX)}

    def scores(self, features: Tensor, questions: Sequence[str | None]) -> Tensor:
        """(B, Q, V): how near each vector of the visual prompt is to each word."""
        template = self.adapter.template
        asked = [question or template.caption_question for question in questions]
        ids, mask = tokenize_questions(self.qformer_tokenizer, asked, device=self.device)
        embeds = self.model.vision_model.from_features(features)
        visual_prompt = self.model.project(self.model.query(embeds, ids, mask))  # (B, Q, Dl)
        off_middle = visual_prompt - self.middle.to(visual_prompt.dtype)
        return SCALE * F.linear(off_middle, self.words.to(visual_prompt.dtype)).float()

    def _targets(self, samples: Sequence[Sample], queries: int) -> Tensor:
        """(B, Q): the words in their order, begun anew where the text is shorter than the visual prompt."""
        rows = []
        for sample in samples:
            known = [self.places[token] for token in self.tokens_of[sample.text] if token in self.places]
            rows.append([known[place % len(known)] if known else IGNORE_INDEX for place in range(queries)])
        return torch.tensor(rows, device=self.device)
