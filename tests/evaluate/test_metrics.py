"""The numbers, against small sums done by hand, and against pycocoevalcap."""

import math
import sys

import numpy as np
import pytest

from blip2_core.errors import MissingExtraError
from blip2_core.evaluate.metrics import bootstrap_interval, most_frequent, score_captions, share


class TestCaptions:
    def test_bleu_equals_the_sum_done_by_hand(self):
        """5 of 6 words, 3 of 5 pairs, 1 of 4 triples of "a dog runs on the grass" are in "a dog sits on the grass".

        By hand: pairs "a dog", "on the", "the grass"; triple "on the grass"; both have 6 words: no brevity penalty.
        """
        pytest.importorskip("pycocoevalcap")
        first, second, third, _ = score_captions(["A dog runs on the grass."], [["A dog sits on the grass."]]).bleu
        assert first == pytest.approx(5 / 6, abs=1e-6)
        assert second == pytest.approx(math.sqrt(5 / 6 * 3 / 5), abs=1e-6)
        assert third == pytest.approx((5 / 6 * 3 / 5 * 1 / 4) ** (1 / 3), abs=1e-6)

    def test_a_short_caption_pays_the_brevity_penalty_of_its_closest_reference(self):
        """Two right words against references of 4 and 9 words: exp(1 - 4 / 2)."""
        pytest.importorskip("pycocoevalcap")
        references = [["a dog runs here", "a dog runs here and there and everywhere now"]]
        scores = score_captions(["a dog"], references)
        assert scores.bleu[0] == pytest.approx(math.exp(1 - 4 / 2), abs=1e-6)

    def test_bleu_and_cider_equal_those_of_pycocoevalcap_on_words_cut_by_hand(self):
        pytest.importorskip("pycocoevalcap")
        from pycocoevalcap.bleu.bleu import Bleu
        from pycocoevalcap.cider.cider import Cider

        found = {"0": ["a dog s ball"], "1": ["two men on a t-shirt"], "2": ["the sea"]}
        wanted = {
            "0": ["the dog s red ball", "a ball"],
            "1": ["two men in a t-shirt", "men"],
            "2": ["the sea at night", "waves"],
        }
        scores = score_captions(
            ["A dog's ball.", "Two men on a T-shirt!", "The sea..."],
            [
                ["The dog 's red ball .", "A ball"],
                ["Two men, in a t-shirt.", "Men."],
                ["The sea at night", '"Waves"'],
            ],
        )
        assert scores.bleu == pytest.approx(Bleu(4).compute_score(wanted, found, verbose=0)[0], abs=1e-12)
        cider, by_picture = Cider().compute_score(wanted, found)
        assert scores.cider == pytest.approx(cider, abs=1e-12)
        assert scores.cider_by_picture == pytest.approx(by_picture, abs=1e-12)

    def test_cider_equals_the_sum_done_by_hand(self):
        """Two pictures, one reference each, one word each: "dog" said of a dog and of a cat.

        Each word is in one picture's references, so it weighs log 2; the first caption is its reference, cosine 1 for
        words and 0 for pairs, triples and fours, which are not there: 10 * (1 + 0 + 0 + 0) / 4.
        """
        pytest.importorskip("pycocoevalcap")
        scores = score_captions(["dog", "dog"], [["Dog."], ["Cat."]])
        assert scores.cider_by_picture == pytest.approx((2.5, 0.0), abs=1e-9)
        assert scores.cider == pytest.approx(1.25, abs=1e-9)

    def test_an_empty_caption_scores_nothing_and_does_not_break(self):
        pytest.importorskip("pycocoevalcap")
        scores = score_captions(["", "a cat"], [["a dog"], ["a cat"]])
        assert scores.cider_by_picture[0] == 0
        assert all(0 <= value <= 1 for value in scores.bleu)

    def test_without_the_package_the_error_says_how_to_get_it(self, monkeypatch):
        for name in [name for name in sys.modules if name.startswith("pycocoevalcap")]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "pycocoevalcap", None)
        with pytest.raises(MissingExtraError) as error:
            score_captions(["a dog"], [["a dog"]])
        assert str(error.value) == (
            "Caption scores need pycocoevalcap. Install it with: pip install --no-deps pycocoevalcap==1.2"
        )


class TestInterval:
    def test_it_holds_the_share_and_the_seed_repeats_it(self):
        values = [1.0, 0.0, 1.0, 1.0] * 50
        pictures = [str(number) for number in range(200)]
        low, high = bootstrap_interval(values, pictures, seed=3)
        assert low < share(values) == 0.75 < high
        assert (low, high) == bootstrap_interval(values, pictures, seed=3)
        assert (low, high) != bootstrap_interval(values, pictures, seed=4)

    def test_independent_pictures_give_the_textbook_width(self):
        """1.96 standard errors of a share to each side: 0.5 +- 1.96 * sqrt(0.25 / 400) = 0.5 +- 0.049."""
        low, high = bootstrap_interval([0.0, 1.0] * 200, [str(number) for number in range(400)], seed=0)
        assert low == pytest.approx(0.451, abs=0.008)
        assert high == pytest.approx(0.549, abs=0.008)

    def test_many_questions_about_one_picture_count_as_one_draw(self):
        """Ten questions a picture, all right or all wrong, say no more than one question a picture."""
        right = np.repeat([0.0, 1.0] * 20, 10)
        pictures = [str(number) for number in np.repeat(np.arange(40), 10)]
        assert bootstrap_interval(right, pictures, 0) == bootstrap_interval([0.0, 1.0] * 20, pictures[::10], 0)

    def test_one_picture_has_no_interval(self):
        assert bootstrap_interval([1.0, 0.0], ["same", "same"], seed=0) == (None, None)


def test_the_most_frequent_answer_is_counted_once_a_question():
    assert most_frequent([["red", "red"], ["blue"], ["blue", "red"], ["blue"]]) == "blue"


def test_of_equally_frequent_answers_the_first_in_the_alphabet_is_taken():
    assert most_frequent([["b"], ["a"]]) == "a"
    assert most_frequent([]) == ""
