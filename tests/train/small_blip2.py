"""A tiny BLIP-2 of each kind that can be trained in a second, and what the test pictures are."""

import random
from collections.abc import Sequence
from typing import Any

import torch
from tiny import tiny_adapter
from transformers import InstructBlipConfig, InstructBlipQFormerConfig, InstructBlipVisionConfig

from blip2_core.image import ImageProcessor
from blip2_core.model import Blip2, Blip2Model
from blip2_core.train.bootstrap import train_tokenizer
from blip2_core.train.pictures import Pictures
from blip2_core.train.samples import Sample

COLOURS = {"red": (220, 30, 30), "green": (30, 180, 40), "blue": (30, 60, 220), "grey": (128, 128, 128)}
QUESTION = "What color is the picture?"


def make_blip2(family: str) -> Blip2:
    """A random BLIP-2 with a text branch in its Q-Former; family as in `tests.tiny`."""
    adapter = tiny_adapter(family)
    tokenizer = train_tokenizer([*captions().values(), QUESTION], vocabulary=120)
    vision = InstructBlipVisionConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=14
    )
    qformer = InstructBlipQFormerConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=64, encoder_hidden_size=16, pad_token_id=tokenizer.pad_token_id,
        hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1,
    )  # fmt: skip
    config = InstructBlipConfig(
        vision_config=vision.to_dict(), qformer_config=qformer.to_dict(),
        text_config=adapter.language_model.config.to_dict(), num_query_tokens=4,
    )  # fmt: skip
    torch.manual_seed(0)
    model = Blip2Model(config, adapter.language_model)
    for parameter in [*model.vision_model.parameters(), *model.qformer.parameters(), model.query_tokens]:
        if parameter.dim() > 1:  # as started for large widths, everything looks alike to a tiny model
            torch.nn.init.normal_(parameter, std=0.25)
    processor = ImageProcessor(28, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    return Blip2(model, adapter, processor, tokenizer, family, "fp32")


def pictures_of(blip2: Blip2, **options: Any) -> Pictures:
    """What a model's image encoder sees of samples."""
    return Pictures(blip2.model.vision_model, blip2.image_processor, **options)


def features_of(blip2: Blip2, samples: Sequence[Sample]) -> torch.Tensor:
    """What a model's image encoder sees of the picture of each sample, (B, ...)."""
    return pictures_of(blip2).features([[sample] for sample in samples], random.Random(0))


def captions() -> dict[str, str]:
    """One sentence for each colour."""
    return {colour: f"a photo of a {colour} picture" for colour in COLOURS}
