"""`transformers` is the oracle: the same folder gives the same numbers at every station, and the same words."""

import json

import families
import pytest
import torch
from families import FAMILIES, IMAGE_TOKEN_INDEX, QUERIES, is_instruct, oracle, oracle_inputs, picture
from safetensors.torch import load_file, save_file
from transformers import Blip2ForConditionalGeneration, InstructBlipForConditionalGeneration

from blip2_core.answer import AnswerSettings, stream_tokens
from blip2_core.checkpoint import load, save
from blip2_core.language import PromptInputs
from blip2_core.model import tokenize_questions

QUESTION = "What is the color?"
GREEDY = AnswerSettings(max_new_tokens=20, min_new_tokens=20)
CLOSE = {"rtol": 0.0, "atol": 1e-5}


@pytest.fixture(scope="module", params=FAMILIES)
def pair(request, tmp_path_factory):
    """(family, the oracle, what we load of the folder that the oracle saved)."""
    model = oracle(request.param)
    folder = families.save_as_older(request.param, tmp_path_factory.mktemp(request.param), model)
    return request.param, model, load(folder)


def oracle_stations(family, model, inputs):
    """image_embeds, query_output, visual_prompt and logits of all positions, as the oracle has them."""
    text = (
        {} if not model.language_model.config.is_encoder_decoder else {"decoder_input_ids": torch.tensor([[0, 7, 9]])}
    )
    with torch.no_grad():
        output = model(**inputs, **text)
        told = {name: value for name, value in inputs.items() if name.startswith("qformer_")}
        features = model.get_image_features(inputs["pixel_values"], **told)
    query_output = features.qformer_outputs.last_hidden_state[:, :QUERIES]
    return output.vision_outputs.last_hidden_state, query_output, features.pooler_output, output.logits


@torch.no_grad()
def our_stations(blip2, image, question):
    """The same of the model that we loaded."""
    model = blip2.model
    image_embeds = blip2.see(image).image_embeds
    query_output = model.query(image_embeds, *tokenize_questions(blip2.qformer_tokenizer, [question]))
    visual_prompt = model.project(query_output)
    inputs = blip2.adapter.prompt_inputs(visual_prompt, [blip2.prompt(question)])
    return image_embeds, query_output, visual_prompt, all_logits(blip2, inputs)


@torch.no_grad()
def all_logits(blip2, inputs: PromptInputs):
    """Logits of all positions in one uncached pass; of three fixed decoder tokens for an encoder-decoder."""
    language_model = blip2.model.language_model
    text = {"decoder_input_ids": torch.tensor([[0, 7, 9]])} if language_model.config.is_encoder_decoder else {}
    return language_model(
        inputs_embeds=inputs.inputs_embeds, attention_mask=inputs.attention_mask, use_cache=False, **text
    ).logits


def greedy(blip2, inputs: PromptInputs) -> torch.Tensor:
    """(B, 20) greedy tokens, decoded token by token with the cache."""
    tokens = stream_tokens(blip2.adapter, inputs, GREEDY)
    return torch.stack([next(tokens) for _ in range(20)], dim=1)


def prompt_inputs(blip2, images, questions) -> PromptInputs:
    seen = [blip2.see(image) for image in images]
    return blip2.adapter.prompt_inputs(blip2.visual_prompt(seen, questions), [blip2.prompt(q) for q in questions])


def test_every_station_gives_the_numbers_of_transformers(pair):
    family, model, blip2 = pair
    inputs = oracle_inputs(family, [picture()], [str(blip2.prompt(QUESTION))])
    expected = oracle_stations(family, model, inputs)
    for ours, theirs in zip(our_stations(blip2, picture(), QUESTION), expected, strict=True):
        assert theirs.std() > 0.05  # numbers near zero would agree whatever they are
        torch.testing.assert_close(ours, theirs, **CLOSE)


def test_twenty_greedy_tokens_are_those_of_transformers(pair):
    family, model, blip2 = pair
    inputs = oracle_inputs(family, [picture()], [str(blip2.prompt(QUESTION))])
    expected = model.generate(**inputs, do_sample=False, max_new_tokens=20, min_new_tokens=20)
    ours = greedy(blip2, prompt_inputs(blip2, [picture()], [QUESTION]))
    assert len(set(ours[0].tolist())) >= 8
    assert ours.tolist() == expected[:, -20:].tolist()


def test_a_folder_saved_by_us_opens_in_transformers_and_gives_the_same(pair, tmp_path):
    family, model, blip2 = pair
    save(blip2, tmp_path)
    kind = InstructBlipForConditionalGeneration if is_instruct(family) else Blip2ForConditionalGeneration
    opened, report = kind.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(report.values())
    inputs = oracle_inputs(family, [picture()], [str(blip2.prompt(QUESTION))])
    opened.config.image_token_index = IMAGE_TOKEN_INDEX  # the folder came from the older layout, which has none
    for again, before in zip(
        oracle_stations(family, opened.eval(), inputs), oracle_stations(family, model, inputs), strict=True
    ):
        torch.testing.assert_close(again, before, **CLOSE)


def test_a_folder_saved_by_us_loads_again_bit_for_bit(pair, tmp_path):
    _, _, blip2 = pair
    save(blip2, tmp_path)
    again = load(tmp_path)
    assert again.template == blip2.template
    before, after = blip2.model.state_dict(), again.model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert again.ask(picture(), QUESTION, GREEDY) == blip2.ask(picture(), QUESTION, GREEDY)


def test_the_current_and_the_older_layout_of_a_folder_give_the_same_answer(pair, tmp_path):
    family, model, blip2 = pair
    current = load(families.save_as_current(family, tmp_path, model))
    assert "image_token_index" in json.loads((tmp_path / "config.json").read_text())
    assert "<image>" in current.adapter.tokenizer.get_vocab()
    assert "<image>" not in blip2.adapter.tokenizer.get_vocab()
    assert current.ask(picture(), QUESTION, GREEDY) == blip2.ask(picture(), QUESTION, GREEDY)


def test_swapping_the_picture_changes_the_logits(pair):
    _, _, blip2 = pair
    one, other = (our_stations(blip2, picture(seed), QUESTION)[-1] for seed in (0, 1))
    assert (one - other).abs().max() > 1e-2


def test_a_padded_batch_gives_what_its_rows_give_one_by_one(pair):
    _, _, blip2 = pair
    images, questions = [picture(0), picture(1), picture(2)], ["What?", "What is the color of the picture?", QUESTION]
    batch = prompt_inputs(blip2, images, questions)
    assert batch.attention_mask.min() == 0
    first = blip2.adapter.start(batch).logits
    tokens = greedy(blip2, batch)
    for row in range(3):
        alone = prompt_inputs(blip2, images[row : row + 1], questions[row : row + 1])
        torch.testing.assert_close(first[row : row + 1], blip2.adapter.start(alone).logits, rtol=0.0, atol=2e-5)
        assert tokens[row].tolist() == greedy(blip2, alone)[0].tolist()


def test_decoding_with_the_cache_gives_the_logits_of_decoding_without(pair):
    """The text is read at once, and token by token; both must end in the same scores."""
    _, _, blip2 = pair
    adapter, inputs = blip2.adapter, prompt_inputs(blip2, [picture()], [QUESTION])
    state = adapter.start(inputs)
    for token in (7, 9, 11):
        adapter.step(state, torch.tensor([token]))
    language_model = blip2.model.language_model
    with torch.no_grad():
        if language_model.config.is_encoder_decoder:
            whole = language_model(
                inputs_embeds=inputs.inputs_embeds, attention_mask=inputs.attention_mask, use_cache=False,
                decoder_input_ids=torch.tensor([[0, 7, 9, 11]]),
            )  # fmt: skip
        else:
            text = language_model.get_input_embeddings()(torch.tensor([[7, 9, 11]]))
            whole = language_model(inputs_embeds=torch.cat([inputs.inputs_embeds, text], 1), use_cache=False)
    torch.testing.assert_close(state.logits, whole.logits[:, -1], rtol=0.0, atol=2e-5)


def test_the_head_of_a_flan_t5_which_is_not_tied_survives(tmp_path):
    """FlanT5's head has weights of its own, while the config of `transformers` 5 says that T5 heads are tied."""
    folder = families.save_as_older("blip2-t5", tmp_path)
    state = load_file(folder / "model.safetensors")
    own = torch.randn(state["language_model.shared.weight"].shape, generator=torch.Generator().manual_seed(5))
    save_file(state | {"language_model.lm_head.weight": own}, folder / "model.safetensors", {"format": "pt"})
    blip2 = load(folder)
    assert torch.equal(blip2.model.language_model.lm_head.weight, own)
    assert torch.equal(blip2.model.get_input_embeddings().weight, state["language_model.shared.weight"])
    save(blip2, tmp_path / "again")
    again = load(tmp_path / "again")
    assert torch.equal(again.model.language_model.lm_head.weight, own)
    assert torch.equal(again.model.get_input_embeddings().weight, state["language_model.shared.weight"])


@pytest.mark.parametrize(
    ("family", "buffer"),
    [
        ("instructblip-llama", "language_model.model.layers.0.self_attn.rotary_emb.inv_freq"),
        ("instructblip-llama", "qformer.embeddings.position_ids"),
        ("instructblip-t5", "language_model.decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"),
    ],
)
def test_buffers_that_older_libraries_saved_beside_the_weights_are_no_reason_to_refuse(family, buffer, tmp_path):
    folder = families.save_as_older(family, tmp_path)
    state = load_file(folder / "model.safetensors")
    save_file(state | {buffer: torch.ones(4)}, folder / "model.safetensors", {"format": "pt"})
    assert load(folder).ask(picture(), QUESTION, GREEDY)


def test_a_folder_in_shards_gives_what_one_file_gives(tmp_path):
    one = load(families.save_as_older("instructblip-llama", tmp_path / "one"))
    folder = families.save_as_older("instructblip-llama", tmp_path / "shards", shard_size="60KB")
    assert len(list(folder.glob("model-*.safetensors"))) > 2
    shards = load(folder)
    assert shards.ask(picture(), QUESTION, GREEDY) == one.ask(picture(), QUESTION, GREEDY)
