"""The examples of docs/api.md, run as they stand there but for the port; and what the tool may not read."""

import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from test_http import cache, page

from blip2_core.answer_settings import AnswerSettings
from demo.api import START
from demo.settings import FEWEST_TOKENS, MOST_TOKENS

__all__ = ["cache", "page"]  # fixtures
TEXT = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
QUESTION, SHORT = "What is this?", AnswerSettings(max_new_tokens=24, repetition_penalty=1.05)


def has_mcp() -> bool:
    try:
        return importlib.metadata.version("mcp").startswith("1.")  # what Gradio takes
    except importlib.metadata.PackageNotFoundError:
        return False


needs_mcp = pytest.mark.skipif(not has_mcp(), reason='needs pip install "gradio[mcp]"')


@pytest.fixture
def run(page, pictures, tmp_path):
    """Runs the first example below a heading, beside a photo.jpg; returns what it prints."""

    def run_example(heading: str) -> str:
        kind, code = re.search(rf"## {heading}\n.*?```(bash|python)\n(.*?)```", TEXT, re.DOTALL).groups()
        shutil.copy(pictures[0], tmp_path / "photo.jpg")
        code = code.replace("http://127.0.0.1:7860", page.found_at.rstrip("/"))
        command = [sys.executable if kind == "python" else "bash", "-c", code]
        ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    return run_example


@pytest.fixture
def expected(loader, pictures) -> str:
    return loader.model.ask(pictures[0], QUESTION, SHORT).strip()


def test_readiness_is_asked_as_documented(run):
    assert json.loads(run("Is it ready\\?")) == {"ready": True, "model": "nonsense"}


def test_python_asks_as_documented(run, expected):
    assert f"\n{expected} 24\n" in run("Python")


def test_curl_asks_as_documented(run, expected):
    event, data = run("curl").strip().split("\n\n")[-1].split("\n")
    assert event == "event: complete" and json.loads(data.removeprefix("data: "))[0] == expected


@needs_mcp
def test_a_language_model_asks_as_documented(run, expected):
    said = run("As an MCP tool")
    answer = json.loads(said[said.index("data: ") + len("data: ") :].strip())["result"]
    assert not answer["isError"] and repr(expected)[1:-1] in answer["content"][0]["text"]


@needs_mcp
@pytest.mark.parametrize("image", ["/etc/passwd", "http://127.0.0.1/a.png", "data:image/png;base64,AAAA"])
def test_a_language_model_cannot_read_what_is_no_picture_of_the_callers(page, image):
    arguments = {"image": image, "question": QUESTION}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "ask", "arguments": arguments}}
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    request = urllib.request.Request(f"{page.found_at}gradio_api/mcp/", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=120) as answer:
        assert b'"isError":true' in answer.read()


def test_the_documented_ranges_are_those_of_the_endpoint():
    rows = dict(re.findall(r"^\| `(\w+)` \| .* \| (.*) \|$", TEXT, re.MULTILINE))
    assert rows.keys() == {"image", "question", "temperature", "top_p", "max_tokens", "repetition_penalty", "seed"}
    assert all(float(rows[name]) == getattr(START, name) for name in ("temperature", "top_p", "max_tokens"))
    assert f"| {FEWEST_TOKENS} to {MOST_TOKENS} |" in TEXT
