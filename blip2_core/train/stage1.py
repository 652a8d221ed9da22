"""Stage 1: the Q-Former learns to see what texts speak of, with the frozen image encoder and no language model.

Three objectives on the same queries, each with its own mask (`qformer.AttentionMask`):

    image_text_contrastive       a picture and its caption are close, others far; queries and text do not see each other
    image_text_matching          is this the caption of this picture? negatives are the ones hardest to tell apart
    image_grounded_generation    write the caption from what the queries took out of the picture

Paper: BLIP-2 (arXiv 2301.12597), section 3.1.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from ..errors import TrainingError
from ..model import Blip2
from ..qformer import AttentionMask
from .samples import Sample
from .stage import IGNORE_INDEX, Stage, loss_at_labels, read_texts

CONTRASTIVE_WIDTH = 256  # Dc
FIRST_TEMPERATURE = 0.07
LEAST_TEMPERATURE = 0.01
HEADS_FILE = "stage1_heads.safetensors"


class GenerationHead(nn.Module):
    """BERT's language modelling head; its last layer is the word embeddings, turned round."""

    def __init__(self, width: int, word_embeddings: nn.Embedding):
        super().__init__()
        self.dense = nn.Linear(width, width)
        self.layernorm = nn.LayerNorm(width)
        self.bias = nn.Parameter(torch.zeros(word_embeddings.num_embeddings))
        self.words = [word_embeddings]  # in a list: not a second owner of the weights

    def forward(self, hidden: Tensor) -> Tensor:
        """(..., Dq) to scores (..., V)."""
        return F.linear(self.layernorm(F.gelu(self.dense(hidden))), self.words[0].weight, self.bias)


class Stage1(Stage):
    """Contrastive learning, matching and grounded generation.

    Raises:
        TrainingError: the Q-Former has no text branch.
    """

    name = "stage1"
    trainable = (
        "model.query_tokens",
        "model.qformer",
        "vision_projection",
        "text_projection",
        "itm_head",
        "itg_head",
        "temp",
    )

    def __init__(self, blip2: Blip2):
        super().__init__(blip2)
        qformer = self.model.qformer
        if not qformer.reads_text or self.qformer_tokenizer is None:
            raise TrainingError(
                "stage1: expected a Q-Former with a text branch; this model has none. See InstructBLIP."
            )
        self.first_id: int = self.qformer_tokenizer.bos_token_id
        width = qformer.config.hidden_size
        self.vision_projection = nn.Linear(width, CONTRASTIVE_WIDTH)
        self.text_projection = nn.Linear(width, CONTRASTIVE_WIDTH)
        self.itm_head = nn.Linear(width, 2)
        self.itg_head = GenerationHead(width, qformer.embeddings.word_embeddings)
        self.temp = nn.Parameter(torch.tensor(FIRST_TEMPERATURE))
        self.to(self.device)

    def text_length(self, sample: Sample) -> int:
        """All alike: batches stay random, so that the negatives are."""
        return 0

    def losses(self, features: Tensor, samples: Sequence[Sample]) -> dict[str, Tensor]:
        """See `Stage.losses`: the three objectives by name."""
        image_embeds = self.image_embeds(features)  # (B, N, Dv)
        ids, mask = read_texts(self.qformer_tokenizer, [s.text for s in samples], device=self.device)
        same = torch.tensor([[a.image == b.image for b in samples] for a in samples], device=self.device)  # (B, B)
        similarity = self._similarity(image_embeds, ids, mask)  # (B images, B texts)
        return {
            "image_text_contrastive": self._contrastive(similarity, same),
            "image_text_matching": self._matching(image_embeds, ids, mask, similarity=similarity.detach(), same=same),
            "image_grounded_generation": self._generation(image_embeds, ids, mask),
        }

    def _queries(self, rows: int) -> Tensor:
        return self.model.query_tokens.expand(rows, -1, -1)

    def _similarity(self, image_embeds: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """Cosine of each text with the query that fits it best, over the temperature."""
        seen = self.model.qformer(self._queries(len(image_embeds)), image_embeds)  # (B, Q, Dq)
        read = self.model.qformer(None, None, input_ids=ids, attention_mask=mask)  # (B, T, Dq)
        vision = F.normalize(self.vision_projection(seen).float(), dim=-1)  # (B, Q, Dc)
        text = F.normalize(self.text_projection(read[:, 0]).float(), dim=-1)  # (B, Dc)
        best = torch.einsum("iqc,jc->ijq", vision, text).amax(-1)  # (B images, B texts)
        return best / self.temp.clamp(min=LEAST_TEMPERATURE)

    def _contrastive(self, similarity: Tensor, same: Tensor) -> Tensor:
        targets = same.float() / same.float().sum(1, keepdim=True)  # captions of one picture are all right
        to_text = -(targets * similarity.log_softmax(1)).sum(1).mean()
        to_image = -(targets * similarity.T.log_softmax(1)).sum(1).mean()
        return (to_text + to_image) / 2

    def _matching(self, image_embeds: Tensor, ids: Tensor, mask: Tensor, *, similarity: Tensor, same: Tensor) -> Tensor:
        """Pairs, then pictures with a hard wrong text, then texts with a hard wrong picture."""
        count = len(ids)
        if bool(same.all()):
            return similarity.new_zeros(())
        allowed = similarity.masked_fill(same, -torch.inf)
        wrong_text = _draw(allowed)
        wrong_image = _draw(allowed.T)
        own = torch.arange(count, device=ids.device)
        images, texts = torch.cat([own, own, wrong_image]), torch.cat([own, wrong_text, own])
        hidden = self.model.qformer(
            self._queries(len(images)),
            image_embeds,
            picture_of=images,
            input_ids=ids[texts],
            attention_mask=mask[texts],
        )
        scores = self.itm_head(hidden[:, : self.model.query_tokens.shape[1]]).mean(1).float()  # (3 B, 2)
        labels = (torch.arange(3 * count, device=ids.device) < count).long()
        return F.cross_entropy(scores, labels)

    def _generation(self, image_embeds: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """[DEC] in the place of [CLS]: what follows is written, not read."""
        labels = ids[:, 1:].masked_fill(mask[:, 1:] == 0, IGNORE_INDEX)
        ids = torch.cat([torch.full_like(ids[:, :1], self.first_id), ids[:, 1:]], dim=1)
        hidden = self.model.qformer(
            self._queries(len(image_embeds)),
            image_embeds,
            input_ids=ids,
            attention_mask=mask,
            mask=AttentionMask.MULTIMODAL,
        )
        return loss_at_labels(hidden[:, self.model.query_tokens.shape[1] : -1], labels, self.itg_head)

    def save_heads(self, folder: Path) -> None:
        """Keep what `transformers` has no place for, so that matching and retrieval can go on from it."""
        heads = {name: value for name, value in self.state_dict().items() if not name.startswith("model.")}
        save_file({name: value.detach().cpu().contiguous() for name, value in heads.items()}, folder / HEADS_FILE)


def _draw(allowed: Tensor) -> Tensor:
    """One column for each row, likelier the more alike; a row without any gets the next one."""
    weights = allowed.softmax(dim=1).nan_to_num(0)
    nothing = weights.sum(1, keepdim=True) == 0
    following = torch.roll(torch.eye(len(allowed), device=allowed.device), 1, dims=1)
    return torch.multinomial(torch.where(nothing, following, weights), 1).squeeze(1)
