"""Things: names, broader words, questions about them, and that a thing never stands in two splits."""

import pytest

from blip2_core.datasets.imagenet import read_imagenet_samples
from blip2_core.datasets.instructions import (
    FACTS,
    PLACE,
    PRODUCT,
    TELL,
    described_in_words,
    fitting_instructions,
    instruction_records,
)
from blip2_core.datasets.naming import name_records, right_names, thing_captions
from blip2_core.datasets.stamps import plain_name, read_stamps
from blip2_core.datasets.things import Thing, split_of, with_a
from blip2_core.errors import DataError


def thing(name, *broader, source="imagenet"):
    return Thing(f"/pictures/{name}.png", name, (), broader, name, source)


def test_a_photograph_gets_its_plain_broader_words_and_no_empty_ones(sources, wordnet):
    found = {thing.name: thing for thing in read_imagenet_samples(sources["imagenet-samples"], wordnet)}
    assert found["chickadee"].broader == ("bird", "animal")
    assert found["beagle"].broader == ("dog", "animal")
    assert found["car"].synonyms == ("auto", "motorcar")
    assert "entity" not in right_names(found["daisy"])


@pytest.mark.parametrize(
    ("sentence", "name"),
    [
        ("A very small pumpkin.", "pumpkin"),
        ("An Adelaide Rosella.", "Adelaide Rosella"),
        ("A happy lion!", "lion"),
        ("A pair of pliers.", "pliers"),
        ("A peacock (a male peafowl).", "peacock"),
        ("A flower covered in dew drops.", "flower"),
        ("Boom!!!", ""),
        ("Eat your broccoli!", ""),
    ],
)
def test_the_name_of_a_stamp_is_read_from_its_sentence(sentence, name):
    assert plain_name(sentence) == name


def test_two_drawings_of_one_thing_are_the_same_thing(sources, wordnet):
    stamps = read_stamps(sources["stamps"], wordnet)
    assert [stamp.name for stamp in stamps] == ["crow", "crow"]
    assert len({stamp.key for stamp in stamps}) == 1
    assert [stamp.photograph for stamp in stamps] == [False, True] or [stamp.photograph for stamp in stamps] == [
        True,
        False,
    ]


def test_a_thing_stands_in_one_split_only_and_all_splits_are_used():
    keys = [f"thing {number}" for number in range(400)]
    splits = [split_of(key, 0) for key in keys]
    assert splits == [split_of(key, 0) for key in keys]
    assert 0.10 < splits.count("test") / 400 < 0.20 and 0.06 < splits.count("dev") / 400 < 0.14
    things = [Thing(f"/{key}-{copy}.png", key, (), ("animal",), key, "stamps") for key in keys[:60] for copy in "ab"]
    records = name_records(things, _Strangers(), 0)
    names = {split: {record.image[1:-6] for record in records[split]} for split in records}
    assert not names["train"] & names["test"] and not names["train"] & names["dev"] and not names["dev"] & names["test"]


class _Strangers:
    """Knows no kin: whatever is asked for is not there."""

    def is_kin(self, word, name):
        return False


def test_training_answers_say_the_name_and_measured_answers_begin_with_it():
    things = [thing(f"bird {number}", "bird", "animal") for number in range(60)]
    records = name_records(things, _Strangers(), 0)
    for record in records["train"]:
        if record.kind == "name":
            assert record.image.split("/")[-1][:-4] in record.answers[0]
    for record in records["test"]:
        if record.kind == "name":
            assert record.answers[0] == record.image.split("/")[-1][:-4] and "bird" in record.answers


def test_asked_for_the_kind_of_animal_the_word_animal_is_no_answer():
    records = name_records([thing(f"bird {number}", "bird", "animal") for number in range(80)], _Strangers(), 0)
    asked = [record for record in records["test"] if record.question == "What kind of animal is this?"]
    assert asked and all("animal" not in record.answers and record.answers[0] == "bird" for record in asked)


def test_captions_of_things_come_from_the_training_split_only():
    things = [thing(f"bird {number}", "bird", "animal") for number in range(40)]
    assert {caption.image for caption in thing_captions(things, 0)} == {
        thing.image for thing in things if split_of(thing.key, 0) == "train"
    }


@pytest.mark.parametrize(
    ("broader", "first"),
    [
        (("flower", "plant"), "Write down the facts that you know about this flower."),
        (("bird", "animal"), FACTS.format(kind="bird")),
        (("fruit", "food"), TELL.format(kind="food")),
        (("tower", "building"), PLACE),
        (("computer", "machine", "device"), PRODUCT),
        ((), "Write down the facts that you know about this."),
    ],
)
def test_an_instruction_fits_the_kind_of_thing(broader, first):
    assert fitting_instructions(thing("thing", *broader))[0] == first


def test_instructions_are_asked_about_held_out_things_only():
    things = [thing(f"bird {number}", "bird", "animal") for number in range(60)]
    records = instruction_records(things, 0)
    held_out = {thing.image for thing in things if split_of(thing.key, 0) != "train"}
    assert {record.image for split in records for record in records[split]} == held_out
    assert all(record.answers[0].startswith("bird ") and "animal" in record.answers for record in records["test"])


def test_a_thing_is_described_in_words_with_its_broader_word():
    assert described_in_words(thing("chickadee", "bird", "animal")) == "a chickadee, a kind of bird"
    assert described_in_words(thing("ringneck snake", "snake", "animal")) == "a ringneck snake"


def test_articles_are_put_as_people_put_them():
    names = ("owl", "unicycle", "hourglass", "jeans", "moon", "Santa Claus", "piece of clothing", "Earth")
    assert [with_a(name) for name in names] == [
        "an owl",
        "a unicycle",
        "an hourglass",
        "jeans",
        "the moon",
        "Santa Claus",
        "a piece of clothing",
        "the Earth",
    ]


def test_a_photograph_without_a_wordnet_id_is_refused(sources, wordnet):
    (sources["imagenet-samples"] / "chickadee.JPEG").write_bytes(b"")
    with pytest.raises(DataError, match="expected names such as"):
        read_imagenet_samples(sources["imagenet-samples"], wordnet)


def test_a_stamps_folder_without_stamps_is_refused(tmp_path, wordnet):
    with pytest.raises(DataError, match=r"has no \*\*/\*.png file"):
        read_stamps(tmp_path, wordnet)
