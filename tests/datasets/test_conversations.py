"""Questions in a conversation: what stands before them, and what a pronoun may mean."""

import re
from collections import Counter
from dataclasses import replace

import pytest

from blip2_core.datasets.conversations import ELLIPSIS, FOLLOW_UP, MOST_OF_A_PICTURE, WHAT_ABOUT, conversations
from blip2_core.datasets.record_files import Question, read_questions, write_records


def ask(question, answer, kind, image="a.jpg"):
    return Question(image, question, (answer, "Another answer."), kind, "flickr8k")


DOING = ask("What is the dog doing?", "Running.", "activity")
COLOUR = ask("What color is the dog?", "Brown.", "colour")
ANIMAL = ask("What animal is in the picture?", "A dog.", "object")
BALL = ask("What color is the ball?", "Red.", "colour")
WHERE = ask("Where is the dog?", "In the snow.", "place")
SHIRT = ask("What colour is the man's shirt?", "Red.", "colour")
MAN = ask("Where is the man?", "On a street.", "place")


def as_and(ellipsis):
    """ "And the ball?" for "What about the ball?" too."""
    return re.sub(f"^({'|'.join(WHAT_ABOUT)}) ", "And ", ellipsis)


def draws(*questions, kind):
    """Every question of a kind that any draw makes of these."""
    return [one for seed in range(40) for one in conversations(questions, seed) if one.kind == kind]


def taken_up(*questions):
    """Every follow-up that any draw makes of these questions: what was said last, and the question."""
    found = draws(*questions, kind=FOLLOW_UP)
    return {(one.history[-1][0], one.question.removeprefix("And ").lower()) for one in found}


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


@pytest.mark.parametrize(
    ("before", "question", "ellipsis"),
    [
        (DOING, ask("What is the man doing?", "Sitting.", "activity"), "And the man?"),
        (COLOUR, ask("What color is the big ball?", "Red.", "colour"), "And the big ball?"),
        (SHIRT, ask("What colour is the boy's shirt?", "Blue.", "colour"), "And the boy's?"),
        (SHIRT, ask("What colour is the boy's hat?", "Blue.", "colour"), "And the boy's hat?"),
        (ask("Is there a dog?", "No.", "yes_no"), ask("Is there an egg?", "Yes.", "yes_no"), None),  # not "And egg?"
        (ask("Is there a dog?", "No.", "yes_no"), ask("Is there a cat?", "Yes.", "yes_no"), "And a cat?"),
        (ask("How many dogs are there?", "Two.", "number"), ask("How many men are there?", "One.", "number"),
         "And how many men?"),
        (DOING, COLOUR, None),
        (DOING, ask("What is the man wearing?", "A hat.", "worn"), None),
        (MAN, ask("Where is the man in the red shirt?", "There.", "place"), None),
        (MAN, ask("What is this?", "A man.", "object"), None),
    ],
)  # fmt: skip
def test_an_ellipsis_leaves_out_what_stays_the_same_and_nothing_else(before, question, ellipsis):
    found = [one for one in draws(before, question, kind=ELLIPSIS) if one.in_full == question.question]
    assert {(as_and(one.question), one.history) for one in found} == (
        {(ellipsis, ((before.question, before.answers[0]),))} if ellipsis else set()
    )


def test_four_in_ten_ellipses_ask_what_about_it_and_the_others_begin_with_and():
    colours = [replace(one, image=f"{number}.jpg") for number in range(200) for one in (COLOUR, BALL)]
    asked = [one.question for one in conversations(colours, 0) if one.kind == ELLIPSIS]
    said = Counter(text.removesuffix(" the ball?").removesuffix(" the dog?") for text in asked)
    assert set(said) == {"And", *WHAT_ABOUT} and 0.5 < said["And"] / len(asked) < 0.7


def test_a_conversation_goes_on_with_the_same_thing_for_longer_than_a_turn():
    histories = {one.history[-2:] for one in draws(DOING, COLOUR, WHERE, kind=FOLLOW_UP)}
    assert (("What is the dog doing?", "Running."), ("What color is it?", "Brown.")) in histories
    cat, bird = ask("What color is the cat?", "Grey.", "colour"), ask("What color is the bird?", "Blue.", "colour")
    histories = {(one.history[-2:], as_and(one.question)) for one in draws(COLOUR, cat, bird, kind=ELLIPSIS)}
    assert ((("What color is the dog?", "Brown."), ("And the cat?", "Grey.")), "And the bird?") in histories


def test_what_is_not_understood_by_itself_says_what_it_is_in_full():
    questions = [DOING, COLOUR, ANIMAL, MAN, SHIRT]
    asked = {question.question for question in questions}
    for one in (one for seed in range(20) for one in conversations(questions, seed)):
        assert (one.in_full in asked and one.question not in asked) if one.in_full else one.question in asked


def test_each_question_keeps_its_answers_and_stands_behind_others_about_its_picture():
    questions = [DOING, COLOUR, ANIMAL, MAN, SHIRT, ask("What is this?", "A cat.", "object", image="b.jpg")]
    found = conversations(questions, 0)
    assert found == conversations(questions, 0) != conversations(questions, 1)
    assert len(found) == MOST_OF_A_PICTURE and {one.image for one in found} == {"a.jpg"}
    turns = {(question.question, question.answers[0]) for question in questions[:-1]}
    for one in found:
        led = one.history[:-1] if one.kind in (FOLLOW_UP, ELLIPSIS) else one.history  # the last one may go on, too
        assert 1 <= len(one.history) <= 3 and set(led) <= turns and one.question not in dict(one.history)
        assert one.answers in [question.answers for question in questions]


def test_a_conversation_is_read_back_as_it_was_written(tmp_path):
    found = conversations([DOING, COLOUR, MAN], 3)
    write_records(tmp_path / "chat.jsonl", found)
    assert read_questions(tmp_path / "chat.jsonl") == found
