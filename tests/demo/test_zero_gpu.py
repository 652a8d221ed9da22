"""The page on ZeroGPU, with the platform's own package; zero_gpu.py says what is stood in for."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import gradio_client
import pytest
from families import picture, save_as_older
from gradio_client.exceptions import AppError
from test_app import free_port
from test_space import wait_for

from blip2_core import AnswerSettings, load
from demo import texts
from demo.lending import SECONDS_TO_BEGIN

pytest.importorskip("spaces")
SERVER = Path(__file__).with_name("zero_gpu.py")
QUESTION, TOKENS = "what is the color?", 8
SECONDS = 300  # until the page is there, on a machine with much else to do


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return save_as_older("instructblip-t5", tmp_path_factory.mktemp("model") / "nonsense")


@pytest.fixture(scope="module")
def space(tmp_path_factory, model):
    """The folder of the stand-in, and the address of the page."""
    folder, port = tmp_path_factory.mktemp("zero"), free_port()
    zero = {"BLIP2_MODEL": str(model), "HF_HUB_OFFLINE": "1", "GRADIO_TEMP_DIR": str(folder / "uploads")}
    command = [sys.executable, str(SERVER), str(folder), "--port", str(port)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=os.environ | zero, stdout=log, stderr=log)
        try:
            wait_for(f"http://127.0.0.1:{port}/gradio_api/healthz", process, folder / "log", SECONDS)
            yield folder, f"http://127.0.0.1:{port}/"
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def ask(address: str, file: Path, tokens: int) -> tuple[str, str, dict]:
    """As a visitor whose minutes the platform counts."""
    client = gradio_client.Client(address, verbose=False, headers={"X-IP-Token": "a.e30.c"})
    return client.predict(gradio_client.handle_file(str(file)), QUESTION, max_tokens=tokens, api_name="/ask")


def asked_of_the_platform(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "asked.jsonl").read_text().splitlines()]


def test_the_model_is_there_before_the_page_opens(space):
    folder, _ = space
    deadline = time.monotonic() + SECONDS
    while " is ready." not in (said := (folder / "log").read_text()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert said.index("before the page opens") < said.index("The page is at") and "Traceback" not in said
    assert asked_of_the_platform(folder)[0]["path"] == "/startup-report", "it has seen a function that needs a GPU"


def test_an_answer_comes_out_of_a_process_that_borrowed_a_gpu_for_its_visitor(space, model, tmp_path):
    (folder, address), file = space, tmp_path / "photo.png"
    picture(1).save(file)
    answer, _, facts = ask(address, file, TOKENS)
    settings = AnswerSettings(max_new_tokens=TOKENS, repetition_penalty=1.05)
    assert answer == load(model, precision="bf16").ask(file, QUESTION, settings)
    assert facts["tokens"] == TOKENS and not facts["picture_was_known"]
    *_, schedule, allow, release = asked_of_the_platform(folder)
    assert [schedule["path"], allow["path"], release["path"]] == ["/schedule", "/allow", "/release"]
    assert schedule["token"] == "a.e30.c" and release["fail"] == "false"
    assert int(schedule["durationSeconds"]) == SECONDS_TO_BEGIN + 1


def test_a_visitor_without_minutes_is_told_so_and_nothing_breaks(space, tmp_path):
    (folder, address), file = space, tmp_path / "photo.png"
    picture(1).save(file)
    (folder / "none-left").touch()
    with pytest.raises(AppError, match=texts.NO_GPU.split(":")[0]):
        ask(address, file, TOKENS)
    (folder / "none-left").unlink()
    assert ask(address, file, TOKENS)[0]
