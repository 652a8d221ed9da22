"""Names and folders that are no model: one clear sentence each, before any weight is read."""

import shutil

import families
import pytest
from families import edit, refusal

from blip2_core.checkpoint import load
from blip2_core.errors import CheckpointError

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
    assert said.startswith("@/config.json: this config does not fit together: ")  # in words of transformers' version
    assert "no-such-language-model" in said and len(said) < 500


def test_a_folder_without_tokenizer(folder):
    for file in folder.glob("tokenizer*"):
        file.unlink()
    assert refusal(folder) == "@: the tokenizer is missing. Copy or download the folder again."


def test_a_damaged_tokenizer(folder):
    (folder / "tokenizer.json").write_text("{")
    said = refusal(folder)
    assert said.startswith("@: the tokenizer cannot be read (")
    assert said.endswith("). Copy or download the folder again.")
