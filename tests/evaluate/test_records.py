"""Evaluation files: what is read, and one clear sentence for what does not fit."""

import json

import pytest
from PIL import Image

from blip2_core.errors import DataError
from blip2_core.evaluate.records import check_pictures, file_of, limit_records, read_captions, read_questions

QUESTION = {"image": "a.png", "question": "What is it?", "answers": ["dog", "animal"], "kind": "name", "source": "x"}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "vqa-test.jsonl"


def lines(*records) -> str:
    return "".join((record if isinstance(record, str) else json.dumps(record)) + "\n" for record in records)


def refusal(read, file, content: str | bytes) -> str:
    """The sentence with which a file of this content is refused."""
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError) as error:
        read(file)
    return str(error.value)


def test_a_relative_picture_lies_beside_the_file_and_an_absolute_one_where_it_says(file):
    file.write_text(lines(QUESTION, QUESTION | {"image": "/elsewhere/b.png"}))
    first, second = read_questions(file)
    assert first.image == file.parent / "a.png"
    assert str(second.image) == "/elsewhere/b.png"
    assert (first.answers, first.kind, first.source) == (("dog", "animal"), "name", "x")


def test_the_captions_of_one_picture_come_together(file):
    file.write_text(
        lines({"image": "a.png", "caption": "A dog."}, {"image": "b.png", "caption": "A cat.", "source": "flickr8k"})
        + "\n"
        + lines({"image": "a.png", "caption": "A hound."})
    )
    first, second = read_captions(file)
    assert (first.captions, first.source) == (("A dog.", "A hound."), "unnamed")
    assert (second.captions, second.source) == (("A cat.",), "flickr8k")


def test_kind_and_source_may_be_left_out_as_in_training_files(file):
    file.write_text(lines({key: QUESTION[key] for key in ("image", "question", "answers")}))
    (question,) = read_questions(file)
    assert (question.kind, question.source) == ("unnamed", "unnamed")


def test_a_byte_order_mark_and_line_ends_of_windows_do_no_harm(file):
    file.write_bytes(b"\xef\xbb\xbf" + lines(QUESTION, QUESTION).replace("\n", "\r\n").encode())
    assert len(read_questions(file)) == 2


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "vqa-test.jsonl: the file is empty. Make the files with: python -m blip2_core data --help"),
        ("\n \n", "vqa-test.jsonl: the file is empty. Make the files with: python -m blip2_core data --help"),
        (b"\xff\xfe", "vqa-test.jsonl: the file is not UTF-8 text (byte 0)."),
        ("\n{oops\n", "vqa-test.jsonl, line 2: not valid JSON (Expecting property name enclosed in double quotes)."),
        ("[1]\n", "vqa-test.jsonl, line 1: expected a JSON object, got list."),
        (
            lines({"image": "a.png", "answers": ["x"]}),
            'vqa-test.jsonl, line 1: the key "question" is missing. The line has: image, answers.',
        ),
        (
            lines(QUESTION, QUESTION | {"answers": []}),
            "vqa-test.jsonl, line 2: answers: expected a list of texts, got [].",
        ),
        (lines(QUESTION | {"answers": "dog"}), "vqa-test.jsonl, line 1: answers: expected a list of texts, got 'dog'."),
        (
            lines(QUESTION | {"kind": 3}),
            "vqa-test.jsonl, line 1: kind: expected a text that is not empty, got 3.",
        ),
        (
            lines(QUESTION | {"question": " "}),
            "vqa-test.jsonl, line 1: question: expected a text that is not empty, got ' '.",
        ),
        (
            lines(QUESTION | {"question": "why " * 2000}),
            "vqa-test.jsonl, line 1: question: expected at most 4,000 characters, got 8,000; shorten it.",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_refused_with_its_line(file, content, sentence):
    assert refusal(read_questions, file, content) == sentence


def test_a_caption_that_is_no_text_is_refused(file):
    sentence = refusal(read_captions, file, lines({"image": "a.png", "caption": None}))
    assert sentence == "vqa-test.jsonl, line 1: caption: expected a text that is not empty, got None."


def test_a_folder_without_the_split_says_which_it_has(tmp_path):
    (tmp_path / "vqa-train.jsonl").touch()
    (tmp_path / "vqa-dev.jsonl").touch()
    with pytest.raises(DataError) as error:
        file_of(tmp_path, "vqa", "test")
    there = "It has these splits of vqa: dev, train."
    assert str(error.value) == f"--split: {tmp_path} has no file vqa-test.jsonl. {there}"


def test_a_folder_without_the_task_or_no_folder_says_how_to_make_one(tmp_path):
    make = "Make the files with: python -m blip2_core data --help"
    with pytest.raises(DataError) as error:
        file_of(tmp_path, "name", "dev")
    assert str(error.value) == f"--split: {tmp_path} has no file name-dev.jsonl. It has no name file. {make}"
    with pytest.raises(DataError) as error:
        file_of(tmp_path / "none", "name", "dev")
    assert str(error.value) == f"--data: {tmp_path / 'none'} is not a folder. {make}"


def test_a_limit_draws_the_same_records_each_time_and_keeps_their_order():
    chosen = limit_records(range(100), 10, seed=0)
    assert chosen == limit_records(range(100), 10, seed=0) == sorted(chosen)
    assert chosen != limit_records(range(100), 10, seed=1)
    assert len(set(chosen)) == 10
    assert limit_records(range(3), 10, seed=0) == limit_records(range(3), None, seed=0) == [0, 1, 2]


def test_pictures_that_do_not_open_are_counted_and_the_first_named(tmp_path):
    sound = tmp_path / "sound.png"
    Image.new("RGB", (4, 4)).save(sound)
    check_pictures("x.jsonl", [sound, sound])
    (tmp_path / "text.png").write_text("no picture")
    broken = [tmp_path / "text.png", *(tmp_path / f"{number}.png" for number in range(4))]
    with pytest.raises(DataError) as error:
        check_pictures("x.jsonl", [sound, *broken, *broken])
    named = ", ".join(map(str, broken[:3]))
    assert str(error.value) == f"x.jsonl: 5 of 6 pictures do not open: {named} and 2 more."


@pytest.mark.parametrize(
    "box", [None, "left", [0, 0, 1], [0.5, 0, 0.5, 1], [0, 0, 1, 1.2], [0, 0, 1, "1"], [-0.1, 0, 1, 1]]
)
def test_a_question_of_pointing_without_a_box_in_the_picture_is_refused(file, box):
    sentence = refusal(lambda file: read_questions(file, boxes=True), file, lines(QUESTION | {"box": box}))
    assert sentence == (
        f"vqa-test.jsonl, line 1: box: expected left, top, right, bottom as shares of the picture, 0-1, got {box!r}."
    )


def test_a_box_is_read_where_it_is_needed(file):
    file.write_text(lines(QUESTION | {"box": [0, 0.25, 0.5, 1]}))
    assert read_questions(file, boxes=True)[0].box == (0.0, 0.25, 0.5, 1.0)
    assert read_questions(file)[0].box is None
