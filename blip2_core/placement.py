"""Where each part of a model goes when one device is too small for it: several GPUs, the RAM behind them, the disk.

All that meets the picture or the words stays together on the first device: image encoder, queries, Q-Former,
projection, word embeddings and head. Only the layers of the language model are dealt out, in their order. A layer that
lies behind a GPU is copied there each time it runs (`accelerate` does that): slow, but it runs.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from .errors import CheckpointError, SettingsError
from .memory import LANGUAGE_MODEL, MemoryNeed, PrecisionChoice, estimate_memory, free_memory, size, told, weight_bytes
from .precisions import QUANTIZED
from .quantize import can_quantize, pick_precision

Place = int | str  # the number of a GPU, "cpu" or "disk"
SPARE = 0.9  # of what is free, what may be taken: answering needs some, too


@dataclass(frozen=True)
class Placement:
    """The precision of a model, and the place of each of its parts.

    Args:
        choice: the precision, and why.
        device_map: the place of each part by its name, as `transformers` and `accelerate` read it.
    """

    choice: PrecisionChoice
    device_map: dict[str, Place]


def check_device_map(device_map: str | None) -> None:
    """Raise for anything but "auto" and None.

    Raises:
        SettingsError: it is something else.
    """
    if device_map not in (None, "auto"):
        raise SettingsError(f'device_map: expected "auto" or nothing, got {device_map!r:.60}.')


def deal_out(
    skeleton: Any, precision: str, *, device: torch.device, name: str, max_memory: Mapping[Place, int] | None = None
) -> Placement:
    """Deal a model out.

    "auto" takes the quick precision of the first device if the GPUs hold all of it, else int8 if they hold that, else
    the quick one again with the last layers behind the GPUs.

    Args:
        skeleton: a `Blip2Model` on the meta device.
        precision: one of `PRECISIONS`.
        device: the first.
        name: of the model, for the error.
        max_memory: bytes that may be taken of each place; left out, what is free there.

    Raises:
        SettingsError, MissingExtraError: as `pick_precision`.
        CheckpointError: the first device does not hold what must be there, or all of them are too small.
    """
    first = pick_precision(precision, device=device, model_type=skeleton.config.text_config.model_type)
    room = dict(max_memory) if max_memory is not None else _free_places(device)
    tries = [(first, False), (first, True)]
    if precision == "auto" and device.type == "cuda" and can_quantize(device):
        tries.insert(1, ("int8", False))
    need = estimate_memory(skeleton, first, device=device)
    for chosen, behind in tries:
        if behind and chosen in QUANTIZED and device.type == "cuda":
            continue  # bitsandbytes computes where its weights lie
        need = estimate_memory(skeleton, chosen, device=device)
        if found := _deal(skeleton, chosen, device, need, _kept(room, device, behind=behind)):
            reason = "asked for" if precision != "auto" else f"dealt out over {_in_words(found)}"
            return Placement(PrecisionChoice(chosen, told(reason, chosen, device), need), found)
    fixed, _ = _split(skeleton, first, device, estimate_memory(skeleton, first, device=device))
    there = ", ".join(f"{_word(place)} {size(count)}" for place, count in room.items() if place != "disk")
    behind = first in QUANTIZED and device.type == "cuda"
    advice = "Use --precision bf16, whose layers may lie in the RAM" if behind else "Use a smaller model"
    raise CheckpointError(
        f"{name}: {first} needs {size(need.total)}, {size(fixed)} of it in one place for all but the language model's "
        f"layers; free: {there}. {advice}."
    )


def _free_places(device: torch.device) -> dict[Place, int]:
    """What may be taken of each place: GPUs, RAM, and the disk without a limit, for the weights lie there anyway."""
    gpus = range(torch.cuda.device_count()) if device.type == "cuda" else ()
    room: dict[Place, int] = {gpu: int(SPARE * free_memory(torch.device("cuda", gpu))) for gpu in gpus}
    return room | {"cpu": int(SPARE * free_memory(torch.device("cpu"))), "disk": sys.maxsize}


def _kept(room: Mapping[Place, int], device: torch.device, *, behind: bool) -> dict[Place, int]:
    """The places that are asked, in their order; those behind the computing ones only on request."""
    computing: list[Place] = [place for place in room if isinstance(place, int)] if device.type == "cuda" else ["cpu"]
    kept = {place: room.get(place, 0) for place in computing}
    if behind:
        kept |= {place: room[place] for place in ("cpu", "disk") if place in room and place not in kept}
    return kept


def _deal(
    skeleton: Any, precision: str, device: torch.device, need: MemoryNeed, room: dict[Place, int]
) -> dict[str, Place] | None:
    """The place of each part; None where they do not fit."""
    fixed, sizes = _split(skeleton, precision, device, need)
    places = iter(room.items())
    first, left = next(places)
    left -= fixed
    if left < 0:
        return None
    found: dict[str, Place] = dict.fromkeys(_outside(skeleton, list(sizes)), first)
    here = first
    for layer, count in sizes.items():
        while count > left:
            here, left = next(places, ("", -1))
            if left < 0 and here == "":
                return None
        found[layer], left = here, left - count
    return found


def _split(skeleton: Any, precision: str, device: torch.device, need: MemoryNeed) -> tuple[int, dict[str, int]]:
    """Bytes of what must be on the first device, and of each layer with its part of the cache."""
    layers = list(_layers(skeleton.language_model, LANGUAGE_MODEL))
    sizes = dict.fromkeys(layers, need.cache // max(len(layers), 1))
    fixed = need.working
    for name, count in weight_bytes(skeleton, precision, device=device):
        owner = next((layer for layer in layers if name.startswith(f"{layer}.")), None)
        if owner is None:
            fixed += count
        else:
            sizes[owner] += count
    return fixed, sizes


def _layers(module: nn.Module, name: str) -> Iterator[str]:
    """The names of a language model's layers: what its lists of modules hold, an encoder's before a decoder's."""
    for part, child in module.named_children():
        if isinstance(child, nn.ModuleList):
            yield from (f"{name}.{part}.{number}" for number in range(len(child)))
        else:
            yield from _layers(child, f"{name}.{part}")


def _outside(skeleton: nn.Module, layers: list[str]) -> Iterator[str]:
    """The names of the largest parts in which none of these layers is."""

    def walk(module: nn.Module, name: str) -> Iterator[str]:
        yield from (f"{name}{part}" for part, _ in module.named_parameters(recurse=False))
        for part, child in module.named_children():
            inside = f"{name}{part}"
            if inside in layers:
                continue
            if any(layer.startswith(f"{inside}.") for layer in layers):
                yield from walk(child, f"{inside}.")
            else:
                yield inside

    yield from walk(skeleton, "")


def _in_words(device_map: Mapping[str, Place]) -> str:
    return ", ".join(_word(place) for place in dict.fromkeys(device_map.values()))


def _word(place: Place) -> str:
    return f"GPU {place}" if isinstance(place, int) else {"cpu": "the RAM", "disk": "the disk"}[place]
