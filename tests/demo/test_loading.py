"""The model behind the page: how it comes, and what is told when it does not."""

from pathlib import Path

from huggingface_hub import constants

from blip2_core.errors import CheckpointError, DownloadError
from demo.loading import ModelLoader


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
