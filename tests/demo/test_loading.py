"""The model behind the page: how it comes, and what is told when it does not."""

from pathlib import Path

import families
import torch
from families import save_as_older
from huggingface_hub import constants
from safetensors.torch import load_file

from blip2_core.errors import CheckpointError, DownloadError
from demo import texts
from demo.choosing import about
from demo.loading import ModelLoader
from demo.offers import Offers


def test_a_model_that_is_not_there_ends_the_loading_with_its_error():
    loader = ModelLoader("no-such-model")
    loader.start()
    assert loader.wait(60) and loader.model is None
    assert isinstance(loader.state.error, CheckpointError) and not loader.may_retry


def test_a_checkpoint_that_cannot_be_downloaded_now_can_be_tried_again(monkeypatch, tmp_path):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    loader = ModelLoader("Salesforce/blip2-opt-2.7b")
    loader.start()
    assert loader.wait(60) and isinstance(loader.state.error, DownloadError) and loader.may_retry


def test_a_loaded_model_is_not_loaded_again(loader):
    model = loader.model
    loader.start()
    assert loader.model is model and loader.state.step == "ready"


def test_weights_as_pickles_are_read_where_that_is_allowed_and_of_that_model_only(tmp_path):
    folder = save_as_older("blip2-opt", tmp_path / "pickled")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    for allowed in (False, True):
        loader = ModelLoader(str(folder), precision="fp32", device="cpu", allow_pickle=allowed)
        loader.start()
        assert loader.wait(60) and (loader.model is not None) is allowed, loader.state.error
    other = folder.rename(tmp_path / "other")
    assert loader.switch(str(other), "fp32") and loader.wait(60)
    assert isinstance(loader.state.error, CheckpointError)


def test_a_checkpoint_that_writes_captions_is_said_to_answer_badly(tmp_path, monkeypatch):
    for pixels in (28, 364):
        monkeypatch.setattr(families, "IMAGE_SIZE", pixels)
        folder = save_as_older("blip2-opt", tmp_path / str(pixels))
        loader = ModelLoader(str(folder), precision="fp32", device="cpu")
        assert texts.CAPTIONS not in about(loader, Offers())
        loader.start()
        assert loader.wait(60) and loader.model is not None, loader.state.error
        assert (texts.CAPTIONS in about(loader, Offers())) is (pixels == 364)


def test_progress_is_a_share_of_the_bytes_where_they_are_known():
    loader = ModelLoader("pocket")
    loader._progress(25, 100, "Downloading a part")
    assert (loader.state.step, loader.state.fraction) == ("downloading a part", 0.25)
    loader._progress(25, 0, "Converting")
    assert loader.state.fraction is None


def test_the_page_calls_a_folder_by_its_last_name(tmp_path):
    folder = tmp_path / "my-model"
    folder.mkdir()
    assert ModelLoader(str(folder)).title == ModelLoader(f"{folder}/").title == "my-model"
    assert ModelLoader("Salesforce/blip2-opt-2.7b").title == "Salesforce/blip2-opt-2.7b"
    assert not Path("pocket").is_dir() and ModelLoader("pocket").title == "pocket"
