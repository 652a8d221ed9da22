"""`python -m blip2_core data`: what it writes, that nothing leaks between splits, and what it refuses."""

import json

import pytest
from PIL import Image

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
        ({"daquar": "stamps"}, "has no all_qa_pairs.txt, no train_images_list.txt, no test_images_list.txt."),
        ({"stamps": "stamps", "wordnet": "stamps"}, "--wordnet: {stamps} has no data.noun, no index.noun."),
        ({"stamps": "stamps"}, "--wordnet: expected it beside --imagenet-samples or --stamps"),
        (
            {"flickr8k": "flickr8k", "flickr8k-captions": "stamps"},
            "--flickr8k-captions: {stamps} has no Flickr8k.token.txt, no Flickr_8k.trainImages.txt, no",
        ),
        ({"flickr8k": "stamps", "flickr8k-captions": "flickr8k-captions"}, "has no *.jpg file"),
    ],
)
def test_bad_sources_get_one_clear_line_and_exit_code_2(given, complaint, sources, tmp_path, capsys):
    folders = {name: sources.get(folder, tmp_path / folder) for name, folder in given.items()}
    assert run(folders, tmp_path / "out") == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and complaint.format(**sources) in errors[0]


def test_half_a_folder_is_refused_with_what_is_missing_of_it(sources, tmp_path, capsys):
    for number in range(10, 20):
        (sources["flickr8k"] / f"{number}.jpg").unlink()
    assert run(sources, tmp_path / "out") == 2
    assert "has 10 of the 20 photographs that the split lists name; the train list's 10.jpg" in capsys.readouterr().err


def test_captions_of_unknown_pictures_are_counted_and_left_out(sources, tmp_path, capsys):
    with (sources["flickr8k-captions"] / "Flickr8k.token.txt").open("a") as file:
        file.write("elsewhere.jpg#0\tA cat sits .\nelsewhere.jpg#1\tA cat .\n")
    assert run(sources, tmp_path / "out") == 0
    said = capsys.readouterr().err
    assert "Flickr8k.token.txt: 1 of its pictures are in no split list and left out, as elsewhere.jpg." in said
    assert "elsewhere" not in (tmp_path / "out" / "caption-train.jsonl").read_text()


def test_pictures_that_do_not_open_are_counted_and_named_and_the_rest_is_made(sources, tmp_path, capsys):
    """Of every source, and before a stamp is pasted or a held-out picture is measured."""
    broken = [
        sources["flickr8k"] / "3.jpg", sources["flickr8k"] / "17.jpg", sources["daquar"] / "images" / "image25.png",
        sources["imagenet-samples"] / "n00000009_daisy.JPEG", sources["stamps"] / "animals" / "birds" / "crow.png",
    ]  # fmt: skip
    for picture in broken:
        picture.write_bytes(b"no picture")
    assert run(sources, tmp_path / "out", "--labels") == 0
    said = capsys.readouterr().err
    assert f"2 pictures do not open and are left out: {broken[0]}, {broken[1]}" in said
    assert f"1 picture does not open and is left out: {broken[2]}" in said
    assert all(str(picture) in said for picture in broken)
    assert "label-train.jsonl: left out, it needs a photograph of each of the 1,000 classes" in said
    written = {picture for split in ("train", "dev", "test") for picture in pictures(tmp_path / "out", split)}
    assert written and not written & {str(picture) for picture in broken}


def test_a_batch_of_no_instructions_is_refused(sources, tmp_path, capsys):
    assert run(sources, tmp_path / "out", "--batch-size", "0") == 2
    assert "--batch-size: expected a number of at least 1, got 0" in capsys.readouterr().err


def test_a_cache_for_features_that_nobody_computes_is_refused(sources, tmp_path, capsys):
    assert run(sources, tmp_path / "out", "--cache-features", str(tmp_path / "features")) == 2
    assert "--cache-features: expected --labels beside it" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_without_a_language_model_is_refused_before_anything_is_made(sources, tmp_path, capsys):
    assert run(sources, tmp_path / "out", "--distill", str(tmp_path)) == 2
    assert "has no config.json" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_a_page_shows_what_is_taught_and_what_was_asked_before(tmp_path):
    record = {
        "image": "cat.png",
        "question": "Where?",
        "answers": ["Here.", "There."],
        "said": {"There.": 2, "Here.": 1},
        "history": [["What is it?", "A <cat>."]],
    }
    Image.new("RGB", (8, 8)).save(tmp_path / "cat.png")
    (tmp_path / "asked.jsonl").write_text(json.dumps(record) + "\n")
    assert main(["data", "--show", "1", str(tmp_path / "asked.jsonl"), "--out", str(tmp_path / "page.html")]) == 0
    shown = (tmp_path / "page.html").read_text()
    assert "There. (2), Here. (1)" in shown and "What is it? A &lt;cat&gt;.</div><b>Where?</b>" in shown


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
