"""Lessons about every class, on photographs of other classes."""

import pytest

from blip2_core.datasets.class_lessons import Hosts, class_records
from blip2_core.datasets.record_files import Question, read_questions, write_records
from blip2_core.datasets.things import Thing, split_of
from blip2_core.errors import DataError


def classes(number: int = 1000) -> list[Thing]:
    """In another order than that of their ids."""
    return [
        Thing(f"{n}.jpg", f"class {n}", (), ("bird", "animal"), f"{n:08d}", "imagenet") for n in reversed(range(number))
    ]


def taught(record: Question) -> int:
    (shown,) = record.shown
    assert shown.box is None
    return shown.imagenet_class


def test_every_class_is_taught_on_training_photographs_of_other_classes(wordnet):
    records = class_records(Hosts(classes(), seed=0), wordnet)
    assert {taught(record) for record in records} == set(range(1000))
    for record in records:
        host = int(record.image.removesuffix(".jpg"))
        assert host != taught(record) and split_of(f"{host:08d}", 0) == "train"
    named = [record for record in records if record.kind == "name"]
    assert all(f"class {taught(record)}" in record.answers[0] for record in named) and len(named) == 18_000


def test_questions_about_a_class_move_to_a_host_and_questions_about_other_pictures_stay_out():
    asked = Question("7.jpg", "Tell me something about this bird.", ("It flies.",), "instruct", "imagenet")
    (moved,) = Hosts(classes(), seed=0).move(
        [asked, Question("dog.png", "What is this?", ("A dog.",), "name", "stamps")]
    )
    assert taught(moved) == 7 and moved.image != "7.jpg"
    assert (moved.question, moved.answers, moved.kind) == (asked.question, asked.answers, "instruct")


def test_fewer_than_a_thousand_classes_are_refused():
    with pytest.raises(DataError, match="expected a photograph of each of the 1,000 classes, got 12"):
        Hosts(classes(12), seed=0)


def test_a_record_is_read_back_as_it_was_written(tmp_path):
    plain = Question("a.png", "What is this?", ("A dog.", "dog"), "name", "stamps")
    (lesson,) = Hosts(classes(), seed=0).move([Question("7.jpg", "What is this?", ("A bird.",), "name", "imagenet")])
    write_records(tmp_path / "a.jsonl", [plain, lesson])
    assert read_questions(tmp_path / "a.jsonl") == [plain, lesson]
    assert "imagenet_class" not in (tmp_path / "a.jsonl").read_text().splitlines()[0]
