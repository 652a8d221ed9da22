"""A model goes on from one that saw less: one scale, or no pixels."""

import pytest
import torch
import torch.nn.functional as F

from blip2_core.errors import SettingsError
from blip2_core.train.bootstrap import PATCH_PIXELS, add_patch_pixels, add_scale
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


@torch.no_grad()
@pytest.mark.parametrize("scales", [1, 2])
def test_pixels_change_nothing_until_they_are_learnt(looks_once, scales):
    blip2 = looks_once if scales == 1 else add_scale(looks_once)
    pixels = torch.randn(1, 3, 64 * scales, 64 * scales)
    before = blip2.model.vision_model(pixels)
    after = add_patch_pixels(blip2)
    now = after.model.vision_model
    assert now.config.patch_pixels == PATCH_PIXELS and after.model.config.vision_config is now.config
    torch.testing.assert_close(now(pixels), before)
    now.patch_embedding.weight[:, 1280:] = torch.randn_like(now.patch_embedding.weight[:, 1280:])
    assert not torch.isclose(now(pixels), before).all()


def test_pixels_are_not_added_twice(looks_once):
    twice = add_patch_pixels(looks_once)
    with pytest.raises(SettingsError, match="^--patch-pixels: expected a hybrid ViT whose patches carry no pixels"):
        add_patch_pixels(twice)


def test_pixels_are_not_added_to_a_plain_vit(blip2):
    with pytest.raises(SettingsError, match="^--patch-pixels: expected a hybrid ViT whose patches carry no pixels"):
        add_patch_pixels(blip2)
