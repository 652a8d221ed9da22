"""The convolutional trunk of the hybrid ViT: EfficientNet-Lite2, frozen, trained on ImageNet by its authors.

Lite means: ReLU6 everywhere, no squeeze-and-excitation, stem and head not widened. Attribute names are those of
the public checkpoint, so that its state dict loads strictly without a key table.

Paper: EfficientNet (arXiv 1905.11946), table 1; the Lite changes are described with the TensorFlow release.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..shapes import expect_shape

# (blocks, kernel, stride of the first block, expansion, output channels): B0 scaled by 1.1 in width and 1.2 in depth
LITE2_STAGES = (
    (1, 3, 1, 1, 16),
    (3, 3, 2, 6, 24),
    (3, 5, 2, 6, 48),
    (4, 3, 2, 6, 88),
    (4, 5, 1, 6, 120),
    (5, 5, 2, 6, 208),
    (1, 3, 1, 6, 352),
)
BATCH_NORM_EPS = 1e-3
CPU_PIXELS = 4 * 260 * 260  # at once; maps of more do not stay in the caches, and the C library maps their memory anew


class SameConv2d(nn.Conv2d):
    """Convolution with TensorFlow's "same" padding: the odd pixel goes to the right and to the bottom."""

    def forward(self, input: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        down, right = (max((-(-size // stride) - 1) * stride + kernel - size, 0) for size in input.shape[-2:])
        if down or right:
            input = F.pad(input, (right // 2, right - right // 2, down // 2, down - down // 2))
        return super().forward(input)


class InvertedResidual(nn.Module):
    """MBConv block: widen by 1x1, filter each channel alone, narrow by 1x1; added to its input where shapes agree."""

    def __init__(self, channels_in: int, channels_out: int, *, kernel: int, stride: int, expansion: int):
        super().__init__()
        wide = channels_in * expansion
        self.expands = expansion != 1
        self.has_shortcut = stride == 1 and channels_in == channels_out
        if self.expands:
            self._expand_conv = SameConv2d(channels_in, wide, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(wide, eps=BATCH_NORM_EPS)
        self._depthwise_conv = SameConv2d(wide, wide, kernel, stride=stride, groups=wide, bias=False)
        self._bn1 = nn.BatchNorm2d(wide, eps=BATCH_NORM_EPS)
        self._project_conv = SameConv2d(wide, channels_out, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(channels_out, eps=BATCH_NORM_EPS)

    def forward(self, maps: Tensor) -> Tensor:
        hidden = F.relu6(self._bn0(self._expand_conv(maps))) if self.expands else maps
        hidden = F.relu6(self._bn1(self._depthwise_conv(hidden)))
        hidden = self._bn2(self._project_conv(hidden))
        return maps + hidden if self.has_shortcut else hidden


class EfficientNetLite2(nn.Module):
    """EfficientNet-Lite2 with its ImageNet head.

    260 x 260 pixels become a 9 x 9 grid of 352 channels (`features`), 1280 channels after the head convolution
    (`head_features`), and 1000 ImageNet logits (`classify`).
    """

    feature_channels = 352
    head_channels = 1280

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConv2d(3, 32, 3, stride=2, bias=False)
        self._bn0 = nn.BatchNorm2d(32, eps=BATCH_NORM_EPS)
        blocks, channels = [], 32
        for count, kernel, stride, expansion, width in LITE2_STAGES:
            for index in range(count):
                block_stride = stride if index == 0 else 1
                blocks.append(
                    InvertedResidual(channels, width, kernel=kernel, stride=block_stride, expansion=expansion)
                )
                channels = width
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = SameConv2d(channels, self.head_channels, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(self.head_channels, eps=BATCH_NORM_EPS)
        self._fc = nn.Linear(self.head_channels, 1000)

    def features(self, pixel_values: Tensor) -> Tensor:
        """(B, 3, H, W) pixels, (x - 127) / 128 on the 0-255 scale, to (B, 352, H / 32, W / 32)."""
        expect_shape("pixel_values", pixel_values, "B C H W", C=3)
        if pixel_values.device.type != "cpu":
            return self._feature_maps(pixel_values)
        few = max(1, CPU_PIXELS // (pixel_values.shape[2] * pixel_values.shape[3]))
        pixel_values = pixel_values.contiguous(memory_format=torch.channels_last)  # a third faster
        return torch.cat([self._feature_maps(pictures) for pictures in pixel_values.split(few)])

    def _feature_maps(self, pixel_values: Tensor) -> Tensor:
        maps = F.relu6(self._bn0(self._conv_stem(pixel_values)))
        for block in self._blocks:
            maps = block(maps)
        return maps

    def head_features(self, features: Tensor) -> Tensor:
        """(B, 352, h, w) to (B, 1280, h, w), values in 0-6."""
        return F.relu6(self._bn1(self._conv_head(features)))

    def classify(self, head_features: Tensor) -> Tensor:
        """(B, 1280, h, w) to (B, 1000) ImageNet logits."""
        return self._fc(head_features.mean((2, 3)))
