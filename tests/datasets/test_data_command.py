"""`python -m blip2_core data`: what it writes, that nothing leaks between splits, and what it refuses."""

import json

import pytest

from blip2_core.__main__ import main


def run(folders, out, *more):
    arguments = [text for name, folder in folders.items() for text in (f"--{name}", str(folder))]
    return main(["data", "--out", str(out), *arguments, *more])


def pictures(out, split):
    """The pictures of every file of one split."""
    lines = [line for file in out.glob(f"*-{split}.jsonl") for line in file.read_text().splitlines()]
    return {json.loads(line)["image"] for line in lines}


def test_no_picture_of_dev_or_test_stands_in_a_training_file(sources, tmp_path):
    out = tmp_path / "out"
    assert run(sources, out) == 0
    train, dev, test = (pictures(out, split) for split in ("train", "dev", "test"))
    assert train and dev and test
    assert not train & test and not train & dev and not dev & test


def test_the_same_seed_writes_the_same_files(sources, tmp_path):
    for name in ("first", "second"):
        assert run(sources, tmp_path / name) == 0
    for file in (tmp_path / "first").glob("*.jsonl"):
        assert file.read_bytes() == (tmp_path / "second" / file.name).read_bytes()


def test_every_record_has_what_the_evaluation_reads(sources, tmp_path):
    from blip2_core.evaluate.records import read_captions, read_questions

    run(sources, tmp_path / "out")
    assert len(read_captions(tmp_path / "out" / "caption-test.jsonl")) == 4
    questions = read_questions(tmp_path / "out" / "vqa-test.jsonl")
    assert {question.source for question in questions} == {"flickr8k", "daquar"}


def test_what_is_missing_is_said_with_where_to_get_it_and_the_terms(sources, tmp_path, capsys):
    assert run({"daquar": sources["daquar"]}, tmp_path / "out") == 0
    said = capsys.readouterr().err
    assert "--flickr8k is not given" in said and "RlNZLER/Image-Text-Matching" in said and "Terms:" in said
    assert "--daquar is not given" not in said
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "daquar-train.jsonl",
        *(f"vqa-{split}.jsonl" for split in ("dev", "test", "train")),
    ]


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({}, "expected at least one of --flickr8k"),
        ({"flickr8k": "flickr8k"}, "expected both or neither"),
        ({"daquar": "nowhere"}, "nowhere is not a folder"),
        ({"daquar": "stamps"}, "images is not a folder"),
        ({"stamps": "stamps", "wordnet": "stamps"}, "data.noun: no such file"),
        ({"flickr8k": "stamps", "flickr8k-captions": "flickr8k-captions"}, "has no *.jpg file"),
    ],
)
def test_bad_sources_get_one_clear_line_and_exit_code_2(given, complaint, sources, tmp_path, capsys):
    folders = {name: sources.get(folder, tmp_path / folder) for name, folder in given.items()}
    assert run(folders, tmp_path / "out") == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and complaint in errors[0]


def test_a_batch_of_no_instructions_is_refused(sources, tmp_path, capsys):
    assert run(sources, tmp_path / "out", "--batch-size", "0") == 2
    assert "--batch-size: expected a number of at least 1, got 0" in capsys.readouterr().err


def test_a_page_shows_records_with_their_pictures(sources, tmp_path):
    run(sources, tmp_path / "out")
    page = tmp_path / "page.html"
    assert main(["data", "--show", "2", str(tmp_path / "out" / "vqa-train.jsonl"), "--out", str(page)]) == 0
    text = page.read_text()
    assert "What is on the desk?" in text and "data:image/jpeg;base64," in text


def test_a_page_of_a_malformed_file_is_refused_with_the_line(tmp_path, capsys):
    (tmp_path / "bad.jsonl").write_text('{"image": "a.jpg"}\n')
    assert main(["data", "--show", "2", str(tmp_path / "bad.jsonl"), "--out", str(tmp_path / "page.html")]) == 2
    assert "bad.jsonl, line 1: expected a record" in capsys.readouterr().err
