"""Folders in the Hugging Face layout: loading, every check on the weights, and saving.

A model is named by a built-in name, a folder or a hub id. Frozen parts may live elsewhere: the config then says where
each comes from, and its sha256.
"""

import json
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import split_torch_state_dict_into_shards
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel
from transformers.utils import logging

from .builtin.frozen_parts import FrozenPart, Progress, ensure_language_model, load_trunk
from .companions import read_companions
from .config import HybridBlip2Config
from .errors import CheckpointError, SettingsError, brief
from .language import make_adapter
from .loading_plan import build, comes_apart, plan_load
from .memory import LoadReport, weigh
from .model import Blip2, Blip2Model
from .model_folder import QFORMER_FOLDER, download_again, expect_one_width, expect_weights, find_folder, shard_files
from .out_of_memory import freed_when_full, is_full
from .placement import check_device_map
from .precisions import QUANTIZED
from .quantize import language_dtype, pick_device, quantization_settings
from .weight_progress import told_in_bytes

SHARD_NAMES, SHARD_INDEX = "model{suffix}.safetensors", "model.safetensors.index.json"
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
    device_map: str | None = None,
    max_memory: Mapping[int | str, int] | None = None,
) -> Blip2:
    """Load a model that answers questions about pictures.

    Args:
        name: a built-in name, a folder, or a hub id such as "Salesforce/blip2-opt-2.7b"; behind it may stand "@" and a
            revision: a branch, a tag or a commit.
        precision: "auto", "fp32", "bf16", "fp16", "int8" or "int4".
        device: "auto", "cpu" or "cuda".
        progress: told (done bytes, total bytes, what) while files are fetched and weights are read.
        allow_pickle: also read `.bin` weights, which can only be trusted from people you trust.
        report: told which precision was taken and why, and what is where, once the weights are there.
        device_map: "auto" deals the language model's layers out over all GPUs, the RAM behind them, and the disk;
            left out, all is on `device`.
        max_memory: for "auto", the bytes that may be taken of each place: the number of a GPU, "cpu" or "disk".

    Raises:
        CheckpointError: there is no such model, its folder does not fit together, or it does not fit into the memory.
        FrozenPartError: a frozen part cannot be fetched.
        ConfigError: the Q-Former's tokenizer is missing, or no token ends an answer.
        SettingsError: a precision, a device or a device map that cannot be had here.
        MissingExtraError: int8 or int4 without a bitsandbytes that works.
    """
    check_device_map(device_map)
    place = pick_device(device)
    want: dict[str, Any] = {"name": str(name), "device_map": device_map, "max_memory": max_memory}
    folder = find_folder(
        str(name),
        allow_pickle=allow_pickle,
        progress=progress,
        look=lambda peeked: plan_load(peeked, precision, place, **want),
    )
    plan = plan_load(folder, precision, place, **want)
    config, chosen = plan.config, plan.choice.precision
    expect_weights(folder, allow_pickle=allow_pickle and not isinstance(config, HybridBlip2Config))
    expect_one_width(folder, plan.skeleton)
    began = time.perf_counter()
    text_folder = _find_language_model(folder, config, precision=chosen, progress=progress)
    beside = read_companions(folder, plan.skeleton, text_folder=text_folder, name=str(name))
    with freed_when_full(CheckpointError, _too_small(folder, chosen)):
        if comes_apart(config):
            model = _load_hybrid(folder, config, text_folder=text_folder, precision=chosen, device=place)
        else:
            options = _options(config, plan.skeleton, precision=chosen, device=place) | {
                "device_map": dict(plan.device_map)
            }
            with told_in_bytes(progress, plan.skeleton, bytes_each=options["dtype"].itemsize):
                model = _load_whole(folder, config, options)
    if report is not None:
        report(LoadReport(plan.choice, weigh(model), time.perf_counter() - began))
    adapter = make_adapter(model.language_model, beside.tokenizer, beside.template)
    return Blip2(model, adapter, beside.image_processor, beside.qformer_tokenizer, str(name), chosen)


def _too_small(folder: Path, precision: str) -> str:
    smaller = {"int4": "", "int8": "--precision int4 or "}.get(precision, "--precision int8 or ")
    return f"{folder}: the GPU has too little memory, what was taken is free again. Use {smaller}--device cpu."


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
    if parts:
        _save_signed(folder, config, state, parts)
    else:
        model.save_pretrained(folder, state_dict=state, max_shard_size=SHARD_SIZE)
    _finish_config(folder, config, drop_frozen_parts=with_frozen_parts)
    blip2.image_processor.save(folder)
    blip2.template.save(folder)
    if blip2.qformer_tokenizer is not None:
        blip2.qformer_tokenizer.save_pretrained(folder / QFORMER_FOLDER)
    if LANGUAGE_PART not in parts:
        blip2.adapter.tokenizer.save_pretrained(folder)


def _save_signed(
    folder: Path, config: PreTrainedConfig, state: dict[str, Tensor], parts: dict[str, FrozenPart]
) -> None:
    """As `save_pretrained`, and each file says which frozen parts it was trained on: on others it means nothing."""
    firsts: dict[int, str] = {}  # of tied weights the first goes into the file
    state = {key: tensor for key, tensor in state.items() if firsts.setdefault(tensor.data_ptr(), key) == key}
    shards = split_torch_state_dict_into_shards(state, filename_pattern=SHARD_NAMES, max_shard_size=SHARD_SIZE)
    for old in (*folder.glob("model-*-of-*.safetensors"), folder / "model.safetensors", folder / SHARD_INDEX):
        old.unlink(missing_ok=True)
    signed = {"format": "pt", **{name: part.sha256 for name, part in parts.items()}}
    for file, keys in shards.filename_to_tensors.items():
        save_file({key: state[key].contiguous() for key in keys}, folder / file, signed)
    if shards.is_sharded:
        index = {"metadata": shards.metadata, "weight_map": shards.tensor_to_filename}
        (folder / SHARD_INDEX).write_text(json.dumps(index, indent=2, sort_keys=True) + "\n")
    config.architectures = [Blip2Model.__name__]
    config.save_pretrained(folder)


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


def _options(config: Any, skeleton: Blip2Model, *, precision: str, device: torch.device) -> dict[str, Any]:
    """What `from_pretrained` is told about a precision."""
    dtype = language_dtype(precision, device=device, model_type=config.text_config.model_type)
    options: dict[str, Any] = {"dtype": dtype}
    if precision in QUANTIZED:
        others = ("vision_model", "qformer", "language_projection")
        options["quantization_config"] = quantization_settings(
            skeleton.language_model, precision, dtype=dtype, also_skip=others
        )
    return options


def _load_whole(folder: Path, config: PreTrainedConfig, options: dict[str, Any]) -> Blip2Model:
    """A folder that has all its weights."""
    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with warnings.catch_warnings():  # accelerate looks for modules, and the queries are a parameter
            warnings.filterwarnings("ignore", message=r"The following device_map keys do not match .*'query_tokens'")
            loaded: Any = Blip2Model.from_pretrained(
                folder, config=config, output_loading_info=True, ignore_mismatched_sizes=True, **options
            )
    except Exception as error:
        if is_full(error):
            raise
        raise _unreadable(folder, error) from None
    finally:
        logging.set_verbosity(level)
    model, report = loaded
    _expect_all_keys(folder, report["missing_keys"], report["unexpected_keys"], report["mismatched_keys"])
    return model


def _unreadable(folder: Path, error: Exception) -> CheckpointError:
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


def _find_language_model(folder: Path, config: Any, *, precision: str, progress: Progress | None) -> Path:
    """The folder of the language model: that of the whole model, or where its frozen part lies, fetched if need be."""
    if not comes_apart(config):
        return folder
    parts = _frozen_parts(config)
    _expect_own_parts(folder, parts)
    if LANGUAGE_PART in parts:
        return ensure_language_model(parts[LANGUAGE_PART], progress=progress)
    if precision in QUANTIZED:
        raise SettingsError(
            f"precision: {precision} needs a language model that is saved apart from our weights, or everything in one "
            "folder. Save the model with_frozen_parts=True, or use fp32 or bf16."
        )
    return folder


def _load_hybrid(
    folder: Path, config: HybridBlip2Config, *, text_folder: Path, precision: str, device: torch.device
) -> Blip2Model:
    """A folder whose frozen parts may live elsewhere: the language model then in `text_folder`."""
    parts, language_model = _frozen_parts(config), None
    if LANGUAGE_PART in parts:
        language_model = load_language_model(text_folder, config, precision=precision, device=device)
    model = build(folder, config, language_model)
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
    return model


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
