"""DAQUAR: questions cleaned of the picture's name, answers as words, splits by the lists."""

import pytest

from blip2_core.datasets.daquar import clean_answer, clean_question, read_daquar
from blip2_core.errors import DataError


@pytest.mark.parametrize(
    ("raw", "question", "picture"),
    [
        ("what is on the desk in the image3 ?", "What is on the desk?", "image3"),
        (
            "what is the largest object in this picture in the image1 ?",
            "What is the largest object in the picture?",
            "image1",
        ),
        ("how many chairs are in the image12 ?", "How many chairs are there?", "image12"),
        ("how man chairs are there in the image888 ?", "How many chairs are there?", "image888"),
        ("what is between the the two bins in the image1 ?", "What is between the two bins?", "image1"),
        (
            "what is the wall in the image155 made of in the image155 ?",
            "What is the wall in the picture made of?",
            "image155",
        ),
        ("what is left of the image168 in the image168 ?", "What is left of the picture?", "image168"),
        ("what is the chair in in the image2 ?", "What is the chair?", "image2"),
    ],
)
def test_a_question_loses_the_name_of_its_picture_and_nothing_else(raw, question, picture):
    assert clean_question(raw) == (question, picture)


@pytest.mark.parametrize(
    ("raw", "answer"),
    [("garbage_bin", "Garbage bin."), ("3", "Three."), ("book, table", "Book, table."), ("24", "24.")],
)
def test_an_answer_becomes_plain_words(raw, answer):
    assert clean_answer(raw) == answer


def test_pictures_are_split_by_the_lists_and_dev_comes_from_train(sources):
    records = read_daquar(sources["daquar"], seed=0)
    pictures = {split: {record.image for record in records[split]} for split in records}
    assert {split: len(found) for split, found in pictures.items()} == {"train": 18, "dev": 2, "test": 10}
    assert not pictures["train"] & pictures["dev"] and not (pictures["train"] | pictures["dev"]) & pictures["test"]


def test_a_picture_in_both_lists_is_refused(sources):
    (sources["daquar"] / "test_images_list.txt").write_text("image1\n")
    with pytest.raises(DataError, match="image1 is in the training list and in the test list"):
        read_daquar(sources["daquar"], seed=0)


def test_a_question_without_its_answer_is_refused(sources):
    (sources["daquar"] / "all_qa_pairs.txt").write_text("what is on the desk in the image1 ?\n")
    with pytest.raises(DataError, match="the last one has none"):
        read_daquar(sources["daquar"], seed=0)


def test_a_question_about_no_picture_is_refused_with_its_line(sources):
    (sources["daquar"] / "all_qa_pairs.txt").write_text("what is this ?\nlamp\n")
    with pytest.raises(DataError, match="line 1"):
        read_daquar(sources["daquar"], seed=0)
