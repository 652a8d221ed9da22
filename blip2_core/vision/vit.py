"""Station 2 of 6, plain ViT: pixel_values -> image_embeds.

The ViT of the public checkpoints (EVA-CLIP-g, 39 blocks) is the one of `transformers`; nothing of it is written here
again. It only gets the two halves that every image encoder of this package has: `frozen_features`, which can be
computed once for each picture, and `from_features`.

Paper: BLIP-2 (arXiv 2301.12597), section 3.1.
"""

from typing import Any

from torch import Tensor
from transformers import Blip2VisionModel
from transformers.models.blip_2.configuration_blip_2 import Blip2VisionConfig

from ..shapes import expect_shape


class PlainViT(Blip2VisionModel):
    """`Blip2VisionModel` that hands on a tensor: image_embeds, class token first, after the last layer norm."""

    def frozen_features(self, pixel_values: Tensor) -> Tensor:
        """(B, 3, H, W) CLIP-normalised pixels to image_embeds (B, N, Dv): all of this encoder is frozen."""
        return self(pixel_values)

    def from_features(self, features: Tensor) -> Tensor:
        """image_embeds (B, N, Dv), as they are."""
        return features

    def forward(self, pixel_values: Tensor) -> Tensor:  # type: ignore[override]
        """(B, 3, H, W) CLIP-normalised pixels to image_embeds (B, N, Dv).

        Raises:
            ShapeError: the picture does not have the size of the config.
        """
        size: Any = self.config.image_size
        expect_shape("pixel_values", pixel_values, "B C H W", C=3, H=size, W=size)
        return super().forward(pixel_values=pixel_values, return_dict=True).last_hidden_state  # (B, N, Dv)


__all__ = ["Blip2VisionConfig", "PlainViT"]
