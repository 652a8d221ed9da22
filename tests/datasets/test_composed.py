"""Composed pictures: where the boxes are, that held-out things alone are in them, and what is asked about them."""

import random

import numpy as np
import pytest
from cut_outs import COLOURS, KINDS, stamp
from PIL import Image

from blip2_core.datasets.composed import compose, pointing_records
from blip2_core.datasets.flickr8k import CaptionedPhotograph
from blip2_core.datasets.pointing_questions import Placed, ask
from blip2_core.datasets.record_files import write_records
from blip2_core.evaluate.records import check_pictures, read_questions


@pytest.fixture
def stamps(tmp_path):
    return [
        stamp(tmp_path, name, tuple(broader), colour=colour)
        for (name, *broader), colour in zip(KINDS, COLOURS, strict=True)
    ]


@pytest.mark.parametrize("number", [2, 3, 4])
def test_a_box_holds_its_thing_and_nothing_else(stamps, number):
    ground = Image.new("RGB", (420, 560), "white")
    picture, placed = compose(stamps[:number], ground, random.Random(number))
    pixels = np.asarray(picture).astype(int)
    for one, colour in zip(placed, COLOURS, strict=False):
        rows, columns = np.nonzero(np.abs(pixels - colour).max(-1) < 60)
        left, top, right, bottom = (share * side for share, side in zip(one.box, (420, 560) * 2, strict=True))
        assert (columns.min(), rows.min()) == pytest.approx((left, top), abs=2)
        assert (columns.max() + 1, rows.max() + 1) == pytest.approx((right, bottom), abs=2)
    assert ground.getextrema() == ((255, 255),) * 3  # the ground itself is left as it was


def test_things_of_training_stand_in_no_composed_picture(stamps, tmp_path, wordnet):
    learned = [stamp(tmp_path, f"cat{number}", ("cat", "animal"), split="train") for number in range(4)]
    records = pointing_records([*stamps, *learned], [], wordnet, folder=tmp_path, seed=0)
    assert records["test"] and not records["dev"]
    named = {answer for record in records["test"] for answer in record.answers}
    assert named & {"crow", "daisy", "hammer", "car"} and not named & {"cat", "cat0"}


def test_the_evaluation_reads_what_is_written_and_the_same_seed_writes_the_same(stamps, tmp_path, wordnet):
    written = []
    for folder in (tmp_path / "first", tmp_path / "second"):
        records = pointing_records(stamps, [], wordnet, folder=folder, seed=0)["test"]
        write_records(folder / "pointing-test.jsonl", records)
        questions = read_questions(folder / "pointing-test.jsonl", boxes=True)
        check_pictures("pointing-test.jsonl", [question.image for question in questions])
        assert [question.box for question in questions] == [record.box for record in records]
        written.append(((folder / "pointing-test.jsonl").read_bytes(), questions[0].image.read_bytes()))
    assert written[0] == written[1]


def test_a_photograph_is_a_ground_only_if_its_captions_name_nothing_like_the_things(tmp_path, wordnet):
    Image.new("RGB", (300, 200), (9, 8, 7)).save(tmp_path / "photograph.png")
    for caption, fits in (("A man on a bench .", True), ("An animal by the road .", False)):
        held_out = CaptionedPhotograph(str(tmp_path / "photograph.png"), "test", (caption,))
        birds = [stamp(tmp_path, name, ("bird", "animal")) for name in ("chickadee", "crow")]
        records = pointing_records(birds, [held_out], wordnet, folder=tmp_path, seed=0)["test"]
        assert not records  # two things are too few for pictures of four
        more = [stamp(tmp_path, name, ("dog", "animal")) for name in ("beagle", "dog")]
        records = pointing_records([*birds, *more], [held_out], wordnet, folder=tmp_path, seed=0)["test"]
        assert any(record.source == "stamps on photographs" for record in records) is fits


def test_a_question_singles_one_thing_out(tmp_path):
    crow, gull = (stamp(tmp_path, name, ("bird", "animal")) for name in ("crow", "gull"))
    placed = [Placed(crow, (0.0, 0.0, 0.4, 0.4)), Placed(gull, (0.6, 0.6, 1.0, 1.0))]
    asked = [q for seed in range(9) for q in ask(placed, random.Random(seed), image="a.png", source="stamps")]
    texts = {question.question for question in asked}
    assert not any("bird" in text or "animal" in text for text in texts)
    assert {"What is on the left?", "What is at the bottom?"} <= texts
    assert all(q.box == placed[0].box for q in asked if q.question in ("What is on the left?", "Do you see a crow?"))


def test_a_colour_is_asked_where_the_maker_names_one_and_no_place_on_a_photograph(tmp_path):
    pear = stamp(tmp_path, "pear", ("fruit", "food"), sentence="A yellow pear.")
    bird = stamp(tmp_path, "crow", ("bird", "animal"), sentence="A black and white crow.")
    placed = [Placed(pear, (0.0, 0.0, 0.4, 0.4)), Placed(bird, (0.6, 0.6, 1.0, 1.0))]
    draws = map(random.Random, range(9))
    asked = [q for draw in draws for q in ask(placed, draw, image="a.png", source="stamps on photographs")]
    assert {q.answers for q in asked if q.kind == "colour"} == {("yellow",)}
    assert {q.kind for q in asked} == {"yes_no", "kind", "colour"}
    assert {q.question for q in asked if q.kind == "kind"} == {
        "What food is in the picture?",
        "What animal is in the picture?",
    }
