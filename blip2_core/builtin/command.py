"""`python -m blip2_core models` and `get`: what can be loaded, what is on disk, and fetching it ahead of time."""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import CheckpointError
from . import BUILTIN_MODELS, builtin_folder
from .frozen_parts import FrozenPart, cache_folder, ensure_language_model, ensure_trunk, on_disk
from .progress import ProgressBar

MODEL_TYPES = ("blip-2", "instructblip", "hybrid_blip2")  # config.CONFIG_CLASSES, which costs seconds to import
PUBLIC_CHECKPOINTS = (
    "Salesforce/blip2-opt-2.7b",
    "Salesforce/blip2-opt-2.7b-coco",
    "Salesforce/blip2-opt-6.7b",
    "Salesforce/blip2-opt-6.7b-coco",
    "Salesforce/blip2-flan-t5-xl",
    "Salesforce/blip2-flan-t5-xl-coco",
    "Salesforce/blip2-flan-t5-xxl",
    "Salesforce/instructblip-flan-t5-xl",
    "Salesforce/instructblip-flan-t5-xxl",
    "Salesforce/instructblip-vicuna-7b",
    "Salesforce/instructblip-vicuna-13b",
)


def add_parser(subparsers: Any) -> None:
    """Add `models` and `get` to the command line."""
    listing = subparsers.add_parser(
        "models", help="list what can be loaded and what is on disk", description="List models."
    )
    listing.set_defaults(run=run_models)
    fetching = subparsers.add_parser(
        "get", help="fetch the frozen parts of a model ahead of time", description="Fetch and check frozen parts."
    )
    fetching.add_argument(
        "model", metavar="MODEL", help=f"{', '.join(BUILTIN_MODELS)}, or a folder that names frozen parts"
    )
    fetching.set_defaults(run=run_get)


def run_models(args: argparse.Namespace) -> int:
    """Print what can be loaded."""
    _say("Built in:")
    for name in BUILTIN_MODELS:
        _say(f"  {name:<38} {_state(name)}")
    _say("\nFrom the Hugging Face Hub, on this disk:")
    downloaded = dict(_downloaded_models())
    for name, size in downloaded.items():
        _say(f"  {name:<38} {size / 1e9:.1f} GB")
    if not downloaded:
        _say("  none")
    _say("\nPublic checkpoints, downloaded when they are first loaded:")
    for name in PUBLIC_CHECKPOINTS:
        if name not in downloaded:
            _say(f"  {name}")
    _say("\nLoad one with --model NAME; a folder in the Hugging Face layout works too.")
    _say("Salesforce/blip2-itm-vit-g has no language model; it is for: python -m blip2_core score")
    return 0


def run_get(args: argparse.Namespace) -> int:
    """Fetch, check and convert what a model's config names."""
    folder = builtin_folder(args.model) if args.model in BUILTIN_MODELS else Path(args.model)
    parts = _frozen_parts(folder)
    with ProgressBar() as bar:
        places = [_ensure(part, bar) for part in parts]
    for part, place in zip(parts, places, strict=True):
        _say(f"{part.requirement}: {place}")
    _say(f"{args.model}: ready, {len(parts)} frozen part{'s' * (len(parts) != 1)} on disk.")
    return 0


def _ensure(part: FrozenPart, bar: ProgressBar) -> Path:
    return ensure_language_model(part, bar) if part.is_language_model else ensure_trunk(part, bar)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _frozen_parts(folder: Path) -> list[FrozenPart]:
    """The frozen parts that a model's config names.

    Raises:
        CheckpointError: no such folder, or no config to read in it.
        ConfigError: a part that is not described as it should be.
    """
    file = folder / "config.json"
    try:
        named = json.loads(file.read_text(encoding="utf-8")).get("frozen_parts") or {}
        entries = list(named.items())
    except FileNotFoundError:
        raise CheckpointError(
            f"{folder}: expected {', '.join(BUILTIN_MODELS)} or a model folder, config.json is missing. "
            "A hub model is fetched with: hf download NAME"
        ) from None
    except (OSError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{file}: expected a JSON object, got {error}. Copy the folder again.") from None
    return [FrozenPart.from_dict(name, values) for name, values in entries]


def _state(name: str) -> str:
    """One line about a built-in model: ready, or what is to be fetched."""
    folder = builtin_folder(name)
    if not (folder / "config.json").is_file():
        return "its files are missing in this copy of the repository"
    missing = [part.requirement for part in _frozen_parts(folder) if not on_disk(part)]
    if not missing:
        return f"ready, frozen parts on disk in {cache_folder()}"
    return f"fetches {', '.join(missing)} when first loaded, or now with: python -m blip2_core get {name}"


def _downloaded_models() -> Iterator[tuple[str, int]]:
    """Names and bytes of the models in the Hugging Face cache that this program can read."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repositories = scan_cache_dir().repos
    except CacheNotFound:
        return
    for repository in sorted(repositories, key=lambda found: found.repo_id):
        if any(_is_ours(revision.snapshot_path / "config.json") for revision in repository.revisions):
            yield repository.repo_id, repository.size_on_disk


def _is_ours(config_file: Path) -> bool:
    try:
        return json.loads(config_file.read_text(encoding="utf-8")).get("model_type") in MODEL_TYPES
    except (OSError, ValueError, AttributeError):
        return False
