"""Yes/no questions and questions without an answer: nothing doubtful is called absent."""

import random

import pytest

from blip2_core.datasets.caption_questions import Draft
from blip2_core.datasets.presence import (
    absent_thing,
    balanced,
    count_things,
    existence,
    may_be_there,
    present_things,
    topic,
    unanswerable,
    yes_no_pairs,
)
from blip2_core.datasets.scene import read_scene


@pytest.mark.parametrize(
    ("captions", "name"),
    [
        (["A beagle runs."], "dog"),  # a kind of dog
        (["An animal runs."], "dog"),  # what a dog is a kind of
        (["A surfer on a wave."], "surfboard"),  # not named, but certainly there
        (["Boys play soccer."], "ball"),
        (["A person walks."], "woman"),
        (["A man walks along the shore."], "beach"),
    ],
)
def test_a_thing_counts_as_possible_when_a_caption_leaves_room_for_it(captions, name, wordnet):
    assert may_be_there(name, read_scene(captions, wordnet.is_noun), wordnet.is_kin)


@pytest.mark.parametrize(("captions", "name"), [(["A man sits on a bench."], "dog"), (["A dog runs."], "woman")])
def test_a_thing_that_nothing_hints_at_counts_as_absent(captions, name, wordnet):
    assert not may_be_there(name, read_scene(captions, wordnet.is_noun), wordnet.is_kin)


def test_the_absent_thing_is_never_one_that_may_be_there(wordnet):
    texts = [
        ["A dog with a ball.", "A dog runs with a ball."],
        ["A man on a bicycle.", "A man rides."],
        ["A car on a street."],
    ]
    scenes = [read_scene(captions, wordnet.is_noun) for captions in texts]
    statistics = count_things(scenes)
    for seed in range(40):
        for scene in scenes:
            name = absent_thing(scene, statistics, wordnet.is_kin, random.Random(seed))
            assert not name or not may_be_there(name, scene, wordnet.is_kin)


def test_a_thing_counts_as_present_only_when_two_captions_name_it(wordnet):
    scene = read_scene(["A dog and a ball.", "A dog runs."], wordnet.is_noun)
    assert present_things(scene) == ["dog"]


def test_every_answer_about_presence_begins_with_yes_or_no():
    for seed in range(20):
        assert all(answer.startswith("Yes") for answer in existence("dog", True, random.Random(seed)).answers)
        assert all(answer.startswith("No") for answer in existence("dog", False, random.Random(seed)).answers)


def test_pairs_ask_about_the_same_actor_once_with_yes_and_once_with_no(wordnet):
    captions = ["A black dog is running.", "A dog runs.", "The dog is running in the snow.", "A black dog in the snow."]
    pairs = {
        (yes.question, no.answers) for yes, no in yes_no_pairs(read_scene(captions, wordnet.is_noun), random.Random(0))
    }
    assert ("Is the dog running?", ("No.",)) in pairs
    assert ("Is the dog black?", ("No.",)) in pairs
    assert ("Is the dog in the snow?", ("No.",)) in pairs
    assert ("Is there only one dog?", ("No.",)) in pairs


def test_balancing_leaves_no_question_with_mostly_one_answer():
    drafts = [Draft("Is there a dog?", ("Yes.",), "yes_no")] * 9 + [Draft("Do you see a dog?", ("No.",), "yes_no")] * 3
    drafts += [Draft("Is there a cat?", ("No.",), "yes_no")] * 5
    kept = [drafts[place] for place in balanced(drafts, random.Random(0), most_to_one=1.0)]
    assert len(kept) == 6
    assert sum(draft.answers[0] == "Yes." for draft in kept) == 3


def test_questions_for_the_same_thing_are_one_topic():
    assert topic("Do you see a dog?") == topic("Is there a dog in the picture?")
    assert topic("Is the boy swimming?") == topic("Is the man swimming?") != topic("Is the man running?")


def test_a_question_about_what_is_not_there_is_answered_by_saying_so():
    for seed in range(10):
        draft = unanswerable("elephant", random.Random(seed))
        assert "elephant" in draft.question
        assert draft.answers[0] in (
            "There is no elephant in the picture.",
            "There are no elephants in the picture.",
        )
