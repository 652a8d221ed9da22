"""Self-distillation: which answers are kept, and that a second run goes on where the first stopped."""

import pytest

from blip2_core.datasets.distill import Lesson, distill, good_answer
from blip2_core.datasets.instructions import fitting_instructions
from blip2_core.datasets.lessons import EVERY_THING, thing_lessons
from blip2_core.datasets.things import Thing, split_of
from blip2_core.errors import DataError

LESSON = Lesson(
    "a.jpg", "Tell me something about this.", "...", "This is a lamp, a kind of light. The lamp", ("lamp",), "x"
)


@pytest.mark.parametrize(
    ("continued", "answer"),
    [
        (" gives light at night. It", "This is a lamp, a kind of light. The lamp gives light at night."),
        ("'s bulb gives light at night.", "This is a lamp, a kind of light. The lamp's bulb gives light at night."),
        (
            " gives light to people. It was built in 1890 by a king.",
            "This is a lamp, a kind of light. The lamp gives light to people.",
        ),
        (" gives light and it gives light and it gives light.", ""),  # turns in a circle
        (" is something I'm sorry to say.", ""),
        (" was built in 1890 by a king.", ""),
        (" never ends its", ""),
        ("", ""),
    ],
)
def test_only_good_sentences_are_kept_behind_the_beginning(continued, answer):
    assert good_answer(LESSON, continued) == answer


def test_an_answer_that_does_not_speak_of_the_thing_is_dropped():
    lesson = Lesson("a.jpg", "What might happen next?", "...", "Next, someone might", ("dog",), "flickr8k")
    assert good_answer(lesson, " run away from the house.") == ""
    assert good_answer(lesson, " pet the dogs in the park.") == "Next, someone might pet the dogs in the park."


def test_a_lesson_names_the_thing_where_the_question_says_this(wordnet):
    name = next(name for name in ("beagle", "setter", "poodle", "husky") if split_of(name, 0) == "train")
    thing = Thing("/a.png", name, (), ("dog", "animal"), name, "stamps")
    lessons = thing_lessons([thing], wordnet, 0)
    assert lessons
    for lesson in lessons:
        assert lesson.question in [*fitting_instructions(thing), *EVERY_THING]
        assert f"the {name}" in lesson.told and "this" not in lesson.told
        assert lesson.beginning.startswith("This is a")


def test_a_folder_without_a_model_is_refused_before_anything_is_written(tmp_path):
    file = tmp_path / "instruct-train.jsonl"
    with pytest.raises(DataError, match=r"has no config\.json"):
        list(distill([LESSON], tmp_path, file, batch_size=1, max_new_tokens=4, seed=0))
    assert not file.exists()


def test_finished_lessons_are_not_asked_again(tmp_path):
    file = tmp_path / "instruct-train.jsonl"
    (tmp_path / "instruct-train.jsonl.done").write_text("1")
    assert list(distill([LESSON], tmp_path, file, batch_size=1, max_new_tokens=4, seed=0)) == []


def test_an_unreadable_count_of_finished_lessons_is_refused(tmp_path):
    (tmp_path / "instruct-train.jsonl.done").write_text("half")
    with pytest.raises(DataError, match="expected one number"):
        list(distill([LESSON], tmp_path, tmp_path / "instruct-train.jsonl", batch_size=1, max_new_tokens=4, seed=0))
