"""Station 2 of 6: the image encoders. Both are frozen when the Q-Former is trained."""

from transformers import PreTrainedConfig

from .hybrid import HybridViT, HybridViTConfig
from .vit import PlainViT


def build_vision_model(config: PreTrainedConfig) -> HybridViT | PlainViT:
    """The image encoder that a vision config describes, with random weights."""
    return HybridViT(config) if isinstance(config, HybridViTConfig) else PlainViT(config)


__all__ = ["HybridViT", "HybridViTConfig", "PlainViT", "build_vision_model"]
