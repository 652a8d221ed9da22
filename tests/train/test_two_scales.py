"""A model that looked at pictures once goes on at two scales."""

import pytest
import torch
import torch.nn.functional as F

from blip2_core.errors import SettingsError
from blip2_core.train.bootstrap import add_scale
from blip2_core.vision import HybridViT, HybridViTConfig


@pytest.fixture
def looks_once(blip2):
    sizes = {"hidden_size": 20, "intermediate_size": 30, "num_attention_heads": 2, "image_size": 64}
    torch.manual_seed(0)
    blip2.model.vision_model = HybridViT(HybridViTConfig(**sizes)).eval()
    return blip2


@torch.no_grad()
def test_what_it_made_of_a_picture_it_makes_of_the_smaller_scale(looks_once):
    before = looks_once.model.vision_model
    after = add_scale(looks_once)
    now = after.model.vision_model
    assert now.config.sizes == (64, 128) and after.image_processor.image_size == 128
    assert after.model.config.vision_config is now.config
    large = torch.randn(1, 3, 128, 128)
    small = F.avg_pool2d(large, 2)
    now.detail_embedding.weight.zero_()
    once, twice = (
        model._embed(model._tokens(model.frozen_features(pixels), None)) + model.position_embedding
        for model, pixels in ((before, small), (now, large))
    )
    torch.testing.assert_close(twice[:, 0], once[:, 0])  # the whole picture
    corners = [1, 2, 3, 4], [1, 4, 13, 16]  # of 2 x 2 cells, and of 4 x 4
    torch.testing.assert_close(twice[:, corners[1]], once[:, corners[0]])


def test_the_larger_scale_begins_at_half_of_what_it_had_learnt(looks_once):
    learnt = looks_once.model.vision_model.patch_embedding.weight.clone()
    now = add_scale(looks_once).model.vision_model
    assert torch.equal(now.detail_embedding.weight, learnt / 2) and torch.equal(now.patch_embedding.weight, learnt)


def test_a_plain_vit_is_refused(blip2):
    with pytest.raises(SettingsError, match="^--two-scales: expected a model whose hybrid ViT looks once"):
        add_scale(blip2)


def test_a_model_with_two_scales_is_refused(looks_once):
    twice = add_scale(looks_once)
    with pytest.raises(SettingsError, match="^--two-scales: expected a model whose hybrid ViT looks once"):
        add_scale(twice)
