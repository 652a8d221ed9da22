"""What a model folder must hold: finding it, and every check that needs no weights in memory.

A folder is in the Hugging Face layout: config.json, safetensors in one file or in shards with an index, a tokenizer.
"""

import json
import os
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from transformers import AutoTokenizer, PreTrainedConfig

from .builtin import BUILTIN_MODELS, builtin_folder
from .config import CONFIG_CLASSES
from .errors import Blip2Error, CheckpointError

TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.json", "vocab.txt")


def find_folder(name: str, *, allow_pickle: bool) -> Path:
    """The folder of a built-in model, a folder on disk, or the hub's, downloaded.

    Args:
        name: what the person asked for.
        allow_pickle: also download `.bin` weights.

    Raises:
        CheckpointError: there is no such model.
    """
    if name in BUILTIN_MODELS:
        return builtin_folder(name)
    if name and os.path.isdir(name):  # unlike Path.is_dir, no error where the disk refuses the name
        return Path(name)
    if name.count("/") == 1 and not name.startswith((".", "/", "~")):
        return _from_hub(name, allow_pickle=allow_pickle)
    raise CheckpointError(
        f"{name[:200]}: expected a built-in model ({', '.join(BUILTIN_MODELS)}), a folder, or a hub id like "
        "Salesforce/blip2-opt-2.7b; there is no such folder. See: python -m blip2_core models"
    )


def _from_hub(name: str, *, allow_pickle: bool) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RepositoryNotFoundError

    unwanted = ["*.pth", "*.h5", "*.msgpack"] + ([] if allow_pickle else ["*.bin"])
    try:
        return Path(snapshot_download(name, ignore_patterns=unwanted))
    except (GatedRepoError, RepositoryNotFoundError):
        raise CheckpointError(f"{name}: the hub has no such model, or it is gated. Check the name or log in.") from None
    except (LocalEntryNotFoundError, OSError):
        raise CheckpointError(
            f"{name}: not on disk, and the hub cannot be reached. Download it when online: hf download {name}"
        ) from None


def read_config(folder: Path) -> PreTrainedConfig:
    """Read config.json.

    Raises:
        CheckpointError: missing, damaged, of another architecture, or with fields that do not fit together.
    """
    file = folder / "config.json"
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{folder}: expected a model folder, config.json is missing.") from None
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{file}: expected JSON, got {brief(error)}. Copy or download the folder again."
        ) from None
    model_type = values.get("model_type") if isinstance(values, dict) else None
    if not isinstance(model_type, str) or model_type not in CONFIG_CLASSES:
        known = ", ".join(CONFIG_CLASSES)
        raise CheckpointError(f"{file}: expected model_type {known}, got {model_type!r}. This is another architecture.")
    try:
        return CONFIG_CLASSES[model_type].from_dict(values)
    except Blip2Error:
        raise
    except Exception as error:  # the config classes check their fields and raise what they like
        raise CheckpointError(f"{file}: this config does not fit together: {brief(error)}.") from None


def shard_files(folder: Path) -> list[Path]:
    """The safetensors files of a folder; all that the index names, whether they are there or not."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        try:
            return [folder / file for file in sorted(set(json.loads(index.read_text())["weight_map"].values()))]
        except (ValueError, KeyError, AttributeError, TypeError):
            raise CheckpointError(f"{index}: expected an index of shards. Copy or download the folder again.") from None
    return [folder / "model.safetensors"]


def expect_weights(folder: Path, *, allow_pickle: bool) -> None:
    """Raise unless all weight files are there and whole.

    Args:
        folder: the model's folder.
        allow_pickle: whether a folder that has `.bin` weights only will do.

    Raises:
        CheckpointError: a file is missing or damaged, or pickles are all there is.
    """
    shards = shard_files(folder)
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
    try:
        with safe_open(shard, "pt") as file:
            file.keys()
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{shard}: expected a safetensors file, this one is cut off or damaged ({brief(error)}). "
            "Copy or download it again."
        ) from None


def read_tokenizer(folder: Path, *, truncation_side: str = "right") -> Any:
    """Read the tokenizer of a folder.

    Raises:
        CheckpointError: missing or damaged.
    """
    if not any((folder / file).is_file() for file in TOKENIZER_FILES):
        raise CheckpointError(f"{folder}: the tokenizer is missing. Copy or download the folder again.")
    try:
        return AutoTokenizer.from_pretrained(folder, truncation_side=truncation_side)
    except Exception as error:  # depends on the tokenizer's kind
        raise CheckpointError(
            f"{folder}: the tokenizer cannot be read ({brief(error)}). Copy or download the folder again."
        ) from None


def brief(error: Exception) -> str:
    """The message of somebody else's error, on one line and short."""
    return " ".join(str(error).split())[:200].rstrip(" .") or type(error).__name__
