"""`python -m demo.space build DIR`: what is in the folder, and that the page runs from it."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import gradio_client
import pytest
import yaml
from test_app import free_port

from demo import space, texts
from demo.gallery import photos

ROOT = Path(__file__).parents[2]
PYTHON = os.environ.get("SPACE_PYTHON", sys.executable)  # .ci/run makes one that has only what the Space asks for
TOP = {".gitattributes", "LICENSE", "README.md", "app.py", "blip2_core", "demo", "requirements.txt"}
COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}  # those the platform has
QUESTION = "What animal is this?"
PAGE_SECONDS, MODEL_SECONDS = 120, 300  # on a machine with much else to do; a few seconds on one without


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A Space, as the command writes it, from another folder than the project's."""
    place = tmp_path_factory.mktemp("spaces")
    command = [sys.executable, "-m", "demo.space", "build", "mine"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    built = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=120)
    assert built.returncode == 0, built.stderr
    assert "hf upload YOUR-NAME/YOUR-SPACE mine . --repo-type space" in built.stdout
    assert os.listdir(place) == ["mine"], "nothing is left beside it"
    return place / "mine"


def card(folder: Path) -> tuple[dict, str]:
    """The front matter and the text below it."""
    _, front, text = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(front), text


def test_the_folder_holds_what_a_space_needs_and_nothing_else(folder):
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert {path.name for path in folder.iterdir()} == TOP
    assert not [
        file
        for file in files
        if "__pycache__" in file.parts or file.name in ("browser.py", "screenshots.py", "space.py")
    ]
    assert max(file.stat().st_size for file in files) < space.SIZE_LIMIT == 10_000_000
    assert not any(file.is_symlink() for file in files)


def test_the_builtin_model_and_the_photographs_are_whole(folder):
    model = folder / "blip2_core" / "builtin" / "pocket"
    shards = set(json.loads((model / "model.safetensors.index.json").read_text())["weight_map"].values())
    for shard in shards:
        assert (model / shard).read_bytes() == (ROOT / model.relative_to(folder) / shard).read_bytes()
    assert (folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert all((folder / "demo" / "gallery" / photo.file).is_file() for photo in photos())


def test_every_file_of_the_packages_is_there_also_one_that_is_no_python(folder):
    """A style sheet or script that `pyproject.toml` forgets would be missing from the wheel, too."""
    known = {file.relative_to(ROOT) for package in space.PACKAGES for file in (ROOT / package).rglob("*.*")}
    wanted = {file for file in known if (ROOT / file).is_file() and "__pycache__" not in file.parts}
    there = {file.relative_to(folder) for package in space.PACKAGES for file in (folder / package).rglob("*.*")}
    assert wanted - there == {Path(tool) for tool in space.TOOLS if (ROOT / tool).is_file()}


def test_the_front_matter_is_what_the_platform_reads(folder):
    front, text = card(folder)
    ours = (ROOT / "requirements.txt").read_text().splitlines()
    assert front["sdk"] == "gradio" and f"gradio=={front['sdk_version']}" in ours
    assert front["python_version"] == space.PYTHON, "a bare 3.10 would be the number 3.1"
    assert (folder / front["app_file"]).is_file() and front["suggested_hardware"] == "cpu-basic"
    assert {front["colorFrom"], front["colorTo"]} <= COLOURS
    assert len(front["short_description"]) <= 60 and len(front["emoji"].rstrip("\ufe0f")) == 1
    assert front["startup_duration_timeout"] == "1h", "on ZeroGPU a large model comes before the page"
    assert front["license"] == "bsd-3-clause" and front["models"] and "{" not in text


def test_the_requirements_leave_gradio_to_the_platform_and_keep_every_other_pin(folder):
    there = (folder / "requirements.txt").read_text().splitlines()
    ours = (ROOT / "requirements.txt").read_text().splitlines()
    assert [line for line in ours if line not in there] == [f"gradio=={card(folder)[0]['sdk_version']}"]
    assert set(there) < set(ours) and all("==" in line for line in there)


def test_pictures_and_weights_are_kept_outside_git_as_the_hub_demands(folder):
    kept = [line.split()[0] for line in (folder / ".gitattributes").read_text().splitlines() if "filter=lfs" in line]
    for file in folder.rglob("*"):
        if file.suffix in (".jpg", ".safetensors"):
            assert any(file.match(pattern) for pattern in kept)


def test_a_folder_with_something_in_it_is_refused_and_left_alone(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("keep")
    assert space.main(["build", str(tmp_path)]) == 2
    expected = f"error: {tmp_path}: expected a new or an empty folder, found one with files in it. Name another one.\n"
    assert capsys.readouterr().err == expected
    assert os.listdir(tmp_path) == ["mine.txt"]


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("keep")
    with pytest.raises(space.SpaceError, match=r"found a file or a link\. Name another one\.$"):
        space.build(tmp_path / "file")


def small_checkout(root: Path) -> Path:
    """Just enough of a checkout."""
    (root / "blip2_core" / "builtin" / "pocket").mkdir(parents=True)
    (root / "demo").mkdir()
    for name in ("app.py", "LICENSE", "demo/page.py"):
        (root / name).write_text("")
    for name in ("config.json", "model.safetensors.index.json"):
        (root / "blip2_core" / "builtin" / "pocket" / name).write_text("{}")
    (root / "requirements.txt").write_text("gradio==6.31.0\npillow==12.3.0\n")
    data = '[tool.setuptools]\npackage-data.blip2_core = ["builtin/pocket/*"]\npackage-data.demo = ["gallery/*"]\n'
    (root / "pyproject.toml").write_text(data)
    return root


def test_leftovers_in_a_checkout_stay_there(tmp_path):
    root = small_checkout(tmp_path / "checkout")
    for leftover in ("demo/notes.txt", "demo/__pycache__/page.py", "demo/.page.py", "demo/gallery/.hidden", "out.log"):
        (root / leftover).parent.mkdir(exist_ok=True)
        (root / leftover).write_text("")
    files = space.build(tmp_path / "mine", root)
    names = {str(file.relative_to(tmp_path / "mine")) for file in files}
    assert names == {
        ".gitattributes", "LICENSE", "README.md", "app.py", "requirements.txt", "demo/page.py",
        "blip2_core/builtin/pocket/config.json", "blip2_core/builtin/pocket/model.safetensors.index.json",
    }  # fmt: skip
    assert (tmp_path / "mine" / "requirements.txt").read_text() == "pillow==12.3.0\n"


def test_a_file_that_is_too_large_is_named_and_nothing_is_written(tmp_path):
    root = small_checkout(tmp_path / "checkout")
    with (root / "blip2_core" / "builtin" / "pocket" / "model-00001-of-00001.safetensors").open("wb") as large:
        large.truncate(space.SIZE_LIMIT)
    with pytest.raises(space.SpaceError, match="expected less than 10,000,000 bytes, it has 10,000,000"):
        space.build(tmp_path / "mine", root)
    assert os.listdir(tmp_path) == ["checkout"]


@pytest.mark.parametrize("lost", ["app.py", "pyproject.toml", "blip2_core/builtin/pocket/config.json"])
def test_a_checkout_that_is_not_whole_is_refused(tmp_path, lost):
    root = small_checkout(tmp_path / "checkout")
    (root / lost).unlink()
    with pytest.raises(space.SpaceError, match=f"there is no {lost}. Clone it again"):
        space.build(tmp_path / "mine", root)


def test_an_unpinned_gradio_is_refused_because_the_front_matter_names_one_version(tmp_path):
    root = small_checkout(tmp_path / "checkout")
    (root / "requirements.txt").write_text("gradio>=6\n")
    with pytest.raises(space.SpaceError, match="expected a line like"):
        space.build(tmp_path / "mine", root)
    assert os.listdir(tmp_path) == ["checkout"]


@pytest.mark.pocket
def test_the_page_and_the_model_answer_from_the_folder(folder, tmp_path):
    """As the platform starts it: `python app.py` in the folder, with the variables of the free hardware."""
    port, log = free_port(), tmp_path / "log"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {
        "SPACE_ID": "me/mine", "SYSTEM": "spaces", "ACCELERATOR": "none", "PYTHONDONTWRITEBYTECODE": "1",
        "GRADIO_TEMP_DIR": str(tmp_path / "uploads"), "HF_HUB_OFFLINE": "1",
    }  # fmt: skip
    before = sorted(folder.rglob("*"))
    with log.open("wb") as output:
        command = [PYTHON, "app.py", "--port", str(port)]
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
        try:
            page = wait_for(f"http://127.0.0.1:{port}/config", process, log, PAGE_SECONDS)
            opened = wait_for(f"http://127.0.0.1:{port}/", process, log, PAGE_SECONDS)
            health = wait_for(f"http://127.0.0.1:{port}/gradio_api/healthz", process, log, MODEL_SECONDS)
            answer, prompt, timings = ask(f"http://127.0.0.1:{port}/")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)
    assert texts.TITLE in opened and json.loads(page)["components"] and json.loads(health)["model"] == "pocket"
    assert answer and QUESTION in prompt and timings["model"] == "pocket" and 0 < timings["tokens"] <= 24
    said = log.read_text()  # one complaint is Gradio's own, where the platform's package is not installed
    assert said.count("Traceback") == said.count("`spaces` package is required to run hot-reloading")
    assert sorted(folder.rglob("*")) == before, "it writes nothing into its own folder"


def ask(address: str) -> tuple[str, str, dict]:
    """One question about a photograph, as a program asks it."""
    client = gradio_client.Client(address, verbose=False)
    picture = gradio_client.handle_file(str(photos()[0].path))
    return client.predict(picture, QUESTION, max_tokens=24, api_name="/ask")


def wait_for(address: str, process: subprocess.Popen, log: Path, seconds: float) -> str:
    """What stands at an address once it answers well."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                return answer.read().decode()
        except (urllib.error.URLError, TimeoutError):  # not listening yet, or 503: loading
            time.sleep(0.3)
    raise AssertionError(f"no answer at {address} in {seconds} s:\n{log.read_text()}")
