"""The hardware of a Space picks the model; a variable overrules it; ZeroGPU gets what it asks for."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from test_app import APP, free_port

from blip2_core.errors import SettingsError
from demo.hardware import LARGE_MODEL, Start, import_spaces, lent_gpu, pick_start

SPACE = {"SPACE_ID": "me/mine"}
ZERO = SPACE | {"SPACES_ZERO_GPU": "true", "ACCELERATOR": "zero-a10g"}


@pytest.mark.parametrize(
    "accelerator", [{}, {"ACCELERATOR": "none"}, {"ACCELERATOR": "cpu-basic"}, {"ACCELERATOR": ""}]
)
def test_a_space_without_a_gpu_runs_pocket(accelerator):
    assert pick_start(SPACE | accelerator) == Start("pocket", "auto", "auto")


@pytest.mark.parametrize(
    ("accelerator", "precision"),
    [("t4-small", "int8"), ("t4-medium", "int8"), ("l4x1", "auto"), ("a10g-small", "auto"), ("a100-large", "auto")],
)
def test_a_space_with_a_gpu_runs_a_large_model_that_fits_its_memory(accelerator, precision):
    assert pick_start(SPACE | {"ACCELERATOR": accelerator}) == Start(LARGE_MODEL, precision, "auto")


def test_outside_a_space_it_is_pocket_whatever_the_machine_has():
    assert pick_start({"ACCELERATOR": "a100-large"}) == Start()


def test_a_variable_names_another_model_and_its_precision():
    space = SPACE | {"ACCELERATOR": "t4-small", "BLIP2_MODEL": "Salesforce/blip2-opt-2.7b"}
    assert pick_start(space) == Start("Salesforce/blip2-opt-2.7b", "auto")
    assert pick_start(space | {"BLIP2_PRECISION": "int8"}) == Start("Salesforce/blip2-opt-2.7b", "int8")
    assert pick_start({"BLIP2_MODEL": "/models/mine"}) == Start("/models/mine")


def test_on_zero_gpu_it_is_a_large_model_in_16_bit():
    assert pick_start(ZERO) == Start(LARGE_MODEL, "bf16", "cuda")
    other = pick_start(ZERO | {"BLIP2_MODEL": "Salesforce/blip2-opt-2.7b"})
    assert other == Start("Salesforce/blip2-opt-2.7b", "auto", "cuda")


def test_pocket_answers_on_the_processor_on_zero_gpu_too():
    assert pick_start(ZERO | {"BLIP2_MODEL": "pocket"}) == Start("pocket", "auto", "cpu")


def test_zero_gpu_is_shown_a_gpu_function_also_where_none_is_needed():
    shown = []
    assert lent_gpu(shown.append, device="cpu", precision="auto") is None
    assert len(shown) == 1 and shown[0]() is None


def test_a_lent_gpu_takes_16_bit_alone(monkeypatch):
    for precision in ("auto", "bf16"):
        assert lent_gpu(print, device="cuda", precision=precision) is print
    with pytest.raises(SettingsError) as refused:
        lent_gpu(print, device="cuda", precision="int8")
    assert str(refused.value) == "precision: on ZeroGPU a model runs in bf16, got int8. Name none."


def test_elsewhere_the_package_of_zero_gpu_is_left_alone_and_it_need_not_be_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "spaces", None)  # importing it raises ImportError
    assert import_spaces({"SPACES_ZERO_GPU": "true"}) is None
    monkeypatch.setitem(sys.modules, "spaces", SimpleNamespace())  # it has no GPU
    assert import_spaces({}) is None and lent_gpu(None, device="cuda", precision="int8") is None


def test_the_app_imports_the_package_of_zero_gpu_before_torch_and_gradio(tmp_path):
    """With a stand-in for the package, and a model that is not there, so that the app ends by itself."""
    (tmp_path / "spaces.py").write_text(
        "import sys\nfor name in ('torch', 'gradio', 'transformers'):\n    assert name not in sys.modules, name\n"
        "def GPU(task, duration=None):\n    print('shown:', task.__name__, flush=True)\n"
    )
    command = [sys.executable, str(APP), "--model", "no-such-model", "--device", "cpu", "--port", str(free_port())]
    zero = {"SPACES_ZERO_GPU": "true", "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(tmp_path)}
    ended = subprocess.run(command, cwd=tmp_path, env=os.environ | zero, capture_output=True, text=True, timeout=300)
    assert "shown: _gpu_function" in ended.stdout and "Assertion" not in ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("error: no-such-model: ")


def test_on_zero_gpu_a_model_that_does_not_come_ends_the_app_before_its_page_opens(tmp_path):
    (tmp_path / "spaces.py").write_text("def GPU(task, duration=None):\n    return task\n")
    zero = os.environ | {"SPACES_ZERO_GPU": "true", "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(tmp_path)}
    for options, told in (
        (["--model", "no-such-model"], "no-such-model: expected a built-in model"),
        (["--compare", "pocket"], "--compare, --offer and --device-map do not work"),
        (["--precision", "int4"], "precision: on ZeroGPU a model runs in bf16"),
    ):
        command = [sys.executable, str(APP), *options, "--port", str(free_port())]
        ended = subprocess.run(command, cwd=tmp_path, env=zero, capture_output=True, text=True, timeout=300)
        assert ended.returncode == 2 and ended.stderr.splitlines()[-1].startswith(f"error: {told}")
        assert "The page is at" not in ended.stdout
