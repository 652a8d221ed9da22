"""Lessons about composed pictures: a pair differs in one thing only, and the answers follow from what is there."""

import re
from collections import defaultdict

import numpy as np
import pytest
from cut_outs import COLOURS, KINDS, photograph, stamp
from PIL import Image

from blip2_core.datasets import composed_lessons as lessons
from blip2_core.datasets.composed_lessons import composed_lessons, where
from blip2_core.datasets.pointing_questions import Placed
from blip2_core.datasets.things import Thing


@pytest.fixture
def records(tmp_path, wordnet, monkeypatch):
    monkeypatch.setattr(lessons, "PAIRS", 12)
    stamps = [
        stamp(tmp_path, name, tuple(broader), colour=colour, split="train", sentence=f"A {tint} {name}.")
        for (name, *broader), colour, tint in zip(KINDS, COLOURS, ("red", "green", "blue", "yellow"), strict=True)
    ]
    held_out = [stamp(tmp_path, f"cat{number}", ("cat", "animal"), split="test") for number in range(4)]
    made, about_classes = composed_lessons([*stamps, *held_out], [], wordnet, folder=tmp_path, seed=0)
    assert about_classes == []
    return made


def by_picture(records):
    found = defaultdict(dict)
    for record in records:
        found[record.image][record.question] = record.answers[0]
    return found


def test_the_pictures_of_a_pair_differ_in_the_place_of_one_thing_only(records, tmp_path):
    number = 0
    for image in {record.image for record in records if "without" not in record.image}:
        with_it, without = (
            np.asarray(Image.open(tmp_path / name)).astype(int)
            for name in (image, image.replace(".jpg", "-without.jpg"))
        )
        rows, columns = np.nonzero(np.abs(with_it - without).max(-1) > 60)
        height, width = (axis.max() - axis.min() for axis in (rows, columns))
        assert 1.1 < width / height < 1.4  # one rectangle of 100 x 80, and not two
        number += 1
    assert number == 12


def test_both_pictures_are_asked_the_same_about_the_thing_and_answered_the_other_way(records):
    asked = by_picture(records)
    opposite = 0
    for image, answers in asked.items():
        without = asked[image.replace(".jpg", "-without.jpg")] if "without" not in image else {}
        for question in answers.keys() & without.keys():
            if question.split()[0] in ("Is", "Do", "Can"):
                said = (answers[question].startswith("Yes"), without[question].startswith("No"))
                opposite += said == (True, True)
    assert opposite >= 12


def test_the_colour_is_that_of_the_thing_and_an_absent_thing_has_none(records):
    right = {"crow": "Red.", "daisy": "Green.", "hammer": "Blue.", "car": "Yellow."}
    answers = {
        (r.question, r.answers[0]) for r in records if r.question.startswith("What colour") and r.kind == "colour"
    }
    for name, colour in right.items():
        assert (f"What colour is the {name}?", colour) in answers
    absent = [r for r in records if r.kind == "absent"]
    assert absent and all("without" in r.image and r.answers[0].startswith("There is no") for r in absent)


def test_held_out_things_are_in_no_lesson(records):
    assert not any("cat" in text for record in records for text in (record.question, *record.answers))


def test_a_box_says_where_the_thing_asked_about_is_and_an_absent_one_has_none(records, tmp_path):
    rgb = dict(zip((name for name, *_ in KINDS), COLOURS, strict=True))
    asked = [record for record in records if record.question.startswith("What colour is the ")]
    assert {record.kind: record.box is None for record in asked} == {"colour": False, "absent": True}
    named = [(record, record.question.removeprefix("What colour is the ").rstrip("?")) for record in asked]
    boxed = [(record, rgb[name]) for record, name in named if record.box and name in rgb]
    for record, colour in boxed:
        picture = Image.open(tmp_path / record.image)
        sides = zip(record.box, picture.size * 2, strict=True)
        inside = np.asarray(picture.crop([round(share * side) for share, side in sides])).astype(int)
        assert np.abs(inside.mean((0, 1)) - colour).max() < 30
    assert boxed


def test_photographs_of_training_are_pasted_too_and_held_out_ones_are_not(tmp_path, wordnet, monkeypatch):
    monkeypatch.setattr(lessons, "PAIRS", 12)
    stamps = [stamp(tmp_path, name, tuple(broader), split="train") for name, *broader in KINDS]
    shown = photograph(tmp_path, "beagle", ("dog", "animal"), colour=(9, 9, 9), split="train")
    hidden = photograph(tmp_path, "persian", ("cat", "animal"), colour=(9, 9, 9), split="dev")
    made, _ = composed_lessons([*stamps, shown, hidden], [], wordnet, folder=tmp_path, seed=0)
    texts = " ".join(text for record in made for text in (record.question, *record.answers))
    assert "beagle" in texts and "persian" not in texts


@pytest.mark.parametrize(
    ("box", "said"),
    [
        ((0.0, 0.0, 0.2, 0.2), "At the top left."),
        ((0.4, 0.7, 0.6, 1.0), "At the bottom."),
        ((0.8, 0.3, 1.0, 0.6), "On the right."),
        ((0.4, 0.4, 0.6, 0.6), "In the middle."),
    ],
)
def test_a_place_is_told_by_the_ninth_of_the_picture(tmp_path, box, said):
    assert where(Placed(stamp(tmp_path, "crow", ("bird",)), box)) == said


def test_in_a_lesson_about_classes_every_thing_on_the_picture_shows_another_class(tmp_path, wordnet, monkeypatch):
    monkeypatch.setattr(lessons, "PAIRS", 6)
    stamps = [
        stamp(tmp_path, name, tuple(broader), colour=colour, split="train")
        for (name, *broader), colour in zip(KINDS, COLOURS, strict=True)
    ]
    classes = [
        Thing(f"{number}.jpg", f"class{number}", (), ("animal",), f"{number:08d}", "imagenet") for number in range(50)
    ]
    about_things, about_classes = composed_lessons(
        stamps, [], wordnet, folder=tmp_path, seed=0, classes=classes
    )  # fmt: skip
    boxes = defaultdict(set)  # of a picture, as far as they are asked about
    for record in about_things:
        boxes[record.image] |= {record.box} - {None}
    present = 0
    for record in about_classes:
        places = {shown.box: shown.imagenet_class for shown in record.shown}
        assert boxes[record.image] <= places.keys() and len(set(places.values())) == len(places) >= 1
        named = re.findall(r"class(\d+)", f"{record.question} {record.answers}")
        for number in map(int, named):
            if record.box is None:
                assert number not in places.values()
            else:
                assert places[record.box] == number
                present += 1
    assert present > 12
