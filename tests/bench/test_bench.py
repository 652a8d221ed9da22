"""`bench`: the measuring script at a small size, and the memory table in the documentation."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from public_layouts import PUBLISHED, config, scorer_config

from blip2_core.__main__ import main
from blip2_core.bench.memory_table import memory_table
from blip2_core.bench.public import SCORER, config_values
from blip2_core.builtin.command import PUBLIC_CHECKPOINTS

DOCUMENT = Path(__file__).parents[2] / "docs" / "checkpoints.md"
MEASURED = ("Salesforce/blip2-opt-2.7b", "Salesforce/instructblip-vicuna-7b", "Salesforce/blip2-flan-t5-xl")


def expect_part(values: dict, published: dict, where: str) -> None:
    """Every value is the published one; what is left out has `transformers`' default."""
    for name, value in values.items():
        if isinstance(value, dict):
            expect_part(value, published[name], f"{where}.{name}")
        else:
            assert published[name] == value, f"{where}.{name}"


def test_its_configs_are_the_published_ones():
    assert {f"Salesforce/{checkpoint.name}" for checkpoint in PUBLISHED} == set(PUBLIC_CHECKPOINTS)
    for checkpoint in PUBLISHED:
        values = config_values(f"Salesforce/{checkpoint.name}")
        if checkpoint.older:  # fewer rows, and no place for pictures among the words
            values.pop("image_token_index")
            values["text_config"].pop("vocab_size")
        expect_part(values, config(checkpoint, shrunk=False), checkpoint.name)
    values = config_values(SCORER)
    values.pop("image_token_index")
    expect_part(values, scorer_config(shrunk=False), SCORER)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_it_says_so_and_measures_nothing(tmp_path, capsys):
    assert main(["bench", "checkpoints", "--out", str(tmp_path / "x.json")]) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.startswith("error: no GPU here: ") and shown.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_small_models_go_the_whole_way_and_bf16_says_what_transformers_says(tmp_path, capsys):
    out = tmp_path / "numbers" / "bench.json"
    places = ["--out", str(out), "--scratch", str(tmp_path)]
    assert main(["bench", "checkpoints", "--small", *places, "--models", *MEASURED]) == 0
    shown, report = capsys.readouterr().out, json.loads(out.read_text())
    assert list(report["models"]) == list(MEASURED) and "transformers" in report["versions"]
    for name in MEASURED:
        rows = report["models"][name]["loads"]
        loads = {(row["library"], row["precision"]): row for row in rows}
        assert len(loads) == len(rows) >= 5
        bf16, int8 = loads["blip2_core", "bf16"], loads["blip2_core", "int8"]
        assert bf16["cosine"] > 0.999 and int8["cosine"] > 0.99
        assert bf16["tokens_per_second"] > 0 and bf16["first_token_seconds"] > 0
        assert all(row["bytes"] > 0 and row["load_seconds"] > 0 for row in rows)
        assert f"| {name} | blip2_core | int8 |" in shown
    assert "bf16 logits are those of transformers (cosine over 0.999): yes" in shown
    assert [path.name for path in tmp_path.iterdir()] == ["numbers"]  # the weights are gone


def test_a_name_that_is_no_public_checkpoint_is_one_line(capsys):
    assert main(["bench", "checkpoints", "--small", "--models", "nobody/knows"]) == 2
    assert capsys.readouterr().err == (
        "error: --models: expected hub ids such as Salesforce/blip2-opt-2.7b, got 'nobody/knows'.\n"
    )


def test_the_documentation_has_the_memory_table_as_it_is_now():
    text = DOCUMENT.read_text()
    assert memory_table() in text, "run: python -m blip2_core bench memory, and put its table there"
    assert all(f"| {name} |" in text for name in (*PUBLIC_CHECKPOINTS, SCORER))


def test_its_help_imports_nothing_heavy():
    code = "import sys, blip2_core.__main__ as m; m.build_parser('bench'); print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
