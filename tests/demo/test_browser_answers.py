"""What a visitor sees of the answers in a real browser: which one is explained, and that it is in reach on a phone."""

import pytest
from test_browser import DESK, address, ask, chromium, click_photo, short_answers, visit, wait_for_the_end

from demo import texts

__all__ = ["address", "chromium", "visit"]  # fixtures
pytestmark = pytest.mark.browser


def test_a_visitor_chooses_which_answer_is_explained(visit):
    page = visit(DESK)
    short_answers(page)
    click_photo(page, 2)
    page.locator("#looked button").first.click()
    ask(page, "Is it day?")
    wait_for_the_end(page)
    told = page.locator("#looked-view figcaption")
    told.get_by_text("Is it day?").wait_for()
    assert not page.locator("#looked-which").is_visible()
    ask(page, "Is it night?")
    wait_for_the_end(page, 2)
    told.get_by_text("Is it night?").wait_for()
    page.get_by_label(texts.LOOKED_WHICH).click()
    page.get_by_role("option", name="1. Is it day?").click()
    told.get_by_text("Is it day?").wait_for()
    page.locator("#road button").first.click()
    page.locator("#road-view pre", has_text="Is it day?").last.wait_for()
    ask(page, "Is it noon?")
    wait_for_the_end(page, 3)
    told.get_by_text("Is it noon?").wait_for()
    assert page.get_by_label(texts.LOOKED_WHICH).input_value() == "3. Is it noon?"
