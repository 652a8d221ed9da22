"""`python -m demo.screenshots`: what it takes, what it compares, and what it does not let pass."""

import io
import json
import shutil
from dataclasses import replace

import pytest
from PIL import Image, ImageDraw

from demo import screenshots
from demo.browser import BrowserError, Visit, headless_chromium, running_app
from demo.likeness import difference
from demo.screenshots import MANIFEST, SCENES, Scene, Shot, differences, other_words, write

SIZE = (400, 300)
ABOUT = {"model": "pocket"}


def drawn(*boxes: tuple[int, int, int, int]) -> Image.Image:
    """A white page with some dark parts."""
    picture = Image.new("RGB", SIZE, "white")
    for box in boxes:
        ImageDraw.Draw(picture).rectangle(box, fill="navy")
    return picture


def shot(picture: Image.Image, answer: str = "Red.", times: list | None = None, wrong: list | None = None) -> Shot:
    jpeg = io.BytesIO()
    picture.save(jpeg, "JPEG")
    return Shot(jpeg.getvalue(), [["What colour is it?", answer]], times or [], wrong or [])


def test_the_same_page_and_one_whose_letters_have_other_edges_are_alike():
    letters = [(x, 20, x + 1, 30) for x in range(20, 200, 12)]
    moved = [(x + 1, 20, x + 2, 30) for x in range(20, 200, 12)]
    assert difference(drawn(*letters), drawn(*letters), []) is None
    assert difference(drawn(*moved), drawn(*letters), []) is None


def test_a_part_that_moved_is_told_with_its_place():
    told = difference(drawn((40, 40, 79, 79)), drawn((40, 120, 79, 159)), [])
    assert told == "2.6% of the pixels differ, from (40, 40) to (72, 152)."


def test_a_page_of_another_size_is_told_in_pixels():
    assert difference(drawn().crop((0, 0, 400, 200)), drawn(), []) == "expected 400 x 300 pixels, got 400 x 200."


def test_how_fast_an_answer_was_is_left_out():
    slow, fast = drawn((100, 100, 300, 140)), drawn()
    assert difference(slow, fast, []) and difference(slow, fast, [[100, 100, 300, 140]]) is None


def test_another_answer_is_told_and_left_out_of_the_picture(tmp_path):
    """Another processor rounds otherwise, so the model may take another word; where it stands must stay."""
    write({"page": shot(drawn())}, tmp_path, ABOUT)
    longer, said = drawn((100, 100, 300, 140)), [[90, 90, 310, 150]]
    assert differences({"page": replace(shot(longer), said=said)}, tmp_path) != []
    other = {"page": replace(shot(longer, "Blue."), said=said)}
    expected = "page: expected the talk [['What colour is it?', 'Red.']], got [['What colour is it?', 'Blue.']]."
    assert other_words(other, tmp_path) == [expected] and differences(other, tmp_path) == []
    moved = {"page": replace(shot(drawn((100, 180, 300, 220)), "Blue."), said=said)}
    assert differences(moved, tmp_path) != []


def test_a_picture_that_was_never_taken_is_told_with_the_command(tmp_path):
    (told,) = differences({"page": shot(drawn())}, tmp_path)
    assert told == f"page: there is no such picture in {tmp_path}. Take it with: python -m demo.screenshots"


def test_writing_one_picture_keeps_what_is_known_of_the_others(tmp_path):
    write({"page": shot(drawn())}, tmp_path, ABOUT)
    write({"page-dark": shot(drawn(), "Blue.")}, tmp_path, ABOUT)
    known = json.loads((tmp_path / MANIFEST).read_text())
    assert known["model"] == "pocket" and sorted(known["scenes"]) == ["page", "page-dark"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page-dark.jpg", "page.jpg", MANIFEST]


def taken(monkeypatch, **options) -> None:
    """Let the command find a shot where it would start the app."""
    taken = {"page": shot(**{"picture": drawn(), **options})}
    monkeypatch.setattr(screenshots, "take", lambda scenes, model: (taken, ABOUT))


def test_a_page_with_an_error_fails_the_run_and_writes_nothing(monkeypatch, tmp_path, capsys):
    taken(monkeypatch, wrong=["the console says: broken"])
    assert screenshots.main(["--out", str(tmp_path), "--only", "page"]) == 1
    assert capsys.readouterr().err == "error: page: the console says: broken.\n"
    assert list(tmp_path.iterdir()) == []


def test_a_check_leaves_the_pictures_alone_and_puts_the_new_ones_elsewhere(monkeypatch, tmp_path, capsys):
    write({"page": shot(drawn())}, tmp_path, ABOUT)
    before = (tmp_path / "page.jpg").read_bytes()
    taken(monkeypatch)
    assert screenshots.main(["--check", "--out", str(tmp_path)]) == 0
    taken(monkeypatch, picture=drawn((40, 40, 79, 79)))
    assert screenshots.main(["--check", "--out", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert said.err.startswith("error: page: 1.3% of the pix") and (tmp_path / "page.jpg").read_bytes() == before
    elsewhere = said.out.removeprefix("Written to ").partition(": ")[0]
    assert elsewhere != str(tmp_path)
    shutil.rmtree(elsewhere)


def test_a_model_that_is_not_there_ends_it_with_the_last_line_of_the_app():
    with pytest.raises(BrowserError, match="its last line is: error: no-such-model: "), running_app("no-such-model"):
        pass


browser_test = pytest.mark.skipif(shutil.which("chromium") is None, reason="Debian's chromium is not installed")


@pytest.fixture(scope="module")
def chromium():
    pytest.importorskip("playwright", reason="playwright is not installed")
    with headless_chromium() as browser:
        yield browser


@pytest.fixture
def visit(chromium):
    visit = Visit(chromium, "http://127.0.0.1:1", size=(390, 800), scale=1, dark=False, phone=True)
    yield visit
    visit.close()


@pytest.mark.browser
@browser_test
@pytest.mark.parametrize(
    ("page", "told"),
    [
        ("<script>console.error('no such thing')</script>", "the console says: no such thing"),
        ("<script>nowhere()</script>", "a script failed: nowhere is not defined"),
        ("<img src='http://example.com/a.png'>", "the page asked elsewhere: http://example.com/a.png"),
    ],
)
def test_what_goes_wrong_in_the_browser_is_noted(visit, page, told):
    visit.page.goto(f"data:text/html,{page}")
    visit.page.wait_for_load_state("networkidle")
    assert told in visit.wrong


@pytest.mark.browser
@browser_test
@pytest.mark.parametrize(("width", "wrong"), [(390, 0), (460, 1)])
def test_a_page_that_scrolls_sideways_is_noted(visit, width, wrong):
    head = "<meta name='viewport' content='width=device-width'><style>body{margin:0}</style>"
    visit.page.goto(f"data:text/html,{head}<div style='width:{width}px'>wide</div>")
    visit.check_width()
    assert len(visit.wrong) == wrong and all("pixels wide in a window of 390" in text for text in visit.wrong)


@pytest.mark.browser
@browser_test
def test_the_real_page_is_taken_on_a_desk_in_the_dark_and_on_a_phone(model_folder, chromium, tmp_path):
    """With a model that talks nonsense, fast; the shipped one plays the same scenes in `python -m demo.screenshots`."""
    scenes = [scene for scene in SCENES if scene.name in ("page-dark", "page-phone")]
    with running_app(str(model_folder)) as address:
        shots = {scene.name: screenshots.play(scene, chromium, address) for scene in scenes}
        with pytest.raises(BrowserError, match="the gallery has no unicorn.jpg"):
            screenshots.play(Scene("page", "unicorn.jpg", ()), chromium, address)
    for scene in scenes:
        picture = Image.open(io.BytesIO(shots[scene.name].jpeg))
        assert picture.size == tuple(round(side * scene.scale) for side in scene.size)
        assert (picture.getpixel((3, 3))[0] < 64) == scene.dark
        assert [question for question, answer in shots[scene.name].talk if answer] == list(scene.questions)
        assert shots[scene.name].wrong == [] and shots[scene.name].times
        lines = [bottom - top for _, top, _, bottom in shots[scene.name].times]
        assert 0 < max(lines) < 100, "what is left out is the line with the times, not the chat with its words"
    write(shots, tmp_path, ABOUT)
    assert differences(shots, tmp_path) == []


@pytest.mark.browser
@browser_test
def test_a_panel_that_is_missing_is_told(model_folder, chromium):
    with running_app(str(model_folder)) as address:
        visit = Visit(chromium, address, size=(1280, 1100), scale=1, dark=False, phone=False)
        visit.page.goto(address)
        visit.page.wait_for_selector(".status.ready")
        whole = Image.open(io.BytesIO(screenshots._still(visit.page)))
        for panel in ("#suggestions", "#tools", "#compare", "#credits", "#about", "#gallery", "#privacy"):
            style = visit.page.add_style_tag(content=f"{panel} {{ display: none !important; }}")
            lacking = Image.open(io.BytesIO(screenshots._still(visit.page)))
            style.evaluate("style => style.remove()")
            assert difference(lacking, whole, []) is not None, panel
        again = Image.open(io.BytesIO(screenshots._still(visit.page)))
        visit.close()
    assert difference(again, whole, []) is None and visit.wrong == []
