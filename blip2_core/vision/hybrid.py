"""Station 2 of 6, hybrid ViT: pixel_values -> image_embeds.

A convolutional trunk, frozen since ImageNet, turns the picture into a grid of features; each cell of the grid is then
a patch for a few transformer blocks, as in the hybrid architecture of the ViT paper. The class token starts from the
mean of the grid, so that it carries what the trunk would have used to name the picture.

The trunk's ImageNet classifier stays in use: it says of each cell, and of the mean, which of its thousand classes it
sees, and the weights by which it knows those classes (their prototypes) are added to the features. The patches are then
clearer about what they show than the features by themselves, and a class is the same vector in every picture. Where the
classifier is sure of the whole picture, the features step back, so that the class is not drowned by them.

The blocks are small enough to be trained on a laptop: `frozen_features` is the expensive half, which can be computed
once for each picture and kept; `from_features` is the cheap half.

Paper: ViT (arXiv 2010.11929), section 3.1, "Hybrid Architecture".
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig

from ..shapes import expect_shape
from .efficientnet import EfficientNetLite2


class HybridViTConfig(PreTrainedConfig):
    """Sizes of the hybrid ViT.

    Args:
        hidden_size: width Dv of the image tokens.
        intermediate_size: width of the feed-forward layers.
        num_hidden_layers: transformer blocks after the trunk.
        num_attention_heads: heads of each block.
        image_size: side of the square picture, in pixels.
        patch_size: pixels of the picture behind one cell of the grid, along one side.
        dropout: dropout rate of the blocks while training, 0-1.
        prototype_scale: how much of the classifier's prototypes is added to the features of the trunk; 0: nothing.
        prototype_gate: how far the features step back for them: they are multiplied by 1 - prototype_gate * p²,
            where p is the likelihood of the class that the whole picture shows most; 0: not at all, 1 at most.
    """

    model_type = "hybrid_vit"
    base_config_key = "vision_config"

    hidden_size: int = 320
    intermediate_size: int = 640
    num_hidden_layers: int = 2
    num_attention_heads: int = 5
    image_size: int = 260
    patch_size: int = 32
    dropout: float = 0.1
    prototype_scale: float = 0.0
    prototype_gate: float = 0.0

    @property
    def num_image_tokens(self) -> int:
        """Image tokens N: the cells of the grid and the class token."""
        return (-(-self.image_size // self.patch_size)) ** 2 + 1  # +1: the class token


@dataclass(frozen=True)
class ClassLesson:
    """Pictures that shall show a class of which there is no picture, by that class's prototype.

    Args:
        classes: (B,) numbers of ImageNet classes, -1 for a picture that shows what it shows.
        alone: (B,) booleans: the picture's own features are hidden, the prototypes stand alone.
    """

    classes: Tensor
    alone: Tensor

    def exchange(self, shares: Tensor, prototypes: Tensor) -> Tensor:
        """Exchange the class that a picture shows most with the one it shall show, in all its shares (B, N, 1000).

        Each class that is like the one comes to stand for the class that is as near to the other, so that what the
        picture shows a little of is as likely beside the new class as it was beside its own.

        Args:
            shares: of the classes, in the whole picture and in each cell.
            prototypes: of the classes, (1000, D); classes are alike as their directions are.
        """
        seen = shares[:, 0].argmax(dim=-1)  # (B,)
        taught = torch.where(self.classes < 0, seen, self.classes)
        directions = nn.functional.normalize(prototypes, dim=1)
        from_seen, from_taught = (  # all classes by likeness, the one itself first
            (directions[one] @ directions.T).argsort(dim=1, descending=True)[:, None].expand_as(shares)
            for one in (seen, taught)
        )
        return torch.empty_like(shares).scatter_(2, from_taught, shares.gather(2, from_seen))


class HybridViT(nn.Module):
    """Frozen EfficientNet-Lite2 trunk, then transformer blocks (pre-norm, GELU)."""

    trunk_prefix = "trunk."

    def __init__(self, config: HybridViTConfig):
        super().__init__()
        self.config = config
        width = config.hidden_size
        self.trunk = EfficientNetLite2()
        self.patch_embedding = nn.Linear(EfficientNetLite2.head_channels, width)
        self.position_embedding = nn.Parameter(torch.randn(1, config.num_image_tokens, width) * 0.02)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width,
                config.num_attention_heads,
                dim_feedforward=config.intermediate_size,
                dropout=config.dropout,
                activation="gelu",
                batch_first=True,
                norm_first=True,
            )
            for _ in range(config.num_hidden_layers)
        )
        self.post_layernorm = nn.LayerNorm(width, eps=1e-6)
        self.trunk.requires_grad_(False)

    def train(self, mode: bool = True) -> "HybridViT":
        """Switch to training, the trunk excepted: its batch statistics are frozen too."""
        super().train(mode)
        self.trunk.eval()
        return self

    @torch.no_grad()
    def start_from_imagenet_head(self) -> None:
        """Start the patch embedding from the directions in which the trunk's own ImageNet classifier looks."""
        directions = torch.linalg.svd(self._prototypes().float(), full_matrices=False).Vh
        width = self.config.hidden_size
        self.patch_embedding.weight.copy_(directions[:width])
        self.patch_embedding.bias.zero_()

    @torch.no_grad()
    def frozen_features(self, pixel_values: Tensor) -> Tensor:
        """(B, 3, H, W) pixels to what the frozen trunk sees: (B, 352, h, w)."""
        size = self.config.image_size
        expect_shape("pixel_values", pixel_values, "B C H W", C=3, H=size, W=size)
        return self.trunk.features(pixel_values)

    def from_features(self, features: Tensor, lesson: ClassLesson | None = None) -> Tensor:
        """(B, 352, h, w) of `frozen_features` to image_embeds (B, N, Dv), class token first.

        Args:
            features: of the pictures.
            lesson: in training, classes that some of the pictures shall show instead of their own.
        """
        hidden = self.patch_embedding(self._tokens(features, lesson)) + self.position_embedding  # (B, N, Dv)
        for layer in self.layers:
            hidden = layer(hidden)
        return self.post_layernorm(hidden)

    @torch.no_grad()
    def _tokens(self, features: Tensor, lesson: ClassLesson | None) -> Tensor:
        """What the frozen trunk tells of the picture and of each cell: (B, N, 1280)."""
        grid = self.trunk.head_features(features).flatten(2).transpose(1, 2)  # (B, h * w, 1280)
        tokens = torch.cat([grid.mean(1, keepdim=True), grid], dim=1)
        if not self.config.prototype_scale:
            return tokens
        shares, prototypes = self.trunk._fc(tokens).softmax(dim=-1), self._prototypes()  # (B, N, 1000)
        if lesson is not None:
            shares = lesson.exchange(shares, prototypes)
            tokens = tokens.masked_fill(lesson.alone[:, None, None], 0.0)
        sureness = shares[:, :1].amax(dim=-1, keepdim=True).square()  # (B, 1, 1)
        tokens = tokens * (1 - self.config.prototype_gate * sureness)
        return tokens + self.config.prototype_scale * (shares @ prototypes)

    def _prototypes(self) -> Tensor:
        """What the trunk's classifier knows each class by, beside what all have in common: (1000, 1280)."""
        weight = self.trunk._fc.weight
        return weight - weight.mean(0)

    def forward(self, pixel_values: Tensor) -> Tensor:
        """(B, 3, H, W) pixels, (x - 127) / 128 on the 0-255 scale, to image_embeds (B, N, Dv).

        Raises:
            ShapeError: the picture does not have the size of the config.
        """
        return self.from_features(self.frozen_features(pixel_values))
