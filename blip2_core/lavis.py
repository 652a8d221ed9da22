"""Beside the road, LAVIS files: the authors' own `.pth` into a folder that `load` reads.

LAVIS saves what it trained, under its own names: the Q-Former, the queries and the projection, of a fine-tuned model
also the image encoder. The rest is in the public folder of the same model, which is the base: the new folder is a copy
of it with the file's weights in place of its own.

Differs from the public folders: LAVIS has no bias for keys, and heads of stage 1 that only the scoring model keeps.
"""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from .errors import CheckpointError, brief
from .model_folder import expect_weights, find_folder, only_scores, read_config, shard_files

_NAMES = (
    (r"^visual_encoder\.cls_token$", "vision_model.embeddings.class_embedding"),
    (r"^visual_encoder\.pos_embed$", "vision_model.embeddings.position_embedding"),
    (r"^visual_encoder\.patch_embed\.proj\.", "vision_model.embeddings.patch_embedding."),
    (r"^visual_encoder\.blocks\.(\d+)\.norm([12])\.", r"vision_model.encoder.layers.\1.layer_norm\2."),
    (r"^visual_encoder\.blocks\.(\d+)\.attn\.proj\.", r"vision_model.encoder.layers.\1.self_attn.projection."),
    (r"^visual_encoder\.blocks\.(\d+)\.attn\.", r"vision_model.encoder.layers.\1.self_attn."),
    (r"^visual_encoder\.blocks\.(\d+)\.mlp\.", r"vision_model.encoder.layers.\1.mlp."),
    (r"^ln_vision\.", "vision_model.post_layernorm."),
    (r"^Qformer\.bert\.embeddings\.LayerNorm\.", "qformer.embeddings.layernorm."),
    (r"^Qformer\.bert\.(.*attention)\.self\.", r"qformer.\1.attention."),
    (r"^Qformer\.bert\.", "qformer."),
    (r"^(opt|t5|llm)_proj\.", "language_projection."),
    (r"^(opt|t5|llm)_model\.", "language_model."),
    (r"^(vision|text)_proj\.", r"\1_projection."),
)
_NOWHERE = r"temp|Qformer\.cls\..*|.*position_ids"
_HEADS = r"(vision|text)_projection\..*|itm_head\..*"
_TEXT_BRANCH = (
    r"qformer\.embeddings\.(word|position)_embeddings\..*|qformer\.encoder\.layer\.\d+\.(intermediate|output)\..*"
)
_POSITIONS = "vision_model.embeddings.position_embedding"


@dataclass(frozen=True)
class LavisReport:
    """Where the weights of a converted folder come from.

    Args:
        taken: names of the weights that are the file's.
        kept: names of those that are the base's.
        unused: names in the file that the model has no place for: heads of stage 1, a text branch.
    """

    taken: tuple[str, ...]
    kept: tuple[str, ...]
    unused: tuple[str, ...]


def read_lavis(
    file: str | Path, *, reads_text: bool, scores: bool = False
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Read a LAVIS file.

    Args:
        file: the `.pth`.
        reads_text: whether the Q-Former of the model reads text.
        scores: whether the model is the one of stage 1, which scores texts.

    Returns:
        The weights under the names of the public folders, and the names in the file that have no place there.

    Raises:
        CheckpointError: the file is missing, damaged, no LAVIS file, or holds more than tensors.
    """
    state = _read(Path(file))
    weights: dict[str, Tensor] = {}
    unused = []
    for key, tensor in state.items():
        name = public_name(key)
        unread = (not reads_text and re.fullmatch(_TEXT_BRANCH, name)) or (not scores and re.fullmatch(_HEADS, name))
        if unread or re.fullmatch(_NOWHERE, key):
            unused.append(key)
        elif not key.endswith(("attn.q_bias", "attn.v_bias")):
            weights[_placed(name, reads_text=reads_text, scores=scores)] = tensor
    for key in state:
        if key.endswith("attn.q_bias"):
            query, value = state[key], state[key.replace("q_bias", "v_bias")]
            weights[public_name(key).replace("q_bias", "qkv.bias")] = torch.cat([query, value * 0, value])
    return weights, tuple(unused)


def public_name(key: str) -> str:
    """The name of a LAVIS weight in the public folders; the same where both agree."""
    for pattern, name in _NAMES:
        if re.match(pattern, key):
            return re.sub(pattern, name, key)
    return key


def _placed(name: str, *, reads_text: bool, scores: bool) -> str:
    """The name in the folder of its model: BLIP-2's Q-Former has its layer norm apart, a scorer's its words too."""
    if scores or not reads_text:
        name = name.replace("qformer.embeddings.layernorm.", "qformer.layernorm.")
    return name.removeprefix("qformer.") if name.startswith("qformer.embeddings.") and scores else name


def convert_lavis(file: str | Path, base: str | Path, out: str | Path) -> LavisReport:
    """Write a folder with the weights of a LAVIS file, and of its base where the file has none.

    Args:
        file: the `.pth`, such as "blip2_pretrained_opt2.7b.pth".
        base: a folder or hub id of the same model, such as "Salesforce/blip2-opt-2.7b".
        out: the folder to write; must not be there.

    Raises:
        CheckpointError: a file is missing or damaged, or the two are of different models.
    """
    out = Path(out)
    if out.exists():
        raise CheckpointError(f"{out}: expected a folder that is not there yet. Choose another name or remove it.")
    folder = find_folder(str(base), allow_pickle=False)
    config = read_config(folder)
    expect_weights(folder, allow_pickle=False)
    scores = only_scores(config)
    weights, unused = read_lavis(file, reads_text=scores or config.model_type != "blip-2", scores=scores)
    _expect_same_model(folder, weights, file=file)
    unfinished = out.with_name(f"{out.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        names = shutil.ignore_patterns("*.safetensors", "*.bin", "*.pth", ".*")
        shutil.copytree(folder, unfinished, ignore=names)
        kept = _merge(folder, unfinished, weights)
        if _POSITIONS in weights:
            _set_image_size(unfinished, weights[_POSITIONS], patch=config.vision_config.patch_size)
        unfinished.rename(out)
    except (OSError, SafetensorError, shutil.Error) as error:
        raise CheckpointError(
            f"{out}: the folder cannot be written ({brief(error)}). Make room or name another place; nothing was left."
        ) from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return LavisReport(tuple(sorted(weights)), tuple(sorted(kept)), unused)


def _read(file: Path) -> dict[str, Tensor]:
    try:
        content: Any = torch.load(file, weights_only=True, map_location="cpu")
    except FileNotFoundError:
        raise CheckpointError(f"{file}: there is no such file. Give the path of a LAVIS .pth.") from None
    except Exception as error:  # damaged in any way, or with more in it than tensors
        raise CheckpointError(
            f"{file}: expected a LAVIS file of tensors alone, this one is damaged or holds other things, which are "
            f"never run ({brief(error)}). Download it again."
        ) from None
    state = content.get("model", content) if isinstance(content, dict) else {}
    if not isinstance(state, dict) or "query_tokens" not in state:
        raise CheckpointError(f"{file}: expected a LAVIS file of BLIP-2, this one has no query_tokens.")
    return {key: tensor for key, tensor in state.items() if isinstance(tensor, Tensor)}


def _expect_same_model(folder: Path, weights: dict[str, Tensor], *, file: str | Path) -> None:
    """Raise unless every weight of the file has a place of its shape in `folder`; only headers are read."""
    shapes: dict[str, tuple[int, ...]] = {}
    for shard in shard_files(folder):
        with safe_open(shard, "pt") as names:
            shapes |= {name: tuple(names.get_slice(name).get_shape()) for name in names.keys()}
    for name in sorted(weights):
        has, needs = tuple(weights[name].shape), shapes.get(name)
        larger = name == _POSITIONS and needs is not None and has[-1] == needs[-1]
        if has != needs and not larger:
            place = "has no place for it" if needs is None else f"has {needs}"
            raise CheckpointError(f"{file}: {name} has shape {has}, {folder} {place}. Give the base of the same model.")


def _merge(folder: Path, out: Path, weights: dict[str, Tensor]) -> set[str]:
    """Write the shards of `folder` with `weights` in place of its own, one at a time; returns the names that stayed."""
    kept: set[str] = set()
    for shard in shard_files(folder):
        state = load_file(shard)
        for name in state.keys() & weights.keys():
            state[name] = weights[name].to(state[name].dtype).contiguous()
        kept |= state.keys() - weights.keys()
        save_file(state, out / shard.name, {"format": "pt"})
    return kept


def _set_image_size(folder: Path, positions: Tensor, *, patch: int) -> None:
    """Write the picture size that the position embeddings are for: fine-tuned models read larger pictures."""
    side = round((positions.shape[1] - 1) ** 0.5) * patch
    config, processor = folder / "config.json", folder / "preprocessor_config.json"
    values = json.loads(config.read_text())
    values["vision_config"]["image_size"] = side
    config.write_text(json.dumps(values, indent=2) + "\n")
    values = json.loads(processor.read_text())
    values["size"] = {"height": side, "width": side}
    processor.write_text(json.dumps(values, indent=2) + "\n")
