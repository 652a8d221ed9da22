"""Links, thumbs and comparisons in a real browser, on the real app."""

import json

import pytest
from test_browser import DESK, PHONE, answers, app_in, ask, chromium, click_photo, visit, wait_for_the_end

from demo import texts

__all__ = ["chromium", "visit"]  # fixtures
pytestmark = pytest.mark.browser
CLIPBOARD = {"permissions": ["clipboard-read", "clipboard-write"]}


@pytest.fixture(scope="module")
def thumbs(tmp_path_factory):
    """Where the app stores thumbs."""
    return tmp_path_factory.mktemp("feedback") / "thumbs.jsonl"


@pytest.fixture(scope="module")
def address(model_folder, thumbs, tmp_path_factory):
    """Of the app with everything turned on: a second model, thumbs, and a cache of its own."""
    folder = tmp_path_factory.mktemp("elsewhere")
    options = ["--model", str(model_folder), "--compare", str(model_folder), "--feedback", str(thumbs)]
    with app_in(folder, *options, BLIP2_CACHE=str(folder / "cache")) as address:
        yield address


def copied_link(page) -> str:
    page.get_by_text(texts.LINK_COPIED).wait_for()
    return page.evaluate("navigator.clipboard.readText()")


def short_answers(page) -> None:
    page.locator("#settings button").first.click()
    page.get_by_label("Short answer").click()
    page.wait_for_function("document.querySelector('#length input[type=number]').value === '24'")


def test_a_link_restores_photograph_questions_settings_and_answers(visit):
    page = visit(DESK, **CLIPBOARD)
    short_answers(page)
    click_photo(page, 1)
    for count, question in enumerate(("<b>Is it</b> day & night?", "And now?"), start=1):
        ask(page, question)
        wait_for_the_end(page, count)
    page.get_by_role("button", name="Link", exact=True).click()
    link, said, asked = copied_link(page), answers(page), page.locator("#chat .user.message").all_inner_texts()
    assert page.get_by_label(texts.LINK_LABEL).input_value() == link
    assert page.get_by_role("button", name="Send", exact=True).inner_text() == "Send"
    other = visit(DESK)
    other.goto(link)
    wait_for_the_end(other, 2)
    assert answers(other) == [texts.FROM_LINK, *said]
    assert other.locator("#chat .user.message").all_inner_texts() == asked and len(asked) == 2
    other.locator("#settings button").first.click()
    assert other.locator("#length input[type=number]").input_value() == "24"


def test_a_picture_of_ones_own_has_a_link_after_consent_until_it_is_deleted(visit, pictures):
    page, other = visit(DESK, **CLIPBOARD), visit(DESK)
    page.locator("#picture input[type=file]").set_input_files(pictures[0])
    page.locator(f'#picture img[alt="{texts.PICTURE}"]').wait_for()
    page.wait_for_timeout(1000)  # the panel for links is emptied for each new picture
    page.get_by_role("button", name="Link", exact=True).click()
    page.get_by_text(texts.LINK_CONSENT.format(days="7 days")).wait_for()
    assert not page.locator("#link-text").is_visible()
    page.get_by_role("button", name=texts.LINK_KEEP).click()
    link = copied_link(page)
    shown = page.get_by_label(texts.LINK_LABEL)
    assert shown.is_visible() and shown.input_value() == link
    other.goto(link)
    other.locator("#picture img").wait_for()
    page.get_by_role("button", name=texts.LINK_FORGET).click()
    page.get_by_text(texts.LINK_FORGOTTEN).wait_for()
    other.reload()
    other.get_by_text(texts.LINK_EXPIRED).wait_for()
    assert other.locator("#picture img").count() == 0


def test_a_thumb_is_stored_and_the_page_says_so(visit, thumbs):
    page = visit(DESK)
    page.get_by_text(texts.FEEDBACK).wait_for()
    short_answers(page)
    click_photo(page, 0)
    ask(page, "What is this?")
    wait_for_the_end(page)
    page.get_by_role("button", name="Dislike", exact=True).click()
    page.get_by_text(texts.FEEDBACK_STORED).wait_for()
    line = json.loads(thumbs.read_text().splitlines()[-1])
    assert line["thumb"] == "down" and line["question"] == "What is this?" and line["answer"]


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_two_answers_grow_side_by_side_or_one_below_the_other_on_a_phone(visit, size):
    page = visit(size)
    click_photo(page, 0)
    page.locator("#compare button").first.click()
    page.get_by_label(texts.COMPARE_QUESTION).fill("What is this?")
    page.get_by_role("button", name=texts.COMPARE_ASK).click()
    page.wait_for_function("[...document.querySelectorAll('.side .answer')].every(answer => answer.innerText)")
    early = page.locator(".side .answer").all_inner_texts()
    page.locator(".side .facts:not(:empty)").nth(1).wait_for()
    late = page.locator(".side .answer").all_inner_texts()
    assert all(len(one) < len(other) for one, other in zip(early, late, strict=True)) and late[0] != late[1]
    left, right = (page.locator(".side").nth(place).bounding_box() for place in (0, 1))
    if size is DESK:
        assert left["y"] == right["y"] and left["x"] < right["x"]
    else:
        assert left["x"] == right["x"] and left["y"] < right["y"]
    assert page.evaluate("document.documentElement.scrollWidth") == size["width"]
