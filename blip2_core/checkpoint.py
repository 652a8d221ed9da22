"""Folders in the Hugging Face layout: every check on what is loaded, and saving.

A model is named by a built-in name, a folder or a hub id. Frozen parts may live elsewhere: the config then says where
each comes from, and its sha256.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedConfig, PreTrainedModel
from transformers.utils import logging

from .builtin import BUILTIN_MODELS, builtin_folder
from .builtin.frozen_parts import FrozenPart, Progress, ensure_language_model, ensure_trunk
from .config import CONFIG_CLASSES, HybridBlip2Config
from .errors import Blip2Error, CheckpointError
from .image import ImageProcessor
from .language import make_adapter, template_for
from .model import Blip2, Blip2Model
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
    folder = _find_folder(str(name))
    config = _read_config(folder)
    place = pick_device(device)
    chosen = pick_precision(precision, device=place, model_type=config.text_config.model_type)
    _expect_weights(folder, allow_pickle=allow_pickle)
    if isinstance(config, HybridBlip2Config):
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
    tokenizer = _tokenizer(text_folder)
    qformer_folder = folder / "qformer_tokenizer"
    qformer_tokenizer = _tokenizer(qformer_folder, truncation_side="left") if qformer_folder.is_dir() else None
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise CheckpointError(
            f"{text_folder}: the tokenizer has {len(tokenizer)} tokens, the language model {rows} embeddings. "
            "They belong to different models: copy the folder again."
        )
    adapter = make_adapter(model.language_model, tokenizer, template_for(model.config, folder))
    return Blip2(model, adapter, ImageProcessor.from_folder(folder), qformer_tokenizer, name, precision)


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


def _find_folder(name: str) -> Path:
    if name in BUILTIN_MODELS:
        return builtin_folder(name)
    if Path(name).is_dir():
        return Path(name)
    if name.count("/") == 1 and not name.startswith((".", "/", "~")):
        return _from_hub(name)
    raise CheckpointError(
        f"{name}: expected a built-in model ({', '.join(BUILTIN_MODELS)}), a folder, or a hub id like "
        "Salesforce/blip2-opt-2.7b; there is no such folder. See: python -m blip2_core models"
    )


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RepositoryNotFoundError

    try:
        return Path(snapshot_download(name, ignore_patterns=["*.bin", "*.pth", "*.h5", "*.msgpack"]))
    except (GatedRepoError, RepositoryNotFoundError):
        raise CheckpointError(f"{name}: the hub has no such model, or it is gated. Check the name or log in.") from None
    except (LocalEntryNotFoundError, OSError):
        raise CheckpointError(
            f"{name}: not on disk, and the hub cannot be reached. Download it when online: hf download {name}"
        ) from None


def _read_config(folder: Path) -> PreTrainedConfig:
    file = folder / "config.json"
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{folder}: expected a model folder, config.json is missing.") from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{file}: expected JSON, got {error}. Copy or download the folder again.") from None
    model_type = values.get("model_type") if isinstance(values, dict) else None
    if model_type not in CONFIG_CLASSES:
        raise CheckpointError(
            f"{file}: expected model_type {', '.join(CONFIG_CLASSES)}, got {model_type!r}. This is another architecture."
        )
    try:
        return CONFIG_CLASSES[model_type].from_dict(values)
    except Blip2Error:
        raise
    except Exception as error:  # the config classes check their fields and raise what they like
        raise CheckpointError(f"{file}: this config does not fit together: {_first_line(error)}.") from None


def _shards(folder: Path) -> list[Path]:
    """The safetensors files of a folder; all that the index names, whether they are there or not."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        try:
            return [folder / file for file in sorted(set(json.loads(index.read_text())["weight_map"].values()))]
        except (ValueError, KeyError, AttributeError):
            raise CheckpointError(f"{index}: expected an index of shards. Copy or download the folder again.") from None
    return [folder / "model.safetensors"]


def _expect_weights(folder: Path, *, allow_pickle: bool) -> None:
    shards = _shards(folder)
    missing = [shard.name for shard in shards if not shard.is_file()]
    pickles = sorted(folder.glob("*.bin"))
    if len(missing) == len(shards) and pickles:
        if allow_pickle:
            return
        raise CheckpointError(
            f"{folder}: expected safetensors, found only {pickles[0].name}, a pickle, which can run code when it is "
            "read. If you trust its source, allow it: --allow-pickle"
        )
    if missing:
        count = f"{len(missing)} file{'s' * (len(missing) > 1)} missing"
        raise CheckpointError(f"{folder}: {count}: {', '.join(missing)}. Copy or download the folder again.")
    for shard in shards:
        _expect_readable(shard)


def _expect_readable(shard: Path) -> None:
    from safetensors import safe_open

    try:
        with safe_open(shard, "pt") as file:
            file.keys()
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{shard}: expected a safetensors file, this one is cut off or damaged ({_first_line(error)}). "
            "Copy or download it again."
        ) from None


def _tokenizer(folder: Path, **options: Any) -> Any:
    try:
        return AutoTokenizer.from_pretrained(folder, **options)
    except Exception as error:  # depends on the tokenizer's kind
        raise CheckpointError(
            f"{folder}: the tokenizer cannot be read ({_first_line(error)}). Copy or download the folder again."
        ) from None


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0].rstrip(".")


def _load_whole(folder: Path, config: PreTrainedConfig, *, precision: str, device: torch.device) -> Blip2Model:
    """A folder that has all its weights."""
    dtype = language_dtype(precision, device=device, model_type=config.text_config.model_type)
    options: dict[str, Any] = {"dtype": dtype, "device_map": {"": device}}
    if precision == "int8":
        with torch.device("meta"):
            skeleton = Blip2Model(config)
        options["quantization_config"] = int8_config(
            skeleton.language_model, also_skip=("vision_model", "qformer", "language_projection")
        )
    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        model, report = Blip2Model.from_pretrained(folder, config=config, output_loading_info=True, **options)
    except RuntimeError as error:
        raise CheckpointError(f"{folder}: config.json does not fit the weights: {_first_line(error)}.") from None
    finally:
        logging.set_verbosity(level)
    _expect_all_keys(folder, report["missing_keys"], report["unexpected_keys"], report["mismatched_keys"])
    return model


def _expect_all_keys(folder: Path, missing: Any, unexpected: Any, mismatched: Any) -> None:
    problems = [
        f"{len(keys)} {kind} ({', '.join(str(key) for key in sorted(keys, key=str)[:3])})"
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
    if LANGUAGE_PART in parts:
        text_folder = ensure_language_model(parts[LANGUAGE_PART], progress=progress)
        language_model = load_language_model(text_folder, config, precision=precision, device=device)
    model = Blip2Model(config, language_model)
    state = _read_state(folder)
    if TRUNK_PART in parts:
        trunk = torch.load(ensure_trunk(parts[TRUNK_PART]), weights_only=True, map_location="cpu")
        state |= {f"{TRUNK_PART}.{key}": tensor for key, tensor in trunk.items()}
    _load_strictly(model, state, folder=folder, outside=LANGUAGE_PART if LANGUAGE_PART in parts else None)
    for module in (model.vision_model, model.qformer, model.language_projection):
        module.to(device)
    model.query_tokens.data = model.query_tokens.data.to(device)
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
    for shard in _shards(folder):
        state |= load_file(shard)
    return {key: tensor.float() if tensor.is_floating_point() else tensor for key, tensor in state.items()}


def _load_strictly(model: Blip2Model, state: dict[str, Tensor], *, folder: Path, outside: str | None) -> None:
    """Load all keys, none missing and none too many, the language model excepted when it came from elsewhere."""
    own = model.state_dict()
    wanted = {key for key in own if not (outside and key.startswith(f"{outside}."))}
    tied = {f"language_model.{key}" for key in (model.language_model._tied_weights_keys or ())}
    mismatched = [key for key in wanted & set(state) if own[key].shape != state[key].shape]
    _expect_all_keys(folder, wanted - set(state) - tied, set(state) - wanted, mismatched)
    model.load_state_dict(state, strict=False)
