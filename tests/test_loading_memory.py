"""How much RAM loading takes at its peak: the result, and not much more than one shard of the folder beside it."""

import ctypes
import gc
import json
import sys
import threading
import time
from pathlib import Path

import pytest
from families import edit
from public_folders import draw, write_folder, write_weights
from public_layouts import BY_NAME, shapes

from blip2_core.checkpoint import load

STATUS = Path("/proc/self/status")
WIDTH, LAYERS, SHARDS = 384, 12, 4
POLL = 0.002  # seconds


def anonymous() -> int:
    """Bytes of RAM of this process that are no pages of a file: what was read of a shard can be dropped any time."""
    (line,) = [line for line in STATUS.read_text().splitlines() if line.startswith("RssAnon:")]
    return 1024 * int(line.split()[1])


def give_back_freed_memory() -> None:
    """Let the C library return what earlier tests freed: what is loaded next would fill it, and nothing would rise."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


class Peak:
    """Within the block, watches how far the RAM of this process rises above where it began."""

    def __enter__(self) -> "Peak":
        give_back_freed_memory()
        self.began = self.highest = anonymous()
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._left.is_set():
            self.highest = max(self.highest, anonymous())
            time.sleep(POLL)

    def __exit__(self, *_: object) -> None:
        self._left.set()
        self._thread.join()

    @property
    def rise(self) -> int:
        """Bytes."""
        return self.highest - self.began


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A blip2-opt with a language model of some 170 MB in fp32, in four shards."""
    folder = write_folder(BY_NAME["blip2-opt-2.7b"], tmp_path_factory.mktemp("opt") / "model", shards=1)
    (folder / "model.safetensors").unlink()
    sizes = {"hidden_size": WIDTH, "word_embed_proj_dim": WIDTH, "ffn_dim": 4 * WIDTH, "num_hidden_layers": LAYERS}
    edit(folder / "config.json", **{f"text_config__{name}": value for name, value in sizes.items()})
    write_weights(folder, draw(shapes(json.loads((folder / "config.json").read_text()))), shards=SHARDS)
    return folder


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("precision", ["fp32", "bf16", "int8"])
def test_loading_holds_the_result_and_little_more_than_the_largest_shard(folder, precision):
    if precision == "int8":
        pytest.importorskip("bitsandbytes")
    largest = max(file.stat().st_size for file in folder.glob("*.safetensors"))
    reports = []
    with Peak() as peak:
        load(folder, precision=precision, device="cpu", report=reports.append)
    result = sum(reports[0].bytes.values())
    assert result > (40_000_000 if precision == "int8" else 80_000_000) and peak.rise < 1.3 * largest + result
    if precision == "bf16":  # in fp32 the weights are the pages of the files
        assert peak.rise > 0.5 * result
