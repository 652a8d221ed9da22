"""The whole recipe of the built-in model, on a handful of photographs and a few steps, with its real frozen parts."""

import json
import re
import shutil
from argparse import Namespace
from pathlib import Path

import pytest
import torch
from PIL import Image

import blip2_core
from blip2_core.__main__ import main
from blip2_core.errors import SettingsError, TrainingError
from blip2_core.train import pocket
from blip2_core.train.bootstrap import vision_config
from blip2_core.train.card import write_card
from blip2_core.train.pocket import RECIPE, run_once, training_files
from blip2_core.vision import HybridViT

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


@pytest.fixture
def daquar(tmp_path):
    """Two photographs of the gallery with a question each, in DAQUAR's own layout."""
    folder, names = tmp_path / "daquar", {1: "coffee", 2: "pizza", 3: "cat"}
    (folder / "images").mkdir(parents=True)
    for number, name in names.items():
        Image.open(GALLERY / f"{name}.jpg").save(folder / "images" / f"image{number}.png")
    (folder / "train_images_list.txt").write_text("image1\nimage2\n")
    (folder / "test_images_list.txt").write_text("image3\n")
    (folder / "all_qa_pairs.txt").write_text(
        "".join(f"what is on the table in the image{n} ?\n{names[n]}\n" for n in names)
    )
    return ["--daquar", str(folder)]


@pytest.mark.pocket
def test_without_captions_the_first_stages_learn_from_what_there_is(daquar, tmp_path, capfd):
    """Every source may be left out, Flickr8k too."""
    assert main(["train", "pocket", "--out", str(tmp_path / "out"), *daquar, "--minutes", "0.1"]) == 0
    assert "--flickr8k is not given: without captions" in capfd.readouterr().err
    card = (tmp_path / "out" / "pocket" / "README.md").read_text()
    stages = [part.stage for part in RECIPE if f"| `{part.stage}` | " in card]
    assert stages == ["vision", "stage1", "stage2", "vqa"]  # one question about each picture makes no conversation
    assert "| vqa, test | daquar |" in card


def test_a_folder_without_training_text_says_what_makes_some(tmp_path):
    (tmp_path / "data").mkdir()
    with pytest.raises(SettingsError, match="^vision: .*data has no training text. Expected --flickr8k with"):
        training_files(RECIPE[0], tmp_path, dry_run=False)
    for name in ("vqa", "caption-things", "caption"):
        file = tmp_path / "data" / f"{name}-train.jsonl"
        file.write_text("{}\n")
        assert training_files(RECIPE[0], tmp_path, dry_run=False) == [file]


def test_turns_are_learnt_where_there_are_conversations(tmp_path):
    """From captions that make no question about a picture there are none."""
    (tmp_path / "data").mkdir()
    args = Namespace(out=tmp_path, dry_run=False)
    assert pocket._recipe(args) == list(RECIPE[:-1]) and RECIPE[-1].stage == "turns"
    (tmp_path / "data" / "chat-train.jsonl").write_text("{}\n")
    assert pocket._recipe(args) == list(RECIPE)


def test_a_disk_too_small_for_the_features_of_all_stages_is_said_before_the_first(tmp_path, monkeypatch):
    """Every picture that any stage asks for counts, each once."""
    (tmp_path / "data").mkdir()
    for name, pictures in {"caption": range(3), "vqa": range(2, 5)}.items():
        lines = (json.dumps({"image": f"{number}.jpg"}) for number in pictures)
        (tmp_path / "data" / f"{name}-train.jsonl").write_text("\n".join(lines))
    monkeypatch.setattr(pocket, "VIEW_BYTES", 10**15)
    complaint = r"^.*features: the features of 20 views need 20000000\.0 GB, .* are free. Make room, or give --out on"
    with pytest.raises(TrainingError, match=complaint):
        pocket._expect_room_for_features(Namespace(out=tmp_path, minutes=None, dry_run=False))


def test_the_bytes_of_a_view_are_those_of_the_image_encoder():
    config = vision_config()
    trunk = HybridViT(config).frozen_features(torch.zeros(1, 3, config.image_size, config.image_size))
    assert 2 * trunk[0].numel() == pocket.VIEW_BYTES


def test_a_short_training_warms_up_for_a_fifth_of_it_and_is_not_measured_for_long(tmp_path, capsys):
    def printed(*more):
        assert main(["train", "pocket", "--out", str(tmp_path / "out"), "--flickr8k", "F", "--dry-run", *more]) == 0
        lines = capsys.readouterr().err
        numbers = zip(re.findall(r"--steps (\d+)", lines), re.findall(r"--warmup (\d+)", lines), strict=True)
        steps = [(int(steps), int(warmup)) for steps, warmup in numbers]
        return steps, re.findall(r"--views (\d)", lines), re.findall(r"--limit (\d+)", lines)

    assert printed() == ([(part.steps, part.warmup) for part in RECIPE], ["4"] * len(RECIPE), [])
    steps, views, limits = printed("--minutes", str(pocket.RECIPE_MINUTES / 10))
    warmups = {"vision": 16, "stage1": 8, "stage2": 6, "vqa": 60, "turns": 17}
    assert steps == [(part.steps // 10, warmups[part.stage]) for part in RECIPE] and views == ["1"] * len(RECIPE)
    assert limits == ["500"] * len(pocket.TASKS)


def test_a_command_runs_again_once_its_inputs_have_changed(tmp_path, capfd):
    """A source that is added later must not be passed over as finished."""
    for text, again in (("a", False), ("a", True), ("b", False)):
        (tmp_path / "data.jsonl").write_text(text)
        run_once(tmp_path, "models", ["--version"], inputs=[tmp_path / "data.jsonl"])
        assert ("finished before: " in capfd.readouterr().err) == again


@pytest.mark.pocket
def test_a_few_seconds_of_the_recipe_make_a_model_that_answers_and_its_card(flickr8k, tmp_path, capfd):
    command = ["train", "pocket", "--out", str(tmp_path / "out"), *flickr8k, "--minutes", "0.1"]
    assert main(command) == 0
    folder = tmp_path / "out" / "pocket"
    card = (folder / "README.md").read_text()
    assert all(f"| `{part.stage}` | 15 | 2 × " in card for part in RECIPE[:2])
    assert "| caption, test | flickr8k | CIDEr |" in card and "{" not in card
    answer = blip2_core.load(folder, device="cpu").ask(
        GALLERY / "cat.jpg", "What is this?", blip2_core.AnswerSettings(max_new_tokens=3)
    )
    assert isinstance(answer, str)
    capfd.readouterr()
    assert main(command) == 0
    again = capfd.readouterr().err
    assert again.count("finished before: ") == 1 + len(RECIPE[:-1]) + 1


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
    facts = {"stage": "vqa", "samples": 1200, "settings": {"steps": 60, "batch_size": 8, "bf16": True}}
    (run / "run.json").write_text(json.dumps(facts))
    losses = ({"step": n, "answer": 4.0 if n < 10 else 1.5, "samples_per_s": 9.0} for n in range(60))
    (run / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in losses))
    write_card(folder, [run], sources=["daquar", "imagenet_samples", "flickr8k"])
    card = (folder / "README.md").read_text()
    assert "| `vqa` | 1,200 | 60 × 8 | answer 4.00 → 1.50 |" in card and "Not measured." in card
    assert "`train pocket`, in bfloat16," in card.replace("python -m blip2_core ", "")
    data = card[card.index("| data |") : card.index("None of these pictures")]
    assert re.findall(r"\n\| ([^-|][^|]*) \|", data) == ["Flickr8k", "DAQUAR"], "things are named by WordNet"
