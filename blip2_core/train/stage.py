"""What every training stage is to the loop: a module that turns a batch into named losses, and says what it trains."""

import random
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..datasets.record_files import Turn
from ..model import Blip2, Blip2Model
from .samples import Sample

IGNORE_INDEX = -100  # no loss here
STAGE1_TOKENS = 32  # of a caption; LAVIS cuts at the same
ROWS_AT_ONCE = 128  # of the scores over the vocabulary


class Stage(nn.Module):
    """One training stage.

    Attributes:
        name: of the stage, as on the command line.
        trainable: prefixes of the state dict's names that are trained; all else stays frozen.
        packs_texts: whether the texts of one picture and question share one visual prompt.
        options: by their names on the command line, what a run goes on with the same of; values that JSON has.
    """

    name: str
    trainable: tuple[str, ...]
    packs_texts = False

    def __init__(self, blip2: Blip2):
        super().__init__()
        self.model: Blip2Model = blip2.model
        self.adapter, self.qformer_tokenizer = blip2.adapter, blip2.qformer_tokenizer
        self.options: dict[str, Any] = {}

    def freeze_the_rest(self) -> None:
        """Switch gradients on for `trainable` and off for all else, and to training mode what is trained."""
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(name.startswith(self.trainable))
        self.train()
        self.model.language_model.eval()
        if not any(prefix.startswith("model.vision_model") for prefix in self.trainable):
            self.model.vision_model.eval()

    def compile_layers(self) -> None:
        """Compile every layer of every stack; one layer serves for all of its kind, and texts of any length."""
        for stack in self.model.modules():
            if isinstance(stack, nn.ModuleList):
                for layer in stack:
                    layer.compile(dynamic=True)

    def groups(self, samples: Sequence[Sample]) -> list[list[Sample]]:
        """The samples of a batch, together where one row of the features serves them; here each has its own."""
        return [[sample] for sample in samples]

    def collate(self, samples: Sequence[Sample], rng: random.Random) -> Any:
        """What a step needs of its samples beside their pictures; the loop makes it ahead, in another thread.

        Args:
            samples: the B samples.
            rng: makes every draw.
        """
        return samples

    def losses(self, features: Tensor, batch: Any) -> dict[str, Tensor]:
        """Named losses of a batch; the loop minimizes their sum.

        Args:
            features: (G, ...) frozen features of the pictures, a row for each of `groups`.
            batch: what `collate` made of the B samples.
        """
        raise NotImplementedError

    def forward(self, features: Tensor, batch: Any) -> dict[str, Tensor]:
        """See `losses`."""
        return self.losses(features, batch)

    def text_length(self, sample: Sample) -> int:
        """By what texts of like length are put together."""
        before = sum(len(text) for turn in sample.history for text in turn)
        return before + len(sample.question or "") + sum(map(len, sample.texts))

    def read_by_qformer(self, question: str | None, history: Sequence[Turn] = ()) -> str:
        """The text that the Q-Former reads beside its queries; None asks for a caption."""
        template = self.adapter.template
        return template.caption_question if question is None else template.qformer_question(question, history)

    @torch.no_grad()
    def image_embeds(self, features: Tensor) -> Tensor:
        """(B, N, Dv) of the frozen image encoder."""
        return self.model.vision_model.from_features(features)

    def visual_prompt(
        self,
        model: Blip2Model,
        image_embeds: Tensor,
        ids: Tensor | None,
        mask: Tensor | None,
        picture_of: Tensor | None = None,
    ) -> Tensor:
        """(B, Q, Dl) that a model, this or its teacher, makes of pictures and the Q-Former's texts; see `query`."""
        ids, mask, picture_of = (
            None if tensor is None else tensor.to(self.device) for tensor in (ids, mask, picture_of)
        )
        return model.project(model.query(image_embeds, ids, mask, picture_of=picture_of))

    @property
    def device(self) -> torch.device:
        """Where the batch goes."""
        return self.model.query_tokens.device


def read_texts(tokenizer: Any, texts: Sequence[str], *, device: torch.device) -> tuple[Tensor, Tensor]:
    """Texts in the Q-Former's vocabulary: ids (B, T) and mask (B, T), [CLS] first."""
    batch = tokenizer(
        list(texts), padding=True, truncation=True, max_length=STAGE1_TOKENS, return_tensors="pt"
    )  # fmt: skip
    return batch.input_ids.to(device), batch.attention_mask.to(device)


def pad_rows(rows: Sequence[Sequence[int]], value: int) -> Tensor:
    """(B, T): rows padded on the right."""
    tensors = [torch.tensor(row, dtype=torch.long) for row in rows]
    return nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=value)


class FrozenHeadLoss(torch.autograd.Function):
    """Cross-entropy behind a frozen head, a few rows at a time.

    With a vocabulary of 49,152 the scores of a batch are far larger than all else that a step keeps. The head does not
    learn, so all that is needed of the scores is their gradient by the states, and that can be had on the way.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, labels: Tensor, shares: Tensor) -> Tensor:
        """Cross-entropy of (n, D) states under the head (V, D), with n labels and n shares in the sum."""
        total, gradient = hidden.new_zeros((), dtype=torch.float32), torch.empty_like(hidden)
        for start in range(0, len(hidden), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            scores = (hidden[rows].to(weight.dtype) @ weight.T).float()  # (rows, V)
            target = labels[rows, None]
            log_sum = scores.logsumexp(1, keepdim=True)
            share = shares[rows, None]
            total += ((log_sum - scores.gather(1, target)) * share).sum()
            likelihood = scores.sub_(log_sum).exp_()
            likelihood.scatter_add_(1, target, likelihood.new_full(target.shape, -1.0))
            gradient[rows] = ((likelihood.to(weight.dtype) @ weight).float() * share).to(hidden.dtype)
        ctx.save_for_backward(gradient)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        """The gradient by the states alone."""
        (gradient,) = ctx.saved_tensors
        return gradient * gradients[0].to(gradient.dtype), None, None, None


def loss_at_labels(hidden: Tensor, labels: Tensor, head: nn.Module) -> Tensor:
    """Mean cross-entropy where there is a label; the head, dear with a large vocabulary, runs only there.

    Args:
        hidden: (B, T, D) states, each the one that predicts the label at its place.
        labels: (B, T), IGNORE_INDEX for no loss.
        head: D -> V.
    """
    chosen = labels != IGNORE_INDEX
    return loss_of_rows(hidden[chosen], labels[chosen], head)


def loss_of_rows(hidden: Tensor, labels: Tensor, head: nn.Module, shares: Tensor | None = None) -> Tensor:
    """Cross-entropy of (n, D) states behind a head D -> V with n labels: the mean, or the sum by n shares."""
    if shares is None:
        shares = torch.full(labels.shape, 1 / len(labels), device=labels.device)
    if isinstance(head, nn.Linear) and head.bias is None and not head.weight.requires_grad:
        return FrozenHeadLoss.apply(hidden, head.weight, labels, shares)
    return F.cross_entropy(head(hidden).float(), labels, reduction="none") @ shares
