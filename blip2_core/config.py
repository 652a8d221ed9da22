"""What a model is made of: `transformers`' own configs, and one more for models with a hybrid ViT.

`HybridBlip2Config` is an `InstructBlipConfig` whose image encoder is a hybrid ViT, and whose frozen parts may be named
instead of shipped: where each comes from and its sha256.
"""

from typing import Any

from transformers import AutoConfig, Blip2Config, InstructBlipConfig, PreTrainedConfig

from .vision import HybridViTConfig


class HybridBlip2Config(InstructBlipConfig):
    """An InstructBLIP with a hybrid ViT.

    Args:
        vision_config: sizes of the hybrid ViT.
        frozen_parts: for each frozen part that is not in the folder, by its attribute path ("language_model",
            "vision_model.trunk"): source, file, size in bytes and sha256.
    """

    model_type = "hybrid_blip2"

    frozen_parts: dict | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        # Here, for what a subclass has to declare instead differs between the versions of transformers.
        if not isinstance(self.vision_config, PreTrainedConfig):
            self.vision_config = HybridViTConfig(**(self.vision_config or {}))
        super().__post_init__(**kwargs)


CONFIG_CLASSES: dict[str, type[PreTrainedConfig]] = {
    config.model_type: config for config in (Blip2Config, InstructBlipConfig, HybridBlip2Config)
}

AutoConfig.register("hybrid_vit", HybridViTConfig, exist_ok=True)
AutoConfig.register("hybrid_blip2", HybridBlip2Config, exist_ok=True)
