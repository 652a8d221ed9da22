"""What can be decided about a model before its weights are there: whether it can be loaded, how, and where it goes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedConfig, PreTrainedModel

from .config import HybridBlip2Config
from .errors import Blip2Error, CheckpointError, brief
from .memory import PrecisionChoice, choose_precision
from .model import Blip2Model
from .model_folder import expect_answering, read_config
from .placement import deal_out


@dataclass(frozen=True)
class Plan:
    """How a folder will be loaded.

    Args:
        config: what its config.json describes.
        skeleton: the model on the meta device.
        choice: the precision, and why.
        device_map: the place of each part, as `transformers` reads it.
    """

    config: Any
    skeleton: Blip2Model
    choice: PrecisionChoice
    device_map: Mapping[str, Any]


def plan_load(
    folder: Path,
    precision: str,
    place: torch.device,
    *,
    name: str,
    device_map: str | None,
    max_memory: Mapping[int | str, int] | None,
) -> Plan:
    """Decide how a folder will be loaded, by its config.json alone: nothing else need be there yet.

    Args:
        folder: where config.json is.
        precision: one of `PRECISIONS`.
        place: the device, with a device map the first.
        name: what the person asked for.
        device_map: "auto" or None.
        max_memory: for "auto", the bytes that may be taken of each place.

    Raises:
        CheckpointError: another architecture, a config that does not fit together, or too little memory.
        SettingsError, MissingExtraError: a precision that cannot be had here.
    """
    config = read_config(folder)
    expect_answering(folder, config)
    with torch.device("meta"):
        skeleton = build(folder, config)
    apart = comes_apart(config)
    if apart or device_map is None:
        choice = choose_precision(precision, skeleton, device=place, name=name, apart=apart)
        return Plan(config, skeleton, choice, {"": place})
    placed = deal_out(skeleton, precision, device=place, name=name, max_memory=max_memory)
    return Plan(config, skeleton, placed.choice, placed.device_map)


def comes_apart(config: PreTrainedConfig) -> bool:
    """Whether a model's frozen parts are loaded by themselves, from elsewhere than its folder."""
    return isinstance(config, HybridBlip2Config) and bool(config.frozen_parts)


def build(folder: Path, config: PreTrainedConfig, language_model: PreTrainedModel | None = None) -> Blip2Model:
    """The model that a config describes, with random weights; on the meta device with none.

    Args:
        folder: where the config is, for the error.
        config: of the whole model.
        language_model: one that is loaded already.

    Raises:
        CheckpointError: the config does not fit together.
    """
    try:
        return Blip2Model(config, language_model)
    except Blip2Error:
        raise
    except Exception as error:  # the parts check what they are given, or stumble over it
        file = folder / "config.json"
        raise CheckpointError(f"{file}: this config does not fit together: {brief(error)}.") from None
