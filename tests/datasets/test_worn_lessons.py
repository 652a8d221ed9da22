"""Lessons about what an animal wears: who is asked about, what it shows, what is answered."""

from collections import Counter

import pytest

from blip2_core.datasets.flickr8k import CaptionedPhotograph
from blip2_core.datasets.things import Thing, split_of
from blip2_core.datasets.worn_lessons import ROUNDS, worn_lessons

NAMED = {
    0: Thing("cat.jpg", "tabby", (), ("cat", "mammal", "animal"), "00000001", "imagenet"),
    1: Thing("shark.jpg", "shark", (), ("fish", "animal"), "00000002", "imagenet"),
    2: Thing("dachshund.jpg", "dachshund", (), ("dog", "mammal", "animal"), "00000003", "imagenet"),
    3: Thing("sunglass.jpg", "sunglasses", (), ("glasses",), "00000004", "imagenet"),
    4: Thing("sombrero.jpg", "sombrero", (), ("hat", "piece of clothing", "clothing"), "00000005", "imagenet"),
    5: Thing("seat-belt.jpg", "seat belt", (), ("device", "clothing"), "00000006", "imagenet"),
    6: Thing("cup.jpg", "cup", (), ("container",), "00000007", "imagenet"),
}
CLASSES = [*NAMED.values()]
NUMBER = {"Sunglasses.": 3, "A sombrero.": 4}
DOG = CaptionedPhotograph("dog.jpg", "train", ("A dog runs in the snow .", "The brown dog is running."))


@pytest.fixture(scope="module")
def lessons():
    found = [worn_lessons(CLASSES, [DOG], seed) for seed in range(20)]
    return [one for some in found for one in some]


def animal_shown(lesson):
    """Number of the animal that the whole photograph shows instead of its own; None for its own."""
    return next((one.imagenet_class for one in lesson.shown if one.box is None), None)


def worn(lesson):
    return [one for one in lesson.shown if one.box is not None]


def test_training_photographs_of_mammals_are_asked_about_and_as_many_of_dogs():
    cats = [Thing(f"{n}.jpg", "tabby", (), ("cat", "mammal"), f"{n:08d}", "imagenet") for n in range(40)]
    dogs = [CaptionedPhotograph(f"dog{n}.jpg", "train", DOG.captions) for n in range(90)]
    found = Counter(one.image for one in worn_lessons([*cats, *CLASSES[3:]], dogs, 0) if one.kind == "worn")
    for_training = {cat.image for cat in cats if split_of(cat.key, 0) == "train"}
    assert {image for image in found if not image.startswith("dog")} == for_training
    assert sum(image.startswith("dog") for image in found) == len(for_training)
    assert all(ROUNDS <= number <= 2 * ROUNDS for number in found.values())


@pytest.mark.parametrize(
    ("split", "captions"),
    [
        ("test", DOG.captions),
        ("train", ("A dog runs .", "It is running.")),
        ("train", ("A dog runs .", "Two dogs run.", "A dog.")),
        ("train", ("A dog with a red collar .", "The dog.")),
        ("train", ("A dog and a man .", "The dog.")),
    ],
)
def test_a_photograph_of_more_or_less_than_one_bare_dog_is_left_out(split, captions):
    found = worn_lessons(CLASSES, [CaptionedPhotograph("other.jpg", split, captions), DOG], 0)
    assert "other.jpg" not in {one.image for one in found} and "dog.jpg" in {one.image for one in found}


def test_what_is_worn_is_shown_in_a_part_of_the_picture_and_asked_for_by_name(lessons):
    wearing = [one for one in lessons if one.kind == "worn" and one.answers != ("Nothing.",)]
    assert {one.answers for one in wearing} == {("Sunglasses.",), ("A sombrero.",)}  # no seat belt, no cup
    for one in wearing:
        (shown,) = worn(one)
        left, top, right, bottom = shown.box
        assert shown.imagenet_class == NUMBER[one.answers[0]] and one.box == shown.box
        assert 0 <= left < right <= 1 and 0 <= top < bottom <= 1 and (right - left) * (bottom - top) < 0.3


def test_half_of_the_photographs_show_another_animal_and_are_asked_about_it(lessons):
    own = {"cat.jpg": "cat", "dachshund.jpg": "dog", "dog.jpg": "dog"}
    other = {0: "cat", 2: "dog"}
    for one in lessons:
        assert f"the {other.get(animal_shown(one), own[one.image])} wearing" in one.question
    share = sum(animal_shown(one) is not None for one in lessons) / len(lessons)
    assert {animal_shown(one) for one in lessons} == {None, 0, 2} and 0.35 < share < 0.65


def test_yes_and_no_depend_on_what_is_shown(lessons):
    for one in (one for one in lessons if one.kind == "yes_no"):
        named = {3: "wearing sunglasses?", 4: "wearing a sombrero?"}
        there = {shown.imagenet_class for shown in worn(one)}
        assert one.answers == (("Yes.",) if any(one.question.endswith(named[n]) for n in there) else ("No.",))
    said = Counter(one.answers for one in lessons if one.kind == "yes_no")
    assert said["Yes.",] == said["No.",]


def test_with_nothing_to_wear_it_wears_nothing(lessons):
    bare = [one for one in lessons if one.kind == "worn" and one.answers == ("Nothing.",)]
    assert bare and not any(worn(one) or one.box for one in bare)
    assert 0.1 < len(bare) / sum(one.kind == "worn" for one in lessons) < 0.3


def test_without_photographs_of_dogs_or_of_animals_there_is_as_much_as_can_be():
    assert worn_lessons([CLASSES[6], CLASSES[3], CLASSES[4]], [], 0) == []
    assert {one.image for one in worn_lessons(CLASSES, [], 0)} <= {"cat.jpg", "dachshund.jpg"}
