"""Names from the image encoder itself, checked by hand on photographs of the gallery."""

from pathlib import Path

import pytest

from blip2_core.datasets.labels import label_photographs, label_records
from blip2_core.datasets.things import Thing
from blip2_core.errors import DataError

GALLERY = Path(__file__).parents[2] / "demo" / "gallery"
BEAGLE = Thing("x.jpg", "beagle", (), ("hound", "dog", "animal"), "02088364", "labels")


def classes(number: int = 1000) -> list[Thing]:
    return [Thing("x.jpg", f"class {n}", (), ("thing",), f"{n:08d}", "imagenet") for n in range(number)]


@pytest.mark.pocket
def test_the_trunk_names_the_beagle_and_the_pizza_and_leaves_out_what_does_not_open(tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    done = []
    found = label_photographs(
        [GALLERY / "beagle.jpg", broken, GALLERY / "pizza.jpg"], classes(), lambda *counts: done.append(counts)
    )
    assert [(Path(thing.image).name, thing.name) for thing in found] == [
        ("beagle.jpg", "class 162"), ("pizza.jpg", "class 963")
    ]  # fmt: skip
    assert {thing.source for thing in found} == {"labels"} and done == [(3, 3)]


def test_a_label_becomes_three_questions_for_the_name_and_one_whether_it_is_there():
    records = list(label_records([BEAGLE], seed=0))
    assert [record.kind for record in records] == ["name"] * 3 + ["yes_no"]
    assert all("beagle" in record.answers[0] for record in records[:3])
    assert len({record.question for record in records}) == 4
    assert records[3].question == "Is there a beagle in the picture?" and records[3].answers == ("Yes.",)


@pytest.mark.pocket
def test_a_folder_with_too_few_classes_is_refused():
    with pytest.raises(DataError, match="expected a photograph of each of the 1,000 classes, got 12"):
        label_photographs([GALLERY / "beagle.jpg"], classes(12), lambda *counts: None)
