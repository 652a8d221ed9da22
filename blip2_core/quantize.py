"""Precision and device in one place: what runs in which dtype where, and what 8-bit quantizes.

8-bit is bitsandbytes' LLM.int8 and touches an explicit list: the linear layers of the language model, except its head
and, in a T5, the last layer of each feed-forward network, whose inputs are too large for the half precision that
LLM.int8 reads them in. The image encoder, the Q-Former and the projection are small and stay as they are.

Paper: LLM.int8 (arXiv 2208.07339).
"""

import importlib.util
import logging
from typing import Any

import torch

from .errors import ConfigError, MissingExtraError, SettingsError

PRECISIONS = ("auto", "fp32", "bf16", "fp16", "int8")
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
INT8_EXCEPTIONS = ("lm_head", "wo")  # wo: the last layer of a T5's feed-forward networks
OUTLIER_THRESHOLD = 6.0  # the paper's, section 3.2


def pick_device(device: str) -> torch.device:
    """The device that a person asked for; "auto" takes the GPU where there is one.

    Raises:
        SettingsError: no such device here.
    """
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


def pick_precision(precision: str, *, device: torch.device, model_type: str) -> str:
    """The precision that a person asked for; "auto" is fp32 on a CPU, bf16 for T5 and fp16 for others on a GPU.

    Args:
        precision: one of `PRECISIONS`.
        device: where the model will run.
        model_type: the language model's, e.g. "opt", "t5".

    Raises:
        SettingsError: an unknown precision, or fp16 for a T5.
        MissingExtraError: int8 without bitsandbytes.
    """
    if precision not in PRECISIONS:
        raise SettingsError(f"precision: expected one of {', '.join(PRECISIONS)}, got {precision!r}.")
    is_t5 = model_type in ("t5", "mt5")
    if precision == "auto":
        return "fp32" if device.type == "cpu" else "bf16" if is_t5 else "fp16"
    if precision == "fp16" and is_t5:
        raise SettingsError("precision: fp16 overflows inside T5 and gives empty answers. Use bf16 or fp32.")
    if precision == "fp16" and device.type == "cpu":
        raise SettingsError("precision: fp16 is slow and inexact on a CPU. Use fp32, bf16 or int8.")
    if precision == "int8" and importlib.util.find_spec("bitsandbytes") is None:
        raise MissingExtraError("8-bit weights need bitsandbytes. Install it with: pip install bitsandbytes")
    return precision


def language_dtype(precision: str, *, device: torch.device, model_type: str) -> torch.dtype:
    """dtype of the language model's weights, of what stays of them beside 8-bit ones, and of a GPU's image encoder."""
    if precision == "int8":
        return torch.float32 if device.type == "cpu" else torch.bfloat16 if model_type == "t5" else torch.float16
    return DTYPES[precision]


def int8_config(language_model: Any, *, also_skip: tuple[str, ...] = ()) -> Any:
    """bitsandbytes' settings that quantize the linear layers of a language model, `INT8_EXCEPTIONS` excepted.

    Args:
        language_model: the model, on the meta device or not; only the names of its layers are read.
        also_skip: modules beside the language model that stay as they are.

    Raises:
        ConfigError: there is no linear layer to quantize.
    """
    from transformers import BitsAndBytesConfig

    linears = [name for name, module in language_model.named_modules() if isinstance(module, torch.nn.Linear)]
    if len(linears) < 2:
        raise ConfigError("int8: expected linear layers in the language model, found none. Use fp32 or bf16.")
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # on a CPU it warns of its casts, in every layer
    return BitsAndBytesConfig(
        load_in_8bit=True, llm_int8_threshold=OUTLIER_THRESHOLD, llm_int8_skip_modules=[*INT8_EXCEPTIONS, *also_skip]
    )


def precision_report(model: torch.nn.Module) -> dict[str, int]:
    """Bytes of weights by dtype, e.g. {"torch.int8": 106000000, "torch.float32": 170000000}."""
    report: dict[str, int] = {}
    for parameter in model.parameters():
        report[str(parameter.dtype)] = (
            report.get(str(parameter.dtype), 0) + parameter.numel() * parameter.element_size()
        )
    return report
