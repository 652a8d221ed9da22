"""The authors' own files: their names, what they lack, and the folders made of them."""

import pytest
import torch
from families import picture, refusal
from public_folders import draw, draw_weights, write_folder, write_scorer_folder
from public_layouts import BY_NAME, scorer_config, scorer_shapes
from safetensors.torch import load_file

from blip2_core.answer import AnswerSettings
from blip2_core.checkpoint import load
from blip2_core.errors import CheckpointError
from blip2_core.lavis import convert_lavis, public_name
from blip2_core.scorer import load_scorer

SIX = AnswerSettings(max_new_tokens=6, min_new_tokens=6)
RENAMED = {
    "query_tokens": "query_tokens",
    "visual_encoder.cls_token": "vision_model.embeddings.class_embedding",
    "visual_encoder.pos_embed": "vision_model.embeddings.position_embedding",
    "visual_encoder.patch_embed.proj.weight": "vision_model.embeddings.patch_embedding.weight",
    "visual_encoder.blocks.38.norm1.weight": "vision_model.encoder.layers.38.layer_norm1.weight",
    "visual_encoder.blocks.0.norm2.bias": "vision_model.encoder.layers.0.layer_norm2.bias",
    "visual_encoder.blocks.10.attn.qkv.weight": "vision_model.encoder.layers.10.self_attn.qkv.weight",
    "visual_encoder.blocks.10.attn.proj.bias": "vision_model.encoder.layers.10.self_attn.projection.bias",
    "visual_encoder.blocks.3.mlp.fc2.weight": "vision_model.encoder.layers.3.mlp.fc2.weight",
    "ln_vision.weight": "vision_model.post_layernorm.weight",
    "Qformer.bert.embeddings.LayerNorm.bias": "qformer.embeddings.layernorm.bias",
    "Qformer.bert.embeddings.word_embeddings.weight": "qformer.embeddings.word_embeddings.weight",
    "Qformer.bert.encoder.layer.2.attention.self.query.weight": (
        "qformer.encoder.layer.2.attention.attention.query.weight"
    ),
    "Qformer.bert.encoder.layer.2.crossattention.self.key.bias": (
        "qformer.encoder.layer.2.crossattention.attention.key.bias"
    ),
    "Qformer.bert.encoder.layer.2.crossattention.output.dense.bias": (
        "qformer.encoder.layer.2.crossattention.output.dense.bias"
    ),
    "Qformer.bert.encoder.layer.2.attention.output.LayerNorm.weight": (
        "qformer.encoder.layer.2.attention.output.LayerNorm.weight"
    ),
    "Qformer.bert.encoder.layer.11.intermediate_query.dense.weight": (
        "qformer.encoder.layer.11.intermediate_query.dense.weight"
    ),
    "opt_proj.weight": "language_projection.weight",
    "t5_proj.bias": "language_projection.bias",
    "llm_proj.weight": "language_projection.weight",
    "opt_model.model.decoder.embed_tokens.weight": "language_model.model.decoder.embed_tokens.weight",
    "t5_model.shared.weight": "language_model.shared.weight",
    "llm_model.model.norm.weight": "language_model.model.norm.weight",
}  # fmt: skip


@pytest.mark.parametrize(("name", "public"), RENAMED.items(), ids=RENAMED)
def test_a_weight_gets_the_name_that_it_has_in_the_public_folders(name, public):
    assert public_name(name) == public


def lavis_file(name: str, file, *, with_vision: bool) -> dict[str, torch.Tensor]:
    """Write what LAVIS would have saved of a model; returns the model's weights under the public names."""
    projection = {"opt": "opt_proj", "t5": "t5_proj", "llama": "llm_proj"}[BY_NAME[name].kind]
    trained, state = {}, {}
    for key, tensor in draw_weights(BY_NAME[name], seed=1).items():
        vision = key.startswith("vision_model.") and "post_layernorm" not in key
        if key.startswith("language_model.") or (vision and not with_vision):
            continue
        trained[key] = tensor = tensor.half() if vision else tensor
        if key.endswith("qkv.bias"):
            width = len(tensor) // 3
            tensor[width : 2 * width] = 0  # LAVIS has no bias for keys
            start = _lavis_name(key, projection).removesuffix("qkv.bias")
            state |= {f"{start}q_bias": tensor[:width].clone(), f"{start}v_bias": tensor[2 * width :].clone()}
        else:
            state[_lavis_name(key, projection)] = tensor
    heads = {
        "temp": torch.tensor(0.07),
        "itm_head.weight": torch.ones(2, 24),
        "Qformer.cls.predictions.bias": torch.ones(9),
    }
    heads["Qformer.bert.embeddings.position_ids"] = torch.arange(512)[None]
    torch.save({"model": state | heads, "epoch": 4, "config": {"run": {"lr_sched": "cosine"}}}, file)
    return trained


def _lavis_name(key: str, projection: str) -> str:
    for public, name in {
        "vision_model.embeddings.class_embedding": "visual_encoder.cls_token",
        "vision_model.embeddings.position_embedding": "visual_encoder.pos_embed",
        "vision_model.embeddings.patch_embedding": "visual_encoder.patch_embed.proj",
        "vision_model.encoder.layers": "visual_encoder.blocks", "self_attn.projection": "attn.proj",
        "self_attn": "attn", "layer_norm": "norm", "vision_model.post_layernorm": "ln_vision",
        "qformer.layernorm": "Qformer.bert.embeddings.LayerNorm",
        "qformer.embeddings.layernorm": "Qformer.bert.embeddings.LayerNorm", "qformer": "Qformer.bert",
        "attention.attention": "attention.self", "language_projection": projection,
    }.items():  # fmt: skip
        key = key.replace(public, name)
    return key


@pytest.mark.parametrize("name", ["blip2-opt-2.7b", "instructblip-flan-t5-xl", "instructblip-vicuna-7b"])
def test_a_file_of_a_model_goes_in_place_of_its_base_s_weights(name, tmp_path):
    base = write_folder(BY_NAME[name], tmp_path / "base")
    trained = lavis_file(name, tmp_path / "lavis.pth", with_vision=False)
    report = convert_lavis(tmp_path / "lavis.pth", base, tmp_path / "new")
    new, state = load(tmp_path / "new"), draw_weights(BY_NAME[name]) | trained
    loaded = new.model.state_dict()
    assert all(torch.equal(loaded[key], tensor.float()) for key, tensor in state.items())
    assert set(report.taken) == set(trained)
    assert set(report.kept) == set(state) - set(trained)
    assert len(report.unused) == 4
    assert new.ask(picture(), "What?", SIX) != load(base).ask(picture(), "What?", SIX)


def test_a_fine_tuned_image_encoder_brings_its_picture_size(tmp_path):
    base = write_folder(BY_NAME["blip2-opt-2.7b"], tmp_path / "base")
    trained = lavis_file("blip2-opt-2.7b-coco", tmp_path / "caption_coco.pth", with_vision=True)
    convert_lavis(tmp_path / "caption_coco.pth", base, tmp_path / "new")
    new = load(tmp_path / "new")
    assert new.image_processor.image_size == new.model.config.vision_config.image_size == 364
    loaded = new.model.state_dict()
    assert all(torch.equal(loaded[key], tensor.float()) for key, tensor in trained.items())


def test_a_text_branch_has_no_place_in_a_blip_2_and_is_reported(tmp_path):
    base = write_folder(BY_NAME["blip2-flan-t5-xl"], tmp_path / "base")
    lavis_file("instructblip-flan-t5-xl", tmp_path / "lavis.pth", with_vision=False)
    report = convert_lavis(tmp_path / "lavis.pth", base, tmp_path / "new")
    assert "Qformer.bert.embeddings.word_embeddings.weight" in report.unused
    assert "Qformer.bert.encoder.layer.0.intermediate.dense.weight" in report.unused
    assert not any("layernorm" in name or "_query" in name for name in report.unused)
    assert load(tmp_path / "new").ask(picture(), "What?", SIX)


def test_a_stage_1_file_becomes_a_folder_that_scores(tmp_path):
    """LAVIS's blip2_pretrained.pth: its heads and text branch have a place in the scoring model."""
    base, shapes = write_scorer_folder(tmp_path / "base"), scorer_shapes(scorer_config(shrunk=True))
    trained = {name: tensor for name, tensor in draw(shapes, seed=1).items() if not name.startswith("vision_model.")}
    state = {}
    for name, tensor in trained.items():
        name = name.replace("_projection.", "_proj.")
        name = "Qformer.bert." + name if name.startswith("embeddings.") else _lavis_name(name, "none")
        state[name] = tensor
    state |= {"temp": torch.tensor(0.07), "Qformer.cls.predictions.bias": torch.ones(9)}
    torch.save({"model": state}, tmp_path / "pretrained.pth")
    report = convert_lavis(tmp_path / "pretrained.pth", base, tmp_path / "new")
    assert report.unused == ("temp", "Qformer.cls.predictions.bias") and set(report.taken) == set(trained)
    written = load_file(tmp_path / "new" / "model.safetensors")
    assert all(torch.equal(written[name], tensor) for name, tensor in trained.items())
    assert load_scorer(tmp_path / "new").similarity(picture(), ["a cat"]) != load_scorer(base).similarity(
        picture(), ["a cat"]
    )


def refused(*arguments) -> str:
    with pytest.raises(CheckpointError) as error:
        convert_lavis(*arguments)
    return str(error.value)


def test_a_base_of_another_model_is_refused_and_nothing_is_left(tmp_path):
    opt = write_folder(BY_NAME["blip2-opt-2.7b"], tmp_path / "opt")
    vicuna = write_folder(BY_NAME["instructblip-vicuna-13b"], tmp_path / "vicuna")
    file = tmp_path / "lavis.pth"
    lavis_file("instructblip-vicuna-7b", file, with_vision=False)
    said = refused(file, vicuna, tmp_path / "new")
    assert said == (
        f"{file}: language_projection.bias has shape (64,), {vicuna} has (80,). Give the base of the same model."
    )
    lavis_file("blip2-opt-2.7b", file, with_vision=False)
    torch.save({"model": torch.load(file)["model"] | {"opt_model.extra": torch.ones(1)}}, file)
    assert refused(file, opt, tmp_path / "new") == (
        f"{file}: language_model.extra has shape (1,), {opt} has no place for it. Give the base of the same model."
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lavis.pth", "opt", "vicuna"]


def test_files_that_are_no_lavis_file(tmp_path):
    base, file = write_folder(BY_NAME["blip2-flan-t5-xl"], tmp_path / "base"), tmp_path / "lavis.pth"
    assert refused(file, base, tmp_path / "new") == f"{file}: there is no such file. Give the path of a LAVIS .pth."
    file.write_bytes(b"not a pickle")
    assert refused(file, base, tmp_path / "new").startswith(f"{file}: expected a LAVIS file of tensors alone")
    torch.save({"model": {"weight": torch.ones(1)}}, file)
    assert refused(file, base, tmp_path / "new") == (
        f"{file}: expected a LAVIS file of BLIP-2, this one has no query_tokens."
    )
    assert refused(file, base, base) == (
        f"{base}: expected a folder that is not there yet. Choose another name or remove it."
    )
    assert refusal(file).startswith("@: a LAVIS file has only the weights that were trained. Make a folder of it")


def test_a_lavis_file_that_would_run_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    base = write_folder(BY_NAME["blip2-flan-t5-xl"], tmp_path / "base")
    torch.save({"model": {"query_tokens": Evil()}}, tmp_path / "lavis.pth")
    assert "which are never run" in refused(tmp_path / "lavis.pth", base, tmp_path / "new")
    assert not (tmp_path / "ran").exists()
