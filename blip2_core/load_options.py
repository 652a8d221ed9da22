"""What a command line says about how a model is loaded, wherever one is: `python -m blip2_core` and the page."""

import argparse
from collections.abc import Callable
from typing import Any

LOADED_WITH = ("precision", "device", "device_map", "allow_pickle")


def add_placement_options(add: Callable[..., Any]) -> None:
    """Add --device-map and --allow-pickle to a parser or a group of one, by its `add_argument`."""
    add("--device-map", choices=("auto",), help="deal the language model out over all GPUs and the RAM behind them")
    add("--allow-pickle", action="store_true", help="also read .bin weights; only from people you trust")


def how_to_load(args: argparse.Namespace) -> dict[str, Any]:
    """The keywords of `load` that the options name, the same for every model of a command line."""
    return {name: getattr(args, name) for name in LOADED_WITH}
