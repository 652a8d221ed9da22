"""Two answers side by side: the question given to the Q-Former and not, or two models."""

from dataclasses import replace

import families
import pytest

from blip2_core.answer_settings import AnswerSettings
from demo import texts
from demo.comparison import BY_MODEL, BY_QUESTION, Comparison
from demo.errors import VisitorError
from demo.limits import Limits
from demo.loading import ModelLoader

QUESTION = "what is the color?"
SHORT, LONG = AnswerSettings(max_new_tokens=6), AnswerSettings(max_new_tokens=96)


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> ModelLoader:
    """A BLIP-2 over an OPT, whose Q-Former reads no question."""
    folder = families.save_as_older("blip2-opt", tmp_path_factory.mktemp("other") / "plain")
    loader = ModelLoader(str(folder), precision="fp32", device="cpu")
    loader.start()
    assert loader.wait(60) and loader.model is not None, loader.state.error
    return loader


def compare(comparison: Comparison, kind: str, picture: str, settings: AnswerSettings = SHORT) -> list[tuple[str, str]]:
    """Both answers after each step."""
    comparison.begin(kind, QUESTION, picture)
    return [tuple(side.answer for side in comparison.sides) for _ in comparison.answer(settings)]


def test_one_side_reads_the_question_and_the_other_does_not(loader, pictures):
    comparison, model = Comparison(loader), loader.model
    left, right = compare(comparison, BY_QUESTION, pictures[0])[-1]
    assert left.strip() == model.ask(pictures[0], QUESTION, SHORT)
    assert right.strip() == replace(model, withholds_question=True).ask(pictures[0], QUESTION, SHORT)
    assert left != right
    assert [side.title for side in comparison.sides] == [texts.COMPARE_GIVEN, texts.COMPARE_WITHHELD]


def test_both_grow_at_the_same_time_and_are_measured(loader, pictures):
    comparison = Comparison(loader)
    steps = compare(comparison, BY_QUESTION, pictures[0], LONG)
    assert any(left and right and (left, right) != steps[-1] for left, right in steps)
    first, second = (side.measured for side in comparison.sides)
    assert first.tokens == second.tokens == 96 and first.stopped_by == "length"
    assert not first.picture_was_known and second.picture_was_known
    assert 0 < second.seconds_to_first_token < second.seconds


def test_two_models_answer_side_by_side(loader, plain, pictures):
    comparison = Comparison(loader, plain)
    left, right = compare(comparison, BY_MODEL, pictures[0])[-1]
    assert left.strip() == loader.model.ask(pictures[0], QUESTION, SHORT)
    assert right.strip() == (plain.model.ask(pictures[0], QUESTION, SHORT) or texts.NO_WORDS)
    assert [side.title for side in comparison.sides] == [loader.title, plain.title]


def test_both_sides_are_asked_for_the_same_kind_of_answer(loader, pictures):
    comparison = Comparison(loader)
    comparison.begin(BY_QUESTION, QUESTION, pictures[0])
    list(comparison.answer(SHORT, "short"))
    given, withheld = (side.answer.strip() for side in comparison.sides)
    assert given == loader.model.ask(pictures[0], QUESTION, SHORT, mode="short")
    unheard = replace(loader.model, withholds_question=True)
    assert withheld == unheard.ask(pictures[0], QUESTION, SHORT, mode="short")


def test_a_second_model_that_does_not_come_leaves_the_first_side(loader, pictures):
    missing = ModelLoader("no-such-model")
    missing.start()
    missing.wait(60)
    left, right = compare(Comparison(loader, missing), BY_MODEL, pictures[0])[-1]
    assert left.strip() == loader.model.ask(pictures[0], QUESTION, SHORT) and right == texts.NO_MODEL


def test_stop_ends_both_and_keeps_their_words(loader, pictures):
    comparison = Comparison(loader)
    comparison.begin(BY_QUESTION, QUESTION, pictures[0])
    answer = comparison.answer(LONG)
    while not all(side.answer for side in comparison.sides):
        next(answer)
    comparison.stop()
    list(answer)
    assert not comparison.running
    for side in comparison.sides:
        assert side.answer and side.measured.stopped_by == "closed" and side.measured.tokens < 96


def test_closing_it_stops_the_work(loader, pictures):
    comparison = Comparison(loader)
    comparison.begin(BY_QUESTION, QUESTION, pictures[0])
    answer = comparison.answer(LONG)
    next(answer)
    answer.close()
    assert not comparison.running and comparison.sides[0].measured.tokens < 96


def test_each_side_says_what_went_wrong_with_it(loader, plain, pictures, full_gpu, tmp_path):
    comparison = Comparison(loader, plain)
    with full_gpu():
        left, right = compare(comparison, BY_MODEL, pictures[0])[-1]
    assert left == texts.GPU_FULL and right.strip() == (plain.model.ask(pictures[0], QUESTION, SHORT) or texts.NO_WORDS)
    comparison.begin(BY_MODEL, QUESTION, pictures[1])
    (tmp_path / "second.png").unlink()
    list(comparison.answer(SHORT))
    assert [side.answer for side in comparison.sides] == [texts.LOST_PICTURE] * 2


def test_a_deadline_cuts_both(loader, pictures):
    comparison = Comparison(loader, limits=Limits(seconds_an_answer=0))
    compare(comparison, BY_QUESTION, pictures[0], LONG)
    assert [side.measured.stopped_by for side in comparison.sides] == ["deadline"] * 2


@pytest.mark.parametrize(
    ("kind", "question", "picture", "sentence"),
    [
        (BY_QUESTION, "", "first.png", texts.EMPTY_QUESTION),
        (BY_QUESTION, QUESTION, None, texts.NO_PICTURE),
        (BY_QUESTION, QUESTION, "gone.png", texts.LOST_PICTURE),
        (BY_MODEL, QUESTION, "first.png", texts.BAD_SETTINGS),
        (None, QUESTION, "first.png", texts.BAD_SETTINGS),
        ([], QUESTION, "first.png", texts.BAD_SETTINGS),
    ],
)
def test_what_cannot_be_compared_is_refused(loader, pictures, tmp_path, kind, question, picture, sentence):
    with pytest.raises(VisitorError) as refused:
        Comparison(loader).begin(kind, question, picture and str(tmp_path / picture))
    assert str(refused.value) == sentence


def test_a_model_whose_q_former_reads_nothing_has_nothing_to_compare(plain, pictures):
    with pytest.raises(VisitorError, match="never reads the question, so both sides would say the same"):
        Comparison(plain).begin(BY_QUESTION, QUESTION, pictures[0])


def test_what_a_side_says_is_shown_as_text():
    drawn = texts.side("<b>", "<script>alert(1)</script>\n& more", "", spoken=True)
    assert "<script>" not in drawn and "&lt;script&gt;alert(1)&lt;/script&gt;\n&amp; more" in drawn
