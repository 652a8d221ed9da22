"""A folder laid out as a public checkpoint, with random weights: what can be measured where nothing can be downloaded.

Large language models have a few *outlier features*, some forty times as large as all others; LLM.int8 treats them
apart, and without them an 8-bit model would be measured on an easy case. They are planted here: two features leave
every layer norm of the language model forty times as large, and the layers behind it weigh them less, so that scores
stay ordinary.

Paper: LLM.int8 (arXiv 2208.07339), section 4.
"""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from ..image import ImageProcessor
from ..model import Blip2Model
from .public import config_values, public_config

OUTLIERS, OUTLIER_SIZE = (3, 17), 40.0  # which features, and how many times as large
SHARD_BYTES = 1_000_000_000
WRITERS = 8  # shards that are drawn and written at a time; each is in memory until it is written
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
NEWLINE, NEWLINE_ID = "Ċ", 50118  # a byte-level tokenizer writes "\n" like that; it ends a BLIP-2 OPT's answer


def write_random_folder(name: str, folder: Path, *, small: bool, device: torch.device) -> int:
    """Write config, processor, tokenizers and fp32 weights, as published; returns the bytes of the weights.

    Args:
        name: a hub id.
        folder: made here.
        small: shrunk in width and depth.
        device: where the random numbers are drawn; a GPU takes seconds.
    """
    folder.mkdir(parents=True)
    values = config_values(name, small=small)
    (folder / "config.json").write_text(json.dumps(values, indent=2))
    ImageProcessor(values["vision_config"]["image_size"], CLIP_MEAN, CLIP_STD).save(folder)
    _write_tokenizers(values, folder)
    with torch.device("meta"):
        skeleton = Blip2Model(public_config(name, small=small))
    return _write_shards(folder, skeleton, device)


def _scaled(name: str, noise: Tensor, depth: int) -> Tensor:
    """Matrices keep the size of what they multiply, norms are around one, and the language model has its outliers."""
    outliers = name.startswith("language_model.")
    if "norm" in name.lower() and name.endswith("weight"):
        weight = 1 + 0.1 * noise
        if outliers:
            weight[list(OUTLIERS)] *= OUTLIER_SIZE
        return weight
    if noise.dim() == 1:
        return 0.02 * noise
    if "embed" in name or "query_tokens" in name or "shared" in name:
        return 0.5 * noise
    weight = noise * noise[0].numel() ** -0.5
    if name.endswith(("out_proj.weight", "o_proj.weight", "fc2.weight", "down_proj.weight", ".o.weight", "wo.weight")):
        return weight * depth**-0.5  # what a layer adds to the residual stream
    if outliers:  # reads from a layer norm
        weight[:, list(OUTLIERS)] *= OUTLIER_SIZE**-0.5
    return weight


def _write_shards(folder: Path, skeleton: Blip2Model, device: torch.device) -> int:
    """Write safetensors of about `SHARD_BYTES` and their index, several at a time; returns the bytes of the weights."""
    config: Any = skeleton.config
    depth, shards = 2 * config.text_config.num_hidden_layers, _shards(skeleton)
    files = [f"model-{number:05d}.safetensors" for number in range(1, len(shards) + 1)]

    def write(seed: int) -> None:
        _write_shard(folder / files[seed], shards[seed], seed=seed, depth=depth, device=device)

    with ThreadPoolExecutor(WRITERS) as writers:
        list(writers.map(write, range(len(shards))))  # raises what a writer raised
    written = sum(4 * shape.numel() for shard in shards for shape in shard.values())
    places = {name: file for file, shard in zip(files, shards, strict=True) for name in shard}
    index = {"metadata": {"total_size": written}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return written


def _shards(skeleton: Blip2Model) -> list[dict[str, torch.Size]]:
    """The names and shapes of each file; every weight once, tied ones under their first name."""
    shards: list[dict[str, torch.Size]] = []
    room = 0
    for name, parameter in skeleton.named_parameters():
        count = 4 * parameter.numel()
        if not shards or count > room:
            shards.append({})
            room = SHARD_BYTES
        shards[-1][name] = parameter.shape
        room -= count
    return shards


def _write_shard(file: Path, shapes: Mapping[str, torch.Size], *, seed: int, depth: int, device: torch.device) -> None:
    generator = torch.Generator(device).manual_seed(seed)
    weights: dict[str, Tensor] = {}
    for name, shape in shapes.items():
        noise = torch.randn(shape, generator=generator, device=device)
        weights[name] = _scaled(name, noise, depth).cpu()
    save_file(weights, file, {"format": "pt"})


def _write_tokenizers(values: dict[str, Any], folder: Path) -> None:
    """Tokenizers of single bytes, with the special ids and the sizes of the published ones."""
    kind, image = values["text_config"]["model_type"], values["image_token_index"]
    if kind == "opt":
        special = {"<pad>": 1, "</s>": 2, "<image>": image}
        _write_tokenizer(folder, special, image, start=["</s>"], fixed={NEWLINE: NEWLINE_ID}, eos="</s>", pad="<pad>")
    elif kind == "llama":
        special = {"<unk>": 0, "<s>": 1, "</s>": 2, "[PAD]": 32000, "<image>": image}
        _write_tokenizer(folder, special, image, start=["</s>"], eos="</s>", pad="[PAD]")
    else:
        special = {"<pad>": 0, "</s>": 1, "<unk>": 2, "<image>": image}
        _write_tokenizer(folder, special, image, end=["</s>"], eos="</s>", pad="<pad>")
    if values["model_type"] == "instructblip":
        special = {"[PAD]": 0, "[CLS]": 101, "[SEP]": 102, "[DEC]": 30522}
        place = folder / "qformer_tokenizer"
        _write_tokenizer(place, special, 30522, start=["[CLS]"], end=["[SEP]"], eos="[SEP]", pad="[PAD]")


def _write_tokenizer(
    folder: Path,
    special: dict[str, int],
    last: int,
    *,
    start: list[str] | None = None,
    end: list[str] | None = None,
    fixed: dict[str, int] | None = None,
    eos: str,
    pad: str,
) -> None:
    """A byte-level tokenizer that fills every id up to `last`."""
    words = {**special, **(fixed or {})}
    letters = [letter for letter in sorted(pre_tokenizers.ByteLevel.alphabet()) if letter not in words]
    free = (number for number in range(last + 1) if number not in set(words.values()))
    words |= dict(zip(letters, free, strict=False))
    words |= {f"filler{number}": number for number in free}
    tokenizer = Tokenizer(models.BPE(vocab=words, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    around = [*(start or []), "$A", *(end or [])]
    used = [(token, special[token]) for token in around if token != "$A"]
    tokenizer.post_processor = processors.TemplateProcessing(single=" ".join(around), special_tokens=used)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=eos,
        bos_token=(start or [eos])[0],
        pad_token=pad,
        additional_special_tokens=[token for token in special if token not in (eos, pad)],
    )
    fast.save_pretrained(folder)
