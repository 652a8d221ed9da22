"""The page for people who use a keyboard, a screen reader, strong contrast or a small window: checked in Chromium."""

import importlib
import shutil

import pytest
from axe import serious_findings

from demo import texts
from demo.browser import Visit, headless_chromium, running_app
from demo.gallery import photos

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="Debian's chromium is not installed"),
]
DESK, PHONE = (1280, 900), (390, 844)
QUESTION = "What is this?"
FOCUSED = """() => {
  const part = document.activeElement, style = getComputedStyle(part);
  return {place: part.closest("[id]")?.id ?? "", name: part.ariaLabel || part.innerText,
          outline: style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth)};
}"""

UNTRANSLATED = """() => [...document.querySelectorAll("gradio-app *")]
  .flatMap((part) => [part.innerText ?? "", ...[...part.attributes].map(({value}) => value)])
  .filter((text) => text.includes("__i18n__"))"""


@pytest.fixture(scope="module")
def address(model_folder):
    with running_app(str(model_folder), "--compare", str(model_folder), "--feedback", "thumbs.jsonl") as address:
        yield address


@pytest.fixture(scope="module")
def chromium():
    with headless_chromium() as browser:
        yield browser


@pytest.fixture
def visit(chromium, address):
    """Opens the page; at the end, nothing may have gone wrong in the browser."""
    visits = []

    def open_page(size: tuple[int, int] = DESK, **options):
        visits.append(Visit(chromium, address, size=size, scale=1, dark=False, phone=size == PHONE, **options))
        visits[-1].page.goto(address)
        visits[-1].page.wait_for_selector(".status.ready")
        return visits[-1].page

    yield open_page
    for visit in visits:
        visit.check_width()
        visit.close()
    assert [sentence for visit in visits for sentence in visit.wrong] == []


def findings(page) -> list[str]:
    """In light and in dark."""
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(f"document.body.classList.contains('dark') === {str(scheme == 'dark').lower()}")
        page.wait_for_timeout(400)  # colours fade into each other
        found += [f"{scheme}: {finding}" for finding in serious_findings(page)]
    return found


def unfold_all(page) -> None:
    folded = page.locator("button.label-wrap[aria-expanded=false]")
    while folded.count():
        folded.first.click()
        page.wait_for_timeout(200)


def tab_to(page, selector: str) -> dict:
    """Press Tab until a part has the focus; says what it is called and whether that can be seen."""
    for _ in range(120):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return page.evaluate(FOCUSED)
    raise AssertionError(f"Tab never came to {selector}")


def wait_for_the_end(page) -> str:
    page.locator("#chat .thought-group .title").wait_for()
    page.locator("#send").wait_for()
    return page.locator("#chat .thought-group .title").inner_text()


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_axe_finds_nothing_serious_before_a_picture_and_after_an_answer(visit, size):
    page = visit(size)
    assert findings(page) == []
    page.locator("#gallery button.thumbnail-item").first.click()
    page.locator("#picture img").wait_for()
    page.locator("#question textarea").fill(QUESTION)
    page.locator("#send").click()
    page.locator("#chat .bot.message").wait_for()
    wait_for_the_end(page)
    page.locator("#chat .thought-group .title").click()
    unfold_all(page)
    page.locator("#road-view .queries img").last.wait_for()
    assert findings(page) == []


def test_axe_finds_nothing_serious_with_thumbs_a_comparison_and_links(visit, pictures):
    page = visit()
    page.locator("#picture input[type=file]").set_input_files(pictures[0])
    page.locator(f"#picture img[alt='{texts.PICTURE}']").wait_for()
    page.locator("#question textarea").fill(QUESTION)
    page.locator("#send").click()
    wait_for_the_end(page)
    page.locator("#chat button[title=Like]").wait_for()
    page.locator("#compare button").first.click()
    page.locator("#compare-send").click()
    page.locator(".side .facts:not(:empty)").nth(1).wait_for()
    page.locator("#link").click()
    page.locator("#link-keep").wait_for()  # a picture of one's own is kept for a link only after a question
    assert findings(page) == []
    page.locator("#gallery button.thumbnail-item").first.click()
    page.locator(f"#picture img[alt='{photos()[0].description}']").wait_for()
    page.locator("#question textarea").fill(QUESTION)
    page.locator("#send").click()
    wait_for_the_end(page)
    page.locator("#chat button[title=Like]").last.click()
    page.get_by_text(texts.FEEDBACK_STORED).wait_for()
    page.locator("#link").click()
    page.locator("#link-text input, #link-text textarea").wait_for()
    assert findings(page) == []


def test_a_photograph_is_chosen_and_asked_about_and_an_answer_stopped_without_a_mouse(visit):
    page = visit()
    focused = tab_to(page, "#gallery .thumbnail-item")
    assert focused["outline"] >= 2 and focused["name"] == photos()[0].title
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator("#picture img").wait_for()
    page.keyboard.press("/")
    assert page.evaluate(FOCUSED)["place"] == "question"
    page.keyboard.type(QUESTION)
    page.keyboard.press("Enter")
    page.locator("#chat .bot.message").wait_for()
    page.keyboard.press("Escape")
    assert wait_for_the_end(page).endswith(texts.ENDED["closed"])
    assert page.locator("#chat .user.message").inner_text() == QUESTION
    assert page.locator("#picture img").get_attribute("alt") == photos()[1].description


def test_an_answer_is_asked_again_taken_back_and_saved_by_keys(visit):
    page = visit()
    page.keyboard.press("Control+Enter")  # there is nothing to ask again yet, and nothing goes wrong
    page.locator("#gallery button.thumbnail-item").first.click()
    page.locator("#picture img").wait_for()
    page.locator("#question textarea").fill(QUESTION)
    page.keyboard.press("Control+Enter")
    wait_for_the_end(page)
    assert page.locator("#chat .user.message").count() == 1
    page.keyboard.press("Control+Enter")
    page.locator("#stop").wait_for()
    wait_for_the_end(page)
    assert page.locator("#chat .user.message").count() == 1 and page.locator("#chat .bot.message").count() == 1
    with page.expect_download() as saved:
        page.keyboard.press("Control+s")
    assert saved.value.suggested_filename.endswith(".zip")
    page.keyboard.press("Alt+ArrowUp")
    page.wait_for_function("!document.querySelector('#chat .user.message')")
    assert page.locator("#question textarea").input_value() == QUESTION


def test_the_focus_goes_from_send_to_stop_and_back_to_the_question(visit):
    page = visit()
    page.locator("#gallery button.thumbnail-item").first.click()
    page.locator("#picture img").wait_for()
    page.locator("#question textarea").fill(QUESTION)
    tab_to(page, "#send")
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.id === 'stop'")
    page.locator("#chat .bot.message").wait_for()
    page.keyboard.press("Enter")
    wait_for_the_end(page)
    page.wait_for_function("document.activeElement.matches('#question textarea')")


def test_tab_goes_through_the_page_in_the_order_in_which_it_is_read(visit):
    page = visit()
    page.locator("#gallery button.thumbnail-item").first.click()
    page.locator("#picture img").wait_for()
    page.locator("#title h1").evaluate("title => { title.tabIndex = -1; title.focus(); }")
    places = []
    for _ in range(80):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused["place"] == "":
            continue
        assert focused["outline"] >= 2 and focused["name"] is not None, focused
        if not places or places[-1] != focused["place"]:
            places.append(focused["place"])
    parts = ["picture", "gallery", "more-ways", "credits", "suggestions", "question", "send", "settings"]
    assert [place for place in dict.fromkeys(places) if place in parts] == parts


def test_a_slash_in_the_question_is_a_slash(visit):
    page = visit()
    page.locator("#question textarea").focus()
    page.keyboard.type("and/or")
    assert page.locator("#question textarea").input_value() == "and/or"


def test_a_german_browser_gets_a_german_page_and_german_warnings(visit):
    page, german = visit(PHONE, locale="de-DE"), importlib.import_module("demo.languages.de")
    assert page.locator("html").get_attribute("lang").startswith("de")
    page.wait_for_function("title => document.title.startsWith(title)", arg=german.TITLE)
    shown = page.locator("main").inner_text()
    for sentence in (german.TITLE, german.INTRODUCTION, german.GALLERY, german.SETTINGS, german.LOOKED, german.SEND):
        assert sentence in shown
    assert german.IN_ENGLISH in page.locator("#chat").inner_text()
    page.locator("#gallery").get_by_label(german.PHOTOS["beagle.jpg"][0]).wait_for()
    page.locator("#send").click()
    page.get_by_text(german.NO_PICTURE).wait_for()
    page.locator("#gallery button.thumbnail-item").first.click()
    page.locator(f"#picture img[alt='{german.PHOTOS['beagle.jpg'][1]}']").wait_for()
    page.locator("#question textarea").fill(QUESTION)
    page.locator("#send").click()
    assert wait_for_the_end(page).endswith(german.ENDED["length"])
    assert page.locator("#chat .top-panel button:visible").count() == 1  # Gradio's own button to clear is not shown
    assert page.locator("#send").inner_text() == german.SEND and page.locator("#again").inner_text() == german.AGAIN
    unfold_all(page)
    english = [text for text in in_english() if text in page.locator("main").inner_text()]
    assert english == [] and page.evaluate(UNTRANSLATED) == []


LANGUAGES_IN_CHAT = "all => all.map(one => [one.innerText.trim().split('\\n')[0], one.closest('[lang]').lang])"


def test_only_what_the_model_says_is_marked_as_english_on_a_german_page(visit):
    page, german = visit(locale="de-DE"), importlib.import_module("demo.languages.de")
    for place in (0, 1):  # the second begins a new conversation, and the page says so in the chat
        page.locator("#gallery button.thumbnail-item").nth(place).click()
        page.locator(f"#picture img[alt='{german.PHOTOS[photos()[place].file][1]}']").wait_for()
        page.get_by_text((german.IN_ENGLISH, german.NEW_CONVERSATION)[place]).wait_for()
        page.locator("#question textarea").fill(QUESTION)
        page.locator("#send").click()
        facts = wait_for_the_end(page)
    said = dict(page.locator("#chat [data-testid=bot]").evaluate_all(LANGUAGES_IN_CHAT))
    answer = page.locator("#chat [data-testid=bot]").nth(1).inner_text().strip().split("\n")[0]
    assert len(said) == 3 and {said[german.NEW_CONVERSATION], said[facts.strip()]} == {"de"} and said[answer] == "en"
    page.locator("#compare button").first.click()
    page.locator("#compare-question textarea").fill(QUESTION)
    page.locator("#compare-send").click()
    page.wait_for_function("[...document.querySelectorAll('.side .answer')].every(answer => answer.innerText)")
    page.locator("#compare-send").wait_for()
    assert {side.get_attribute("lang") for side in page.locator(".side .answer").all()} == {"en"}


def in_english() -> list[str]:
    """Sentences of the English page that a German one must not have."""
    return [text for text in vars(importlib.import_module("demo.languages.en")).values() if is_sentence(text)]


def is_sentence(text: object) -> bool:
    return isinstance(text, str) and " " in text and not text.startswith(("The page in English", "{"))


def test_a_language_that_the_page_has_not_is_shown_in_english_and_says_so(visit):
    page = visit(locale="it-IT")
    page.wait_for_function("document.documentElement.lang === 'en'")
    assert texts.INTRODUCTION in page.locator("main").inner_text()
