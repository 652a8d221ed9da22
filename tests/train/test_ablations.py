"""The table of ablations: what differs between its runs, and a table of a few steps with the real frozen parts."""

import json
import re

import pytest
from PIL import Image
from test_pocket_recipe import GALLERY

from blip2_core.__main__ import main
from blip2_core.train.ablations import MEASURES, VARIANTS, draw
from blip2_core.train.curves import read_validation
from blip2_core.train.pocket import run_once

VQA = {"image": str(GALLERY / "beagle.jpg"), "question": "What animal is this?", "answers": ["A dog."]}
CAPTION = {"image": str(GALLERY / "cat.jpg"), "caption": "A cat lies on a sofa."}


def dry_run(tmp_path, capsys, *more) -> list[str]:
    command = ["train", "ablations", "--work", str(tmp_path), "--out", str(tmp_path / "a.json"), "--dry-run", *more]
    assert main(command) == 0
    return capsys.readouterr().err.splitlines()


def test_variants_have_equal_steps_and_share_what_they_can(tmp_path, capsys):
    lines = dry_run(tmp_path, capsys, "--seeds", "1", "--steps", "100")
    last = [line for line in lines if "train vqa" in line]
    assert len(last) == len(VARIANTS) and all("--steps 100" in line and "--seed 0" in line for line in last)
    before = {line for line in lines if "train stage" in line}
    steps = {
        name: re.findall(r"--steps (\d+)", line)[0] for line in before for name in re.findall(r"--out (\S+)", line)
    }
    assert sorted(steps.values()) == ["25"] * 6 + ["50"]  # without stage 1 its steps go to stage 2
    assert sum("--queries 8" in line for line in before) == sum("--queries 32" in line for line in before) == 1


def test_each_variant_changes_what_its_name_says(tmp_path, capsys):
    lines = dry_run(tmp_path, capsys, "--seeds", "1")
    withheld = [line for line in lines if "--withhold-question" in line]
    assert len(withheld) == 3 and all("question-not-given" in line for line in withheld)  # trained and measured so
    undistilled = [line for line in lines if "train vqa" in line and "data/instruct-train" not in line]
    assert len(undistilled) == 1 and "no-self-distilled" in undistilled[0]
    assert "instruct-train" not in undistilled[0]
    untaught = [line for line in lines if "train vqa" in line and "data/class-train" not in line]
    assert len(untaught) == 1 and "no-lessons-about-class-prototypes" in untaught[0]


def test_the_drawing_has_a_panel_for_each_measure(tmp_path):
    rows = [{"variant": v.name, "loss, vqa": [2.1, 2.2], "instruct": [0.3, 0.4]} for v in VARIANTS]
    for name, kept in (("two", 3), ("one", 2)):
        draw({"rows": [dict(list(row.items())[:kept]) for row in rows]}, tmp_path / f"{name}.png")
    assert Image.open(tmp_path / "two.png").width > 1.2 * Image.open(tmp_path / "one.png").width


@pytest.mark.pocket
def test_four_steps_of_a_row_write_the_table(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    files = {"caption-train": CAPTION, "vqa-train": VQA, "vqa-dev": VQA, "name-dev": VQA, "instruct-dev": VQA}
    for name, record in files.items():
        (data / f"{name}.jsonl").write_text(2 * (json.dumps({**record, "source": "gallery", "kind": "name"}) + "\n"))
    vision = ["--data", str(data / "caption-train.jsonl"), "--words", str(data / "vqa-train.jsonl"), "--steps", "1"]
    vision += ["--validation", str(data / "vqa-dev.jsonl")]  # of a picture that is not in the training file
    run_once(tmp_path, "vision", ["train", "vision", *vision, "--out", str(tmp_path / "vision")])
    assert [line["step"] for line in read_validation(tmp_path / "vision")] == [1]
    table = tmp_path / "table.json"
    options = ["--steps", "4", "--seeds", "1", "--only", "8 queries"]
    assert main(["train", "ablations", "--work", str(tmp_path), "--out", str(table), *options]) == 0
    (row,) = json.loads(table.read_text())["rows"]
    assert row["variant"] == "8 queries" and all(0 <= row[task][0] <= 1 for task in MEASURES)
    assert all(0 < loss < 20 for loss in row["loss, vqa"])
    assert table.with_suffix(".png").is_file()
    learns = json.loads((tmp_path / "ablations" / "8-queries-stage1-0" / "run.json").read_text())["learns"]
    assert learns["query_tokens"] == {"parameters": 8 * 256, "from": "new"}
    assert learns["itm_head"] == {"parameters": 2 * 256 + 2, "from": "new"}
    assert learns["qformer"]["from"] == str(tmp_path / "vision" / "model") and "vision_model" not in str(learns)
    config = json.loads((tmp_path / "ablations" / "8-queries-vqa-0" / "model" / "config.json").read_text())
    assert config["num_query_tokens"] == 8
