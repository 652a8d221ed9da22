"""Precision and device in one place: what runs in which dtype where, and what 8-bit and 4-bit quantize.

8-bit is bitsandbytes' LLM.int8, 4-bit its NF4. Both touch an explicit list: the linear layers of the language model,
except its head and, in a T5, the last layer of each feed-forward network, whose inputs are too large for the half
precision that LLM.int8 reads them in. The image encoder, the Q-Former and the projection are small and stay as they
are.

Papers: LLM.int8 (arXiv 2208.07339); NF4 and its double quantization, QLoRA (arXiv 2305.14314), section 3.
"""

import functools
import importlib.util
import logging
import time
from typing import Any

import torch

from .errors import ConfigError, MissingExtraError, SettingsError, brief
from .precisions import PRECISIONS, QUANTIZED

NO_FP16 = {
    "t5": "fp16 overflows inside T5 and gives empty answers. Use bf16 or fp32.",
    "cpu": "fp16 is slow and inexact on a CPU. Use fp32, bf16 or int8.",
}
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
KEPT_LAYERS = ("lm_head", "wo")  # wo: the last layer of a T5's feed-forward networks
OUTLIER_THRESHOLD = 6.0  # LLM.int8, section 3.2
NF4_BLOCK = 64  # inputs of a layer that share a scale
NF4_ROWS = 32  # outputs that bitsandbytes packs together where a CPU multiplies in bf16
CLEARLY_FASTER = 1.3  # times
TIMES_MEASURED = 5


def pick_device(device: str) -> torch.device:
    """The device that a person asked for; "auto" takes the GPU where there is one.

    With a GPU PyTorch may no longer pick cuDNN's attention, in the whole process. That builds a plan for every new
    length, which is every token of an answer (pytorch pull request 155958): the likely reason why an H200 took 80 to
    100 ms a token in 16 bits, and 24 in int4 once the plans were there. And on a B200 it answers wrongly where keys and
    values have few heads (pytorch issue 193893).

    Raises:
        SettingsError: no such device here.
    """
    chosen = _asked_for(device)
    if chosen.type == "cuda":
        torch.backends.cuda.enable_cudnn_sdp(False)
    return chosen


def _asked_for(device: str) -> torch.device:
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError):
        chosen = None
    if chosen is None or chosen.type not in ("cpu", "cuda"):
        raise SettingsError(f'device: expected "auto", "cpu" or "cuda", got {device!r}.')
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise SettingsError(f"device: {device!r} was asked for, but torch sees no GPU here. Use --device cpu.")
    return chosen


@functools.cache
def fast_at_bf16(device: torch.device) -> bool:
    """Whether the device multiplies matrices clearly faster in bf16 than in fp32.

    On a CPU that is measured, in a few hundredths of a second. Its flags do not tell: of two with AVX-512 BF16 and
    without AMX one was 2.4 times as fast in bf16, the other 0.6 times.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return _seconds_to_multiply(torch.float32) > CLEARLY_FASTER * _seconds_to_multiply(torch.bfloat16)


def _seconds_to_multiply(dtype: torch.dtype) -> float:
    """The least of a few times that it takes to multiply two matrices, such as a small language model has."""
    left, right = torch.ones(256, 576, dtype=dtype), torch.ones(576, 576, dtype=dtype)
    times = []
    for _ in range(TIMES_MEASURED + 1):  # the first one prepares
        start = time.perf_counter()
        left @ right
        times.append(time.perf_counter() - start)
    return min(times[1:])


def pick_precision(precision: str, *, device: torch.device, model_type: str) -> str:
    """The precision that a person asked for; "auto" is fp32 on a CPU, bf16 for T5 and fp16 for others on a GPU.

    `memory.choose_precision` goes on from here where the memory is small.

    Args:
        precision: one of `PRECISIONS`.
        device: where the model will run.
        model_type: the language model's, e.g. "opt", "t5".

    Raises:
        SettingsError: an unknown precision, or fp16 where it does not work.
        MissingExtraError: int8 or int4 without a bitsandbytes that works on the device.
    """
    if precision not in PRECISIONS:
        raise SettingsError(f"precision: expected one of {', '.join(PRECISIONS)}, got {precision!r}.")
    if precision == "auto":
        return "fp32" if device.type == "cpu" else "bf16" if is_t5(model_type) else "fp16"
    if precision == "fp16" and (reason := refuses_fp16(device, model_type)):
        raise SettingsError(f"precision: {NO_FP16[reason]}")
    if precision in QUANTIZED:
        _expect_bitsandbytes(QUANTIZED[precision], device)
    return precision


def _expect_bitsandbytes(bits: int, device: torch.device) -> None:
    if not _is_installed():
        raise MissingExtraError(f"{bits}-bit weights need bitsandbytes. Install it with: pip install bitsandbytes")
    if not _is_absent(device) and (failure := _failure_on(device.type)):
        raise MissingExtraError(
            f"{bits}-bit weights need bitsandbytes; the one installed here does not work on this {device.type} "
            f"({failure}). Install it again with: pip install --force-reinstall --no-deps bitsandbytes, or use bf16."
        )


def refuses_fp16(device: torch.device, model_type: str) -> str:
    """Why fp16 does not work, a key of `NO_FP16`; empty where it does."""
    return "t5" if is_t5(model_type) else "cpu" if device.type == "cpu" else ""


def is_t5(model_type: str) -> bool:
    """Whether a language model is of the family that overflows in fp16."""
    return model_type in ("t5", "mt5")


def can_quantize(device: torch.device) -> bool:
    """Whether bitsandbytes is installed and works on a device; of a GPU that is not here, whether it is installed."""
    return _is_installed() and (_is_absent(device) or not _failure_on(device.type))


def is_slow(precision: str, device: torch.device) -> bool:
    """Whether bitsandbytes unpacks every 8-bit weight at each step: on a CPU without AVX-512 it has no faster way."""
    return precision == "int8" and device.type == "cpu" and torch.backends.cpu.get_cpu_capability() != "AVX512"


def _is_absent(device: torch.device) -> bool:
    return device.type == "cuda" and not torch.cuda.is_available()


def _is_installed() -> bool:
    return importlib.util.find_spec("bitsandbytes") is not None


@functools.cache
def _failure_on(device_type: str) -> str:
    """Why bitsandbytes does not work on a kind of device, "" if it does: it may lack its binary for this GPU."""
    try:
        from bitsandbytes.functional import int8_vectorwise_quant

        int8_vectorwise_quant(torch.ones(1, NF4_BLOCK, dtype=torch.float16, device=device_type))
    except Exception as error:  # whatever an import, a binary or a driver raises
        return brief(error)
    return ""


def language_dtype(precision: str, *, device: torch.device, model_type: str) -> torch.dtype:
    """dtype of the language model's weights, of what stays of them beside quantized ones, and of a GPU's image encoder.

    Quantized layers also compute in it.
    """
    if precision in QUANTIZED:
        return torch.float32 if device.type == "cpu" else torch.bfloat16 if is_t5(model_type) else torch.float16
    return DTYPES[precision]


def quantized_layers(language_model: torch.nn.Module, precision: str) -> list[str]:
    """The names of the layers that a precision quantizes; none for fp32, bf16 and fp16.

    A 4-bit layer must have whole blocks of inputs and outputs, as in all public checkpoints: where a CPU multiplies in
    bf16, bitsandbytes 0.50 fails on others at the first question.

    Args:
        language_model: the model, on the meta device or not; only names and shapes are read.
        precision: one of `PRECISIONS`, "auto" excepted.
    """
    if precision not in QUANTIZED:
        return []
    return [
        name
        for name, module in language_model.named_modules()
        if isinstance(module, torch.nn.Linear)
        and name.rpartition(".")[2] not in KEPT_LAYERS
        and (precision == "int8" or (module.in_features % NF4_BLOCK == 0 and module.out_features % NF4_ROWS == 0))
    ]


def quantization_settings(
    language_model: torch.nn.Module, precision: str, *, dtype: torch.dtype, also_skip: tuple[str, ...] = ()
) -> Any:
    """bitsandbytes' settings that quantize `quantized_layers` and nothing else.

    Args:
        language_model: the model, on the meta device or not; only names and shapes are read.
        precision: "int8" or "int4".
        dtype: that 4-bit layers compute in.
        also_skip: modules beside the language model that stay as they are.

    Raises:
        ConfigError: there is no linear layer to quantize.
    """
    from transformers import BitsAndBytesConfig

    chosen = set(quantized_layers(language_model, precision))
    if not chosen:
        raise ConfigError(
            f"{precision}: expected linear layers in the language model, found none that it can quantize. "
            "Use fp32 or bf16."
        )
    linears = [name for name, module in language_model.named_modules() if isinstance(module, torch.nn.Linear)]
    kept = [name for name in linears if name not in chosen and name.rpartition(".")[2] not in KEPT_LAYERS]
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # on a CPU it warns of its casts, in every layer
    skip = [*KEPT_LAYERS, *kept, *also_skip]
    if precision == "int8":
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_threshold=OUTLIER_THRESHOLD, llm_int8_skip_modules=skip)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=skip,
    )
