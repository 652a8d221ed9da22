"""What a model needs, told before any of its weights is read."""

import families
import pytest
import torch

from blip2_core import needs as told
from blip2_core.needs import needs

PRECISIONS = ("fp32", "fp16", "bf16")


@pytest.mark.parametrize(("family", "on_cpu", "on_gpu"), [("blip2-opt", "cpu", ""), ("blip2-t5", "t5", "t5")])
def test_a_config_is_read_once_for_the_sizes_and_for_fp16(family, on_cpu, on_gpu, tmp_path, monkeypatch):
    read = []
    real = told.read_config
    monkeypatch.setattr(told, "read_config", lambda folder: read.append(folder) or real(folder))
    monkeypatch.setattr(told, "pick_device", torch.device)
    monkeypatch.setattr(told, "free_memory", lambda device: 10**9)
    folder = families.save_as_older(family, tmp_path)
    for device, reason in (("cpu", on_cpu), ("cuda", on_gpu)):
        read.clear()
        first, again = (needs(str(folder), PRECISIONS, device=device) for _ in range(2))
        assert first == again and len(read) == 1
        assert first.no_fp16 == reason and ("fp16" in first.bytes) == (not reason) and first.bytes["fp32"] > 0
