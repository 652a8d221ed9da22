"""The questions that are measured: as many yes as no of each topic, and never about what training knows."""

from collections import Counter

import pytest

from blip2_core.datasets import vqa
from blip2_core.datasets.flickr8k import CaptionedPhotograph
from blip2_core.datasets.presence import topic
from blip2_core.datasets.vqa import caption_question_records

SCENES = (
    ("A black dog runs through the snow.", "A dog is running in the snow.", "A black dog in the snow."),
    ("Two men in red shirts play soccer.", "Two men are playing soccer on a field.", "Two men play."),
    ("A girl in a blue dress sits on a bench.", "A girl sits on a bench.", "A girl is sitting on a bench."),
    ("A man rides a bike down a street.", "A man is riding a bike.", "A man on a bike in the street."),
    ("A brown dog runs through the grass.", "A white dog is running in the grass.", "A white dog in the grass."),
)


@pytest.fixture(scope="module")
def records(wordnet):
    """The questions about a hundred photographs of each split."""
    photographs = [
        CaptionedPhotograph(f"{split}-{number}.jpg", split, SCENES[number % len(SCENES)])
        for split in ("train", "dev", "test")
        for number in range(100)
    ]
    return caption_question_records(photographs, wordnet, 0)


def yes_and_no(questions):
    asked = [question for question in questions if question.kind == "yes_no"]
    return {
        word: Counter(topic(question.question) for question in asked if question.answers[0].startswith(word))
        for word in ("Yes", "No")
    }


@pytest.mark.parametrize("split", ["dev", "test"])
def test_as_many_questions_are_measured_with_yes_as_with_no(split, records):
    found = yes_and_no(records[split])
    assert found["Yes"].total() == found["No"].total() > 20


def test_a_question_alone_never_tells_the_answer(records):
    """As in POPE, what is asked for with no is asked for with yes about other photographs."""
    found = yes_and_no(records["test"])
    both = {name for name in found["Yes"] if found["No"][name]}
    assert sum(found["Yes"][name] + found["No"][name] for name in both) > 0.8 * 2 * found["Yes"].total()


def test_every_kind_is_measured_on_photographs_of_its_own_split(records):
    for split, questions in records.items():
        assert all(question.image.startswith(split) for question in questions)
        assert {"colour", "number", "activity", "place", "yes_no", "absent"} <= {q.kind for q in questions}


def test_no_kind_has_more_questions_than_are_measured(records):
    counts = Counter(question.kind for question in records["test"])
    assert counts["absent"] <= vqa.MEASURED_ABSENT and max(counts.values()) <= vqa.MEASURED


def test_a_thing_that_is_not_there_is_answered_by_saying_so(records):
    asked = [question for question in records["test"] if question.kind == "absent"]
    assert asked and all(question.answers[0].startswith(("There is no ", "There are no ")) for question in asked)


def test_what_most_people_said_stands_first(records):
    """Stages that learn from one text of a record take the first."""
    said = [list(question.said.items()) for question in records["train"] if question.said]
    assert [("White.", 2), ("Brown.", 1)] in said and [("Brown.", 1), ("White.", 2)] not in said
