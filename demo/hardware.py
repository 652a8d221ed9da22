"""What runs where nobody types a command, as on a Space: the hardware picks the model, a variable overrules it.

processor only        `pocket`
T4 (16 GB)            InstructBLIP FlanT5-XL in 8-bit
larger GPUs           InstructBLIP FlanT5-XL in 16 bit
ZeroGPU               `pocket`, on the processor: it answers there in a second, and spends nobody's minutes of a GPU

ZeroGPU runs a GPU function in a process of its own, forked for one call, so what a conversation keeps between two
questions (the picture's features, the history) would be lost or sent to and fro. A large model belongs on a GPU Space.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

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
    return Start(model, precision, start.device)


def _by_hardware(environment: Mapping[str, str]) -> Start:
    gpu = GPU.fullmatch(environment.get("ACCELERATOR", "none").lower())
    if on_zero_gpu(environment):
        return Start(device="cpu")
    if "SPACE_ID" not in environment or gpu is None:
        return Start()
    return Start(LARGE_MODEL, precision="int8" if gpu[1] == SMALL_GPU else "auto")


def on_zero_gpu(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this is a Space that borrows a GPU for each call."""
    return environment.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def import_spaces(environment: Mapping[str, str] = os.environ) -> None:
    """On ZeroGPU, import `spaces` and show it a GPU function; call it before anything imports torch.

    Elsewhere nothing happens. The package need not be installed: the platform brings it.
    """
    if not on_zero_gpu(environment):
        return
    try:
        import spaces
    except ImportError:
        return
    spaces.GPU(_gpu_function)


def _gpu_function() -> None:
    """Never called: ZeroGPU ends a Space that has no GPU function."""
