"""Where it is known where the thing asked about is, the queries learn to look there.

The answer teaches that too, but hardly: a yes or a no does not say where to look, and what a bridge so small can learn
by heart it need not look for. So where a record has a box, as those of pictures composed from cut-outs do, the
cross-attention itself has a loss: as "attention supervision" of VQA (Qiao and others, arXiv 1709.06308).

Differs from the paper of BLIP-2, where the answers alone say where the queries look.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..attention_maps import Box as Frame
from ..datasets.record_files import Box

LEAST = 1e-6  # share of attention; the logarithm of less is that of this


def looking_loss(weights: Sequence[Tensor], boxed: Sequence[int], cells: Tensor) -> Tensor:
    """Mean of -log of the share of its attention that each head of each query gives to the thing asked about.

    Args:
        weights: of the cross-attention, for each layer that sees the picture (B, heads, Q, N), the class token first.
        boxed: places in the batch of the b samples that say where the thing is.
        cells: (b, N - 1) booleans: those of the thing.
    """
    device = weights[0].device
    places = torch.tensor(boxed).to(device, non_blocking=True)
    seen = torch.stack([layer[places, :, :, 1:] for layer in weights])  # (layers, b, heads, Q, H * W)
    inside = (seen * cells.to(device)[:, None, None]).sum(-1)
    return -inside.clamp(min=LEAST).log().mean()


def cells_in(box: Box, side: int, frame: Frame) -> Tensor:
    """(H * W,) booleans: whether the center of a cell lies in a box; if none does, that of the nearest to its middle.

    Args:
        box: as shares of the picture.
        side: cells of the grid along one side.
        frame: of the picture on the grid.
    """
    left, top, right, bottom = box
    low, _, high, _ = frame
    centers = (torch.arange(side) + 0.5 - low) / (high - low)  # as shares of the picture
    return (_between(centers, top, bottom)[:, None] & _between(centers, left, right)).flatten()


def _between(centers: Tensor, first: float, last: float) -> Tensor:
    inside = (centers >= first) & (centers <= last)
    if not inside.any():
        inside[(centers - (first + last) / 2).abs().argmin()] = True
    return inside
