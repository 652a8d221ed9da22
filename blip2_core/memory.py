"""Whether a model fits, before a weight is read; and what it takes, once it is there.

The weights are counted on a model built on torch's meta device, which has shapes and no memory. To them comes one long
conversation's cache of keys and values, and the largest weight once more, which loading and 4-bit products unpack.
Where that is more than is free, "auto" goes on to the next smaller precision, and a precision that was asked for is
refused with the nearest one that fits.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .config import HybridBlip2Config
from .errors import CheckpointError
from .precisions import QUANTIZED
from .quantize import DTYPES, NF4_BLOCK, can_quantize, is_slow, is_t5, language_dtype, pick_precision, quantized_layers

CHAT_TOKENS = 2048  # of a long conversation, its picture included
T5_TOKENS = 512  # a T5's prompt, and its answer
LANGUAGE_MODEL = "language_model"
_NAMES = {dtype: name for name, dtype in DTYPES.items()}
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class MemoryNeed:
    """Bytes that a model will take.

    Args:
        weights: of all parts, by their precisions.
        cache: keys and values of one long conversation.
        working: the largest weight once more.
    """

    weights: int
    cache: int
    working: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.cache + self.working


@dataclass(frozen=True)
class PrecisionChoice:
    """The precision that a model is loaded in, and why.

    Args:
        precision: "fp32", "bf16", "fp16", "int8" or "int4".
        reason: in words.
        need: what it will take.
    """

    precision: str
    reason: str
    need: MemoryNeed


def estimate_memory(skeleton: Any, precision: str, *, device: torch.device, apart: bool = False) -> MemoryNeed:
    """What a model will take on its device.

    Args:
        skeleton: a `Blip2Model` on the meta device.
        precision: "fp32", "bf16", "fp16", "int8" or "int4".
        device: where it will run.
        apart: its language model is loaded on its own; the image encoder then stays in fp32.
    """
    text = skeleton.config.text_config
    dtype = language_dtype(precision, device=device, model_type=text.model_type)
    weights = sum(count for _, count in weight_bytes(skeleton, precision, device=device, apart=apart))
    largest = max(parameter.numel() for parameter in skeleton.parameters())
    return MemoryNeed(weights, _cached_numbers(text) * dtype.itemsize, largest * dtype.itemsize)


def weight_bytes(
    skeleton: Any, precision: str, *, device: torch.device, apart: bool = False
) -> Iterator[tuple[str, int]]:
    """The name of each weight of a model and the bytes that it will take; arguments as for `estimate_memory`."""
    dtype = language_dtype(precision, device=device, model_type=skeleton.config.text_config.model_type)
    exact = tuple(skeleton._keep_in_fp32_modules_strict) + (("vision_model",) if apart else ())
    quantized = {f"{LANGUAGE_MODEL}.{name}.weight" for name in quantized_layers(skeleton.language_model, precision)}
    for name, parameter in skeleton.named_parameters():
        if name in quantized:
            yield name, _quantized_bytes(parameter.shape, precision)
        else:
            yield name, parameter.numel() * (4 if name.startswith(exact) else dtype.itemsize)


def _quantized_bytes(shape: torch.Size, precision: str) -> int:
    """LLM.int8: a scale a row; NF4: a byte a block of inputs, and two small tables."""
    rows, count = shape[0], shape.numel()
    if precision == "int8":
        return count + rows * 4
    blocks = count // NF4_BLOCK
    return count // 2 + blocks + -(-blocks // 256) * 4 + (16 + 256 + 1) * 4


def _cached_numbers(text: Any) -> int:
    """Keys and values of one long conversation; an encoder-decoder keeps those of the prompt and of the answer."""
    layers = getattr(text, "num_decoder_layers", None) or text.num_hidden_layers
    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    width = getattr(text, "d_kv", None) or getattr(text, "head_dim", None) or text.hidden_size // heads
    tokens = min(getattr(text, "max_position_embeddings", None) or CHAT_TOKENS, CHAT_TOKENS)
    return 2 * layers * heads * width * (2 * T5_TOKENS if text.is_encoder_decoder else tokens)


def free_memory(device: torch.device) -> int:
    """Bytes that can be had on a device now; of the RAM no more than the container may have."""
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + unused
    import psutil  # accelerate brings it

    return min([psutil.virtual_memory().available, *_container_room()])


def _container_room() -> Iterator[int]:
    """What a container (cgroup 2) is allowed and does not use; files that it read do not count."""
    try:
        most, used = (int((_CGROUP / f"memory.{name}").read_text()) for name in ("max", "current"))
        facts = dict(line.split() for line in (_CGROUP / "memory.stat").read_text().splitlines())
        yield most - used + int(facts["inactive_file"])
    except (OSError, ValueError, KeyError):  # no container, or "max": no limit
        return


def choose_precision(
    precision: str, skeleton: Any, *, device: torch.device, name: str, apart: bool = False
) -> PrecisionChoice:
    """The precision that a model will be loaded in: the one asked for, or for "auto" the most exact that fits.

    "auto" begins with what `pick_precision` says: on a GPU, fp32 is never worth twice the time.

    Args:
        precision: one of `PRECISIONS`.
        skeleton: a `Blip2Model` on the meta device.
        device: where it will run.
        name: of the model, for the error.
        apart: as for `estimate_memory`.

    Raises:
        SettingsError, MissingExtraError: as `pick_precision`.
        CheckpointError: it does not fit; the message has the nearest choice that does.
    """
    first = pick_precision(precision, device=device, model_type=skeleton.config.text_config.model_type)
    free = free_memory(device)
    wanted = estimate_memory(skeleton, first, device=device, apart=apart)
    if wanted.total <= free:
        return PrecisionChoice(first, told(_reason(precision, first, device), first, device), wanted)
    too_much = f"{first} needs {size(wanted.total)} of {_kind(device)}, {size(free)} are free"
    needs = _needs(skeleton, device=device, apart=apart)
    smaller = {other: need for other, need in needs.items() if need.total <= free}
    if precision == "auto" and smaller:
        nearest = next(iter(smaller))
        return PrecisionChoice(nearest, told(too_much, nearest, device), smaller[nearest])
    advice = _advice(smaller, {} if device.type == "cpu" else _needs(skeleton, device=torch.device("cpu"), apart=apart))
    least = min(needs, key=lambda other: needs[other].total)
    nothing = f"Nothing fits, the least is {size(needs[least].total)} for {least}: free memory or use a smaller model."
    raise CheckpointError(f"{name}: {too_much}. {advice or nothing}")


def _needs(skeleton: Any, *, device: torch.device, apart: bool) -> dict[str, MemoryNeed]:
    """What each precision that works on the device takes, the one that takes most first."""
    no_half = device.type == "cpu" or is_t5(skeleton.config.text_config.model_type)
    works = ["fp32", *([] if no_half else ["fp16"]), "bf16", *_quantizing(skeleton, device)]
    needs = {name: estimate_memory(skeleton, name, device=device, apart=apart) for name in works}
    return dict(sorted(needs.items(), key=lambda item: -item[1].total))


def _quantizing(skeleton: Any, device: torch.device) -> list[str]:
    """The quantized precisions that this model can be loaded in here: not a language model between our own weights."""
    outside = skeleton.config.frozen_parts if isinstance(skeleton.config, HybridBlip2Config) else {}
    if not can_quantize(device) or (outside and LANGUAGE_MODEL not in outside):
        return []
    return [name for name in QUANTIZED if quantized_layers(skeleton.language_model, name)]


def _advice(smaller: dict[str, MemoryNeed], on_cpu: dict[str, MemoryNeed]) -> str:
    """The nearest choice that fits: on the same device, else on the CPU; "" if there is none."""
    for precision, need in smaller.items():
        return f"Use --precision {precision}, which needs {size(need.total)}."
    room = free_memory(torch.device("cpu")) if on_cpu else 0
    for precision, need in on_cpu.items():
        if need.total <= room:
            return f"Use --device cpu --precision {precision}, which needs {size(need.total)} of RAM."
    return ""


def _reason(asked: str, precision: str, device: torch.device) -> str:
    if asked != "auto":
        return "asked for"
    if device.type == "cpu":
        return "exact, and it fits"
    return "it fits, and fp16 overflows inside T5" if precision == "bf16" else "quick on a GPU, and it fits"


def told(reason: str, precision: str, device: torch.device) -> str:
    """The reason for a precision, and what it costs where that is known."""
    return f"{reason}; slow on a CPU without AVX-512" if is_slow(precision, device) else reason


def _kind(device: torch.device) -> str:
    return "RAM" if device.type == "cpu" else "GPU memory"


def size(count: int) -> str:
    """Bytes in words: "5.1 GB", "134 MB"."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(count, 0) / 1e6:.0f} MB"


@dataclass(frozen=True)
class LoadedPart:
    """Modules of one part of a model whose weights have one precision.

    Args:
        part: "vision_model", "qformer", "language_projection", "language_model" or "query_tokens".
        precision: "fp32", "bf16", "fp16", "int8" or "int4".
        device: e.g. "cuda:0".
        modules: how many.
        bytes: of their weights, the scales of quantized ones included.
    """

    part: str
    precision: str
    device: str
    modules: int
    bytes: int


@dataclass(frozen=True)
class LoadReport:
    """How a model was loaded.

    Args:
        choice: the precision, why, and what was expected.
        parts: what is where now.
        seconds: from the choice to the last weight, the fetching of frozen parts included.
    """

    choice: PrecisionChoice
    parts: tuple[LoadedPart, ...]
    seconds: float

    @property
    def bytes(self) -> dict[str, int]:
        """Bytes of weights on each device."""
        found: Counter[str] = Counter()
        for part in self.parts:
            found[part.device] += part.bytes
        return dict(found)

    def to_dict(self) -> dict[str, Any]:
        """The report for a JSON file."""
        need = {**asdict(self.choice.need), "total": self.choice.need.total}
        return {
            "reason": self.choice.reason,
            "seconds": round(self.seconds, 3),
            "bytes": self.bytes,
            "expected": need,
            "parts": [asdict(part) for part in self.parts],
        }

    def __str__(self) -> str:
        """The report for a terminal, a line a part."""
        places = ", ".join(f"{size(count)} on {device}" for device, count in self.bytes.items())
        choice = self.choice
        head = f"{choice.precision} ({choice.reason}): {places}, loaded in {self.seconds:.1f} s"
        rows = [f"  {row.part}: {row.modules} modules in {row.precision}, {size(row.bytes)}" for row in self.parts]
        return "\n".join([head, *rows])


def weigh(model: nn.Module) -> tuple[LoadedPart, ...]:
    """What each part of a model holds, by precision and device."""
    modules: Counter[tuple[str, str, str]] = Counter()
    held: Counter[tuple[str, str, str]] = Counter()
    owners: set[tuple[str, tuple[str, str, str]]] = set()
    for name, parameter in model.named_parameters():
        place = "RAM or disk, copied when needed" if parameter.is_meta else str(parameter.device)
        key = name.partition(".")[0], _precision_of(parameter), place
        held[key] += _held_bytes(parameter)
        owner = name.rpartition(".")[0], key
        modules[key] += owner not in owners
        owners.add(owner)
    return tuple(LoadedPart(*key, modules=modules[key], bytes=count) for key, count in held.items())


def _precision_of(parameter: nn.Parameter) -> str:
    if parameter.dtype == torch.int8:
        return "int8"
    if getattr(parameter, "quant_state", None) is not None:
        return "int4"
    return _NAMES.get(parameter.dtype, str(parameter.dtype).removeprefix("torch."))


def _held_bytes(parameter: Any) -> int:
    """Bytes of a parameter with the scales that bitsandbytes keeps beside it."""
    tensors = [parameter, getattr(parameter, "SCB", None)]
    state = getattr(parameter, "quant_state", None)
    while state is not None:
        tensors += [state.absmax, state.code, getattr(state, "offset", None)]
        state = getattr(state, "state2", None)
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors if tensor is not None)
