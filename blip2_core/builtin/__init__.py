"""The models that ship with the package. Their frozen parts are public and fetched once: see `frozen_parts`."""

from pathlib import Path

BUILTIN_MODELS = ("pocket",)


def builtin_folder(name: str) -> Path:
    """The folder of a built-in model."""
    return Path(__file__).parent / name
