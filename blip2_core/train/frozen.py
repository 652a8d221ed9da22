"""Frozen parts: a fingerprint that proves, bit for bit, that training left them alone."""

import hashlib
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ..errors import TrainingError


def fingerprint(tensors: Iterable[tuple[str, Tensor]]) -> str:
    """sha256 over names, dtypes and bytes of the tensors, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for name, tensor in tensors:
        data = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {data.dtype} {tuple(data.shape)}".encode())
        digest.update(data.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def frozen_fingerprint(model: nn.Module, trainable: Iterable[str]) -> str:
    """Fingerprint of everything in the model, buffers included, outside the prefixes in `trainable`."""
    prefixes = tuple(trainable)
    return fingerprint((name, tensor) for name, tensor in model.state_dict().items() if not name.startswith(prefixes))


def expect_unchanged(before: str, after: str) -> None:
    """Raise unless the two fingerprints agree.

    Raises:
        TrainingError: a frozen part changed while training.
    """
    if before != after:
        raise TrainingError(
            f"frozen parts: expected fingerprint {before[:12]} after training, got {after[:12]}. "
            "Something trained what should stay frozen: do not use this run, and check `trainable` of its stage."
        )
