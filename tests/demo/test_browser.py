"""The real page in a real browser: what a visitor does, on a desk and on a phone."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from contextlib import contextmanager

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
PATIENCE = 90_000  # ms; something else may use the processor, too
LEAVING = "this page is left"
SAY_LEAVING = f"addEventListener('beforeunload', () => console.debug({LEAVING!r}))"
CUT_BY_LEAVING = ("signal is aborted", "errored out")  # Gradio closes its stream on beforeunload, then calls it broken


@pytest.fixture(scope="module")
def address(model_folder, tmp_path_factory):
    with app_in(tmp_path_factory.mktemp("elsewhere"), "--model", str(model_folder)) as address:
        yield address


@contextmanager
def app_in(folder, *options: str, **environment: str):
    """The real app, in a process of its own that writes into a folder; gives its address once its model answers."""
    port = free_port()
    command = [sys.executable, str(APP), *options, "--precision", "fp32", "--port", str(port)]
    environment = os.environ | {
        "HF_HUB_OFFLINE": "1", "GRADIO_TEMP_DIR": str(folder / "uploads"), **environment
    }  # fmt: skip
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
        flags = ["--no-sandbox", "--disable-gpu", *CAMERA]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, address):
    """Opens the page; at the end, nothing may have gone wrong in the browser and nothing been asked elsewhere.

    What goes wrong stands in its list `wrong`, for a test that expects something.
    """
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
        listen(page, wrong)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("response", note_response)
        page.on("request", note_request)
        page.goto(address)
        page.wait_for_selector(".status.ready")
        return page

    open_page.wrong = wrong
    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


def listen(page, wrong: list[str]) -> None:
    """Note errors of the console; those of a stream that is cut while its page is being left are none."""
    left = False

    def hear(message) -> None:
        nonlocal left
        left = left or message.text == LEAVING
        cut = left and any(words in message.text for words in CUT_BY_LEAVING)
        if message.type == "error" and not cut:
            wrong.append(message.text)

    def arrive(_) -> None:
        nonlocal left
        left = False

    page.add_init_script(SAY_LEAVING)
    page.on("console", hear)
    page.on("domcontentloaded", arrive)


def click_photo(page, place: int) -> None:
    page.locator("#gallery button.thumbnail-item").nth(place).click()
    page.get_by_role("button", name=photos()[place].questions[0]).wait_for()


def ask(page, question: str) -> None:
    page.get_by_label(texts.QUESTION).fill(question)
    page.get_by_role("button", name="Send", exact=True).click()


def answers(page) -> list[str]:
    """What the model said, without the line about it."""
    said = page.locator("#chat .bot.message").all_inner_texts()
    return ["\n".join(line for line in text.splitlines() if " tokens · " not in line) for text in said]


def wait_for_the_end(page, answers: int = 1) -> str:
    """Wait until so many answers have ended; returns the line about the last one."""
    facts = page.locator("#chat .thought-group .title")
    facts.nth(answers - 1).wait_for()
    page.get_by_role("button", name="Send", exact=True).wait_for()
    return facts.nth(answers - 1).inner_text().strip()


def short_answers(page) -> None:
    page.locator("#settings button").first.click()
    page.get_by_label("Short answer").click()
    page.wait_for_function("document.querySelector('#length input[type=number]').value === '24'")
    page.locator("#settings button").first.click()


COLOURS = """async (url) => {  // the plain colours of a picture, those of soft edges left out
    const image = await createImageBitmap(await (await fetch(url)).blob());
    const canvas = new OffscreenCanvas(image.width, image.height), context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const data = context.getImageData(0, 0, image.width, image.height).data, counts = {};
    for (let i = 0; i < data.length; i += 4) {
        const colour = [...data.slice(i, i + 3)].join();
        counts[colour] = (counts[colour] || 0) + 1;
    }
    return Object.keys(counts).filter((c) => counts[c] > 400).map((c) => c.split(",").map(Number));
}"""
CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")  # a picture that Chromium draws
PASTE = """async () => {
    const canvas = new OffscreenCanvas(32, 32), context = canvas.getContext("2d");
    context.fillStyle = "rgb(0, 0, 255)";
    context.fillRect(0, 0, 32, 32);
    const clipboardData = new DataTransfer();
    clipboardData.items.add(new File([await canvas.convertToBlob()], "image.png", { type: "image/png" }));
    document.activeElement.dispatchEvent(
        new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
}"""


def test_a_visitor_clicks_a_photograph_asks_and_reads_the_answer_as_it_grows(visit):
    page = visit(DESK)
    click_photo(page, 0)
    ask(page, "What is the dog doing?")
    early = page.locator("#chat .bot.message").inner_text()  # waits for it, also where it is just drawn anew
    facts = wait_for_the_end(page)
    assert 0 < len(early) < len(answers(page)[-1])
    assert page.locator("#chat .user.message").inner_text() == "What is the dog doing?"
    assert facts.startswith("96 tokens · ") and " a second · first after " in facts
    page.locator("#chat .thought-group .title").click()
    page.locator("#chat .thought-group", has_text="What is the dog doing?").wait_for()
    assert page.get_by_label(texts.QUESTION).input_value() == ""


def test_stop_ends_an_answer_and_keeps_its_words(visit):
    page = visit(DESK)
    click_photo(page, 1)
    ask(page, "What is the man doing?")
    page.locator("#chat .bot.message").wait_for()
    page.get_by_role("button", name="Stop", exact=True).click()
    facts = wait_for_the_end(page)
    assert facts.endswith("stopped") and int(facts.split()[0]) < 96
    assert answers(page)[-1]


def test_a_suggestion_is_asked_at_once_and_clear_empties_the_conversation(visit):
    page = visit(DESK)
    click_photo(page, 3)
    page.get_by_role("button", name="What colour is the flower?").click()
    wait_for_the_end(page)
    page.get_by_role("button", name="Clear", exact=True).click()
    page.get_by_text("Ask about the picture", exact=True).wait_for()
    assert answers(page) == []


def test_another_answer_and_undo_change_the_last_turn_only(visit):
    page = visit(DESK)
    click_photo(page, 2)
    for count, question in enumerate(("Is it day?", "Is it night?"), start=1):
        ask(page, question)
        wait_for_the_end(page, count)
    first, second = answers(page)
    page.get_by_role("button", name="Another answer").click()
    page.get_by_role("button", name="Stop", exact=True).wait_for()
    wait_for_the_end(page, 2)
    assert answers(page)[0] == first and len(answers(page)) == 2 and answers(page)[1] != second
    page.get_by_role("button", name="Undo", exact=True).click()
    page.locator("#chat .user.message", has_text="Is it night?").wait_for(state="detached")
    assert answers(page) == [first] and page.get_by_label(texts.QUESTION).input_value() == "Is it night?"


def test_an_earlier_question_is_put_in_other_words(visit):
    page = visit(DESK)
    short_answers(page)
    click_photo(page, 2)
    for count, question in enumerate(("Is it day?", "Is it night?"), start=1):
        ask(page, question)
        wait_for_the_end(page, count)
    page.get_by_role("button", name="Edit").first.click()
    page.locator("#chat textarea").fill("Is it noon?")
    page.get_by_role("button", name="Submit", exact=True).click()
    page.locator("#chat .user.message", has_text="Is it night?").wait_for(state="detached")
    wait_for_the_end(page)
    assert page.locator("#chat .user.message").all_inner_texts() == ["Is it noon?"] and len(answers(page)) == 1


def test_a_kind_of_answer_sets_the_sliders_and_a_slider_leaves_it(visit):
    page = visit(DESK)
    page.locator("#settings button").first.click()
    page.get_by_label("Creative").click()
    page.wait_for_function("document.querySelector('#temperature input[type=number]').value === '0.9'")
    assert page.locator("#length input[type=number]").input_value() == "160"
    page.locator("#temperature input[type=number]").fill("0.3")
    page.locator("#preset input:checked").wait_for(state="detached")


def test_a_short_answer_is_asked_for_in_the_models_own_words_also_after_a_slider_was_moved(visit):
    page = visit(DESK)
    click_photo(page, 2)
    short_answers(page)
    page.locator("#settings button").first.click()
    page.locator("#length input[type=number]").fill("16")
    page.locator("#preset input:checked").wait_for(state="detached")
    ask(page, "Is it day?")
    wait_for_the_end(page)
    page.locator("#chat .thought-group .title").click()
    page.locator("#chat .thought-group", has_text="Question: Is it day? Short answer:").wait_for()


def test_a_drawing_is_asked_about(visit):
    page = visit(DESK)
    short_answers(page)
    page.locator("#more-ways button").first.click()
    page.get_by_role("button", name="Red").click()
    box = page.locator("#board canvas").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 150, steps=5)
    page.mouse.up()
    page.get_by_role("button", name="Ask about this drawing").click()
    page.locator("#picture img").wait_for()
    colours = page.evaluate(COLOURS, page.locator("#picture img").get_attribute("src"))
    assert {tuple(colour) for colour in colours} == {(255, 255, 255), (220, 38, 38)}
    ask(page, "What is this?")
    wait_for_the_end(page)


def test_a_picture_is_pasted_with_the_keyboard(visit):
    page = visit(DESK)
    page.get_by_label(texts.QUESTION).focus()
    page.evaluate(PASTE)
    page.locator("#picture img").wait_for()
    colours = page.evaluate(COLOURS, page.locator("#picture img").get_attribute("src"))
    assert [tuple(colour) for colour in colours] == [(0, 0, 255)]


def test_a_web_address_of_the_inside_is_refused_and_stays_in_its_box(visit):
    page = visit(DESK)
    page.locator("#more-ways button").first.click()
    page.locator("#address textarea, #address input").fill("http://169.254.169.254/latest")
    page.get_by_role("button", name=texts.FETCH, exact=True).click()
    page.get_by_text(texts.WEB_ADDRESS).wait_for()
    assert page.locator("#picture img").count() == 0


def test_the_conversation_is_saved_with_its_picture(visit, tmp_path):
    page = visit(DESK)
    short_answers(page)
    click_photo(page, 0)
    ask(page, "What is this?")
    wait_for_the_end(page)
    for turn in range(2):  # the second file, not the first again
        with page.expect_download() as download:
            page.get_by_role("button", name="Save", exact=True).click()
        download.value.save_as(tmp_path / "saved.zip")
        with zipfile.ZipFile(tmp_path / "saved.zip") as archive:
            facts = json.loads(archive.read("conversation.json"))
            assert archive.read("picture.jpg").startswith(b"\xff\xd8")
        assert [exchange["question"] for exchange in facts["exchanges"]] == ["What is this?", "And this?"][: turn + 1]
        if turn == 0:
            ask(page, "And this?")
            wait_for_the_end(page, 2)


def test_a_new_picture_starts_a_new_conversation_and_says_so(visit):
    page = visit(DESK)
    click_photo(page, 0)
    ask(page, "What is this?")
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
    wait_for_the_end(page)


def test_a_phone_shows_everything_without_scrolling_sideways(visit):
    page = visit(PHONE, is_mobile=True, has_touch=True)
    chat, hint = (page.locator(f"#chat{part}").bounding_box() for part in ("", " .hint"))
    assert chat["y"] < hint["y"] and hint["height"] < chat["height"] < 200  # while empty, the question is in reach
    click_photo(page, 2)
    ask(page, "Tell me something about the history of this place.")
    wait_for_the_end(page)
    page.locator("#chat .thought-group .title").click()
    for panel in ("#settings", "#more-ways", "#credits"):
        page.locator(f"{panel} button").first.click()
    page.get_by_text("stated here").first.wait_for()
    assert page.evaluate("[document.documentElement.scrollWidth, innerWidth]") == [PHONE["width"]] * 2


def test_on_a_phone_answer_and_question_are_in_sight_together(visit):
    page = visit(PHONE, is_mobile=True, has_touch=True)
    click_photo(page, 2)
    for _ in range(3):
        ask(page, "Tell me something about the history of this place.")
        wait_for_the_end(page)
        chat, question = (page.locator(part).bounding_box() for part in ("#chat", "#question"))
        assert 160 <= chat["height"] <= 360 and question["y"] + question["height"] - chat["y"] < PHONE["height"]
    inner = page.evaluate(
        "[...document.querySelectorAll('#chat, #chat *')].some(one => one.scrollHeight > one.clientHeight + 1 &&"
        " getComputedStyle(one).overflowY === 'auto')"
    )
    assert inner  # what does not fit is scrolled to, not cut off
    photographs = page.locator("#gallery .grid-container").bounding_box()
    assert photographs["height"] < 90  # one row


def test_a_visitor_who_waits_sees_how_many_are_before(visit):
    pages = [visit(DESK) for _ in range(4)]
    for page in pages:
        click_photo(page, 1)
        page.get_by_label(texts.QUESTION).fill("what is it?")
    for page in pages:  # at once: answers are short, and the last one has to wait for three
        page.get_by_role("button", name="Send", exact=True).click()
    pages[-1].locator("#chat").get_by_text(re.compile(r"queue: \d+/\d+")).wait_for()
    for page in pages:
        wait_for_the_end(page)


def test_another_precision_is_loaded_and_answers_in_a_new_conversation(visit):
    page = visit(DESK)
    click_photo(page, 1)
    short_answers(page)
    ask(page, "what is it?")
    wait_for_the_end(page)
    page.locator("#pick button").first.click()
    page.get_by_text("Takes about this much main memory: fp32").wait_for()
    for precision in ("bf16", "fp32"):  # as it was, for the other tests
        page.get_by_label(precision, exact=True).click()
        page.get_by_role("button", name=texts.PICK_LOAD).click()
        page.locator(".status.ready", has_text=precision).wait_for()
    page.get_by_text(texts.NEW_MODEL).wait_for()
    ask(page, "and now?")
    wait_for_the_end(page)
    assert page.locator("#chat .user.message").all_inner_texts() == ["and now?"]
