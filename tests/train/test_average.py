"""The mean of the weights of models that were trained from the same one."""

import pytest
import torch
from small_blip2 import make_blip2

from blip2_core import load
from blip2_core.__main__ import main
from blip2_core.checkpoint import save
from blip2_core.errors import TrainingError
from blip2_core.train.average import move_towards


@pytest.fixture
def folders(tmp_path):
    """Three models whose trained weights are 1, 2 and 6 times the same."""
    found = []
    for times in (1, 2, 6):
        blip2 = make_blip2("chatml")
        with torch.no_grad():
            for name, weight in blip2.model.named_parameters():
                if not name.startswith("language_model."):
                    weight.mul_(times)
        save(blip2, tmp_path / f"times{times}")
        found.append(str(tmp_path / f"times{times}"))
    return found


def test_it_is_the_mean_of_all_and_what_is_frozen_stays_to_the_bit(folders, tmp_path):
    assert main(["train", "average", *folders, "--out", str(tmp_path / "mean")]) == 0
    first, mean = (dict(load(name).model.named_parameters()) for name in (folders[0], tmp_path / "mean"))
    for name, weight in mean.items():
        if name.startswith("language_model."):
            assert torch.equal(weight, first[name])
        else:
            torch.testing.assert_close(weight, 3 * first[name])


def test_half_precision_is_written_on_request(folders, tmp_path):
    assert main(["train", "average", *folders[:2], "--save-fp16", "--out", str(tmp_path / "mean")]) == 0
    whole = sum(file.stat().st_size for file in (tmp_path / "times1").glob("*.safetensors"))
    assert sum(file.stat().st_size for file in (tmp_path / "mean").glob("*.safetensors")) < 0.6 * whole


def test_one_model_or_a_folder_in_use_is_refused_before_anything_is_loaded(folders, tmp_path, capsys):
    assert main(["train", "average", folders[0], "--out", str(tmp_path / "mean")]) != 0
    assert "expected two models or more, got 1" in capsys.readouterr().err
    assert main(["train", "average", *folders, "--out", folders[0]]) != 0
    assert capsys.readouterr().err == f"error: --out: {folders[0]} is not empty. Name another folder.\n"
    config = f"{folders[0]}/config.json"
    assert main(["train", "average", *folders, "--out", config]) == 2
    assert capsys.readouterr().err == f"error: --out: {config} is a file, expected a folder.\n"


def test_another_size_and_another_language_model_are_refused():
    blip2, smaller, another = make_blip2("chatml"), make_blip2("chatml"), make_blip2("chatml")
    smaller.model.query_tokens = torch.nn.Parameter(smaller.model.query_tokens[:, :2])
    with pytest.raises(TrainingError, match="smaller: expected the same parts and sizes .* query_tokens differs"):
        move_towards(blip2, smaller, 0.5, name="smaller")
    with torch.no_grad():
        next(another.model.language_model.parameters()).add_(1)
    with pytest.raises(TrainingError, match="another: expected the language model of the first"):
        move_towards(blip2, another, 0.5, name="another")
