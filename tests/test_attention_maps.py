"""Where the queries looked and what an answer rests on, against the parts themselves and on real photographs."""

from dataclasses import replace
from pathlib import Path

import families
import numpy as np
import pytest
import torch
from families import QUERIES, picture
from PIL import Image
from tiny import WIDTH

import blip2_core
from blip2_core import attention_maps
from blip2_core.__main__ import main
from blip2_core.answer import AnswerSettings
from blip2_core.attention_maps import (
    _attend,
    enlarge,
    overlay,
    query_attention,
    relevance,
    watch_cross_attention,
)
from blip2_core.errors import QuestionError, SettingsError
from blip2_core.ranking import candidate_ids, rank_candidates
from blip2_core.vision import HybridViTConfig
from blip2_core.vision.efficientnet import EfficientNetLite2

QUESTION, ANSWER = "what is the color?", "a red bus"
WHOLE = (0.0, 0.0, 2.0, 2.0)  # a picture that covers a grid of two cells a side
PHOTOS = Path(__file__).parents[1] / "demo" / "gallery"
BLANKED = 57  # of the 289 patches of pocket
NUDGE = 3e-3
WHAT = "What is this?"


@pytest.fixture(scope="module", params=["instructblip-llama", "blip2-t5", "blip2-opt"])
def folder(request, tmp_path_factory) -> Path:
    """A decoder-only model that tells the Q-Former the question, an encoder-decoder, and one with learned positions."""
    model = families.oracle(request.param)
    for name, parameter in model.language_model.named_parameters():
        if name.endswith((".q.weight", ".q_proj.weight")):  # trained attention is not as sharp as that of large noise
            parameter.data *= WIDTH**-0.5
    return families.save_as_older(request.param, tmp_path_factory.mktemp("model"), model)


@pytest.fixture(scope="module")
def blip2(folder):
    return blip2_core.load(folder)


def test_the_weights_of_a_query_sum_up_to_one_with_the_class_token(blip2):
    found = query_attention(blip2, picture(), QUESTION)
    heads = blip2.model.config.qformer_config.num_attention_heads
    assert found.layers == (0, 2) and heads > 1 and found.weights.shape == (2, heads, QUERIES, 2, 2)
    assert not np.allclose(found.weights[:, 0], found.weights[:, 1], atol=1e-3)
    sums = found.weights.sum((3, 4)) + found.class_token
    assert np.allclose(sums, 1, atol=1e-5) and found.mean.shape == (QUERIES, 2, 2)


@pytest.mark.parametrize("mode", [None, "short", "long"])
def test_where_the_queries_looked_is_of_the_pass_that_answered(blip2, mode):
    seen, history = blip2.see(picture()), [("what is this?", "a boat")]
    with watch_cross_attention(blip2.model.qformer) as weights:
        blip2.ask(seen, QUESTION, AnswerSettings(max_new_tokens=1), history, mode=mode)
    found = query_attention(blip2, seen, QUESTION, history=history, mode=mode)
    looked = torch.cat([layer.detach() for layer in weights]).numpy()  # (layers, heads, Q, N)
    assert np.allclose(found.weights.reshape(*looked.shape[:3], -1), looked[..., 1:], atol=1e-5)


def test_watching_changes_nothing_and_leaves_no_hook(blip2):
    seen = blip2.see(picture())
    before = blip2.visual_prompt([seen], [QUESTION])
    with watch_cross_attention(blip2.model.qformer):
        assert torch.allclose(blip2.visual_prompt([seen], [QUESTION]), before, atol=1e-5)
    assert torch.equal(blip2.visual_prompt([seen], [QUESTION]), before)
    assert not any(module._forward_hooks for module in blip2.model.qformer.modules())


def test_the_log_probability_is_the_one_by_which_answers_are_ranked(blip2):
    seen, prompt = blip2.see(picture()), blip2.prompt(QUESTION)
    inputs = blip2.adapter.prompt_inputs(blip2.visual_prompt([seen], [QUESTION]), [prompt])
    (ranked,) = rank_candidates(blip2.adapter, inputs, prompt, [ANSWER])
    ids = candidate_ids(blip2.adapter, prompt, ANSWER)
    state = blip2.adapter.start(inputs)
    for token in ids[:-1]:
        logits = blip2.adapter.step(state, torch.tensor([token]))
    end = float(logits.log_softmax(-1)[0, ids[-1]])
    found = relevance(blip2, seen, QUESTION, ANSWER)
    assert found.log_probability == pytest.approx(ranked.log_likelihood - end, abs=1e-3)


@pytest.mark.parametrize("mode", [None, "short", "long"])
def test_the_pass_that_is_explained_is_the_one_that_answered(blip2, mode):
    """In short mode both readers of an InstructBLIP read the whole short form; the map did not."""
    seen, heard = blip2.see(picture()), []
    hook = blip2.model.qformer.register_forward_hook(lambda *call: heard.append(call[-1]))
    try:
        answer = blip2.ask(seen, QUESTION, AnswerSettings(max_new_tokens=3, min_new_tokens=3), mode=mode)
        relevance(blip2, seen, QUESTION, answer, mode=mode)
    finally:
        hook.remove()
    asked, explained = heard
    assert asked.shape == explained.shape and torch.allclose(asked, explained, atol=1e-5)


def test_a_map_tells_how_a_longer_look_at_each_patch_changes_the_answer(blip2, monkeypatch):
    """The gradient is measured: each weight is raised a little, and the change of the log-probability watched."""
    seen = blip2.see(picture())
    found = relevance(blip2, seen, QUESTION, ANSWER)
    with torch.no_grad(), watch_cross_attention(blip2.model.qformer) as weights:
        blip2.visual_prompt([seen], [QUESTION])
    looked = torch.cat(weights).double().numpy()  # (layers, heads, Q, N)
    gradients = np.zeros_like(looked)
    for place in np.ndindex(looked.shape):
        monkeypatch.setattr(attention_maps, "_attend", nudging(*place))
        risen = relevance(blip2, seen, QUESTION, ANSWER).log_probability
        gradients[place] = (risen - found.log_probability) / NUDGE
    elsewhere = (looked * gradients).sum(-1, keepdims=True)  # the weights of a query sum up to 1
    expected = (looked * (gradients - elsewhere)).sum(1).clip(min=0).sum((0, 1))[1:]
    assert np.allclose(found.values.ravel(), expected / expected.max(), atol=0.05)


def nudging(layer: int, head: int, query: int, patch: int):
    """`_attend` with one weight of one layer raised."""
    real, calls = _attend, []

    def nudged(attention, hidden, source, source_of):
        attended, weights = real(attention, hidden, source, source_of)
        calls.append(attention)
        if len(calls) - 1 == layer:
            value = attention.value(source)[0, patch].unflatten(0, (attention.num_heads, -1))[head]
            raised = torch.zeros_like(attended)
            raised[0, query].unflatten(0, (attention.num_heads, -1))[head] = NUDGE * value.detach()
            attended = attended + raised
        return attended, weights

    return nudged


def test_a_map_leaves_no_gradients_behind(blip2):
    seen = blip2.see(picture())
    found = relevance(blip2, seen, QUESTION, ANSWER)
    assert found.values.shape == (2, 2) and found.values.max() == 1 and found.values.min() >= 0
    assert not seen.image_embeds.requires_grad and all(p.grad is None for p in blip2.model.parameters())


def maps(blip2, question: str = QUESTION, answer: str = ANSWER, **how) -> np.ndarray:
    """The maps of a few pictures: one alone has four patches only."""
    return np.stack([relevance(blip2, picture(seed), question, answer, **how).values for seed in range(6)])


def test_a_map_depends_on_the_question_the_answer_and_the_turns_before(blip2):
    one = maps(blip2)
    others = (
        maps(blip2, question="how many dogs are there?"),
        maps(blip2, answer="two dogs and a cat"),
        maps(blip2, history=[("what is this?", "a boat")]),
    )
    assert not any(np.allclose(one, other, atol=0.01) for other in others)


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_bf16_and_int8_give_nearly_the_map_of_fp32(folder, blip2, precision):
    if precision == "int8":
        pytest.importorskip("bitsandbytes")
    assert np.abs(maps(blip2_core.load(folder, precision=precision)) - maps(blip2)).mean() < 0.15


def test_int4_on_a_cpu_is_refused(blip2):
    """There bitsandbytes multiplies packed weights without a gradient: pocket's map came out empty, silently."""
    with pytest.raises(SettingsError, match=r"int4 has no gradients on a CPU\. Load the model in int8"):
        relevance(replace(blip2, precision="int4"), picture(), QUESTION, ANSWER)


def test_an_empty_answer_and_one_without_room_are_refused(blip2):
    with pytest.raises(QuestionError):
        relevance(blip2, picture(), QUESTION, "  ")
    if not blip2.model.language_model.config.is_encoder_decoder:
        with pytest.raises(QuestionError, match="answer: expected at most"):
            relevance(blip2, picture(), QUESTION, "red bus " * 400)


def test_a_grid_is_spread_over_the_picture_each_side_by_its_own_factor():
    spread = enlarge(np.array([[0.0, 1.0], [0.0, 0.0]]), WHOLE, (80, 20))
    assert spread.shape == (20, 80) and spread[0, -1] > 0.95
    assert spread[0, 0] < 0.05 and spread[-1].max() < 0.05 and 0 <= spread.min() <= spread.max() <= 1


def test_an_overlay_is_clear_where_nothing_matters_and_as_opaque_as_asked_where_most_does():
    heat = overlay(np.array([[0.0, 1.0], [0.0, 0.0]]), WHOLE, (80, 20), opacity=0.5)
    assert heat.mode == "RGBA" and heat.size == (80, 20)
    _, green, blue, alpha = heat.getpixel((79, 0))
    assert blue > 150 > 50 > green and abs(alpha - 127) < 6 and heat.getpixel((0, 19))[3] < 4
    with pytest.raises(SettingsError):
        overlay(np.zeros((2, 2)), WHOLE, (8, 8), opacity=float("nan"))


def test_the_grid_of_the_convolutions_lies_where_its_cells_look():
    """With "same" padding the outer cells of pocket's grid are centered on the edges of the picture, not inside it."""
    torch.manual_seed(0)
    trunk = EfficientNetLite2().eval()
    pixels = torch.zeros(1, 3, 260, 260, requires_grad=True)
    strides = [module for module in trunk.modules() if getattr(module, "stride", None) == (2, 2)]
    assert len(strides) == 5
    position = 4.0  # the middle cell of nine, followed down through the strides
    for side, module in zip((17, 33, 65, 130, 260), reversed(strides), strict=True):
        kernel = module.kernel_size[0]
        padding = (-(-side // 2) - 1) * 2 + kernel - side
        position = 2 * position - padding // 2 + (kernel - 1) / 2
    begin, _, end, _ = HybridViTConfig(image_size=260).grid.box
    middle = (position + 0.5) / 260  # of the picture
    assert begin + middle * (end - begin) == pytest.approx(4.5)
    assert pixels.shape[-1] == 260 and (begin, end) == pytest.approx((0.390625, 8.515625))


@pytest.fixture(scope="module")
def pocket():
    return blip2_core.load("pocket", device="cpu", precision="fp32")


def blanked(pocket, features: torch.Tensor, patches: np.ndarray):
    """What the model sees when some patches look like the mean of the picture, on both of its scales."""
    small, large = (grid.side for grid in pocket.model.config.vision_config.grids)
    hidden = torch.zeros(large, large, dtype=torch.bool)
    hidden.view(-1)[torch.from_numpy(patches.copy())] = True
    coarse = torch.linspace(0, large - 1, small).round().long()  # the patches of the larger scale in their middles
    scales = features.split([small**2, large**2], dim=2)
    shown = [
        torch.where(cells.flatten(), scale.mean(2, keepdim=True), scale)
        for cells, scale in zip((hidden[coarse][:, coarse], hidden), scales, strict=True)
    ]
    return blip2_core.SeenImage(pocket.model.vision_model.from_features(torch.cat(shown, dim=2)))


@pytest.mark.pocket
def test_blanking_what_matters_costs_an_answer_more_than_blanking_what_does_not(pocket):
    costs = []
    for file in ("surfer.jpg", "beagle.jpg", "jockey.jpg", "dahlia.jpg", "eiffel-tower.jpg", "pizza.jpg"):
        with torch.no_grad():
            pixels = pocket.image_processor([blip2_core.open_image(PHOTOS / file)])
            features = pocket.model.vision_model.frozen_features(pixels)
            answer = pocket.ask(PHOTOS / file, WHAT)
        whole = relevance(pocket, PHOTOS / file, WHAT, answer)
        order = np.argsort(whole.values.ravel())
        for patches in (order[-BLANKED:], order[:BLANKED]):
            with torch.no_grad():
                seen = blanked(pocket, features, patches)
            costs.append(whole.log_probability - relevance(pocket, seen, WHAT, answer).log_probability)
    assert np.mean(costs[0::2]) > np.mean(costs[1::2]) + 0.5


@pytest.mark.pocket
def test_in_pocket_the_question_decides_where_the_queries_look(pocket):
    seen = pocket.see(PHOTOS / "surfer.jpg")
    one, other = (query_attention(pocket, seen, text) for text in ("Where is the man?", "What colour is the sea?"))
    assert one.weights.shape[3:] == (17, 17) and not np.allclose(one.weights, other.weights, atol=1e-3)
    untold = replace(pocket, withholds_question=True)
    one, other = (query_attention(untold, seen, text) for text in ("Where is the man?", "What colour is the sea?"))
    assert np.array_equal(one.weights, other.weights)


def test_the_command_prints_the_answer_and_draws_both_pictures(folder, blip2, tmp_path, capsys):
    picture().save(tmp_path / "noise.png")
    out, answer = tmp_path / "seen.png", blip2.ask(picture(), QUESTION)
    given = [] if answer else ["--answer", ANSWER]  # the tiny T5 has nothing to say
    asked = ["attend", str(tmp_path / "noise.png"), QUESTION, "--model", str(folder), "--out", str(out)]
    assert main([*asked, *given]) == 0
    assert capsys.readouterr().out == f"{answer or ANSWER}\n"
    with Image.open(out) as drawn:
        assert drawn.height == 30 and drawn.width > 80 and drawn.getpixel((0, 0)) == picture().getpixel((0, 0))


def test_the_command_refuses_a_file_of_another_kind_before_it_loads_a_model(tmp_path, capsys):
    assert main(["attend", "x.jpg", QUESTION, "--model", "/nowhere", "--out", str(tmp_path / "seen.jpg")]) == 2
    assert capsys.readouterr().err == "error: --out: expected a name that ends in .png, got seen.jpg.\n"
