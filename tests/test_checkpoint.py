"""Folders that cannot be loaded: one clear sentence each; and what saving writes."""

import json
import shutil

import families
import pytest
import torch
from families import picture
from safetensors.torch import load_file, save_file

from blip2_core.answer import AnswerSettings
from blip2_core.checkpoint import load, save
from blip2_core.errors import CheckpointError, ConfigError, SettingsError

SHORT = AnswerSettings(max_new_tokens=6)
DAMAGED_PICKLE = (
    "@: expected a pickle of tensors alone; this one is damaged or holds other things, which are never run. "
    "Use safetensors."
)
INDEX = "model.safetensors.index.json"


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A folder that loads, in one file."""
    return families.save_as_older("instructblip-llama", tmp_path_factory.mktemp("sound"))


@pytest.fixture(scope="module")
def sound_shards(tmp_path_factory):
    """The same in shards."""
    return families.save_as_older("instructblip-llama", tmp_path_factory.mktemp("shards"), shard_size="60KB")


@pytest.fixture
def folder(sound, tmp_path):
    """A copy of `sound` to break."""
    return shutil.copytree(sound, tmp_path / "model")


def refusal(folder, **options) -> str:
    """The sentence with which `load` refuses a folder, the folder's own path shortened to @."""
    with pytest.raises(CheckpointError) as error:
        load(folder, **options)
    assert "\n" not in str(error.value)
    return str(error.value).replace(str(folder), "@")


def edit(file, **values):
    """Set fields of a JSON file, "a.b" inside "a"; None removes one."""
    content = json.loads(file.read_text())
    for name, value in values.items():
        *path, last = name.split("__")
        place = content
        for step in path:
            place = place[step]
        place.pop(last, None)
        if value is not None:
            place[last] = value
    file.write_text(json.dumps(content))


@pytest.mark.parametrize("name", ["no-such-model", "/no/such/folder", "./no-such-folder", "a/b/c", "a\0b"])
def test_an_unknown_name_says_what_names_there_are(name):
    assert refusal(name).replace("@", name) == (
        f"{name}: expected a built-in model (pocket), a folder, or a hub id like Salesforce/blip2-opt-2.7b; "
        "there is no such folder. See: python -m blip2_core models"
    )


def test_an_empty_name_is_not_the_current_folder():
    with pytest.raises(CheckpointError) as error:
        load("")
    assert str(error.value).startswith(": expected a built-in model (pocket), a folder, or a hub id")


def test_a_name_that_is_too_long_for_the_disk_is_shortened():
    assert refusal("x" * 5000).startswith("x" * 200 + ": expected a built-in model")


def test_a_hub_id_without_a_network_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert refusal("Salesforce/blip2-nowhere").replace("@", "Salesforce/blip2-nowhere") == (
        "Salesforce/blip2-nowhere: not on disk, and the hub cannot be reached. "
        "Download it when online: hf download Salesforce/blip2-nowhere"
    )


def test_a_file_in_place_of_a_folder_is_no_folder(tmp_path):
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"x")
    assert refusal(file).startswith("@: expected a built-in model (pocket), a folder, or a hub id")


def test_an_empty_folder_is_no_model(tmp_path):
    assert refusal(tmp_path) == "@: expected a model folder, config.json is missing."


def test_a_folder_without_weights(folder):
    (folder / "model.safetensors").unlink()
    assert refusal(folder) == "@: 1 file missing: model.safetensors. Copy or download the folder again."


def test_a_missing_shard_is_named(sound_shards, tmp_path):
    folder = shutil.copytree(sound_shards, tmp_path / "model")
    shards = sorted(file.name for file in folder.glob("model-*.safetensors"))
    (folder / shards[1]).unlink()
    assert refusal(folder) == f"@: 1 file missing: {shards[1]}. Copy or download the folder again."
    (folder / shards[0]).unlink()
    assert refusal(folder) == f"@: 2 files missing: {shards[0]}, {shards[1]}. Copy or download the folder again."


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"weight_map": []}', '{"weight_map": {"a": 1}}'])
def test_a_damaged_index_of_shards(sound_shards, tmp_path, content):
    folder = shutil.copytree(sound_shards, tmp_path / "model")
    (folder / INDEX).write_text(content)
    assert refusal(folder) == f"@/{INDEX}: expected an index of shards. Copy or download the folder again."


@pytest.mark.parametrize("kept", [0, 5, 1000, -100])
def test_a_truncated_safetensors_file(folder, kept):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:kept])
    said = refusal(folder)
    assert said.startswith("@/model.safetensors: expected a safetensors file, this one is cut off or damaged (")
    assert said.endswith("). Copy or download it again.")


def test_a_file_that_is_no_safetensors(folder):
    (folder / "model.safetensors").write_text("<html>404</html>" * 100)
    assert refusal(folder).startswith(
        "@/model.safetensors: expected a safetensors file, this one is cut off or damaged"
    )


@pytest.mark.parametrize("content", ["", "{", '{"model_type": ', "\x00\x01"])
def test_a_damaged_config(folder, content):
    (folder / "config.json").write_text(content)
    said = refusal(folder)
    assert said.startswith("@/config.json: expected JSON, got ")
    assert said.endswith(". Copy or download the folder again.")


def test_a_config_that_is_no_text(folder):
    (folder / "config.json").write_bytes(b"\xff\xfe\x00")
    assert refusal(folder).startswith("@/config.json: expected JSON, got ")


@pytest.mark.parametrize(("model_type", "shown"), [("llava", "'llava'"), (None, "None"), (7, "7"), ([], "[]")])
def test_another_architecture(folder, model_type, shown):
    edit(folder / "config.json", model_type=model_type)
    assert refusal(folder) == (
        f"@/config.json: expected model_type blip-2, instructblip, hybrid_blip2, got {shown}. "
        "This is another architecture."
    )


@pytest.mark.parametrize("content", ["[]", "7", '"blip-2"', "null"])
def test_a_config_that_is_no_object(folder, content):
    (folder / "config.json").write_text(content)
    assert refusal(folder).endswith("got None. This is another architecture.")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        (
            "num_query_tokens",
            "many",
            "Validation error for field 'num_query_tokens': TypeError: Field 'num_query_tokens' expected int, got str "
            "(value: 'many')",
        ),
        (
            "vision_config__num_attention_heads",
            5,
            "embed_dim must be divisible by num_heads (got `embed_dim`: 24 and `num_heads`: 5)",
        ),
        ("text_config__hidden_act", "no-such-function", "'no-such-function'"),
        ("vision_config__patch_size", 0, "integer division or modulo by zero"),
    ],
)
def test_a_config_that_describes_no_model_says_why(folder, field, value, said):
    edit(folder / "config.json", **{field: value})
    assert refusal(folder) == f"@/config.json: this config does not fit together: {said}."


def test_a_language_model_that_nobody_knows(folder):
    edit(folder / "config.json", text_config__model_type="no-such-language-model")
    said = refusal(folder)
    assert said.startswith("@/config.json: this config does not fit together: Unrecognized model type for subconfig: ")
    assert len(said) < 500


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


def test_a_folder_without_tokenizer(folder):
    for file in folder.glob("tokenizer*"):
        file.unlink()
    assert refusal(folder) == "@: the tokenizer is missing. Copy or download the folder again."


def test_a_damaged_tokenizer(folder):
    (folder / "tokenizer.json").write_text("{")
    said = refusal(folder)
    assert said.startswith("@: the tokenizer cannot be read (")
    assert said.endswith("). Copy or download the folder again.")


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
    assert refusal(folder) == "@: the GPU has too little memory. Use --precision int8 or --device cpu."


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"precision": "fp64"}, "precision: expected one of auto, fp32, bf16, fp16, int8, got 'fp64'."),
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
