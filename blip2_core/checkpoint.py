"""Folders in the Hugging Face layout: loading, every check on the weights, and saving.

A model is named by a built-in name, a folder or a hub id. Frozen parts may live elsewhere: the config then says where
each comes from, and its sha256.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel
from transformers.utils import logging

from .builtin.frozen_parts import FrozenPart, Progress, ensure_language_model, ensure_trunk
from .config import HybridBlip2Config
from .errors import Blip2Error, CheckpointError, SettingsError
from .image import ImageProcessor
from .language import make_adapter, template_for
from .model import Blip2, Blip2Model
from .model_folder import brief, expect_weights, find_folder, read_config, read_tokenizer, shard_files
from .quantize import int8_config, language_dtype, pick_device, pick_precision

SHARD_SIZE = "9MB"  # a Space wants Git LFS for files of 10 MB and more
LANGUAGE_PART, TRUNK_PART = "language_model", "vision_model.trunk"
HF_CLASSES = {"blip-2": "Blip2ForConditionalGeneration", "instructblip": "InstructBlipForConditionalGeneration"}


def load(
    name: str | Path = "pocket",
    *,
    precision: str = "auto",
    device: str = "auto",
    progress: Progress | None = None,
    allow_pickle: bool = False,
) -> Blip2:
    """Load a model that answers questions about pictures.

    Args:
        name: a built-in name, a folder, or a hub id such as "Salesforce/blip2-opt-2.7b".
        precision: "auto", "fp32", "bf16", "fp16" or "int8".
        device: "auto", "cpu" or "cuda".
        progress: told (done bytes, total bytes, what) while frozen parts are fetched.
        allow_pickle: also read `.bin` weights, which can only be trusted from people you trust.

    Raises:
        CheckpointError: there is no such model, or its folder does not fit together.
        FrozenPartError: a frozen part cannot be fetched.
        SettingsError: a precision or device that cannot be had here.
    """
    folder = find_folder(str(name), allow_pickle=allow_pickle)
    config = read_config(folder)
    place = pick_device(device)
    chosen = pick_precision(precision, device=place, model_type=config.text_config.model_type)
    expect_weights(folder, allow_pickle=allow_pickle and not isinstance(config, HybridBlip2Config))
    if isinstance(config, HybridBlip2Config) and config.frozen_parts:
        model, text_folder = _load_hybrid(folder, config, precision=chosen, device=place, progress=progress)
    else:
        model, text_folder = _load_whole(folder, config, precision=chosen, device=place), folder
    return assemble(model, folder, text_folder=text_folder, name=str(name), precision=chosen)


def assemble(model: Blip2Model, folder: Path, *, text_folder: Path, name: str, precision: str) -> Blip2:
    """Put a model together with the tokenizers, the picture processing and the template of its folder.

    Args:
        model: the weights.
        folder: where the other files are.
        text_folder: where the language model's tokenizer is.
        name: what the person asked for.
        precision: the precision of the weights.
    """
    tokenizer = read_tokenizer(text_folder)
    qformer_folder = folder / "qformer_tokenizer"
    qformer_tokenizer = read_tokenizer(qformer_folder, truncation_side="left") if qformer_folder.is_dir() else None
    embeddings: Any = model.get_input_embeddings()
    rows = embeddings.weight.shape[0]
    if len(tokenizer) > rows:
        raise CheckpointError(
            f"{text_folder}: the tokenizer has {len(tokenizer)} tokens, the language model {rows} embeddings. "
            "They belong to different models: copy the folder again."
        )
    adapter = make_adapter(model.language_model, tokenizer, template_for(model.config, folder))
    processor, size = ImageProcessor.from_folder(folder), model.config.vision_config.image_size
    if processor.image_size != size:
        raise CheckpointError(
            f"{folder}: the image processor makes pictures of {processor.image_size} pixels, the image encoder reads "
            f"{size}. They belong to different models: copy the folder again."
        )
    return Blip2(model, adapter, processor, qformer_tokenizer, name, precision)


def save(blip2: Blip2, folder: str | Path, *, dtype: torch.dtype = torch.float32, with_frozen_parts: bool = False):
    """Write a folder that `load` reads, in shards of less than 10 MB, and `transformers` too where it has the parts.

    Args:
        blip2: the model.
        folder: made if it is not there.
        dtype: of the weights on disk; fp16 halves them.
        with_frozen_parts: also write the frozen parts that the config names, so that the folder needs nothing else.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    model, config = blip2.model, blip2.model.config
    outside = () if with_frozen_parts else tuple(f"{part}." for part in _frozen_parts(config))
    state = {
        key: tensor.to(dtype) if tensor.is_floating_point() else tensor
        for key, tensor in model.state_dict().items()
        if not (outside and key.startswith(outside))
    }
    model.save_pretrained(folder, state_dict=state, max_shard_size=SHARD_SIZE)
    _finish_config(folder, config, drop_frozen_parts=with_frozen_parts)
    blip2.image_processor.save(folder)
    blip2.template.save(folder)
    if blip2.qformer_tokenizer is not None:
        blip2.qformer_tokenizer.save_pretrained(folder / "qformer_tokenizer")
    if not any(part == f"{LANGUAGE_PART}." for part in outside):
        blip2.adapter.tokenizer.save_pretrained(folder)


def _finish_config(folder: Path, config: PreTrainedConfig, *, drop_frozen_parts: bool) -> None:
    """Name the class that `transformers` opens the folder with; forget frozen parts that are in the folder now."""
    file = folder / "config.json"
    values = json.loads(file.read_text())
    if config.model_type in HF_CLASSES:
        values["architectures"] = [HF_CLASSES[config.model_type]]
    if drop_frozen_parts:
        values.pop("frozen_parts", None)
    file.write_text(json.dumps(values, indent=2) + "\n")


def _frozen_parts(config: PreTrainedConfig) -> dict[str, FrozenPart]:
    named = getattr(config, "frozen_parts", None) or {}
    return {name: FrozenPart.from_dict(name, values) for name, values in named.items()}


def _load_whole(folder: Path, config: PreTrainedConfig, *, precision: str, device: torch.device) -> Blip2Model:
    """A folder that has all its weights."""
    with torch.device("meta"):
        skeleton = _build(folder, config)
    dtype = language_dtype(precision, device=device, model_type=config.text_config.model_type)
    options: dict[str, Any] = {"dtype": dtype, "device_map": {"": device}}
    if precision == "int8":
        options["quantization_config"] = int8_config(
            skeleton.language_model, also_skip=("vision_model", "qformer", "language_projection")
        )
    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        loaded: Any = Blip2Model.from_pretrained(
            folder, config=config, output_loading_info=True, ignore_mismatched_sizes=True, **options
        )
    except Exception as error:
        raise _unreadable(folder, error) from None
    finally:
        logging.set_verbosity(level)
    model, report = loaded
    _expect_all_keys(folder, report["missing_keys"], report["unexpected_keys"], report["mismatched_keys"])
    return model


def _build(folder: Path, config: PreTrainedConfig, language_model: PreTrainedModel | None = None) -> Blip2Model:
    """The model that a config describes, without its weights."""
    try:
        return Blip2Model(config, language_model)
    except Blip2Error:
        raise
    except Exception as error:  # the parts check what they are given, or stumble over it
        file = folder / "config.json"
        raise CheckpointError(f"{file}: this config does not fit together: {brief(error)}.") from None


def _unreadable(folder: Path, error: Exception) -> CheckpointError:
    if isinstance(error, torch.OutOfMemoryError):
        return CheckpointError(f"{folder}: the GPU has too little memory. Use --precision int8 or --device cpu.")
    if not any(shard.is_file() for shard in shard_files(folder)):
        return CheckpointError(
            f"{folder}: expected a pickle of tensors alone; this one is damaged or holds other things, which are never "
            "run. Use safetensors."
        )
    return CheckpointError(f"{folder}: the weights cannot be read ({brief(error)}). Copy or download the folder again.")


def _expect_all_keys(folder: Path, missing: Any, unexpected: Any, mismatched: Any) -> None:
    mismatched = [f"{key}: the file has {tuple(has)}, the model needs {tuple(needs)}" for key, has, needs in mismatched]
    problems = [
        f"{len(keys)} {kind} ({'; '.join(sorted(keys)[:3])})"
        for kind, keys in (("missing", missing), ("unexpected", unexpected), ("of another shape", mismatched))
        if keys
    ]
    if problems:
        raise CheckpointError(f"{folder}: config.json does not fit the weights: {'; '.join(problems)}.")


def _load_hybrid(
    folder: Path, config: HybridBlip2Config, *, precision: str, device: torch.device, progress: Progress | None
) -> tuple[Blip2Model, Path]:
    """A folder whose frozen parts may live elsewhere; returns the model and where its tokenizer is."""
    parts = _frozen_parts(config)
    language_model, text_folder = None, folder
    if LANGUAGE_PART not in parts and precision == "int8":
        raise SettingsError(
            "precision: int8 needs a language model that is saved apart from our weights, or everything in one folder. "
            "Save the model with_frozen_parts=True, or use fp32 or bf16."
        )
    if LANGUAGE_PART in parts:
        text_folder = ensure_language_model(parts[LANGUAGE_PART], progress=progress)
        language_model = load_language_model(text_folder, config, precision=precision, device=device)
    model = _build(folder, config, language_model)
    state = _read_state(folder)
    if TRUNK_PART in parts:
        trunk = torch.load(ensure_trunk(parts[TRUNK_PART]), weights_only=True, map_location="cpu")
        state |= {f"{TRUNK_PART}.{key}": tensor for key, tensor in trunk.items()}
    _load_strictly(model, state, folder=folder, outside=LANGUAGE_PART if LANGUAGE_PART in parts else None)
    ours: tuple[torch.nn.Module, ...] = (model.vision_model, model.qformer, model.language_projection)
    for module in ours:
        module.to(device)
    model.query_tokens.data = model.query_tokens.data.to(device)
    if language_model is None:
        text_config: Any = config.text_config
        dtype = language_dtype(precision, device=device, model_type=text_config.model_type)
        torch.nn.Module.to(model.language_model, device, dtype)
    return model, text_folder


def load_language_model(
    folder: Path, config: PreTrainedConfig, *, precision: str, device: torch.device
) -> PreTrainedModel:
    """Load a frozen decoder-only language model on its own.

    Args:
        folder: its folder.
        config: the config of the whole model.
        precision: "fp32", "bf16", "fp16" or "int8".
        device: where it goes.
    """
    dtype = language_dtype(precision, device=device, model_type=config.text_config.model_type)
    options: dict[str, Any] = {"dtype": dtype, "device_map": {"": device}}
    if precision == "int8":
        with torch.device("meta"):
            options["quantization_config"] = int8_config(AutoModelForCausalLM.from_config(config.text_config))
    return AutoModelForCausalLM.from_pretrained(folder, **options).requires_grad_(False)


def _read_state(folder: Path) -> dict[str, Tensor]:
    state: dict[str, Tensor] = {}
    for shard in shard_files(folder):
        state |= load_file(shard)
    return {key: tensor.float() if tensor.is_floating_point() else tensor for key, tensor in state.items()}


def _load_strictly(model: Blip2Model, state: dict[str, Tensor], *, folder: Path, outside: str | None) -> None:
    """Load all keys, none missing and none too many, the language model excepted when it came from elsewhere."""
    own = model.state_dict()
    wanted = {key for key in own if not (outside and key.startswith(f"{outside}."))}
    tied = {f"language_model.{key}" for key in (model.language_model._tied_weights_keys or ())}
    both = wanted & set(state)
    mismatched = [(key, state[key].shape, own[key].shape) for key in both if own[key].shape != state[key].shape]
    _expect_all_keys(folder, wanted - set(state) - tied, set(state) - wanted, mismatched)
    model.load_state_dict(state, strict=False)
