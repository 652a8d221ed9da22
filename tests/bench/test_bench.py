"""`bench`: the measuring script at a small size, and the memory table in the documentation."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from families import picture
from public_layouts import PUBLISHED, config, scorer_config
from safetensors.torch import load_file

from blip2_core.__main__ import main
from blip2_core.bench.memory_table import memory_cells, read_gpu_peaks
from blip2_core.bench.pocket_memory import peak, read
from blip2_core.bench.public import SCORER, config_values, public_config
from blip2_core.bench.random_folder import write_random_folder
from blip2_core.builtin.command import PUBLIC_CHECKPOINTS
from blip2_core.checkpoint import load
from blip2_core.memory import estimate_memory
from blip2_core.model import Blip2Model
from blip2_core.scorer import scorer_bytes, scorer_skeleton

ROOT = Path(__file__).parents[2]
MEMORY = ROOT / "docs" / "memory.json"
GPU = ROOT / "docs" / "checkpoints-h200.json"
TABLE = ["bench", "memory", "--measured", str(MEMORY)]
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


def test_a_load_that_fails_costs_no_other_and_is_told(tmp_path, monkeypatch, capsys):
    def broken(folder, *, precision, **others):
        if precision == "int8":
            raise RuntimeError("no kernel image | is available")
        return load(folder, precision=precision, **others)

    monkeypatch.setattr("blip2_core.bench.checkpoints.load", broken)
    out = tmp_path / "bench.json"
    assert main(["bench", "checkpoints", "--small", "--out", str(out), "--models", MEASURED[0]]) == 1
    shown, rows = capsys.readouterr().out, json.loads(out.read_text())["models"][MEASURED[0]]["loads"]
    assert rows[3] == {"library": "blip2_core", "precision": "int8", "error": "no kernel image | is available"}
    assert rows[4]["precision"] == "int4" and rows[4]["cosine"] > 0.9
    assert f"| {MEASURED[0]} | blip2_core | int8 | no kernel image / is available |" in shown
    assert shown.endswith("failed: 1 of 5 loads\n")


def test_a_run_that_is_cut_off_keeps_what_it_has(tmp_path, monkeypatch):
    def cut_off(folder, **others):
        raise KeyboardInterrupt

    monkeypatch.setattr("blip2_core.bench.checkpoints.load", cut_off)
    out = tmp_path / "bench.json"
    places = ["--out", str(out), "--scratch", str(tmp_path)]
    assert main(["bench", "checkpoints", "--small", *places, "--models", MEASURED[0]]) == 130
    rows = json.loads(out.read_text())["models"][MEASURED[0]]["loads"]
    assert [row["precision"] for row in rows] == ["bf16", "int8"]
    assert list(tmp_path.iterdir()) == [out]  # the weights are gone


def test_random_weights_lie_in_many_files_and_are_the_same_each_time(tmp_path, monkeypatch):
    monkeypatch.setattr("blip2_core.bench.random_folder.SHARD_BYTES", 1_000_000)
    for name in ("one", "other"):
        written = write_random_folder(MEASURED[0], tmp_path / name, small=True, device=torch.device("cpu"))
    shards = [sorted((tmp_path / name).glob("*.safetensors")) for name in ("one", "other")]
    assert len(shards[0]) > 3 and written == sum(
        tensor.nbytes for shard in shards[0] for tensor in load_file(shard).values()
    )
    assert all(one.read_bytes() == other.read_bytes() for one, other in zip(*shards, strict=True))


def test_a_name_that_is_no_public_checkpoint_is_one_line(capsys):
    assert main(["bench", "checkpoints", "--small", "--models", "nobody/knows"]) == 2
    assert capsys.readouterr().err == (
        "error: --models: expected hub ids such as Salesforce/blip2-opt-2.7b, got 'nobody/knows'.\n"
    )


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--scratch", "nowhere", "expected a folder that exists, got nowhere. Create it first."),
        ("--out", "file/x.json", "file/x.json cannot be written: File exists. Name another file."),
    ],
)
def test_where_it_cannot_write_it_says_so_before_it_measures(option, value, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    assert main(["bench", "checkpoints", "--small", option, value]) == 2
    assert capsys.readouterr().err == f"error: {option}: {said}\n"


def test_the_readme_has_the_memory_table_as_it_is_now(capsys):
    assert main([*TABLE, "--gpu", str(GPU)]) == 0
    table = capsys.readouterr().out
    assert table in (ROOT / "README.md").read_text(), "put there what `bench memory` prints, as the README says"
    rows = table.splitlines()[2:]
    assert all(row.count("measured") + row.count("estimated") == 1 for row in rows)
    plain = {name.removesuffix("-coco") for name in (*PUBLIC_CHECKPOINTS, SCORER)}
    on_gpu = [row for row in rows if row.endswith("| **measured** on an H200, GPU memory |")]
    assert len(rows) == 2 + len(plain) + len(on_gpu) and all(f"| `{name}`" in table for name in plain)
    assert [row.split("`")[1] for row in on_gpu] == list(MEASURED[:2])
    assert main(TABLE) == 0
    assert capsys.readouterr().out.splitlines()[2:] == [row for row in rows if row not in on_gpu]


@pytest.mark.parametrize("name", MEASURED[:2])
def test_no_estimate_is_below_what_was_measured_on_a_gpu(name):
    with torch.device("meta"):
        skeleton = Blip2Model(public_config(name))
    peaks = read_gpu_peaks(GPU).bytes[name]
    assert set(peaks) == {"bf16", "fp16", "int8", "int4"}
    for precision, peak_bytes in peaks.items():
        need = estimate_memory(skeleton, precision, device=torch.device("cuda")).total
        assert peak_bytes < need < 1.25 * peak_bytes, precision


def test_the_table_counts_a_scorer_as_its_load_does(capsys):
    """The table left out the copy of the largest weight, without which the load refuses."""
    assert main(TABLE) == 0
    skeleton = scorer_skeleton(public_config(SCORER))
    fp32, bf16 = (f"{scorer_bytes(skeleton, precision) / 1e9:.1f}" for precision in ("fp32", "bf16"))
    assert f"| `{SCORER}` | {fp32} | {bf16} | - | - |" in capsys.readouterr().out


def test_a_load_that_failed_is_a_gap_in_the_table(tmp_path, capsys):
    report = json.loads(GPU.read_text())
    rows = report["models"][MEASURED[0]]["loads"]
    rows[:] = [
        {"library": row["library"], "precision": "int8", "error": "x"} if "8" in row["precision"] else row
        for row in rows
    ]
    (tmp_path / "x.json").write_text(json.dumps(report))
    assert main([*TABLE, "--gpu", str(tmp_path / "x.json")]) == 0
    assert f"| `{MEASURED[0]}` | - | 7.8 | - | 4.1 |" in capsys.readouterr().out


def test_checkpoints_that_share_a_row_of_the_table_need_the_same():
    for name in PUBLIC_CHECKPOINTS:
        if name.endswith("-coco"):
            assert memory_cells(public_config(name)) == memory_cells(public_config(name.removesuffix("-coco")))


@pytest.mark.pocket
def test_pocket_takes_about_what_the_table_says(tmp_path):
    """A large process that measures is not measured along."""
    picture(0).save(tmp_path / "picture.png")
    large = bytearray(b"x") * 2 * read(MEMORY)["fp32"]
    assert len(large) and 0.6 < peak(tmp_path / "picture.png", "fp32") / read(MEMORY)["fp32"] < 1.6


@pytest.mark.parametrize("text", ["", "{}", '{"bytes": {"fp32": 1}}', '{"bytes": 3}'])
def test_a_file_that_bench_pocket_did_not_write_is_refused(tmp_path, capsys, text):
    (tmp_path / "x.json").write_text(text)
    assert main(["bench", "memory", "--measured", str(tmp_path / "x.json")]) == 2
    assert capsys.readouterr().err.endswith("x.json` writes, it cannot be read.\n")


@pytest.mark.parametrize("text", ["", "[]", '{"small": false, "device": "x", "models": {"a": {"loads": [{}]}}}'])
def test_a_file_that_bench_checkpoints_did_not_write_is_refused(tmp_path, capsys, text):
    (tmp_path / "x.json").write_text(text)
    assert main([*TABLE, "--gpu", str(tmp_path / "x.json")]) == 2
    assert capsys.readouterr().err.endswith("x.json` writes, it cannot be read.\n")


def test_tiny_models_never_come_into_the_table(tmp_path, capsys):
    (tmp_path / "x.json").write_text(json.dumps(json.loads(GPU.read_text()) | {"small": True}))
    assert main([*TABLE, "--gpu", str(tmp_path / "x.json")]) == 2
    assert capsys.readouterr().err.endswith(
        "expected full-size models, these are tiny. Measure them without --small.\n"
    )


def test_its_help_imports_nothing_heavy():
    code = "import sys, blip2_core.__main__ as m; m.build_parser('bench'); print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
