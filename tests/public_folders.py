"""Folders with the files of the public checkpoints, small random weights inside: see `public_layouts`."""

import json
import math
from pathlib import Path

import torch
from public_layouts import (
    BY_NAME,
    PUBLISHED,
    QUERIES,
    Published,
    Shape,
    config,
    scorer_config,
    scorer_shapes,
    shapes,
)
from public_tokenizers import write_qformer_tokenizer, write_tokenizer
from safetensors.torch import save_file
from torch import Tensor

__all__ = ["PUBLISHED", "draw", "draw_weights", "write_folder", "write_scorer_folder"]
_MEAN = [0.48145466, 0.4578275, 0.40821073]
_STD = [0.26862954, 0.26130258, 0.27577711]


def write_folder(
    checkpoint: Published, folder: Path, *, weights: dict[str, Tensor] | None = None, shards: int | None = None
) -> Path:
    """Write all files of a checkpoint.

    Args:
        checkpoint: which one.
        folder: made here.
        weights: those of `draw_weights` if None.
        shards: as many as published if None; 1 is a file without an index.
    """
    folder.mkdir(parents=True, exist_ok=True)
    values = config(checkpoint, shrunk=True)
    _write(folder / "config.json", values)
    weights = draw_weights(checkpoint) if weights is None else weights
    write_weights(folder, weights, shards=checkpoint.shards if shards is None else shards)
    _write_processor(checkpoint, folder)
    write_tokenizer(checkpoint, folder)
    if checkpoint.instruct:
        write_qformer_tokenizer(folder / "qformer_tokenizer")
    text = values["text_config"]
    ids = {name: text[name] for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    _write(folder / "generation_config.json", {"_from_model_config": True, **ids, "transformers_version": "4.47.0"})
    return folder


def write_scorer_folder(folder: Path, *, weights: dict[str, Tensor] | None = None) -> Path:
    """Write all files of blip2-itm-vit-g: its tokenizer is BERT's, its processor BLIP-2's."""
    write_qformer_tokenizer(folder)
    values = scorer_config(shrunk=True)
    _write(folder / "config.json", values)
    write_weights(folder, draw(scorer_shapes(values)) if weights is None else weights, shards=1)
    _write_processor(BY_NAME["blip2-opt-2.7b"], folder)
    return folder


def draw_weights(checkpoint: Published, seed: int = 0) -> dict[str, Tensor]:
    """Random weights of a checkpoint, see `draw`."""
    weights = draw(shapes(config(checkpoint, shrunk=True)), seed)
    head = "language_model.lm_head.weight"
    if head in weights and checkpoint.kind == "opt":
        weights[head] = weights["language_model.model.decoder.embed_tokens.weight"].clone()
    return weights


def draw(wanted: dict[str, Shape], seed: int = 0) -> dict[str, Tensor]:
    """Random weights, fp32 as published: matrices keep the size of what they multiply, norms are around one."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, shape in wanted.items():
        noise = torch.randn(shape, generator=generator)
        if "norm" in name.lower() and name.endswith("weight"):
            weights[name] = 1 + 0.2 * noise
        elif len(shape) == 1:
            weights[name] = 0.1 * noise
        else:
            weights[name] = noise * (0.5 if "embed" in name or "shared" in name else math.prod(shape[1:]) ** -0.5)
    weights["query_tokens"] /= 2
    return weights


def write_weights(folder: Path, weights: dict[str, Tensor], *, shards: int) -> None:
    """Write safetensors: one file, or shards and their index."""
    if shards == 1:
        save_file(weights, folder / "model.safetensors", {"format": "pt"})
        return
    names, places = list(weights), {}
    for number in range(shards):
        file = f"model-{number + 1:05d}-of-{shards:05d}.safetensors"
        kept = names[number::shards]
        save_file({name: weights[name] for name in kept}, folder / file, {"format": "pt"})
        places |= dict.fromkeys(kept, file)
    total = sum(tensor.numel() * tensor.element_size() for tensor in weights.values())
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(places.items()))}
    _write(folder / "model.safetensors.index.json", index)


def _write_processor(checkpoint: Published, folder: Path) -> None:
    kind = "InstructBlipProcessor" if checkpoint.instruct else "Blip2Processor"
    values = {
        "do_convert_rgb": True, "do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": _MEAN,
        "image_processor_type": "BlipImageProcessor", "image_std": _STD, "processor_class": kind, "resample": 3,
        "rescale_factor": 0.00392156862745098,
        "size": {"height": checkpoint.image_size, "width": checkpoint.image_size},
    }  # fmt: skip
    _write(folder / "preprocessor_config.json", values)
    if not checkpoint.older:
        _write(folder / "processor_config.json", {"num_query_tokens": QUERIES, "processor_class": kind})


def _write(file: Path, content: dict) -> None:
    file.write_text(json.dumps(content, indent=2), encoding="utf-8")
