"""Questions in a conversation: what stands before them, and what a pronoun may mean."""

import pytest

from blip2_core.datasets.conversations import FOLLOW_UP, MOST_OF_A_PICTURE, conversations
from blip2_core.datasets.record_files import Question, read_questions, write_records


def ask(question, answer, kind, image="a.jpg"):
    return Question(image, question, (answer, "Another answer."), kind, "flickr8k")


DOING = ask("What is the dog doing?", "Running.", "activity")
COLOUR = ask("What color is the dog?", "Brown.", "colour")
ANIMAL = ask("What animal is in the picture?", "A dog.", "object")
SHIRT = ask("What colour is the man's shirt?", "Red.", "colour")
MAN = ask("Where is the man?", "On a street.", "place")


def taken_up(*questions):
    """Every follow-up that any draw makes of these questions: what was said last, and the question."""
    found = [one for seed in range(40) for one in conversations(questions, seed)]
    return {(one.history[-1][0], one.question.removeprefix("And ").lower()) for one in found if one.kind == FOLLOW_UP}


@pytest.mark.parametrize(
    ("before", "question", "follow_up"),
    [
        (DOING, COLOUR, "what color is it?"),
        (ANIMAL, DOING, "what is it doing?"),
        (MAN, SHIRT, "what colour is his shirt?"),
        (SHIRT, MAN, "where is he?"),
        (ask("Is there a girl?", "Yes.", "yes_no"), ask("What is the girl doing?", "Singing.", "activity"),
         "what is she doing?"),
        (ask("What is the dog holding?", "A ball.", "object"), ask("What color is the ball?", "Red.", "colour"),
         "what color is it?"),
        (ask("Where are the girls?", "In a park.", "place"), ask("What are the girls doing?", "Playing.", "activity"),
         "what are they doing?"),
    ],
)  # fmt: skip
def test_a_follow_up_speaks_of_what_was_just_spoken_of(before, question, follow_up):
    assert (before.question, follow_up) in taken_up(before, question)


@pytest.mark.parametrize(
    ("before", "question"),
    [
        (ask("Is there a dog in the picture?", "No.", "yes_no"), DOING),
        (ask("Where is the dog?", "There is no dog in the picture.", "absent"), COLOUR),
        (ask("What is the dog holding?", "A ball.", "object"), COLOUR),  # "it" would be the ball
        (MAN, DOING),
        (ask("Where is the skier?", "On a hill.", "place"), ask("What is the skier doing?", "Skiing.", "activity")),
        (DOING, ask("What color is the dog's collar tag house?", "Red.", "absent")),
    ],
)
def test_nothing_is_taken_up_that_is_not_there_or_not_clear(before, question):
    assert before.question not in {last for last, _ in taken_up(before, question)}


def test_each_question_keeps_its_answers_and_stands_behind_others_about_its_picture():
    questions = [DOING, COLOUR, ANIMAL, MAN, SHIRT, ask("What is this?", "A cat.", "object", image="b.jpg")]
    found = conversations(questions, 0)
    assert found == conversations(questions, 0) != conversations(questions, 1)
    assert len(found) == MOST_OF_A_PICTURE and {one.image for one in found} == {"a.jpg"}
    turns = {(question.question, question.answers[0]) for question in questions[:-1]}
    for one in found:
        assert 1 <= len(one.history) <= 3 and set(one.history) <= turns and one.question not in dict(one.history)
        assert one.answers in [question.answers for question in questions]


def test_a_conversation_is_read_back_as_it_was_written(tmp_path):
    found = conversations([DOING, COLOUR, MAN], 3)
    write_records(tmp_path / "chat.jsonl", found)
    assert read_questions(tmp_path / "chat.jsonl") == found
