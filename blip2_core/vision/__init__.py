"""Station 2 of 6: the image encoders. Both are frozen when the Q-Former is trained."""

from transformers import PreTrainedConfig

from .hybrid import ClassLesson, HybridViT, HybridViTConfig
from .vit import PlainViT


def build_vision_model(config: PreTrainedConfig) -> HybridViT | PlainViT:
    """The image encoder that a vision config describes, with random weights."""
    if isinstance(config, HybridViTConfig):
        return HybridViT(config)
    return PlainViT(config)  # type: ignore[arg-type]  # an InstructBlipVisionConfig has the same fields


__all__ = ["ClassLesson", "HybridViT", "HybridViTConfig", "PlainViT", "build_vision_model"]
