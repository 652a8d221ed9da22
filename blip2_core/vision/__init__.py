"""Station 2 of 6: the image encoders. Both are frozen when the Q-Former is trained."""

from typing import Any

from transformers import PreTrainedConfig

from .hybrid import ClassLesson, HybridViT, HybridViTConfig
from .vit import PlainViT


def build_vision_model(config: PreTrainedConfig) -> HybridViT | PlainViT:
    """The image encoder that a vision config describes, with random weights."""
    if isinstance(config, HybridViTConfig):
        return HybridViT(config)
    return PlainViT(config)  # type: ignore[arg-type]  # an InstructBlipVisionConfig has the same fields


def num_image_tokens(config: Any) -> int:
    """Image tokens N of an image encoder of this config: its patches and the class token."""
    if isinstance(config, HybridViTConfig):
        return config.num_image_tokens
    return int(config.image_size // config.patch_size) ** 2 + 1


__all__ = ["ClassLesson", "HybridViT", "HybridViTConfig", "PlainViT", "build_vision_model", "num_image_tokens"]
