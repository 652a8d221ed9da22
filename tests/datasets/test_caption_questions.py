"""Questions made from captions: every expected pair was written by hand."""

import pytest

from blip2_core.datasets.caption_questions import agreed_number, colour_answers, draft_questions
from blip2_core.datasets.scene import read_scene


def answers(captions, question, wordnet):
    """The answers to one question, () if it is not asked."""
    drafts = {draft.question: draft for draft in draft_questions(read_scene(captions, wordnet.is_noun))}
    return drafts[question].answers if question in drafts else ()


@pytest.mark.parametrize(
    ("captions", "question", "first"),
    [
        (["A brown dog runs."], "What color is the dog?", "Brown."),
        (["A black and white dog jumps.", "A dog jumps."], "What color is the dog?", "Black and white."),
        (["A boy kicks a red ball."], "What color is the ball?", "Red."),
        (["A man in a green shirt sits."], "What color is the man's shirt?", "Green."),
        (["A girl wearing blue jeans walks."], "What color are the girl's jeans?", "Blue."),
        (["A man in a red shirt and blue jeans."], "What is the man wearing?", "A shirt."),
        (["A man in a red shirt.", "A man wearing a hat.", "A man in a hat."], "What is the man wearing?", "A hat."),
        (["A woman wearing a hat."], "What is the woman wearing?", "A hat."),
        (["Two dogs run.", "Two dogs in the snow."], "How many dogs are there?", "Two."),
        (["A dog runs.", "A brown dog runs.", "The dog is running."], "How many dogs are there?", "One."),
        (["Two men sit.", "Two people sit."], "How many people are there?", "Two."),
        (["A boy is holding a stick."], "What is the boy holding?", "A stick."),
        (["A man rides his bike."], "What is the man riding?", "A bike."),
        (["A dog with a tennis ball in its mouth."], "What is in the dog's mouth?", "A tennis ball."),
        (["A dog runs.", "A beagle runs."], "What animal is in the picture?", "A dog."),
        (["A boy runs.", "A boy plays.", "A child runs."], "Who is in the picture?", "A boy."),
        (["A brown dog runs through the grass."], "What is the dog doing?", "Running through the grass."),
        (["Two girls are sitting on a bench."], "What are the girls doing?", "Sitting on a bench."),
        (["A dog plays in the snow."], "Where is the dog?", "In the snow."),
        (["A man walks down the street."], "Where is the man?", "On the street."),
        (["A dog runs through the water."], "Where is the dog?", "In the water."),
    ],
)
def test_a_question_gets_the_answer_that_the_captions_give(captions, question, first, wordnet):
    assert answers(captions, question, wordnet)[:1] == (first,)


def test_clothes_are_right_with_their_colour_and_two_at_a_time_too(wordnet):
    right = answers(["A man in a red shirt and blue jeans."], "What is the man wearing?", wordnet)
    assert {"A red shirt and blue jeans.", "A shirt and jeans.", "Blue jeans.", "Jeans.", "A red shirt."} <= set(right)


def test_what_each_caption_says_is_kept_to_be_taught(wordnet):
    captions = ["A boy in a blue hat sits in the snow.", "A boy in a hat plays in the snow.", "A boy sits on a beach."]
    drafts = draft_questions(read_scene(captions, wordnet.is_noun))
    said = {draft.question: draft.said for draft in drafts}
    assert said["Where is the boy?"] == ("In the snow.", "In the snow.", "On a beach.")
    assert said["What is the boy wearing?"] == ("A hat.", "A hat.")
    assert sorted(said["What is the boy doing?"]) == [
        "Playing in the snow.",
        "Sitting in the snow.",
        "Sitting on a beach.",
    ]
    assert said["What color is the boy's hat?"] == ("Blue.",)
    assert all(set(draft.said) <= set(draft.answers) for draft in drafts)


def test_what_other_captions_say_counts_as_right_too(wordnet):
    captions = ["A brown dog runs through the grass.", "A tan dog is running in a field.", "A dog runs."]
    assert {"Brown.", "Tan."} <= set(answers(captions, "What color is the dog?", wordnet))
    assert {"Running through the grass.", "Running in a field.", "Running."} <= set(
        answers(captions, "What is the dog doing?", wordnet)
    )
    assert {"In the grass.", "In a field."} <= set(answers(captions, "Where is the dog?", wordnet))


@pytest.mark.parametrize(
    ("captions", "question"),
    [
        (["A black dog and a white dog run."], "What color is the dog?"),  # which one?
        (["A dog chases another dog."], "What is the dog doing?"),
        (["A red ball and a blue ball."], "What color is the ball?"),
        (["Two dogs run.", "Three dogs run."], "How many dogs are there?"),  # the captions do not agree
        (["Dogs run.", "Some dogs play."], "How many dogs are there?"),
        (["A dog runs."], "How many dogs are there?"),  # one caption is not enough
        (["A man in a suit and a man in a shirt."], "What is the man wearing?"),
    ],
)
def test_nothing_is_asked_where_the_captions_leave_doubt(captions, question, wordnet):
    assert answers(captions, question, wordnet) == ()


def test_two_dogs_named_one_by_one_are_counted_together(wordnet):
    scene = read_scene(["A black dog and a white dog run.", "Two dogs run."], wordnet.is_noun)
    assert agreed_number(scene, "dog") == 2


def test_a_colour_is_right_in_other_orders_and_spellings():
    assert set(colour_answers(["brown and white"])) == {"brown and white", "white and brown"}
    assert set(colour_answers(["gray"])) == {"gray", "grey"}
    assert set(colour_answers(["dark blue"])) == {"dark blue", "blue"}
