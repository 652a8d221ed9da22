"""The ways in which a picture comes to the real page in a real browser, beyond the gallery."""

import importlib

import pytest
from test_browser import (
    COLOURS,
    DESK,
    address,
    answers,
    ask,
    chromium,
    click_photo,
    short_answers,
    visit,
    wait_for_the_end,
)

from demo import texts
from demo.limits import LARGEST_FILE

__all__ = ["address", "chromium", "visit"]  # fixtures
pytestmark = pytest.mark.browser


@pytest.fixture
def blue(tmp_path) -> str:
    """A plain picture, to be known again."""
    from PIL import Image

    Image.new("RGB", (64, 48), (0, 0, 255)).save(tmp_path / "blue.png")
    return str(tmp_path / "blue.png")


def drop(page, place: str, *files: str) -> None:
    """Drop files of the visitor's computer on a part of the page, as the browser's own drag and drop does it."""
    box = page.locator(place).bounding_box()
    at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    browser = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        data = {"items": [], "files": list(files), "dragOperationsMask": 1}
        browser.send("Input.dispatchDragEvent", {"type": kind, **at, "data": data})


def colours_of(page) -> set[tuple[int, ...]]:
    return {tuple(colour) for colour in page.evaluate(COLOURS, page.locator("#picture img").get_attribute("src"))}


def wait_for_another_picture(page, before: str | None) -> None:
    page.wait_for_function(
        "before => ![null, before].includes(document.querySelector('#picture img')?.getAttribute('src') ?? null)",
        arg=before,
    )


@pytest.mark.parametrize("place", ["#picture", "#chat", "#question textarea", "#title"])
def test_a_picture_is_dropped_anywhere_on_the_page(visit, blue, place):
    page, uploads = visit(DESK), []
    page.on("request", lambda request: uploads.append(request) if "/upload" in request.url else None)
    drop(page, place, blue)
    wait_for_another_picture(page, None)
    assert colours_of(page) == {(0, 0, 255)} and page.url.startswith("http://127.0.0.1")
    page.get_by_role("button", name=texts.GENERIC_QUESTIONS[1]).wait_for()
    page.wait_for_timeout(1000)  # a second upload of the same drop would come now
    assert len([sent for sent in uploads if sent.method == "POST"]) == 1


@pytest.mark.parametrize("place", ["#picture img", "#chat"])
def test_a_picture_dropped_during_a_conversation_takes_the_place_of_the_one_before(visit, blue, place):
    """The browser once opened the file in place of the page, and the conversation was gone."""
    page = visit(DESK)
    short_answers(page)
    click_photo(page, 1)
    ask(page, "what is it?")
    wait_for_the_end(page)
    before = page.locator("#picture img").get_attribute("src")
    drop(page, place, blue)
    wait_for_another_picture(page, before)
    page.get_by_text(texts.NEW_CONVERSATION).wait_for()
    assert colours_of(page) == {(0, 0, 255)}


def test_a_dropped_file_that_is_no_picture_leaves_the_page_and_its_conversation(visit, tmp_path):
    page = visit(DESK)
    short_answers(page)
    click_photo(page, 1)
    ask(page, "what is it?")
    wait_for_the_end(page)
    said = answers(page)
    (tmp_path / "letter.txt").write_text("not a picture")
    drop(page, "#chat", str(tmp_path / "letter.txt"))
    page.get_by_text(texts.UNREADABLE_PICTURE).or_(page.locator(".toast-body")).first.wait_for()
    assert answers(page) == said and page.url.startswith("http://127.0.0.1")


def test_a_photograph_of_the_gallery_that_is_dragged_about_stays_where_it_is(visit):
    page = visit(DESK)
    page.locator("#gallery img").first.drag_to(page.locator("#chat"))
    page.wait_for_timeout(1000)
    assert page.locator("#picture img").count() == 0 and page.locator("#title h1").is_visible()


@pytest.fixture
def too_large(tmp_path) -> dict[str, str]:
    """A file of too many bytes, and a small one of too many pixels, each with the sentence that refuses it."""
    from PIL import Image

    Image.new("RGB", (2300, 2300)).save(tmp_path / "bytes.bmp")
    Image.new("1", (10_000, 6_000)).save(tmp_path / "pixels.png")
    assert (tmp_path / "bytes.bmp").stat().st_size > LARGEST_FILE > (tmp_path / "pixels.png").stat().st_size
    return {str(tmp_path / "bytes.bmp"): texts.LARGE_FILE, str(tmp_path / "pixels.png"): texts.UNREADABLE_PICTURE}


def test_a_picture_that_is_too_large_is_refused_in_a_sentence_and_nothing_is_lost(visit, too_large):
    page = visit(DESK)
    for file, sentence in too_large.items():  # as the first picture
        page.locator("#picture input[type=file]").set_input_files(file)
        wait_for_the_sentence(page, sentence)
        assert page.locator("#picture img").count() == 0
    short_answers(page)
    click_photo(page, 1)
    ask(page, "what is it?")
    wait_for_the_end(page)
    said, before = answers(page), page.locator("#picture img").get_attribute("src")
    for file, sentence in too_large.items():  # and in a conversation
        drop(page, "#chat", file)
        wait_for_the_sentence(page, sentence)
        page.wait_for_timeout(500)
        assert answers(page) == said and page.locator("#picture img").get_attribute("src") == before
    ask(page, "and now?")
    wait_for_the_end(page, 2)
    assert answers(page)[0] == said[0]
    assert len(visit.wrong) == 3 and "upload_progress" in visit.wrong[0]  # of the file that was never sent
    visit.wrong.clear()


@pytest.mark.parametrize("language", ["de", "fr"])
def test_a_file_of_too_many_bytes_is_refused_in_the_language_of_the_page(visit, too_large, language):
    """Gradio's code for the browser refuses it without asking the server, and once said so in English on every page."""
    spoken = importlib.import_module(f"demo.languages.{language}")
    page, file = visit(DESK, locale=f"{language}-{language.upper()}"), next(iter(too_large))
    with page.expect_console_message(lambda message: message.text == "Response"):  # the last of what Gradio then says
        page.locator("#picture input[type=file]").set_input_files(file)
        page.get_by_text(spoken.LARGE_FILE).wait_for()
        assert page.locator(".toast-title").inner_text().strip() == spoken.NOT_YET
        assert "exceed" not in page.locator(".toast-body").inner_text()
        drop(page, "#chat", file)
        page.wait_for_function("document.querySelectorAll('.toast-message-text').length > 1")
        assert set(page.locator(".toast-message-text").all_inner_texts()) == {spoken.LARGE_FILE}
    assert f" {LARGEST_FILE // 1_000_000} " in spoken.LARGE_FILE and len(visit.wrong) == 3
    visit.wrong.clear()


def wait_for_the_sentence(page, sentence: str) -> None:
    """Read what the page says in its corner, and close it."""
    toast = page.locator(".toast-body")
    toast.get_by_text(sentence).wait_for()
    assert toast.count() == 1
    toast.get_by_label("Close").click()
    toast.wait_for(state="detached")


def test_the_camera_takes_a_picture_that_is_asked_about(visit):
    """A click that came before the camera had sent anything took no picture."""
    page = visit(DESK, permissions=["camera"])
    short_answers(page)
    page.get_by_label("Capture from camera").click()
    page.get_by_text("Click to Access Webcam").click()
    page.wait_for_function("document.querySelector('#picture video')?.videoWidth > 0")
    page.get_by_label("capture photo").click()
    page.locator(f'#picture img[alt="{texts.PICTURE}"]').wait_for()
    assert len(colours_of(page)) > 1
    ask(page, "What is this?")
    wait_for_the_end(page)
