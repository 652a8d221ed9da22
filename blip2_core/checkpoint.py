"""Folders in the Hugging Face layout: loading, every check on the weights, and saving.

A model is named by a built-in name, a folder or a hub id. Frozen parts may live elsewhere: the config then says where
each comes from, and its sha256.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel
from transformers.utils import logging

from .builtin.frozen_parts import FrozenPart, Progress, ensure_language_model, load_trunk
from .config import HybridBlip2Config
from .errors import Blip2Error, CheckpointError, SettingsError
from .image import ImageProcessor
from .language import PromptTemplate, make_adapter, template_for
from .memory import LoadReport, choose_precision, weigh
from .model import Blip2, Blip2Model
from .model_folder import (
    brief,
    download_again,
    expect_answering,
    expect_weights,
    find_folder,
    read_config,
    read_tokenizer,
    shard_files,
    weight_shape,
)
from .precisions import QUANTIZED
from .quantize import language_dtype, pick_device, quantization_settings

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
    report: Callable[[LoadReport], None] | None = None,
) -> Blip2:
    """Load a model that answers questions about pictures.

    Args:
        name: a built-in name, a folder, or a hub id such as "Salesforce/blip2-opt-2.7b".
        precision: "auto", "fp32", "bf16", "fp16", "int8" or "int4".
        device: "auto", "cpu" or "cuda".
        progress: told (done bytes, total bytes, what) while frozen parts are fetched.
        allow_pickle: also read `.bin` weights, which can only be trusted from people you trust.
        report: told which precision was taken and why, and what is where, once the weights are there.

    Raises:
        CheckpointError: there is no such model, its folder does not fit together, or it does not fit into the memory.
        FrozenPartError: a frozen part cannot be fetched.
        SettingsError: a precision or device that cannot be had here.
    """
    folder = find_folder(str(name), allow_pickle=allow_pickle)
    config = read_config(folder)
    expect_answering(folder, config)
    place = pick_device(device)
    expect_weights(folder, allow_pickle=allow_pickle and not isinstance(config, HybridBlip2Config))
    with torch.device("meta"):
        skeleton = _build(folder, config)
    _expect_one_width(folder, skeleton)
    apart = isinstance(config, HybridBlip2Config) and bool(config.frozen_parts)
    choice = choose_precision(precision, skeleton, device=place, name=str(name), apart=apart)
    chosen, began = choice.precision, time.perf_counter()
    if isinstance(config, HybridBlip2Config) and config.frozen_parts:
        model, text_folder = _load_hybrid(folder, config, precision=chosen, device=place, progress=progress)
    else:
        _expect_same_vocabulary(folder, read_tokenizer(folder), skeleton, template_for(config, folder))
        model, text_folder = _load_whole(folder, config, skeleton, precision=chosen, device=place), folder
    if report is not None:
        report(LoadReport(choice, weigh(model), time.perf_counter() - began))
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
    template = template_for(model.config, folder)
    _expect_same_vocabulary(text_folder, tokenizer, model, template)
    qformer_folder = folder / "qformer_tokenizer"
    qformer_tokenizer = read_tokenizer(qformer_folder, truncation_side="left") if qformer_folder.is_dir() else None
    adapter = make_adapter(model.language_model, tokenizer, template)
    processor, size = ImageProcessor.from_folder(folder), model.config.vision_config.image_size
    if processor.image_size != size:
        raise CheckpointError(
            f"{folder}: the image processor makes pictures of {processor.image_size} pixels, the image encoder reads "
            f"{size}. They belong to different models: copy the folder again."
        )
    return Blip2(model, adapter, processor, qformer_tokenizer, name, precision)


def _expect_same_vocabulary(folder: Path, tokenizer: Any, model: Blip2Model, template: PromptTemplate) -> None:
    """Raise unless tokenizer and language model can be of one model: by the number of tokens, and what ends an answer.

    A config may name an end that the tokenizer never writes, as long as it is no ordinary word: Vicuna's does.
    """
    rows = len(_embeddings(model))
    if len(tokenizer) > rows:
        raise CheckpointError(
            f"{folder}: the tokenizer has {len(tokenizer)} tokens, the language model {rows} embeddings. "
            "They belong to different models: copy the folder again."
        )
    config: Any = model.language_model.config
    ends = tokenizer.encode(template.answer_end, add_special_tokens=False)
    named = config.eos_token_id if isinstance(config.eos_token_id, list | tuple) else [config.eos_token_id]
    special = tokenizer.added_tokens_decoder
    words = [token for token in named if token is not None and token < len(tokenizer) and token not in special]
    if len(ends) == 1 and ends[0] in named:
        return
    if words or config.is_encoder_decoder:
        raise CheckpointError(
            f"{folder}: the language model ends an answer with token {named[0]}, which this tokenizer reads as "
            f"{tokenizer.decode(named[:1])!r}. They belong to different models: copy the folder again."
        )


def _expect_one_width(folder: Path, skeleton: Blip2Model) -> None:
    """Raise where the files hold a projection for a language model of another width; only headers are read."""
    embeddings = next(key for key, tensor in skeleton.named_parameters() if tensor is _embeddings(skeleton))
    rows, found = weight_shape(folder, embeddings), weight_shape(folder, "language_projection.weight")
    if rows and found and rows[-1] != found[0]:
        raise CheckpointError(
            f"{folder}: the projection writes vectors of width {found[0]}, the language model reads width {rows[-1]}. "
            "They belong to different models: copy the folder again."
        )


def _embeddings(model: Blip2Model) -> Tensor:
    embeddings: Any = model.get_input_embeddings()
    return embeddings.weight


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
    parts = {} if with_frozen_parts else _frozen_parts(config)
    outside = tuple(f"{part}." for part in parts)
    state = {
        key: tensor.to(dtype) if tensor.is_floating_point() else tensor
        for key, tensor in model.state_dict().items()
        if not (outside and key.startswith(outside))
    }
    model.save_pretrained(folder, state_dict=state, max_shard_size=SHARD_SIZE)
    _sign(folder, parts)
    _finish_config(folder, config, drop_frozen_parts=with_frozen_parts)
    blip2.image_processor.save(folder)
    blip2.template.save(folder)
    if blip2.qformer_tokenizer is not None:
        blip2.qformer_tokenizer.save_pretrained(folder / "qformer_tokenizer")
    if LANGUAGE_PART not in parts:
        blip2.adapter.tokenizer.save_pretrained(folder)


def _sign(folder: Path, parts: dict[str, FrozenPart]) -> None:
    """Write into the weights which frozen parts they were trained on: on others they mean nothing."""
    for shard in shard_files(folder) if parts else ():
        save_file(load_file(shard), shard, {"format": "pt", **{name: part.sha256 for name, part in parts.items()}})


def _expect_own_parts(folder: Path, parts: dict[str, FrozenPart]) -> None:
    for shard in shard_files(folder):
        with safe_open(shard, "pt") as file:
            signed = file.metadata() or {}
        for name, part in parts.items():
            if signed.get(name, part.sha256) != part.sha256:
                raise CheckpointError(
                    f"{folder}: {shard.name} was trained on the {name} with sha256 {signed[name][:12]}, config.json "
                    f"names the one with {part.sha256[:12]}. Name the former, or train the stages again on the latter."
                )


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


def _load_whole(
    folder: Path, config: PreTrainedConfig, skeleton: Blip2Model, *, precision: str, device: torch.device
) -> Blip2Model:
    """A folder that has all its weights."""
    dtype = language_dtype(precision, device=device, model_type=config.text_config.model_type)
    options: dict[str, Any] = {"dtype": dtype, "device_map": {"": device}}
    if precision in QUANTIZED:
        others = ("vision_model", "qformer", "language_projection")
        options["quantization_config"] = quantization_settings(
            skeleton.language_model, precision, dtype=dtype, also_skip=others
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
    return CheckpointError(f"{folder}: the weights cannot be read ({brief(error)}). {download_again(folder)}")


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
    _expect_own_parts(folder, parts)
    language_model, text_folder = None, folder
    if LANGUAGE_PART not in parts and precision in QUANTIZED:
        raise SettingsError(
            f"precision: {precision} needs a language model that is saved apart from our weights, or everything in one "
            "folder. Save the model with_frozen_parts=True, or use fp32 or bf16."
        )
    if LANGUAGE_PART in parts:
        text_folder = ensure_language_model(parts[LANGUAGE_PART], progress=progress)
        language_model = load_language_model(text_folder, config, precision=precision, device=device)
    model = _build(folder, config, language_model)
    state = _read_state(folder)
    if TRUNK_PART in parts:
        state |= {f"{TRUNK_PART}.{key}": tensor for key, tensor in load_trunk(parts[TRUNK_PART]).items()}
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
        precision: "fp32", "bf16", "fp16", "int8" or "int4".
        device: where it goes.
    """
    dtype = language_dtype(precision, device=device, model_type=config.text_config.model_type)
    options: dict[str, Any] = {"dtype": dtype, "device_map": {"": device}}
    if precision in QUANTIZED:
        with torch.device("meta"):
            skeleton = AutoModelForCausalLM.from_config(config.text_config)
        options["quantization_config"] = quantization_settings(skeleton, precision, dtype=dtype)
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
