"""What counts as right in each task, and what can be had without looking: answers written by hand."""

from pathlib import Path

import pytest

from blip2_core.evaluate.records import CaptionedImage, Question
from blip2_core.evaluate.scoring import (
    answers_to_others,
    is_right_answer,
    score_caption,
    score_instruct,
    score_name,
    score_vqa,
)


def ask(answers, *, image="a", question="What is it?", kind="object", source="flickr8k") -> Question:
    return Question(Path(image), question, tuple(answers), kind, source)


def find(numbers, measure, source="all", kind="all"):
    (number,) = [one for one in numbers if (one.measure, one.source, one.kind) == (measure, source, kind)]
    return number


class TestExactMatch:
    @pytest.mark.parametrize("answer", ["red", "The red.", " Crimson "])
    def test_any_of_the_answers_counts_after_normalization(self, answer):
        assert is_right_answer(answer, ask(["red", "crimson"]))

    @pytest.mark.parametrize("answer", ["", "...", "dark red", "red car", "blue"])
    def test_more_or_less_than_the_answer_is_wrong(self, answer):
        assert not is_right_answer(answer, ask(["red"]))

    def test_numbers_may_be_words_or_digits(self):
        assert is_right_answer("3", ask(["three"], kind="number"))
        assert is_right_answer("Three.", ask(["3"], kind="number"))

    def test_yes_or_no_is_read_from_the_first_word(self):
        assert is_right_answer("Yes, a dog is there.", ask(["yes"], kind="yes_no"))
        assert not is_right_answer("No, but yes.", ask(["yes"], kind="yes_no"))
        assert not is_right_answer("yes, a dog", ask(["yes"], kind="object"))

    def test_daquar_lists_are_compared_as_sets(self):
        question = ask(["garbage_bin, table, 2"], source="daquar", kind="daquar")
        assert is_right_answer("two, the table, garbage bin", question)
        assert is_right_answer("Table, garbage bin and two.", question)
        assert not is_right_answer("table, garbage bin", question)
        assert not is_right_answer("table, garbage bin, 2, lamp", question)

    def test_an_empty_answer_is_never_right(self):
        assert not is_right_answer("", ask([","], source="daquar"))
        assert not is_right_answer("!", ask(["?"]))


class TestVqa:
    def test_results_come_for_all_for_each_source_and_for_each_kind_of_a_source(self):
        questions = [
            ask(["red"], image="a", kind="colour"),
            ask(["2"], image="a", kind="number"),
            ask(["dog"], image="b", kind="colour"),
            ask(["table"], image="c", kind="daquar", source="daquar"),
        ]
        numbers = score_vqa(questions, ["red", "2", "cat", "chair"], train=(), seed=0)
        shares = {(one.source, one.kind): (one.value, one.n, one.pictures) for one in numbers}
        assert shares == {
            ("all", "all"): (0.5, 4, 3),
            ("daquar", "all"): (0.0, 1, 1),
            ("flickr8k", "all"): (2 / 3, 3, 2),
            ("flickr8k", "colour"): (0.5, 2, 2),
            ("flickr8k", "number"): (1.0, 1, 1),
        }
        assert find(numbers, "exact match", "daquar").low is None  # one picture says nothing about others
        assert find(numbers, "exact match").blind is None  # no training questions

    def test_blind_is_the_most_frequent_training_answer_to_questions_that_begin_alike(self):
        train = [
            ask(["white"], question="What color is the wall?", source="daquar"),
            ask(["white"], question="What color is the bed?", source="daquar"),
            ask(["white"], question="Which color is it?", source="daquar"),
            ask(["2"], question="How many beds?", source="daquar"),
            ask(["lamp, bed"], question="What is on it?", source="daquar"),
            ask(["bed, lamp"], question="What is there?", source="daquar"),
            ask(["bed"], question="What is left?", source="daquar"),
        ]
        asked = [
            ask(["white"], question="What color is it?", source="daquar"),  # white: right
            ask(["3"], question="How many chairs?", source="daquar"),  # 2: wrong
            ask(["lamp, bed"], question="What is under it?", source="daquar"),  # bed and lamp: right
            ask(["white"], question="Where is the bed?", source="daquar"),  # none begins so: white of all, right
            ask(["dog"], question="What is it?", source="flickr8k"),  # training has no such source: wrong
        ]
        numbers = score_vqa(asked, [""] * 5, train=train, seed=0)
        assert find(numbers, "exact match").blind == 3 / 5
        assert find(numbers, "exact match").value == 0

    def test_blind_shares_the_rule_for_yes_and_no(self):
        train = [ask(["Yes"], kind="yes_no", question="Is it a dog?")] * 2 + [ask(["no"], kind="yes_no")]
        numbers = score_vqa([ask(["yes"], kind="yes_no", question="Is it red?")], ["no"], train=train, seed=0)
        assert (find(numbers, "exact match", "flickr8k").value, numbers[0].blind) == (0, 1)


class TestName:
    QUESTIONS = (
        ask(["chickadee", "bird", "animal"], image="a", kind="name", source="stamps"),
        ask(["tabby", "cat", "animal"], image="b", kind="name", source="stamps"),
        ask(["bird", "animal"], image="a", kind="broader", source="stamps"),
    )

    def test_a_broader_term_counts_but_not_as_the_name(self):
        answers = ["Two birds.", "This is a tabby cat.", "It is a fish."]
        numbers = score_name(self.QUESTIONS, answers, train=(), seed=0)
        assert find(numbers, "name or broader term", "stamps").value == 2 / 3
        exact = find(numbers, "exact name", "stamps")
        assert (exact.value, exact.n) == (1 / 2, 2)  # questions for a broader term ask for no name

    def test_blind_is_a_term_for_the_one_and_a_name_for_the_other(self):
        train = [
            ask(["four-leaf clover", "plant"], kind="name", source="stamps"),
            ask(["rose", "plant"], kind="name", source="stamps"),
            ask(["four-leaf clover", "plant"], kind="name", source="stamps"),
            ask(["plant"], kind="broader", source="stamps"),
        ]
        asked = [
            ask(["four-leaf clover", "plant"], image="a", kind="name", source="stamps"),
            ask(["tree", "plant"], image="b", kind="name", source="stamps"),
        ]
        numbers = score_name(asked, ["", ""], train=train, seed=0)
        assert find(numbers, "name or broader term", "stamps").blind == 1  # plant
        assert find(numbers, "exact name", "stamps").blind == 1 / 2  # four-leaf clover

    def test_where_no_name_is_asked_for_there_is_no_exact_name(self):
        numbers = score_name(self.QUESTIONS[2:], ["A bird"], train=(), seed=0)
        assert {number.measure for number in numbers} == {"name or broader term"}


class TestInstruct:
    QUESTIONS = tuple(ask([name], image=name, kind="instruct", source="stamps") for name in ("apple", "bike", "cat"))

    def test_the_answer_has_to_speak_of_the_thing_shown(self):
        answers = ["Apples are healthy.", "This product saves time.", "Cats purr."]
        in_words = ["An apple.", "A bike.", "It purrs."]
        numbers = score_instruct(self.QUESTIONS, answers, in_words=in_words, seed=0)
        assert find(numbers, "speaks of the thing", "stamps").value == 2 / 3
        assert find(numbers, "speaks of the thing", "stamps").blind == 0
        assert find(numbers, "the LLM told the name in words", "stamps").value == 2 / 3

    def test_an_answer_that_fits_every_picture_gains_nothing_over_blind(self):
        numbers = score_instruct(self.QUESTIONS, ["An apple, a bike, a cat."] * 3, in_words=[""] * 3, seed=0)
        number = find(numbers, "speaks of the thing", "stamps")
        assert (number.value, number.blind) == (1, 1)

    def test_blind_answers_come_from_other_pictures(self):
        questions = [ask(["x"], image=image) for image in "aaabbc"]
        others = answers_to_others(questions, list("aaabbc"), seed=5)
        assert all(other != question.image.name for other, question in zip(others, questions, strict=True))
        assert answers_to_others(questions[:3], list("aaa"), seed=5) is None


def test_captions_give_four_bleus_and_cider_with_its_interval():
    pytest.importorskip("pycocoevalcap")
    texts = ["a dog runs on the grass", "two men ride on bikes", "the sea at night is dark"]
    images = [CaptionedImage(Path(str(n)), (text,), "flickr8k") for n, text in enumerate(texts)]
    *bleu, cider = score_caption(images, [*texts[:2], "a cat"], seed=0)
    assert [number.measure for number in bleu] == ["BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4"]
    assert all(number.source == "flickr8k" and number.n == 3 and number.percent for number in bleu)
    assert not cider.percent
    assert cider.value == pytest.approx((10 + 10 + 0) / 3)  # a caption equal to its only reference has 10
    assert cider.low < cider.value < cider.high


def test_beside_a_models_captions_stands_what_people_score_against_each_other():
    pytest.importorskip("pycocoevalcap")
    agree, differ = ["a dog runs on the grass"] * 2, ["two men ride on bikes", "the sea at night is dark"]
    images = [CaptionedImage(Path(str(n)), tuple(texts), "flickr8k") for n, texts in enumerate([agree, differ])]
    *_, bleu, cider = score_caption(images, ["", ""], seed=0)
    assert (bleu.measure, cider.measure) == ("BLEU-4 of people", "CIDEr of people")
    assert bleu.percent and bleu.value == pytest.approx(0.5, abs=0.01)  # half of what is said is found
    assert not cider.percent and cider.value == pytest.approx(10 / 2)  # one picture has 10, the other 0
