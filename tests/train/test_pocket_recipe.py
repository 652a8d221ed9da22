"""The whole recipe of the built-in model, on a handful of photographs and a few steps, with its real frozen parts."""

import json
import shutil
from pathlib import Path

import pytest

import blip2_core
from blip2_core.__main__ import main
from blip2_core.train.card import write_card
from blip2_core.train.pocket import RECIPE

GALLERY = Path(__file__).parents[2] / "demo" / "gallery"
SPLITS = {"train": ("surfer", "jockey", "cat"), "dev": ("pizza",), "test": ("beagle",)}


@pytest.fixture
def flickr8k(tmp_path):
    """Photographs of the gallery with captions, in Flickr8k's own layout."""
    images, captions = tmp_path / "images", tmp_path / "captions"
    images.mkdir()
    captions.mkdir()
    lines = []
    for split, names in SPLITS.items():
        (captions / f"Flickr_8k.{split}Images.txt").write_text("".join(f"{name}.jpg\n" for name in names))
        for name in names:
            shutil.copy(GALLERY / f"{name}.jpg", images)
            lines += [f"{name}.jpg#{n}\tA photograph of a {name} , number {n} .\n" for n in range(5)]
    (captions / "Flickr8k.token.txt").write_text("".join(lines))
    return ["--flickr8k", str(images), "--flickr8k-captions", str(captions)]


@pytest.mark.pocket
def test_a_few_seconds_of_the_recipe_make_a_model_that_answers_and_its_card(flickr8k, tmp_path, capfd):
    command = ["train", "pocket", "--out", str(tmp_path / "out"), *flickr8k, "--minutes", "0.1"]
    assert main(command) == 0
    folder = tmp_path / "out" / "pocket"
    card = (folder / "README.md").read_text()
    assert all(f"| `{part.stage}` | 15 | 2 × " in card for part in RECIPE if part.stage not in ("stage2", "vqa"))
    assert "| caption, test | flickr8k | CIDEr |" in card and "{" not in card
    answer = blip2_core.load(folder, device="cpu").ask(
        GALLERY / "cat.jpg", "What is this?", blip2_core.AnswerSettings(max_new_tokens=3)
    )
    assert isinstance(answer, str)
    capfd.readouterr()
    assert main(command) == 0
    again = capfd.readouterr().err
    assert again.count("finished before: ") == 1 + len(RECIPE) + 1


def test_minutes_that_are_no_time_are_refused_in_one_sentence(tmp_path, capsys):
    assert main(["train", "pocket", "--out", str(tmp_path / "out"), "--minutes", "0"]) == 2
    assert "--minutes: expected a number above 0, got 0.0" in capsys.readouterr().err


def test_the_dry_run_prints_every_stage_and_makes_nothing(tmp_path, capsys):
    assert main(["train", "pocket", "--out", str(tmp_path / "out"), "--flickr8k", "F", "--dry-run"]) == 0
    commands = capsys.readouterr().err.splitlines()
    assert [f"train {part.stage}" in line for part, line in zip(RECIPE, commands[1:], strict=False)] == [True] * len(
        RECIPE
    )
    assert not (tmp_path / "out").exists()


def test_the_card_has_a_row_for_each_stage_that_was_run(tmp_path):
    run, folder = tmp_path / "vqa", tmp_path / "model"
    run.mkdir()
    folder.mkdir()
    facts = {"stage": "vqa", "samples": 1200, "settings": {"steps": 60, "batch_size": 8}}
    (run / "run.json").write_text(json.dumps(facts))
    losses = ({"step": n, "answer": 4.0 if n < 10 else 1.5, "samples_per_s": 9.0} for n in range(60))
    (run / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in losses))
    write_card(folder, [run])
    card = (folder / "README.md").read_text()
    assert "| `vqa` | 1,200 | 60 × 8 | answer 4.00 → 1.50 |" in card and "Not measured." in card
