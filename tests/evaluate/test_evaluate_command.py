"""`python -m blip2_core evaluate`, from the data folder to evaluation.json and to the table of the README."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

from blip2_core import load
from blip2_core.__main__ import main
from blip2_core.evaluate.tasks import settings_for

WEIGHTS_NAMED = 12


@pytest.fixture
def evaluate(data, model_folder, capsys):
    """Run the command; returns the exit code, stdout and stderr."""

    def run(*arguments, task="vqa", folder=data, model=model_folder):
        options = ["--task", task, "--data", folder, "--model", model, "--batch-size", "4", *arguments]
        code = main(["evaluate", *map(str, options)])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


def table(file, capsys) -> str:
    assert main(["evaluate", "--table", str(file)]) == 0
    return capsys.readouterr().out


def refused(capsys, *arguments) -> str:
    """The line with which the command line refuses these arguments."""
    with pytest.raises(SystemExit) as caught:
        main(["evaluate", *map(str, arguments)])
    assert caught.value.code == 2
    return capsys.readouterr().err


class TestRuns:
    def test_questions_in_a_conversation_are_asked_with_it_and_without(self, evaluate, data, model_folder, tmp_path):
        blip2, turn = load(model_folder), ("What?", "a boat")
        seen, settings = blip2.see(data / "red.png"), settings_for("chat", None, blip2.model.config)
        told = blip2.ask(seen, "Is it red?", settings, [turn], mode="short")
        first = blip2.ask(seen, "Is it red?", settings, mode="short")
        full = blip2.ask(seen, "What is red?", settings, mode="short")
        record = {"image": str(data / "red.png"), "question": "Is it red?", "history": [turn], "kind": "object"}
        record |= {"source": "x", "in_full": "What is red?"}
        answers = (told, told, told, first, first, full)
        lines = [record | {"answers": [answer]} for answer in answers]
        (tmp_path / "chat-test.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        assert evaluate("--out", tmp_path / "e.json", task="chat", folder=tmp_path)[0] == 0
        numbers = json.loads((tmp_path / "e.json").read_text())["chat-test"]["numbers"]
        assert len({told, first, full}) == 3
        assert [(number["measure"], round(number["value"], 2)) for number in numbers] == [
            ("exact match", 0.5), ("without what came before", 0.33), ("in full", 0.17)
        ]  # fmt: skip

    def test_three_tasks_make_one_file_and_one_table(self, evaluate, tmp_path, capsys, model_folder):
        out = tmp_path / "new" / "evaluation.json"
        for task in ("instruct", "vqa", "name"):
            assert evaluate("--out", out, task=task)[0] == 0
        reports = json.loads(out.read_text())
        assert list(reports) == ["vqa-test", "name-test", "instruct-test"]
        shown = table(out, capsys)
        rows = shown.split("\n\n")[0].splitlines()
        assert rows[0] == "| task, split | pictures of | measure | result | 95% interval | blind | n |"
        assert rows[2].startswith("| vqa, test | flickr8k | exact match | ")
        measures = {row.split(" | ")[2] for row in rows[2:]}
        assert measures >= {"exact match", "name or broader term", "exact name", "speaks of the thing"}
        assert "the LLM told the name in words" in measures
        made = shown.split("\n\n")[1].splitlines()
        assert made[0].startswith(
            f"- vqa, test: 8 records; {model_folder} ({reports['vqa-test']['model']['weights'][:12]})"
        )
        assert [path.name for path in out.parent.iterdir()] == ["evaluation.json"]

    def test_a_report_says_how_it_was_made(self, evaluate, tmp_path):
        out = tmp_path / "e.json"
        evaluate("--out", out, "--limit", "5", "--seed", "3", "--num-beams", "2", "--precision", "bf16")
        report = json.loads(out.read_text())["vqa-test"]
        assert (report["n"], report["limit"], report["seed"], report["batch_size"]) == (5, 5, 3, 4)
        assert report["settings"]["num_beams"] == 2
        assert (report["settings"]["max_new_tokens"], report["settings"]["length_penalty"]) == (10, 0)  # the family's
        assert (report["model"]["precision"], report["model"]["device"]) == ("bf16", "cpu")
        assert {"python", "torch", "transformers"} <= set(report["versions"])
        assert report["seconds"] >= 0
        assert len(report["samples"]) == 5

    def test_pickles_and_a_device_map_are_for_it_as_for_ask(self, evaluate, model_folder, tmp_path):
        plain, dealt, folder = tmp_path / "plain.json", tmp_path / "dealt.json", tmp_path / "pickled"
        shutil.copytree(model_folder, folder, ignore=shutil.ignore_patterns("*.safetensors*"))
        weights = {}
        for file in model_folder.glob("*.safetensors"):
            weights |= load_file(file)
        torch.save(weights, folder / "pytorch_model.bin")
        code, out, err = evaluate(model=folder)
        assert (code, out) == (2, "") and err.endswith("allow it: --allow-pickle\n")
        assert evaluate("--out", plain)[0] == 0
        assert evaluate("--out", dealt, "--allow-pickle", "--device-map", "auto", model=folder)[0] == 0
        one, other = (json.loads(file.read_text())["vqa-test"] for file in (plain, dealt))
        assert one["numbers"] == other["numbers"] and one["model"]["weights"] == other["model"]["weights"]

    def test_the_numbers_are_those_of_the_answers_that_are_written(self, evaluate, tmp_path):
        out, answers = tmp_path / "e.json", tmp_path / "answers.jsonl"
        code, shown, _ = evaluate("--out", out, "--answers", answers)
        lines = [json.loads(line) for line in answers.read_text().splitlines()]
        assert code == 0
        assert len(lines) == 8
        assert set(lines[0]) == {"image", "question", "answer", "expected", "right"}
        number = json.loads(out.read_text())["vqa-test"]["numbers"][0]
        assert number["value"] == sum(line["right"] for line in lines) / 8
        # Half of the questions are "Is it red?": no is right for 3 of 4. The colours differ: one of four is had blind.
        assert number["blind"] == (3 + 1) / 8
        assert shown.splitlines()[0].split() == "task, split pictures of measure result 95% interval blind n".split()

    def test_captions_give_bleu_and_cider(self, evaluate, tmp_path, capsys):
        pytest.importorskip("pycocoevalcap")
        out = tmp_path / "e.json"
        code, _, _ = evaluate("--out", out, task="caption")
        report = json.loads(out.read_text())["caption-test"]
        assert code == 0
        *measures, bleu, cider = (number["measure"] for number in report["numbers"])
        assert measures == ["BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "CIDEr"]
        assert (bleu, cider) == ("BLEU-4 of people", "CIDEr of people")
        assert report["settings"]["num_beams"] == 5
        assert report["n"] == 4
        assert "pycocoevalcap" in report["versions"]
        assert "| caption, test | flickr8k | CIDEr | 0.00 | 0.00 to 0.00 |  | 4 |" in table(out, capsys)

    def test_the_same_run_gives_the_same_numbers_and_a_new_run_replaces_the_old(self, evaluate, tmp_path):
        out = tmp_path / "e.json"
        evaluate("--out", out)
        first = json.loads(out.read_text())
        evaluate("--out", out, "--split", "dev")
        evaluate("--out", out)
        second = json.loads(out.read_text())
        assert list(second) == ["vqa-dev", "vqa-test"]
        for name in ("numbers", "samples", "model"):
            assert second["vqa-test"][name] == first["vqa-test"][name]


class TestRefusals:
    def test_numbers_of_two_models_are_not_mixed(self, evaluate, tmp_path, model_folder):
        out = tmp_path / "e.json"
        evaluate("--out", out)
        before = out.read_text()
        file = json.loads(before)
        file["vqa-test"]["model"]["weights"] = "0" * 64
        out.write_text(json.dumps(file))
        code, shown, error = evaluate("--out", out, task="name")
        assert (code, shown) == (2, "")
        weights = json.loads(before)["vqa-test"]["model"]["weights"][:WEIGHTS_NAMED]
        assert error.strip().splitlines()[-1] == (
            f"error: --out: {out} holds numbers of other weights: {model_folder} (000000000000), this is "
            f"{model_folder} ({weights}). Name another file, or delete this one."
        )
        assert json.loads(out.read_text()) == file

    def test_a_result_that_cannot_be_written_is_refused_before_the_work(self, evaluate, tmp_path):
        (tmp_path / "file").touch()
        assert evaluate("--out", tmp_path)[2] == f"error: --out: expected a file, {tmp_path} is a folder.\n"
        answers = tmp_path / "file" / "a.jsonl"
        assert evaluate("--answers", answers)[2] == (
            f"error: --answers: {answers} cannot be written, {tmp_path / 'file'} is read-only or no folder. "
            "Name another place.\n"
        )

    @pytest.mark.parametrize("content", ["[]", '{"a": 1}', '{"a": {"task": "b"}}'])
    def test_a_file_of_another_kind_is_kept(self, evaluate, tmp_path, content):
        out = tmp_path / "e.json"
        out.write_text(content)
        code, _, error = evaluate("--out", out)
        assert code == 2
        assert error == (
            f"error: {out}: expected a file that blip2_core evaluate wrote, got other JSON. Name another file.\n"
        )
        assert out.read_text() == content

    def test_a_broken_picture_is_found_before_the_model_is_loaded(self, evaluate, data, tmp_path):
        folder = shutil.copytree(data, tmp_path / "data")
        (folder / "red.png").write_text("no picture")
        code, _, error = evaluate(folder=folder, model="no/such/model/at/all")
        assert code == 2
        assert error == f"error: vqa-test.jsonl: 1 of 4 pictures do not open: {folder / 'red.png'}.\n"

    def test_without_data_the_line_says_how_to_make_it(self, capsys):
        assert main(["evaluate", "--task", "vqa"]) == 2
        assert capsys.readouterr().err == (
            "error: --data: expected the folder of the evaluation files, got none. "
            "Make it with: python -m blip2_core data --help\n"
        )

    @pytest.mark.parametrize(
        ("option", "value", "least"), [("--limit", "0", 1), ("--batch-size", "-3", 1), ("--seed", "x", 0)]
    )
    def test_numbers_out_of_range_are_refused(self, capsys, option, value, least):
        line = refused(capsys, "--task", "vqa", "--data", "d", option, value)
        assert f"argument {option}: expected a whole number, {least} or more, got '{value}'" in line

    def test_too_many_beams_are_refused(self, evaluate):
        assert evaluate("--num-beams", "21")[2] == ("error: num_beams: expected a whole number from 1 to 20, got 21.\n")

    def test_a_task_or_a_table_is_needed_and_not_both(self, capsys):
        assert "one of the arguments --task --table is required" in refused(capsys)
        assert "not allowed with argument" in refused(capsys, "--task", "vqa", "--table", "x.json")


class TestTable:
    def test_a_table_comes_from_the_file_alone(self, tmp_path, capsys):
        number = {
            "measure": "BLEU-4", "source": "flickr8k", "kind": "all", "value": 0.1234, "n": 1000, "pictures": 1000,
        }  # fmt: skip
        cider = number | {"measure": "CIDEr", "value": 0.456, "low": 0.4, "high": 0.51, "percent": False}
        share = number | {
            "measure": "exact match", "kind": "colour", "value": 0.5, "low": 0.45, "high": 0.552, "blind": 0.25,
        }  # fmt: skip
        common = {
            "n": 1000, "limit": None, "seed": 0, "date": "2030-01-02T03:04:05+00:00", "seconds": 61.2,
            "model": {"name": "pocket", "precision": "bf16", "device": "cpu", "weights": "abcdef" * 10},
        }  # fmt: skip
        caption = common | {"task": "caption", "split": "test", "numbers": [number, cider]}
        caption["settings"] = {"num_beams": 5, "max_new_tokens": 30}
        vqa = common | {"task": "vqa", "split": "dev", "numbers": [share], "limit": 1000}
        vqa["settings"] = {"num_beams": 1, "max_new_tokens": 12}
        file = tmp_path / "e.json"
        file.write_text(json.dumps({"caption-test": caption, "vqa-dev": vqa}))
        assert table(file, capsys) == (
            "| task, split | pictures of | measure | result | 95% interval | blind | n |\n"
            "| --- | --- | --- | --- | --- | --- | --- |\n"
            "| caption, test | flickr8k | BLEU-4 | 12.3 |  |  | 1000 |\n"
            "| caption, test | flickr8k | CIDEr | 0.46 | 0.40 to 0.51 |  | 1000 |\n"
            "| vqa, dev | flickr8k: colour | exact match | 50.0% | 45.0% to 55.2% | 25.0% | 1000 |\n"
            "\n"
            "- caption, test: 1000 records; pocket (abcdefabcdef) in bf16 on cpu, 5 beams, at most 30 new tokens, "
            "seed 0; 2030-01-02, 61 s\n"
            "- vqa, dev: 1000 records, drawn at random; pocket (abcdefabcdef) in bf16 on cpu, greedy, at most 12 new "
            "tokens, seed 0; 2030-01-02, 61 s\n"
        )
        assert main(["evaluate", "--table", str(file), "--brief"]) == 0
        brief = capsys.readouterr().out
        assert "flickr8k | CIDEr" in brief and "- vqa, dev: 1000 records" in brief and "colour" not in brief

    def test_no_file_or_another_file_is_refused(self, tmp_path, capsys):
        file = tmp_path / "e.json"
        assert main(["evaluate", "--table", str(file)]) == 2
        assert capsys.readouterr().err == (
            f"error: --table: {file} is not a file. Write one with: python -m blip2_core evaluate --out {file}\n"
        )
        file.write_text('{"vqa-test": {"task": "vqa"}}')
        assert main(["evaluate", "--table", str(file)]) == 2
        assert capsys.readouterr().err == (
            f"error: {file}: expected a file that blip2_core evaluate wrote, got other JSON.\n"
        )
