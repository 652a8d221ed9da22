"""The real page in a real browser: what a visitor does, on a desk and on a phone."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from test_app import APP, free_port

from demo import texts
from demo.gallery import photos

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Debian's chromium is not installed"),
]
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
PATIENCE = 30_000  # ms


@pytest.fixture(scope="module")
def address(model_folder, tmp_path_factory):
    """Of the real app, in a process of its own, once its model answers."""
    folder, port = tmp_path_factory.mktemp("elsewhere"), free_port()
    command = [sys.executable, str(APP), "--model", str(model_folder), "--precision", "fp32", "--port", str(port)]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "GRADIO_TEMP_DIR": str(folder / "uploads")}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            yield _wait_until_ready(f"http://127.0.0.1:{port}", process, folder / "log")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(20)
    assert "Traceback" not in (folder / "log").read_text()


def _wait_until_ready(address: str, process: subprocess.Popen, log) -> str:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/gradio_api/healthz") as health:
                assert json.load(health)["ready"]
                return address
        except urllib.error.URLError:  # not listening yet, or 503: loading
            time.sleep(0.2)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def chromium():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, address):
    """Opens the page; at the end, nothing may have gone wrong in the browser and nothing been asked elsewhere."""
    contexts, wrong = [], []

    def note_response(response) -> None:
        if response.status >= 400:
            wrong.append(f"{response.status} {response.url}")

    def note_request(request) -> None:
        if not request.url.startswith((address, "data:", "blob:")):
            wrong.append(f"asked elsewhere: {request.url}")

    def open_page(size: dict, **options):
        contexts.append(chromium.new_context(viewport=size, reduced_motion="reduce", **options))
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("response", note_response)
        page.on("request", note_request)
        page.goto(address)
        page.wait_for_selector(".status.ready")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


def click_photo(page, place: int) -> None:
    page.locator("#gallery button.thumbnail-item").nth(place).click()
    page.get_by_role("button", name=photos()[place].questions[0]).wait_for()


def ask(page, question: str) -> None:
    page.get_by_label(texts.QUESTION).fill(question)
    page.get_by_role("button", name="Send", exact=True).click()


def answers(page) -> list[str]:
    return page.locator("#chat .bot.message").all_inner_texts()


def wait_for_the_end(page) -> None:
    page.get_by_role("button", name="Send", exact=True).wait_for()


def test_a_visitor_clicks_a_photograph_asks_and_reads_the_answer_as_it_grows(visit):
    page = visit(DESK)
    click_photo(page, 0)
    ask(page, "What is the dog doing?")
    page.locator("#chat .bot.message").wait_for()
    early = answers(page)[-1]
    wait_for_the_end(page)
    assert 0 < len(early) < len(answers(page)[-1])
    assert page.locator("#chat .user.message").inner_text() == "What is the dog doing?"
    assert "tokens in" in page.locator("#facts").inner_text()
    page.get_by_role("button", name=texts.PROMPT).click()
    assert "What is the dog doing?" in page.locator("#prompt textarea").input_value()
    assert page.get_by_label(texts.QUESTION).input_value() == ""


def test_stop_ends_an_answer_and_keeps_its_words(visit):
    page = visit(DESK)
    click_photo(page, 1)
    ask(page, "What is the man doing?")
    page.locator("#chat .bot.message").wait_for()
    page.get_by_role("button", name="Stop", exact=True).click()
    wait_for_the_end(page)
    facts = page.locator("#facts").inner_text()
    assert facts.startswith("Stopped: ") and int(facts.split()[1]) < 96
    assert answers(page)[-1]


def test_a_suggestion_is_asked_at_once_and_clear_empties_the_conversation(visit):
    page = visit(DESK)
    click_photo(page, 3)
    page.get_by_role("button", name="What colour is the flower?").click()
    page.locator("#facts", has_text="tokens in").wait_for()
    wait_for_the_end(page)
    page.get_by_role("button", name="Clear", exact=True).click()
    page.get_by_text("Ask about the picture", exact=True).wait_for()
    assert answers(page) == [] and page.locator("#facts").inner_text() == ""


def test_another_answer_and_undo_change_the_last_turn_only(visit):
    page = visit(DESK)
    click_photo(page, 2)
    for question in ("Is it day?", "Is it night?"):
        ask(page, question)
        page.locator("#chat .user.message", has_text=question).wait_for()
        wait_for_the_end(page)
    first, second = answers(page)
    page.get_by_role("button", name="Another answer").click()
    page.get_by_role("button", name="Stop", exact=True).wait_for()
    wait_for_the_end(page)
    assert answers(page)[0] == first and len(answers(page)) == 2 and answers(page)[1] != second
    page.get_by_role("button", name="Undo", exact=True).click()
    page.locator("#chat .user.message", has_text="Is it night?").wait_for(state="detached")
    assert answers(page) == [first] and page.get_by_label(texts.QUESTION).input_value() == "Is it night?"


def test_a_new_picture_starts_a_new_conversation_and_says_so(visit):
    page = visit(DESK)
    click_photo(page, 0)
    ask(page, "What is this?")
    page.locator("#facts", has_text="tokens in").wait_for()
    wait_for_the_end(page)
    click_photo(page, 5)
    page.get_by_text(texts.NEW_CONVERSATION).wait_for()
    assert answers(page) == [texts.NEW_CONVERSATION] and page.locator("#chat .user.message").count() == 0


def test_a_question_without_a_picture_and_an_empty_one_get_a_friendly_sentence(visit):
    page = visit(DESK)
    ask(page, "What is this?")
    page.get_by_text(texts.NO_PICTURE).wait_for()
    assert page.get_by_label(texts.QUESTION).input_value() == "What is this?"
    click_photo(page, 0)
    ask(page, "   ")
    page.get_by_text(texts.EMPTY_QUESTION).wait_for()
    assert page.locator("#chat .message").count() == 0


def test_a_file_that_is_no_picture_gets_a_friendly_sentence_and_a_real_one_is_shown(visit, tmp_path):
    page, fake = visit(DESK), tmp_path / "fake.png"
    fake.write_text("not a picture")
    page.locator("#picture input[type=file]").set_input_files(fake)
    page.get_by_text(texts.UNREADABLE_PICTURE).wait_for()
    page.locator("#picture input[type=file]").set_input_files(photos()[4].path)
    page.get_by_role("button", name=photos()[4].questions[0]).wait_for()
    ask(page, "What is this?")
    page.locator("#facts", has_text="tokens in").wait_for()


def test_a_phone_shows_everything_without_scrolling_sideways(visit):
    page = visit(PHONE, is_mobile=True, has_touch=True)
    click_photo(page, 2)
    ask(page, "Tell me something about the history of this place.")
    page.locator("#facts", has_text="tokens in").wait_for()
    for panel in ("#settings", "#prompt-panel", "#credits"):
        page.locator(f"{panel} button").first.click()
    page.get_by_text("stated here").first.wait_for()
    assert page.evaluate("[document.documentElement.scrollWidth, innerWidth]") == [PHONE["width"]] * 2


def test_nothing_of_the_page_is_offered_as_an_api(address):
    with urllib.request.urlopen(f"{address}/gradio_api/info") as offered:
        assert json.load(offered) == {"named_endpoints": {}, "unnamed_endpoints": {}}


def test_a_file_that_is_too_large_is_refused(address):
    body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n' + bytes(16_000_000)
    request = urllib.request.Request(
        f"{address}/gradio_api/upload", body + b"\r\n--x--\r\n", {"Content-Type": "multipart/form-data; boundary=x"}
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 413
