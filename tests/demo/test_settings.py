"""The panel of answer settings: the browser may send anything."""

from dataclasses import replace

import pytest

from blip2_core.answer_settings import AnswerSettings
from demo.errors import VisitorError
from demo.settings import FIRST_PRESET, PRESETS, Panel, settings_for_another

NAN = float("nan")


def test_the_panel_starts_with_the_likeliest_words():
    assert Panel().settings() == AnswerSettings(max_new_tokens=96, repetition_penalty=1.05)


def test_a_seed_is_a_whole_number_or_empty():
    assert Panel(seed=" 42 ").settings().seed == 42
    assert Panel(seed="  ").settings().seed is None and Panel(seed=None).settings().seed is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": NAN}, {"temperature": -1}, {"temperature": 99}, {"temperature": "hot"}, {"temperature": None},
        {"temperature": 1, "top_p": 0}, {"temperature": 1, "top_p": NAN}, {"max_tokens": 0}, {"max_tokens": 100_000},
        {"max_tokens": NAN}, {"max_tokens": float("inf")}, {"repetition_penalty": NAN}, {"repetition_penalty": 0},
        {"seed": "-1"}, {"seed": "many"}, {"seed": 7}, {"seed": "9" * 40},
        {"mode": "medium"}, {"mode": 7},
    ],
)  # fmt: skip
def test_a_setting_out_of_its_range_is_refused(wrong):
    with pytest.raises(VisitorError, match="out of its range"):
        Panel(**wrong).settings()


def test_another_answer_is_drawn_even_where_the_first_was_not():
    greedy = Panel().settings()
    drawn = settings_for_another(greedy)
    assert greedy.temperature == 0 and drawn.temperature > 0 and drawn.seed is not None
    assert settings_for_another(Panel(temperature=1.2).settings()).temperature == 1.2


@pytest.mark.parametrize("name", PRESETS)
def test_every_kind_of_answer_is_within_the_ranges_of_the_page(name):
    assert PRESETS[name].settings() and len(PRESETS[name].values) == 6


def test_the_kinds_of_answer_differ_in_length_and_boldness():
    short, description, creative = (PRESETS[name].settings() for name in PRESETS)
    assert short.max_new_tokens < description.max_new_tokens < creative.max_new_tokens
    assert short.temperature == description.temperature == 0 < creative.temperature
    assert replace(PRESETS[FIRST_PRESET], mode="") == Panel()


def test_the_kinds_of_answer_have_the_form_of_question_that_asks_for_them():
    assert [panel.mode for panel in PRESETS.values()] == ["short", "long", "long"]
