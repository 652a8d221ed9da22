"""`python app.py`: the arguments, and how it ends when it cannot go on."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from blip2_core.__main__ import INTERRUPTED
from demo.browser import end

APP = Path(__file__).parents[2] / "app.py"


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess:
    """Run it from another folder, as a person may, without the network."""
    return subprocess.run(
        [sys.executable, str(APP), *arguments],
        cwd=folder, env=os.environ | {"HF_HUB_OFFLINE": "1"}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def test_help_shows_where_the_page_will_be(tmp_path):
    shown = run("--help", folder=tmp_path)
    assert shown.returncode == 0 and "127.0.0.1" in shown.stdout and "7860" in shown.stdout


def test_a_rate_that_is_no_number_of_questions_is_refused_in_one_line(tmp_path):
    for rate in ("0", "nan", "many"):
        refused = run("--questions-per-minute", rate, folder=tmp_path)
        assert refused.returncode == 2 and refused.stderr.startswith("error:") and refused.stderr.count("\n") == 1


def test_a_model_that_is_not_there_ends_it_with_one_line_and_code_2(tmp_path):
    ended = run("--model", "no-such-model", "--port", str(free_port()), folder=tmp_path)
    errors = [line for line in ended.stderr.splitlines() if line.startswith("error:")]
    assert ended.returncode == 2 and len(errors) == 1
    assert errors[0].startswith("error: no-such-model: expected a built-in model") and "Traceback" not in ended.stderr


def test_a_port_that_is_taken_is_named_with_the_way_out(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = run("--port", str(port), folder=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.strip() == f"error: 127.0.0.1:{port} is taken or not allowed. Try --port {port + 1}."


def test_who_asks_it_to_end_is_heard_also_where_a_script_turned_ctrl_c_off(model_folder, tmp_path):
    """Started behind a shell's "&", it was deaf to what demo.browser sent, which then waited 20 s and killed it."""
    command = [sys.executable, str(APP), "--model", str(model_folder), "--port", str(free_port())]
    with subprocess.Popen(
        command, cwd=tmp_path, env=os.environ | {"HF_HUB_OFFLINE": "1"}, stdout=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    ) as process:  # fmt: skip
        assert any(" is ready." in line for line in process.stdout)
        end(process)
    assert process.returncode == INTERRUPTED
