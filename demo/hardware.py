"""What runs where nobody types a command, as on a Space: the hardware picks the model, a variable overrules it.

processor only        `pocket`
T4 (16 GB)            InstructBLIP FlanT5-XL in 8-bit
larger GPUs           InstructBLIP FlanT5-XL in 16 bit
ZeroGPU (48 GB)       InstructBLIP FlanT5-XL in bf16; its GPU is lent for one answer at a time, see `lending.py`

`pocket` can be named on ZeroGPU, too. It then answers on the processor, in about a second, and spends nobody's minutes
of a GPU.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from blip2_core.builtin import BUILTIN_MODELS
from blip2_core.errors import SettingsError

from .loading import LENT_PRECISION

MODEL_VARIABLE, PRECISION_VARIABLE = "BLIP2_MODEL", "BLIP2_PRECISION"
LARGE_MODEL = "Salesforce/instructblip-flan-t5-xl"
SMALL_GPU = "t4"
GPU = re.compile(r"(t4|l4|l40s|a10g|a100|h100|h200)(x\d+)?(-\w+)?")  # ACCELERATOR: "t4-small", "l4x1"; "none" without


@dataclass(frozen=True)
class Start:
    """What the page starts with.

    Args:
        model: a built-in name, a folder or a hub id.
        precision: as for `blip2_core.load`.
        device: as for `blip2_core.load`.
    """

    model: str = "pocket"
    precision: str = "auto"
    device: str = "auto"


def pick_start(environment: Mapping[str, str] = os.environ) -> Start:
    """What to start with when the command line names nothing.

    Args:
        environment: the variables of the process.
    """
    start = _by_hardware(environment)
    model = environment.get(MODEL_VARIABLE) or start.model
    precision = environment.get(PRECISION_VARIABLE) or (start.precision if model == start.model else "auto")
    on_processor = on_zero_gpu(environment) and model in BUILTIN_MODELS
    return Start(model, precision, "cpu" if on_processor else start.device)


def _by_hardware(environment: Mapping[str, str]) -> Start:
    gpu = GPU.fullmatch(environment.get("ACCELERATOR", "none").lower())
    if on_zero_gpu(environment):
        return Start(LARGE_MODEL, LENT_PRECISION, "cuda")
    if "SPACE_ID" not in environment or gpu is None:
        return Start()
    return Start(LARGE_MODEL, precision="int8" if gpu[1] == SMALL_GPU else "auto")


def on_zero_gpu(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this is a Space that borrows a GPU for each call."""
    return environment.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def import_spaces(environment: Mapping[str, str] = os.environ) -> Callable[..., Any] | None:
    """On ZeroGPU, its decorator of functions that need a GPU; call it before anything imports torch.

    Elsewhere nothing happens. The package need not be installed: the platform brings it.
    """
    if not on_zero_gpu(environment):
        return None
    try:
        import spaces
    except ImportError:
        return None
    return spaces.GPU


def lent_gpu(gpu: Callable[..., Any] | None, *, device: str, precision: str) -> Callable[..., Any] | None:
    """The decorator, where the model is to run on a GPU that is lent.

    Args:
        gpu: of `import_spaces`.
        device: that was asked for.
        precision: that was asked for.

    Raises:
        SettingsError: a precision that a lent GPU does not take.
    """
    if gpu is None:
        return None
    if device == "cpu":
        gpu(_gpu_function)
        return None
    if precision not in ("auto", LENT_PRECISION):
        raise SettingsError(f"precision: on ZeroGPU a model runs in {LENT_PRECISION}, got {precision}. Name none.")
    return gpu


def _gpu_function() -> None:
    """Never called: ZeroGPU ends a Space that has no GPU function."""
