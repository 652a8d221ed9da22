"""The cache of frozen features: interrupted, damaged, another encoder's, and a disk without room."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from full_disk import largest_file
from PIL import Image

from blip2_core.errors import DataError, TrainingError
from blip2_core.image import ImageProcessor
from blip2_core.train.features import FeatureCache, View, fill_cache, view_key

PROCESSOR = ImageProcessor(4, (0.5,) * 3, (0.5,) * 3)


@pytest.fixture
def views(tmp_path):
    """Ten pictures, each of another grey."""
    for number in range(10):
        Image.new("RGB", (8, 8), (20 * number,) * 3).save(tmp_path / f"{number}.png")
    return [View(tmp_path / f"{number}.png") for number in range(10)]


def open_cache(folder, *, identity="encoder", shape=(3, 4, 4)):
    return FeatureCache(folder, shape=shape, identity=identity)


def fill(folder, views, *, stop_after=None):
    """The number of pictures that were encoded; an encoder that is stopped by Ctrl+C after some batches."""
    encoded = []

    def encode(pixel_values):
        if stop_after is not None and len(encoded) >= stop_after:
            raise KeyboardInterrupt
        encoded.extend(pixel_values)
        return pixel_values

    fill_cache(open_cache(folder), views, encode=encode, processor=PROCESSOR, say=pytest.fail, batch_size=2)
    return len(encoded)


def expect_all(folder, views):
    """Every row is what the encoder makes of its picture."""
    cache = open_cache(folder)
    assert not cache.missing(views) and len(cache.reader()) == len(views)
    for number, view in enumerate(views):
        grey = torch.tensor(cache.reader()[cache.rows[view_key(view)]])
        assert torch.allclose(grey.float(), torch.full((3, 4, 4), 20 * number / 127.5 - 1), atol=2e-3)


def test_an_interrupted_cache_goes_on_where_it_stopped(tmp_path, views):
    folder = tmp_path / "features"
    with pytest.raises(KeyboardInterrupt):
        fill(folder, views, stop_after=4)
    assert fill(folder, views) == 6
    assert fill(folder, views) == 0
    expect_all(folder, views)


@pytest.mark.parametrize("cut", ["half a line", "half a row", "a row without its line", "no rows", "half the header"])
def test_a_cache_cut_off_while_it_was_written_computes_what_is_lost(cut, tmp_path, views):
    folder = tmp_path / "features"
    fill(folder, views)
    index, rows = folder / "index.jsonl", folder / "features.bin"
    text, data = index.read_text(), rows.read_bytes()
    if cut == "half a line":
        index.write_text(text[:-20])
    elif cut == "half a row":
        rows.write_bytes(data[:-50])
    elif cut == "a row without its line":
        index.write_text("".join(text.splitlines(keepends=True)[:-1]))
    elif cut == "no rows":
        index.write_text(text.splitlines(keepends=True)[0])
        rows.unlink()
    else:
        index.write_text(text[:30])
        rows.unlink()
    assert fill(folder, views) == (10 if cut in ("no rows", "half the header") else 1)
    expect_all(folder, views)


def test_two_runs_fill_a_cache_one_after_the_other(tmp_path, views):
    folder, said, begun, go_on = tmp_path / "features", [], threading.Event(), threading.Event()
    late = open_cache(folder)  # before there is anything in it

    def encode(pixel_values):
        begun.set()
        assert go_on.wait(60)
        return pixel_values

    def say(sentence):
        said.append(sentence)
        go_on.set()

    with ThreadPoolExecutor() as threads:
        first = threads.submit(
            fill_cache, open_cache(folder), views[:6], encode=encode, processor=PROCESSOR, say=pytest.fail
        )
        assert begun.wait(60)
        encoded = []
        fill_cache(late, views, encode=lambda few: encoded.extend(few) or few, processor=PROCESSOR, say=say)
        first.result()
    assert said == [f"Waiting for another run that fills {folder}."] and len(encoded) == 4
    expect_all(folder, views)


@pytest.mark.parametrize("other", [{"identity": "another"}, {"shape": (3, 4, 5)}])
def test_features_of_another_encoder_are_refused(other, tmp_path, views):
    fill(tmp_path / "features", views)
    with pytest.raises(DataError, match="expected features of encoder .* Give --cache-features an empty folder"):
        open_cache(tmp_path / "features", **other)


def test_a_disk_too_small_for_the_features_is_said_before_one_is_computed(tmp_path, views):
    cache = open_cache(tmp_path / "features", shape=(10**6, 10**7))  # 20 TB a picture
    with pytest.raises(TrainingError, match=r"features: the features of 10 views need 200000\.0 GB, .* are free"):
        fill_cache(cache, views, encode=pytest.fail, processor=PROCESSOR, say=pytest.fail)


def test_a_disk_that_fills_up_is_named_and_the_features_so_far_are_kept(tmp_path, views):
    folder = tmp_path / "features"
    row = open_cache(folder).row_bytes
    with largest_file(5 * row), pytest.raises(TrainingError, match="features: the disk is full. Make room and give"):
        fill(folder, views)
    assert fill(folder, views) == 6
    expect_all(folder, views)


def test_a_cache_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "features").write_text("")
    with pytest.raises(DataError, match="--cache-features: .*features cannot be made"):
        open_cache(tmp_path / "features")
