"""Station 2 of 6, hybrid ViT: pixel_values -> image_embeds.

A convolutional trunk, frozen since ImageNet, turns the picture into a grid of features; each cell of the grid is then
a patch for a few transformer blocks, as in the hybrid architecture of the ViT paper. The class token starts from the
mean of the grid, so that it carries what the trunk would have used to name the picture.

The trunk's ImageNet classifier stays in use: it says of each cell, and of the mean, which of its thousand classes it
sees, and the weights by which it knows those classes (their prototypes) are added to the features. The patches are then
clearer about what they show than the features by themselves, and a class is the same vector in every picture. Where the
classifier is sure of the whole picture, the features step back, so that the class is not drowned by them.

ImageNet shows one thing that fills the picture, and the trunk does not know a thing again that is a quarter as large.
So with two scales it looks twice, as at an image pyramid: at the picture in half its size, which tells what the whole
shows, and in its full size, where each thing is twice as large. A cell carries what both see at its place.

A classifier learns to look past colours: a car is a car in red and in blue. So a patch may also carry its own pixels,
a few of them, as the patches of a plain ViT do.

The blocks are small enough to be trained on a laptop: `frozen_features` is the expensive half, which can be computed
once for each picture and kept; `from_features` is the cheap half.

Paper: ViT (arXiv 2010.11929), section 3.1, "Hybrid Architecture".
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedConfig

from ..errors import ConfigError
from ..shapes import expect_shape
from .efficientnet import EfficientNetLite2

PIXEL_SCALE = 8.0  # pixels are from -1 to 1: among a thousand larger values they would hardly be heard


@dataclass(frozen=True)
class Grid:
    """The cells that the trunk makes of a square picture.

    Args:
        side: cells along one side.
        box: left, top, right, bottom of the picture on the grid, whose cells have the size 1.
    """

    side: int
    box: tuple[float, float, float, float]

    @property
    def cells(self) -> int:
        """How many there are."""
        return self.side**2


def grid_of(image_size: int, patch_size: int) -> Grid:
    """The grid that convolutions of stride 2 with "same" padding leave of a picture of so many pixels.

    A cell of theirs is centered at an odd pixel where the side was even, at an even one where it was odd, so the grid
    of pocket goes from edge to edge: its first and its last cell are centered on the edges of the picture.
    """
    sides = [image_size]
    while 2 ** len(sides) < patch_size:
        sides.append(-(-sides[-1] // 2))
    first = 0
    for side in reversed(sides):
        first = 2 * first + (side % 2 == 0)
    begin = 0.5 - (first + 0.5) / patch_size  # on the grid the first cell's center is at 0.5
    end = begin + image_size / patch_size
    return Grid(-(-image_size // patch_size), (begin, begin, end, end))


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
        num_scales: 1, or 2 to look at the picture in half its size as well.
        patch_pixels: side, in pixels, of the small picture of itself that each patch carries; 0: none.
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
    num_scales: int = 1
    patch_pixels: int = 0

    @property
    def num_image_tokens(self) -> int:
        """Image tokens N: the cells of the grid and the class token."""
        return self.grid.cells + 1  # +1: the class token

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sides in pixels at which the trunk looks at the picture, the smallest first."""
        return tuple(self.image_size // factor for factor in (2, 1)[2 - self.num_scales :])

    @property
    def grid(self) -> Grid:
        """The grid of the picture in its full size, whose cells are the patches."""
        return grid_of(self.image_size, self.patch_size)

    @property
    def grids(self) -> tuple[Grid, ...]:
        """The grids of all scales, the smallest first."""
        return tuple(grid_of(size, self.patch_size) for size in self.sizes)

    @property
    def pixel_values_of_a_patch(self) -> int:
        """Values of the small picture that each patch carries: red, green and blue of its pixels."""
        return 3 * self.patch_pixels**2


@dataclass(frozen=True)
class ClassLesson:
    """Pictures that shall show a class of which there is no picture, by that class's prototype.

    Args:
        classes: (B, K) numbers of ImageNet classes, -1 for what is shown as it is.
        places: (B, K, N) booleans: the tokens of the picture, of all scales, that shall show it.
        alone: (B,) booleans: the picture's own features are hidden, the prototypes stand alone.
    """

    classes: Tensor
    places: Tensor
    alone: Tensor

    def of(self, pictures: Tensor) -> "ClassLesson":
        """The lesson of some of the pictures, by their (b,) places."""
        return ClassLesson(self.classes[pictures], self.places[pictures], self.alone[pictures])

    def exchange(self, shares: Tensor, prototypes: Tensor) -> Tensor:
        """Exchange the class that each place shows most with the one it shall show, in all its shares (B, N, 1000).

        Each class that is like the one comes to stand for the class that is as near to the other, so that what the
        picture shows a little of is as likely beside the new class as it was beside its own.

        Args:
            shares: of the classes, in the whole picture and in each cell.
            prototypes: of the classes, (1000, D); classes are alike as their directions are.
        """
        directions = F.normalize(prototypes, dim=1)
        likeness = directions @ directions.T
        whole = torch.arange(self.places.shape[2], device=shares.device) == 0
        shares = shares.clone()
        for classes, places in zip(self.classes.unbind(1), self.places.unbind(1), strict=True):
            rows = (classes >= 0).nonzero()[:, 0]  # the b pictures that shall show another class
            taught, places, own = classes[rows], places[rows], shares[rows]
            looked_at = places & (~places[:, :1] | whole)  # of a whole picture the mean of its cells is enough
            seen = (own * looked_at[..., None]).sum(1).argmax(dim=-1)  # (b,)
            from_seen, from_taught = (  # all classes by likeness, the one itself first
                likeness[one].argsort(dim=1, descending=True)[:, None].expand_as(own) for one in (seen, taught)
            )
            exchanged = torch.empty_like(own).scatter_(2, from_taught, own.gather(2, from_seen))
            shares[rows] = torch.where(places[..., None], exchanged, own)
        return shares


class HybridViT(nn.Module):
    """Frozen EfficientNet-Lite2 trunk, then transformer blocks (pre-norm, GELU).

    Raises:
        ConfigError: neither one nor two scales, or less than no pixels.
    """

    trunk_prefix = "trunk."

    def __init__(self, config: HybridViTConfig):
        super().__init__()
        if config.num_scales not in (1, 2):
            raise ConfigError(
                f"vision_config: expected num_scales 1 or 2, got {config.num_scales!r}. Correct config.json."
            )
        if type(config.patch_pixels) is not int or config.patch_pixels < 0:
            raise ConfigError(
                f"vision_config: expected patch_pixels 0 or more, got {config.patch_pixels!r}. Correct config.json."
            )
        self.config = config
        width, read = config.hidden_size, EfficientNetLite2.head_channels + config.pixel_values_of_a_patch
        self.trunk = EfficientNetLite2()
        self.patch_embedding = nn.Linear(read, width)
        if config.num_scales > 1:
            self.detail_embedding = nn.Linear(read, width)
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
        for embedding in [self.patch_embedding] + ([self.detail_embedding] if self.config.num_scales > 1 else []):
            embedding.weight[:, : directions.shape[1]] = directions[:width]
            embedding.bias.zero_()

    @torch.no_grad()
    def frozen_features(self, pixel_values: Tensor) -> Tensor:
        """(B, 3, H, W) pixels to what needs no training: (B, 352 + pixel values of a patch, cells).

        Cells stand row by row, the smallest scale first; of each what the frozen trunk sees, then its pixels.
        """
        size, config = self.config.image_size, self.config
        expect_shape("pixel_values", pixel_values, "B C H W", C=3, H=size, W=size)
        scales = [F.interpolate(pixel_values, side, mode="area") for side in config.sizes[:-1]] + [pixel_values]
        seen = torch.cat([self.trunk.features(pixels).flatten(2) for pixels in scales], dim=2)
        if not config.patch_pixels:
            return seen
        small = [small_pictures(pixels, grid, config) for pixels, grid in zip(scales, config.grids, strict=True)]
        return torch.cat([seen, torch.cat(small, dim=2)], dim=1)

    def from_features(self, features: Tensor, lesson: ClassLesson | None = None) -> Tensor:
        """What `frozen_features` gave, (B, ., cells), to image_embeds (B, N, Dv), class token first.

        Args:
            features: of the pictures.
            lesson: in training, classes that some of the pictures shall show instead of their own.
        """
        hidden = self._embed(self._tokens(features, lesson)) + self.position_embedding  # (B, N, Dv)
        for layer in self.layers:
            hidden = layer(hidden)
        return self.post_layernorm(hidden)

    def _embed(self, tokens: Tensor) -> Tensor:
        """(B, 1 + cells, .) of all scales to (B, N, Dv): a cell of the finest grid gets the coarser ones' too."""
        if self.config.num_scales == 1:
            return self.patch_embedding(tokens)
        small, large = self.config.grids
        coarse, fine = tokens.split([1 + small.cells, large.cells], dim=1)
        coarse = self.patch_embedding(coarse)
        grid = coarse[:, 1:].transpose(1, 2).unflatten(2, (small.side, small.side))
        grid = F.interpolate(grid, (large.side, large.side), mode="bilinear")
        cells = self.detail_embedding(fine) + grid.flatten(2).transpose(1, 2)
        return torch.cat([coarse[:, :1], cells], dim=1)

    @torch.no_grad()
    def class_shares(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """What the trunk tells of the picture and of the cells of each scale, and which classes it sees there.

        Args:
            features: (B, ., cells) of `frozen_features`.

        Returns:
            (B, 1 + cells, 1280) floats, the picture first, and the likelihood of each class, (B, 1 + cells, 1000).
        """
        scales, tokens = self._told(features)
        classified = torch.cat([tokens[:, :1], scales[0], *(_with_neighbours(scale) for scale in scales[1:])], dim=1)
        return tokens, self.trunk._fc(classified).softmax(dim=-1)

    def _told(self, features: Tensor) -> tuple[Sequence[Tensor], Tensor]:
        """The cells of each scale, and all of them behind the mean of the smallest: (B, 1 + cells, 1280)."""
        seen = features[:, : self.trunk.feature_channels, :, None]
        cells = self.trunk.head_features(seen)[..., 0].transpose(1, 2)  # (B, cells, 1280)
        scales = cells.split([grid.cells for grid in self.config.grids], dim=1)
        return scales, torch.cat([scales[0].mean(1, keepdim=True), cells], dim=1)

    @torch.no_grad()
    def _tokens(self, features: Tensor, lesson: ClassLesson | None) -> Tensor:
        """What is frozen of the picture and of the cells of each scale, (B, 1 + cells, .): the trunk's, then pixels."""
        tokens = self._told_with_prototypes(features, lesson)
        if not self.config.patch_pixels:
            return tokens
        pixels = features[:, self.trunk.feature_channels :].transpose(1, 2)  # (B, cells, .)
        pixels = torch.cat([pixels[:, : self.config.grids[0].cells].mean(1, keepdim=True), pixels], dim=1)
        if lesson is not None:
            pixels = pixels.masked_fill(lesson.alone[:, None, None], 0.0)
        return torch.cat([tokens, PIXEL_SCALE * pixels], dim=2)

    def _told_with_prototypes(self, features: Tensor, lesson: ClassLesson | None) -> Tensor:
        """What the trunk tells of the picture and of the cells of each scale: (B, 1 + cells, 1280)."""
        if not self.config.prototype_scale:
            return self._told(features)[1]
        (tokens, shares), prototypes = self.class_shares(features), self._prototypes()
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


def small_pictures(pixel_values: Tensor, grid: Grid, config: HybridViTConfig) -> Tensor:
    """(B, 3, H, W) pixels to the small picture of each cell of a grid: (B, 3 * patch_pixels², cells).

    The cells at the edges reach beyond the picture, which is continued there as it ends.
    """
    begin, _, end, _ = grid.box
    before, after = (round(share * config.patch_size) for share in (begin, grid.side - end))
    whole = F.pad(pixel_values, (before, after, before, after), mode="replicate")
    few = F.interpolate(whole, grid.side * config.patch_pixels, mode="area")
    return F.pixel_unshuffle(few, config.patch_pixels).flatten(2)


def _with_neighbours(cells: Tensor) -> Tensor:
    """(B, side², D), each cell the mean of itself and its neighbours: the classifier knows means, not single cells."""
    side = math.isqrt(cells.shape[1])
    grid = cells.transpose(1, 2).unflatten(2, (side, side))
    return F.avg_pool2d(grid, 3, stride=1, padding=1, count_include_pad=False).flatten(2).transpose(1, 2)
