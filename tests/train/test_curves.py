"""The drawing of losses."""

import json

from PIL import Image, ImageChops

from blip2_core.__main__ import main
from blip2_core.train.card import write_card
from blip2_core.train.curves import VALIDATION_FILE, smooth


def write_log(folder, losses):
    folder.mkdir()
    lines = ({"step": step, "answer": loss, "samples_per_s": 9.0} for step, loss in enumerate(losses))
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_each_run_gets_a_panel_of_its_own(tmp_path):
    for number in range(4):
        write_log(tmp_path / f"run{number}", [3.0 - n / 50 for n in range(100)])
    one, four = tmp_path / "one.png", tmp_path / "four.png"
    assert main(["train", "curves", str(tmp_path / "run0"), "--out", str(one)]) == 0
    assert main(["train", "curves", *(str(tmp_path / f"run{n}") for n in range(4)), "--out", str(four)]) == 0
    (width, height), (wider, higher) = Image.open(one).size, Image.open(four).size
    assert wider > 2.5 * width and higher > 1.5 * height


def test_losses_on_held_out_records_are_drawn_beside_the_others(tmp_path):
    write_log(tmp_path / "run", [3.0 - n / 50 for n in range(100)])
    pictures = []
    for name in ("without", "with"):
        assert main(["train", "curves", str(tmp_path / "run"), "--out", str(tmp_path / f"{name}.png")]) == 0
        pictures.append(Image.open(tmp_path / f"{name}.png").convert("RGB"))
        (tmp_path / "run" / VALIDATION_FILE).write_text('{"step": 50, "vqa-dev": 2.5}\n{"step": 100, "vqa-dev": 2.0}\n')
    assert ImageChops.difference(*pictures).getbbox() is not None


def test_a_loss_that_some_steps_lack_is_drawn_and_told(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    lines = [{"step": n, "answer": 1.0, **({"looking": 2.0 + n % 2} if n >= 5 else {})} for n in range(9)]
    (run / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    settings = {"steps": 9, "batch_size": 1, "bf16": False}
    (run / "run.json").write_text(json.dumps({"stage": "vqa", "samples": 9, "settings": settings}))
    assert main(["train", "curves", str(run), "--out", str(tmp_path / "run.png")]) == 0
    write_card(tmp_path, [run], sources=[])
    assert "| `vqa` | 9 | 9 × 1 | answer 1.00 → 1.00, looking 3.00 → 2.50 |" in (tmp_path / "README.md").read_text()


def test_the_smooth_line_is_a_mean_of_the_values_so_far():
    assert smooth([4.0, 2.0]) == [4.0, 2.0]
    assert smooth([1.0, 3.0] * 20) == [1.0, *[2.0] * 39]


def test_a_folder_without_a_log_is_named(tmp_path, capsys):
    assert main(["train", "curves", str(tmp_path), "--out", str(tmp_path / "curves.png")]) == 2
    assert f"{tmp_path / 'log.jsonl'}: expected the log of a training run" in capsys.readouterr().err
