"""What the image encoder sees where, checked by hand on photographs of the gallery."""

from pathlib import Path

import pytest

from blip2_core.datasets.record_files import told_of
from blip2_core.datasets.seen_lessons import Seen, look, seen_records
from blip2_core.datasets.things import Thing
from blip2_core.errors import DataError

GALLERY = Path(__file__).parents[2] / "demo" / "gallery"
NAMES = {**dict.fromkeys(range(151, 269), "dog"), 967: "espresso"}  # by the number of the class


def classes(number: int = 1000) -> list[Thing]:
    return [Thing("x.jpg", NAMES.get(n, f"class {n}"), (), (), f"{n:08d}", "imagenet") for n in range(number)]


@pytest.mark.pocket
def test_the_trunk_sees_where_the_beagle_and_the_coffee_are(tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    said: list[str] = []
    images = ["beagle.jpg", str(broken), "coffee.jpg", "pizza.jpg"]
    beagle, coffee, pizza = look(images, classes(), said.append, folder=GALLERY, cache_folder=tmp_path / "features")
    assert [beagle.image, coffee.image] == ["beagle.jpg", "coffee.jpg"]
    assert len(said) == 1 and f"1 picture was left out: {broken}" in said[0]
    labels = [(seen.label.image, seen.label.key, seen.label.name) for seen in (beagle, coffee, pizza)]
    assert labels == [
        ("beagle.jpg", "00000162", "dog"),
        ("coffee.jpg", "00000967", "espresso"),
        ("pizza.jpg", "00000963", "class 963"),
    ]
    assert {seen.label.source for seen in (beagle, coffee, pizza)} == {"labels"}
    assert "espresso" not in beagle.traces and "class 1" not in coffee.traces  # a goldfish
    assert "dog" in beagle.traces and "espresso" in coffee.traces
    for seen, word, middle in ((beagle, "dog", (0.45, 0.57)), (coffee, "espresso", (0.5, 0.41))):
        left, top, right, bottom = dict(seen.there)[word]
        assert ((left + right) / 2, (top + bottom) / 2) == pytest.approx(middle, abs=0.08)
        assert 0.1 < (right - left) * (bottom - top) < 0.4


@pytest.mark.pocket
def test_a_folder_with_too_few_classes_is_refused():
    with pytest.raises(DataError, match="expected a photograph of each of the 1,000 classes, got 12"):
        look(["beagle.jpg"], classes(12), print)


def test_what_is_seen_gets_a_yes_with_its_box_and_about_as_much_that_is_not_gets_a_no():
    box = (0.1, 0.2, 0.5, 0.6)
    seen = [
        Seen("dog.jpg", None, (("dog", box),), frozenset({"dog"})),
        Seen("sea.jpg", None, (("boat", box), ("hat", box), ("cat", box)), frozenset({"boat", "hat", "cat"})),
        Seen("nothing.jpg", None, (), frozenset()),
    ]
    told = {"dog.jpg": "a dog runs past a boat. is there a hat? no."}
    records = list(seen_records(seen, told, seed=0))
    of_dog = [record for record in records if record.image == "dog.jpg"]
    assert [(record.answers, record.box) for record in of_dog] == [(("Yes.",), box), (("No.",), None)]
    assert "a dog" in of_dog[0].question and "a cat" in of_dog[1].question  # boat and hat are spoken of
    of_sea = [record for record in records if record.image == "sea.jpg"]
    assert [record.answers[0] for record in of_sea].count("Yes.") == 3
    assert all("a dog" in record.question for record in of_sea if record.answers == ("No.",))
    assert {record.image for record in records} == {"dog.jpg", "sea.jpg"}


def test_more_words_may_be_absent_than_are_seen_and_none_twice():
    box = (0.1, 0.2, 0.5, 0.6)
    words = ("boat", "hat", "cat")
    seen = [
        Seen("dog.jpg", None, (("dog", box),), frozenset({"dog"})),
        Seen("sea.jpg", None, tuple((word, box) for word in words), frozenset(words)),
    ]
    records = [record for record in seen_records(seen, {}, seed=0, absent=2) if record.image == "dog.jpg"]
    assert [record.answers[0] for record in records] == ["Yes.", "No.", "No."]
    asked = [word for record in records[1:] for word in words if word in record.question]
    assert len(asked) == 2 and asked[0] != asked[1]


def test_what_records_say_about_a_picture_is_gathered(tmp_path):
    (tmp_path / "caption.jsonl").write_text(
        '{"image": "a.jpg", "caption": "A Dog."}\n{"image": "b.jpg", "caption": "B."}\n'
    )
    (tmp_path / "vqa.jsonl").write_text(
        '{"image": "a.jpg", "question": "What is it?", "answers": ["a dog", "an animal"]}\n'
    )
    told = told_of([tmp_path / "caption.jsonl", tmp_path / "vqa.jsonl"])
    assert told == {"a.jpg": "a dog. what is it? a dog an animal", "b.jpg": "b."}
