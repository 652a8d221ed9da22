"""`score` and `convert`, run as a person runs them."""

import json

import pytest
from families import picture
from public_folders import write_folder, write_scorer_folder
from public_layouts import BY_NAME
from safetensors import SafetensorError
from test_lavis import SIX, lavis_file

from blip2_core.__main__ import main
from blip2_core.checkpoint import load
from blip2_core.scorer import load_scorer

TEXTS = ["what is the color", "a cat", "How many dogs?"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_scorer_folder(tmp_path_factory.mktemp("itm") / "model")


@pytest.fixture
def photo(tmp_path):
    picture().save(tmp_path / "photo.png")
    return str(tmp_path / "photo.png")


def run(capsys, *arguments) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_score_prints_both_numbers_of_each_text_the_likeliest_first(folder, photo, capsys):
    scorer = load_scorer(folder)
    rows = zip(scorer.match_probability(photo, TEXTS), scorer.similarity(photo, TEXTS), TEXTS, strict=True)
    expected = [f"{match:17.4f}  {cosine:10.4f}  {text}" for match, cosine, text in sorted(rows, reverse=True)]
    code, out, err = run(capsys, "score", photo, *TEXTS, "--model", folder, "--device", "cpu")
    assert (code, err) == (0, "")
    assert out.splitlines() == ["match_probability  similarity  text", *expected]


def test_score_as_json_is_one_object_on_one_line(folder, photo, capsys):
    code, out, err = run(capsys, "score", photo, *TEXTS, "--model", folder, "--json", "--device", "cpu")
    facts = json.loads(out)
    assert (code, err, out.count("\n")) == (0, "", 1)
    assert list(facts) == ["scores", "model", "precision", "device", "seconds"]
    assert sorted(row["text"] for row in facts["scores"]) == sorted(TEXTS)
    matches = [row["match_probability"] for row in facts["scores"]]
    assert matches == sorted(matches, reverse=True) and all(0 <= match <= 1 for match in matches)
    assert all(-1 <= row["similarity"] <= 1 for row in facts["scores"])


def test_a_model_without_heads_is_one_line(photo, tmp_path, capsys):
    without = write_folder(BY_NAME["blip2-opt-2.7b"], tmp_path / "opt")
    code, out, err = run(capsys, "score", photo, "a cat", "--model", without)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"error: {without}: this model has no heads that score texts. Salesforce/blip2-itm-vit-g has")


def test_convert_writes_a_folder_that_answers(photo, tmp_path, capsys):
    base = write_folder(BY_NAME["blip2-flan-t5-xl"], tmp_path / "base")
    trained = lavis_file("blip2-flan-t5-xl", tmp_path / "lavis.pth", with_vision=False)
    code, out, err = run(capsys, "convert", tmp_path / "lavis.pth", tmp_path / "new", "--like", base)
    assert (code, err) == (0, "")
    first, second = out.splitlines()
    assert first.startswith(f"{tmp_path / 'new'}: {len(trained)} weights of {tmp_path / 'lavis.pth'}, ")
    assert first.endswith(f" of {base}.") and second.startswith(
        "Not used, the model has no place for them: 4, such as "
    )
    assert load(tmp_path / "new").ask(photo, "What?", SIX) != load(base).ask(photo, "What?", SIX)


def test_convert_leaves_nothing_where_the_disk_is_full(tmp_path, capsys, monkeypatch):
    base = write_folder(BY_NAME["blip2-flan-t5-xl"], tmp_path / "base")
    lavis_file("blip2-flan-t5-xl", tmp_path / "lavis.pth", with_vision=False)

    def full(*_, **__):
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("blip2_core.lavis.save_file", full)
    code, out, err = run(capsys, "convert", tmp_path / "lavis.pth", tmp_path / "new", "--like", base)
    assert (code, out) == (2, "")
    assert err == (
        f"error: {tmp_path / 'new'}: the folder cannot be written (Error while serializing: I/O error: No space left "
        "on device (os error 28)). Make room or name another place; nothing was left.\n"
    )
    assert not list(tmp_path.glob("new*"))


def test_convert_needs_the_model_that_the_file_belongs_to(tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["convert", "lavis.pth", str(tmp_path / "new")])
    assert caught.value.code == 2
    assert "the following arguments are required: --like" in capsys.readouterr().err
    code, out, err = run(capsys, "convert", "nowhere.pth", tmp_path / "new", "--like", "no such folder")
    assert (code, out, err.count("\n")) == (2, "", 1) and err.startswith("error: no such folder: expected a built-in")
