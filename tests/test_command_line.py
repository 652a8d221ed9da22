"""`python -m blip2_core`: quick help, answers on stdout, one line and exit code 2 for what a person can put right."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import families
import pytest
from public_folders import write_folder
from public_layouts import BY_NAME

import blip2_core
from blip2_core.__main__ import main

QUESTION = "What is the color?"
HELP_SECONDS = 1.0
HEAVY = ("torch", "transformers", "gradio", "numpy", "PIL", "tokenizers", "huggingface_hub")


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "blip2_core", *map(str, arguments)]


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    return families.save_as_current("instructblip-llama", folder)


@pytest.fixture(scope="module")
def picture(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("pictures") / "noise.png"
    families.picture().save(file)
    return file


@pytest.fixture
def ask(model_folder, picture, capsys):
    """Run a command in this process; returns the exit code, stdout and stderr."""

    def run(name: str, *arguments: str | Path, image: Path = picture, model: Path | str = model_folder):
        code = main([name, str(image), *map(str, arguments), "--model", str(model)])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


class TestHelp:
    @pytest.mark.parametrize(
        "name",
        [
            "",
            "ask",
            "caption",
            "chat",
            "rank",
            "explain",
            "score",
            "models",
            "get",
            "convert",
            "data",
            "train",
            "evaluate",
        ],
    )
    def test_every_command_explains_itself(self, name, capsys):
        with pytest.raises(SystemExit) as caught:
            main([name, "--help"] if name else ["--help"])
        assert caught.value.code == 0
        assert capsys.readouterr().out.startswith(f"usage: python -m blip2_core {name}".rstrip())

    def test_help_answers_in_under_a_second(self):
        def seconds() -> float:
            began = time.perf_counter()
            subprocess.run(command("--help"), check=True, capture_output=True)
            return time.perf_counter() - began

        assert min(seconds() for _ in range(3)) < HELP_SECONDS

    def test_help_imports_nothing_heavy(self):
        code = "import sys, runpy\ntry: runpy.run_module('blip2_core', run_name='__main__')\nexcept SystemExit: pass\n"
        code += f"sys.exit(', '.join(name for name in {HEAVY} if name in sys.modules) or 0)"
        run = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=False)
        assert (run.returncode, run.stderr) == (0, "")

    def test_importing_the_package_imports_nothing_heavy(self):
        code = f"import sys, blip2_core; sys.exit(', '.join(name for name in {HEAVY} if name in sys.modules) or 0)"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

    def test_the_version_is_that_of_the_package(self, capsys):
        import tomllib

        with pytest.raises(SystemExit):
            main(["--version"])
        project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
        assert capsys.readouterr().out.strip() == blip2_core.__version__ == project["version"]


class TestPublicNames:
    @pytest.mark.parametrize("name", blip2_core.__all__)
    def test_every_public_name_is_there(self, name):
        assert getattr(blip2_core, name) is not None
        assert name in dir(blip2_core)

    def test_another_name_is_an_attribute_error(self):
        with pytest.raises(AttributeError, match="module 'blip2_core' has no attribute 'lod'"):
            blip2_core.lod  # noqa: B018


class TestAnswers:
    def test_ask_prints_what_the_python_interface_answers(self, ask, model_folder, picture):
        shown = ask("ask", QUESTION, "--max-new-tokens", 8)
        blip2 = blip2_core.load(model_folder)
        settings = replace(blip2.answer_settings(), max_new_tokens=8)
        expected = blip2.ask(picture, QUESTION, settings)
        assert expected and shown == (0, f"{expected}\n", "")

    def test_json_is_one_object_on_one_line(self, ask, model_folder):
        code, out, err = ask("ask", QUESTION, "--max-new-tokens", 8, "--json")
        facts = json.loads(out)
        assert (code, err, out.count("\n")) == (0, "", 1)
        assert list(facts) == ["answer", "tokens", "prompt", "model", "precision", "device", "seconds", "load"]
        assert facts["prompt"] == QUESTION and facts["model"] == str(model_folder)
        assert facts["precision"] == "fp32" and facts["device"] == "cpu"
        assert facts["seconds"] > 0 and facts["tokens"] > 0
        assert facts["load"]["reason"] == "exact, and it fits" and facts["load"]["bytes"]["cpu"] > 0
        assert ask("ask", QUESTION, "--max-new-tokens", 8)[1] == facts["answer"] + "\n"

    def test_a_seed_repeats_a_drawn_answer_and_another_changes_it(self, ask):
        def drawn(seed: int) -> str:
            return ask("ask", QUESTION, "--temperature", 1.5, "--seed", seed, "--max-new-tokens", 12)[1]

        assert drawn(1) == drawn(1) != drawn(2)

    def test_every_answer_option_reaches_the_settings(self, ask):
        short = ["--max-new-tokens", 12, "--beams", 1]
        plain = ask("ask", QUESTION, *short)[1].strip()
        assert ask("ask", QUESTION, *short, "--stop", plain[3:5])[1].strip() == plain[:3].strip()
        assert ask("ask", QUESTION, *short, "--repetition-penalty", 5)[1].strip() != plain
        beams = ["--beams", 3, "--length-penalty", -1, "--min-new-tokens", 2, "--top-k", 5, "--top-p", 0.9]
        assert ask("ask", QUESTION, "--max-new-tokens", 12, *beams)[0] == 0

    def test_the_mode_chooses_the_prompt_and_how_the_answer_is_searched(self, ask, model_folder, picture):
        facts = json.loads(ask("ask", QUESTION, "--mode", "short", "--json")[1])
        assert facts["prompt"] == f"Question: {QUESTION} Short answer:"
        assert facts["answer"] == blip2_core.load(model_folder).ask(picture, QUESTION, mode="short")
        assert (
            json.loads(ask("ask", QUESTION, "--mode", "long", "--max-new-tokens", 4, "--json")[1])["prompt"] == QUESTION
        )

    def test_caption_prints_the_caption_and_its_prompt(self, ask, model_folder, picture):
        shown = ask("caption", "--max-new-tokens", 8)
        settings = blip2_core.AnswerSettings(max_new_tokens=8, min_new_tokens=8, num_beams=5)
        expected = blip2_core.load(model_folder).caption(picture, settings)
        assert expected and shown == (0, f"{expected}\n", "")
        facts = json.loads(ask("caption", "--max-new-tokens", 8, "--json")[1])
        assert facts["answer"] == expected and facts["prompt"] == "A short image description:"

    def test_a_chat_answers_line_by_line_and_goes_on_after_a_mistake(self, model_folder, picture):
        lines = [
            QUESTION,
            "",
            "/see /nowhere.png",
            "/dance",
            f"/see {picture}",
            QUESTION,
            "/forget",
            QUESTION,
            "/quit",
            "x",
        ]
        run = subprocess.run(
            command("chat", picture, "--model", model_folder, "--max-new-tokens", "6"),
            input="\n".join(lines), capture_output=True, text=True, check=True,
        )  # fmt: skip
        answers = run.stdout.split("\n")
        assert len(answers) == 4 and answers[0] == answers[1] == answers[2] and answers[3] == ""
        assert run.stderr.splitlines() == [
            "error: /nowhere.png: there is no such file. Check the path.",
            "error: /dance: expected /see IMAGE, /forget or /quit.",
        ]

    def test_rank_prints_the_candidates_with_their_scores_the_likeliest_first(self, ask, model_folder, picture):
        texts = ["a dog", "two red buses", "cat"]
        code, out, err = ask("rank", QUESTION, *texts)
        ranked = blip2_core.load(model_folder).rank(picture, QUESTION, texts)
        assert (code, err) == (0, "") and out.splitlines() == [f"{found.score:8.3f}  {found.text}" for found in ranked]
        facts = json.loads(ask("rank", QUESTION, *texts, "--json")[1])
        assert [row["text"] for row in facts["ranked"]] == [found.text for found in ranked]
        assert list(facts["ranked"][0]) == ["text", "score", "log_likelihood", "tokens"] and facts["prompt"] == QUESTION

    def test_explain_prints_the_stations_and_a_line_of_words_for_each_visual_prompt(self, ask, model_folder, picture):
        from blip2_core.explain import explain

        code, out, err = ask("explain", QUESTION)
        found = explain(blip2_core.load(model_folder), picture, QUESTION)
        lines = out.splitlines()
        assert (code, err) == (0, "") and len(lines) == len(found.stations) + len(found.nearest_words)
        assert [line.split()[0] for line in lines[:6]] == [station.name for station in found.stations]
        facts = json.loads(ask("explain", QUESTION, "--json")[1])
        assert facts["prompt"] == found.prompt and len(facts["nearest_words"]) == len(found.nearest_words)

    def test_a_terminal_is_told_what_was_loaded_and_why(self, ask, model_folder, monkeypatch):
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        code, out, err = ask("ask", QUESTION, "--max-new-tokens", 2, "--precision", "int8")
        assert code == 0 and f"{model_folder}: int8 (asked for" in err
        assert "  language_model: 14 modules in int8, " in err and "int8" not in out

    def test_a_device_map_deals_out_what_one_device_would_hold_with_the_same_answer(self, ask):
        short = ["--max-new-tokens", 4, "--device", "cpu"]
        facts = json.loads(ask("ask", QUESTION, *short, "--device-map", "auto", "--json")[1])
        assert facts["load"]["reason"] == "dealt out over the RAM"
        assert ask("ask", QUESTION, *short)[1] == f"{facts['answer']}\n"

    def test_who_asks_a_captioning_checkpoint_is_told_so_and_who_wants_a_caption_is_not(self, ask, tmp_path):
        folder = write_folder(BY_NAME["blip2-opt-2.7b-coco"], tmp_path)
        code, out, err = ask("ask", QUESTION, "--max-new-tokens", 2, model=folder)
        assert code == 0 and err == (
            f"note: {folder}: this checkpoint was tuned to write captions and answers questions badly; take the one "
            "without -coco.\n"
        )
        assert ask("caption", "--max-new-tokens", 2, model=folder)[::2] == (0, "")

    def test_a_model_that_does_not_fit_is_one_line_with_the_nearest_choice_that_does(
        self, ask, model_folder, monkeypatch
    ):
        facts = json.loads(ask("ask", QUESTION, "--max-new-tokens", 1, "--precision", "bf16", "--json")[1])
        monkeypatch.setattr("blip2_core.memory.free_memory", lambda device: facts["load"]["expected"]["total"])
        code, out, err = ask("ask", QUESTION, "--precision", "fp32")
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert err.startswith(f"error: {model_folder}: fp32 needs ") and "Use --precision bf16, which" in err


class TestBadInput:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["ask", "x.png"], "the following arguments are required: QUESTION."),
            (["sing"], "invalid choice: 'sing'"),
            ([], "the following arguments are required: COMMAND"),
            (["ask", "x.png", "q", "--precision", "fp12"], "invalid choice: 'fp12'"),
            (["ask", "x.png", "q", "--max-new-tokens", "many"], "invalid int value: 'many'"),
            (["get"], "the following arguments are required: MODEL."),
        ],
    )
    def test_arguments_that_do_not_parse_are_one_line(self, arguments, message, capsys):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        shown = capsys.readouterr()
        assert caught.value.code == 2 and shown.out == "" and shown.err.count("\n") == 1
        assert shown.err.startswith("error: ") and message in shown.err and "--help" in shown.err

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--temperature", "nan"], "temperature: expected a number from 0 to 5, got nan."),
            (["--top-p", "1.5"], "top_p: expected a number from 0 to 1, got 1.5."),
            (["--max-new-tokens", "0"], "max_new_tokens: expected a whole number from 1 to 4,096, got 0."),
            (["--beams", "99"], "num_beams: expected a whole number from 1 to 20, got 99."),
            (["--seed", "-1"], "seed: expected a whole number from 0 to "),
            (["--device", "toaster"], 'device: expected "auto", "cpu" or "cuda", got \'toaster\'.'),
            (["--precision", "fp16"], "precision: fp16 is slow and inexact on a CPU. Use fp32, bf16 or int8."),
        ],
    )
    def test_options_out_of_range_are_one_line(self, options, message, ask):
        if "fp16" in options:
            options = [*options, "--device", "cpu"]
        code, out, err = ask("ask", QUESTION, *options)
        assert (code, out, err.count("\n")) == (2, "", 1) and err.startswith(f"error: {message}")

    @pytest.mark.parametrize(
        ("question", "message"),
        [
            ("", "question: expected a text, got an empty one"),
            (" \n\t\x00", "question: expected a text, got an empty one"),
            ("a" * 20_000, "question: expected at most 4,000 characters, got 20,000"),
        ],
    )
    def test_questions_that_cannot_be_asked_are_one_line(self, question, message, ask):
        code, out, err = ask("ask", question)
        assert (code, out, err.count("\n")) == (2, "", 1) and err.startswith(f"error: {message}")

    @pytest.mark.parametrize("question", ["was ist das? \x07\x1b[31m", "这是什么？", "🐶❓", "<|im_end|></s><s>"])
    def test_other_scripts_emoji_and_control_characters_are_answered(self, question, ask):
        assert ask("ask", question, "--max-new-tokens", 4)[::2] == (0, "")

    @pytest.mark.parametrize("kind", ["missing", "folder", "empty", "text", "cut"])
    def test_pictures_that_cannot_be_read_are_one_line(self, kind, ask, picture, tmp_path):
        file = tmp_path / "x.png"
        if kind == "folder":
            file.mkdir()
        elif kind != "missing":
            file.write_bytes({"empty": b"", "text": b"hello\n" * 9, "cut": picture.read_bytes()[:-900]}[kind])
        code, out, err = ask("ask", QUESTION, image=file)
        assert (code, out, err.count("\n")) == (2, "", 1) and err.startswith(f"error: {file}: ")

    def test_an_unknown_model_is_one_line_that_says_where_to_look(self, ask):
        assert ask("ask", QUESTION, model="pockett") == (
            2,
            "",
            "error: pockett: expected a built-in model (pocket), a folder, or a hub id like Salesforce/blip2-opt-2.7b; "
            "there is no such folder. See: python -m blip2_core models\n",
        )

    def test_a_folder_with_pickles_only_is_refused_until_it_is_allowed(self, ask, model_folder, tmp_path):
        import shutil

        import torch
        from safetensors.torch import load_file

        folder = tmp_path / "pickled"
        shutil.copytree(model_folder, folder)
        torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()
        code, out, err = ask("ask", QUESTION, model=folder)
        assert (code, out) == (2, "") and err.endswith("allow it: --allow-pickle\n")
        code, out, err = ask("ask", QUESTION, "--allow-pickle", "--max-new-tokens", 4, model=folder)
        assert (code, err) == (0, "") and out.strip()


@pytest.mark.skipif(os.name == "nt", reason="signals and pipes of POSIX")
class TestLeavingEarly:
    def test_ctrl_c_ends_a_chat_quietly(self, model_folder, picture):
        with subprocess.Popen(
            command("chat", picture, "--model", model_folder, "--max-new-tokens", "4"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            process.stdin.write(f"{QUESTION}\n")
            process.stdin.flush()
            assert process.stdout.readline()
            for _ in range(5):  # the first may only end the answer that is still being written
                process.send_signal(signal.SIGINT)
                try:
                    process.wait(10)
                    break
                except subprocess.TimeoutExpired:
                    continue
            assert process.poll() == 130
            assert process.stderr.read().strip() == ""

    def test_a_reader_that_goes_away_is_no_crash(self):
        with subprocess.Popen(command("models"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            process.stdout.close()
            assert process.wait(60) == 141
            assert process.stderr.read() == ""
