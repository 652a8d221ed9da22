"""What the language model is asked in words, and what needs no language model: examples read by hand."""

import pytest

from blip2_core.datasets.flickr8k import CaptionedPhotograph
from blip2_core.datasets.lessons import DETAIL, HAPPENING, photograph_lessons, thing_lessons
from blip2_core.datasets.things import Thing, split_of

CAPTIONS = (
    "A black dog runs through the snow.",
    "A dog is running in the snow beside a bench.",
    "A black dog in the snow.",
)


def photograph(split="train", captions=CAPTIONS):
    return CaptionedPhotograph("dog.jpg", split, captions)


def test_what_happens_is_the_longest_caption_and_detail_adds_the_one_that_says_most_else(wordnet):
    _, (happening, detail) = photograph_lessons([photograph()], wordnet, 0, 5)
    assert happening.question in HAPPENING and happening.answers == (CAPTIONS[1],)
    assert detail.question in DETAIL and detail.answers == (f"{CAPTIONS[1]} {CAPTIONS[0]}",)
    assert {happening.kind, detail.kind} == {"instruct"}


@pytest.mark.parametrize("seed", range(8))
def test_a_lesson_about_a_photograph_tells_the_caption_and_speaks_of_who_is_there(seed, wordnet):
    (lesson,), _ = photograph_lessons([photograph()], wordnet, seed, 5)
    assert lesson.told.endswith(lesson.question) and lesson.told.removesuffix(lesson.question).strip() in CAPTIONS
    assert lesson.question.startswith("Describe") or "dog" in lesson.beginning and "dog" in lesson.terms


def test_photographs_that_are_held_out_give_no_lesson(wordnet):
    assert photograph_lessons([photograph("dev"), photograph("test")], wordnet, 0, 5) == ([], [])


@pytest.mark.parametrize(
    ("name", "broader", "naming", "subject"),
    [
        ("jeans", ("clothing",), "These are jeans.", "The jeans are"),
        ("Mars", ("planet",), "This is Mars, a kind of planet.", "The Mars"),
        ("owl", ("bird",), "This is an owl, a kind of bird.", "The owl"),
    ],
)
def test_one_says_are_of_plurals_and_not_of_names_that_end_like_them(name, broader, naming, subject, wordnet):
    key = next(f"{name} {number}" for number in range(99) if split_of(f"{name} {number}", 0) == "train")
    beginnings = {
        lesson.beginning
        for number in range(20)
        for lesson in thing_lessons([Thing(f"{number}.png", name, (), broader, key, "stamps")], wordnet, 0)
    }
    assert any(one.startswith(naming) for one in beginnings)
    assert {one.partition(". ")[2] for one in beginnings} <= {subject, "It is used", "They are used"}
