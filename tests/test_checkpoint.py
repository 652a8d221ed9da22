"""Folders that cannot be loaded: one clear sentence each; and what saving writes."""

import json
import shutil

import families
import pytest
import torch
from families import edit, picture, refusal
from safetensors.torch import load_file, save_file

from blip2_core.answer import AnswerSettings
from blip2_core.checkpoint import load, save
from blip2_core.errors import ConfigError, SettingsError

SHORT = AnswerSettings(max_new_tokens=6)
DAMAGED_PICKLE = (
    "@: expected a pickle of tensors alone; this one is damaged or holds other things, which are never run. "
    "Use safetensors."
)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A folder that loads, in one file."""
    return families.save_as_older("instructblip-llama", tmp_path_factory.mktemp("sound"))


@pytest.fixture
def folder(sound, tmp_path):
    """A copy of `sound` to break."""
    return shutil.copytree(sound, tmp_path / "model")


def test_a_q_former_whose_heads_do_not_divide_its_width(folder):
    edit(folder / "config.json", qformer_config__num_attention_heads=3)
    with pytest.raises(ConfigError) as error:
        load(folder)
    assert str(error.value) == (
        "qformer_config: num_attention_heads=3 does not divide hidden_size=16. Choose a divisor."
    )


def test_a_q_former_with_another_activation(folder):
    edit(folder / "config.json", qformer_config__hidden_act="relu")
    with pytest.raises(ConfigError) as error:
        load(folder)
    assert str(error.value) == "qformer_config: expected hidden_act='gelu', got 'relu'. This is another architecture."


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        (
            "qformer_config__num_hidden_layers",
            2,
            "32 unexpected (qformer.encoder.layer.2.attention.attention.key.bias; "
            "qformer.encoder.layer.2.attention.attention.key.weight; "
            "qformer.encoder.layer.2.attention.attention.query.bias)",
        ),
        (
            "num_query_tokens",
            4,
            "1 of another shape (query_tokens: the file has (1, 3, 16), the model needs (1, 4, 16))",
        ),
        (
            "qformer_config__intermediate_size",
            24,
            "18 of another shape (qformer.encoder.layer.0.intermediate.dense.bias: the file has (20,), the model needs "
            "(24,); qformer.encoder.layer.0.intermediate.dense.weight: the file has (20, 16), the model needs (24, 16)"
            "; qformer.encoder.layer.0.intermediate_query.dense.bias: the file has (20,), the model needs (24,))",
        ),
    ],
)
def test_a_config_that_does_not_fit_the_weights_says_which_weights(folder, field, value, said):
    edit(folder / "config.json", **{field: value})
    assert refusal(folder) == f"@: config.json does not fit the weights: {said}."


def test_a_weight_that_is_missing_from_the_file(folder):
    state = load_file(folder / "model.safetensors")
    del state["language_projection.bias"]
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    assert refusal(folder) == "@: config.json does not fit the weights: 1 missing (language_projection.bias)."


def as_pickle(folder):
    """Turn the weights of a folder into a pickle."""
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def test_a_pickle_is_refused_unless_it_is_asked_for(sound, folder):
    as_pickle(folder)
    assert refusal(folder) == (
        "@: expected safetensors, found only pytorch_model.bin, a pickle, which can run code when it is read. "
        "If you trust its source, allow it: --allow-pickle"
    )
    allowed, expected = load(folder, allow_pickle=True), load(sound)
    assert allowed.ask(picture(), "What?", SHORT) == expected.ask(picture(), "What?", SHORT)


def test_a_damaged_pickle_is_said_to_be_damaged(folder):
    as_pickle(folder)
    (folder / "pytorch_model.bin").write_bytes(b"not a pickle")
    assert refusal(folder, allow_pickle=True) == DAMAGED_PICKLE


def test_a_pickle_that_runs_code_is_refused_even_when_pickles_are_allowed(folder, tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    as_pickle(folder)
    torch.save({"query_tokens": Evil()}, folder / "pytorch_model.bin")
    assert refusal(folder, allow_pickle=True) == DAMAGED_PICKLE
    assert not (tmp_path / "ran").exists()


def test_safetensors_are_taken_where_a_pickle_lies_beside_them(folder):
    (folder / "pytorch_model.bin").write_bytes(b"not even a pickle")
    assert load(folder).precision == "fp32"


def test_a_tokenizer_larger_than_the_embeddings(folder):
    tokenizer = load(folder).adapter.tokenizer
    tokenizer.add_tokens([f"<new{number}>" for number in range(20)])
    tokenizer.save_pretrained(folder)
    assert refusal(folder) == (
        f"@: the tokenizer has {len(tokenizer)} tokens, the language model 400 embeddings. "
        "They belong to different models: copy the folder again."
    )


def test_a_folder_without_the_tokenizer_of_its_q_former(folder):
    shutil.rmtree(folder / "qformer_tokenizer")
    with pytest.raises(ConfigError) as error:
        load(folder)
    assert str(error.value) == (
        f"{folder}: the Q-Former reads the question, but qformer_tokenizer/ is missing. Copy it again."
    )


def test_a_folder_without_image_processor(folder):
    (folder / "preprocessor_config.json").unlink()
    assert refusal(folder) == "@/preprocessor_config.json: this file is missing. Copy or download the folder again."


def test_an_image_processor_of_another_size_than_the_encoder_s(folder):
    edit(folder / "preprocessor_config.json", size={"height": 384, "width": 384})
    assert refusal(folder) == (
        "@: the image processor makes pictures of 384 pixels, the image encoder reads 28. "
        "They belong to different models: copy the folder again."
    )


def test_a_gpu_that_is_too_small_is_not_called_a_damaged_folder(folder, monkeypatch):
    def run_out(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("blip2_core.checkpoint.Blip2Model.from_pretrained", run_out)
    assert refusal(folder) == (
        "@: the GPU has too little memory, what was taken is free again. Use --precision int8 or --device cpu."
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"precision": "fp64"}, "precision: expected one of auto, fp32, bf16, fp16, int8, int4, got 'fp64'."),
        ({"device": "tpu"}, 'device: expected "auto", "cpu" or "cuda", got \'tpu\'.'),
    ],
)
def test_settings_that_do_not_exist(sound, options, said):
    with pytest.raises(SettingsError) as error:
        load(sound, **options)
    assert str(error.value) == said


def test_a_folder_may_be_given_as_text_or_path_and_is_remembered_as_text(sound):
    assert load(str(sound)).name == load(sound).name == str(sound)


def test_loading_changes_nothing_in_the_folder(folder):
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    load(folder)
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before


def test_saved_weights_may_be_half_the_size_and_still_load(sound, tmp_path):
    blip2 = load(sound)
    save(blip2, tmp_path / "half", dtype=torch.float16)
    half = load(tmp_path / "half")
    assert {tensor.dtype for tensor in load_file(tmp_path / "half" / "model.safetensors").values()} == {torch.float16}
    assert {parameter.dtype for parameter in half.model.parameters()} == {torch.float32}
    for name, tensor in half.model.state_dict().items():
        torch.testing.assert_close(tensor, blip2.model.state_dict()[name].half().float())


def test_the_template_that_a_folder_brings_wins_over_that_of_its_family(folder):
    blip2 = load(folder)
    values = {**blip2.template.__dict__, "question": "Q: {question} A:"}
    (folder / "chat_prompt.json").write_text(json.dumps(values))
    assert load(folder).prompt("Why?") == "Q: Why? A:"
