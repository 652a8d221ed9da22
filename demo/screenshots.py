"""`python -m demo.screenshots`: the pictures of the README and the docs, taken from the real page and the real model.

Each scene is a visitor who clicks a photograph of the gallery and asks about it. A scene in which anything goes wrong
in the browser, or whose page scrolls sideways, fails the run, and nothing is written. Beside the pictures stands
`screenshots.json` with what was asked and answered.

`--check` takes them anew and compares: the pictures must be alike, which a part that moved or is missing is not. How
fast an answer was differs from run to run and is left out. Another processor may round so that the model answers in
other words; the check tells, and leaves out what the model said.
"""

# ruff: noqa: T201
import argparse
import io
import json
import re
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from blip2_core.__main__ import BAD_INPUT, OneLineParser, complain
from blip2_core.errors import Blip2Error

from . import gallery, texts
from .browser import BrowserError, Visit, headless_chromium, running_app
from .likeness import difference
from .scenes import SCENES, Scene

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FOLDER = Path(__file__).parents[1] / "docs" / "images"
MANIFEST = "screenshots.json"
FAILED = 1  # exit code: the page is not as it should be
JPEG_QUALITY = 88
MOST_SHOTS = 20  # until two in a row are the same
TIMES = re.compile(r"\d+ [Tt]okens?\b")  # a text that has this tells how fast an answer was
TIMED = "#chat .thought-group .title, #sides .facts, #pick-told, #link-text"  # speeds, free memory, a port
SAID = "#chat .bubble-wrap, #sides .side, #wrong, #looked-view, #road-view"  # the model's words, and what follows
BOXES = """parts => [...document.querySelectorAll(parts)].map(part => part.getBoundingClientRect())
  .map(box => [box.left, box.top, box.right, box.bottom])"""
SETTLED = "() => document.fonts.status === 'loaded' && [...document.images].every(image => image.complete)"


@dataclass(frozen=True)
class Shot:
    """What a scene gave.

    Args:
        jpeg: the picture, as a file's bytes.
        talk: questions and answers.
        times: where the picture shows answer times: left, top, right, bottom in pixels.
        said: where it shows what follows from what the model said.
        wrong: a sentence for everything that went wrong.
    """

    jpeg: bytes
    talk: list[list[str]]
    times: list[list[float]]
    wrong: list[str]
    said: list[list[float]] = field(default_factory=list)


def main(argv: list[str] | None = None) -> int:
    """Take the pictures, and write or compare them.

    Args:
        argv: the arguments; left out, those of the process.

    Returns:
        The exit code.
    """
    args = build_parser().parse_args(argv)
    scenes = [scene for scene in SCENES if scene.name in (args.only or [scene.name])]
    try:
        shots, about = take(scenes, args.model)
    except Blip2Error as error:
        complain(error)
        return BAD_INPUT
    wrong = [f"{name}: {sentence}." for name, shot in shots.items() for sentence in shot.wrong]
    if args.check:
        for sentence in other_words(shots, args.out):
            print("note:", sentence)
        wrong += differences(shots, args.out)
    folder = Path(tempfile.mkdtemp(prefix="screenshots-")) if wrong and args.check else args.out
    if args.check and wrong or not args.check and not wrong:
        write(shots, folder, about)
        print(f"Written to {folder}: {', '.join(shots)}.")
    for sentence in wrong:
        print("error:", sentence, file=sys.stderr)
    return FAILED if wrong else 0


def build_parser() -> argparse.ArgumentParser:
    """The arguments."""
    parser = OneLineParser(prog="python -m demo.screenshots", description="Take the pictures of README and docs.")
    add = parser.add_argument
    add("--out", type=Path, default=FOLDER, metavar="DIR", help="where the pictures are (docs/images)")
    add("--check", action="store_true", help="write nothing there; compare with what is there")
    add(
        "--only", action="append", choices=[scene.name for scene in SCENES], help="this one; may be given several times"
    )
    add("--model", default="pocket", metavar="NAME", help="what app.py takes (%(default)s)")
    return parser


def take(scenes: list[Scene], model: str = "pocket") -> tuple[dict[str, Shot], dict[str, str]]:
    """Start the app, with each choice of options once, and play the scenes.

    Args:
        scenes: what to play.
        model: what the app runs.

    Returns:
        The shots by the names of their scenes, and with which programs they were taken.

    Raises:
        Blip2Error: no browser, or a page that does not answer.
    """
    import gradio

    shots = {}
    with headless_chromium() as browser:
        for options in dict.fromkeys(scene.options for scene in scenes):
            with running_app(model, *options) as address:
                shots |= {scene.name: play(scene, browser, address) for scene in scenes if scene.options == options}
        return shots, {"model": model, "chromium": browser.version, "gradio": gradio.__version__}


def play(scene: Scene, browser: "Browser", address: str) -> Shot:
    """Play one scene and take its picture.

    Raises:
        BrowserError: the page does not do what it should.
    """
    from playwright.sync_api import Error

    visit = Visit(
        browser, address, size=scene.size, scale=scene.scale, dark=scene.dark, phone=scene.phone, locale=scene.locale
    )
    try:
        _open(visit.page, address, scene)
        talk = [[question, _ask(visit.page, question)] for question in scene.questions]
        for panel in scene.unfold:
            visit.page.locator(f"{panel} button.label-wrap").first.click()
        for button in scene.press:
            visit.page.locator(button).last.click()
        visit.page.locator(scene.wait_for).wait_for()
        talk += _compare(visit.page, scene.compare) if scene.compare else []
        _draw(visit.page, scene.draw)
        _fetch(visit.page, scene.fetch)
        jpeg = _as_jpeg(_still(visit.page))
        visit.check_width()
        boxes = [visit.page.evaluate(BOXES, parts) for parts in (TIMED, SAID)]
        times, said = ([[scene.scale * place for place in box] for box in found] for found in boxes)
        return Shot(jpeg, talk, times, visit.wrong, said)
    except Error as error:
        seen = "; ".join([str(error).splitlines()[0], *visit.wrong])
        raise BrowserError(f"{scene.name}: the page did not do what it should ({seen:.400}).") from None
    finally:
        visit.close()


def _open(page: "Page", address: str, scene: Scene) -> None:
    """Open the page and click the scene's photograph."""
    files = [photo.file for photo in gallery.photos()]
    if scene.photo not in files:
        raise BrowserError(f"{scene.name}: the gallery has no {scene.photo}. Name one of {', '.join(files)}.")
    place = files.index(scene.photo)
    page.goto(address)
    page.wait_for_selector(".status.ready")
    page.locator("#gallery button.thumbnail-item").nth(place).click()
    page.locator('#picture img[alt]:not([alt=""])').wait_for()  # its description, which comes with its questions


def _ask(page: "Page", question: str) -> str:
    """Ask, wait for the end of the answer, and return it."""
    before = page.locator("#chat .user.message").count()
    page.locator("#question textarea").fill(question)
    page.locator("#send").click()
    page.locator("#chat .user.message").nth(before).wait_for()
    page.locator("#send").wait_for()  # it is away while an answer is on its way
    lines = page.locator("#chat .bot.message").last.inner_text().splitlines()
    return " ".join(line.strip() for line in lines if line.strip() and not TIMES.search(line))


def _compare(page: "Page", question: str) -> list[list[str]]:
    """Ask on both sides, wait for both ends, and return what was said."""
    page.locator("#compare-question textarea").fill(question)
    page.locator("#compare-send").click()
    page.locator("#compare-stop").wait_for()
    page.locator("#compare-send").wait_for()
    return [[question, answer] for answer in page.locator("#sides .answer").all_inner_texts()]


def _draw(page: "Page", strokes: tuple[tuple[tuple[float, float], ...], ...]) -> None:
    for stroke in strokes:
        board = page.locator("#board canvas")
        board.scroll_into_view_if_needed()
        box = board.bounding_box()
        assert box is not None
        for place, (x, y) in enumerate(stroke):
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=5)
            if place == 0:
                page.mouse.down()
        page.mouse.up()


def _fetch(page: "Page", address: str) -> None:
    """Fetch a picture from an address that is refused, and wait for the sentence that says so."""
    if address:
        page.locator("#address input, #address textarea").fill(address)
        page.locator("#fetch").click()
        page.get_by_text(texts.WEB_ADDRESS).wait_for()


def _still(page: "Page") -> bytes:
    """A picture of the page, as PNG, once nothing moves any more."""
    page.mouse.move(2, 2)
    page.evaluate("() => { document.activeElement.blur(); scrollTo(0, 0); }")
    page.wait_for_function(SETTLED)
    last = b""
    for _ in range(MOST_SHOTS):
        page.wait_for_timeout(200)
        shot = page.screenshot(animations="disabled", caret="hide")
        if shot == last:
            return shot
        last = shot
    raise BrowserError("the page did not come to rest, so no picture of it would be the same twice.")


def _as_jpeg(png: bytes) -> bytes:
    from PIL import Image

    jpeg = io.BytesIO()
    image = Image.open(io.BytesIO(png)).convert("RGB")
    image.save(jpeg, "JPEG", quality=JPEG_QUALITY, optimize=True, progressive=True)
    return jpeg.getvalue()


def write(shots: dict[str, Shot], folder: Path, about: dict[str, str]) -> None:
    """Write the pictures, and what was said in them; other scenes that are there already stay.

    Args:
        shots: by the names of their scenes.
        folder: where to.
        about: with which programs they were taken.
    """
    folder.mkdir(parents=True, exist_ok=True)
    talks = _kept_talks(folder) | {name: shot.talk for name, shot in shots.items()}
    for name, shot in shots.items():
        (folder / f"{name}.jpg").write_bytes(shot.jpeg)
    text = json.dumps(about | {"scenes": talks}, indent=2, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def _kept_talks(folder: Path) -> dict[str, list[list[str]]]:
    try:
        return json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["scenes"]
    except (OSError, ValueError, KeyError):
        return {}


def other_words(shots: dict[str, Shot], folder: Path) -> list[str]:
    """Where the model did not say what it said then, a sentence each.

    Args:
        shots: taken now.
        folder: where the manifest is to compare with.
    """
    talks = _kept_talks(folder)
    changed = {name: shot for name, shot in shots.items() if shot.talk != talks.get(name, shot.talk)}
    return [f"{name}: expected the talk {talks[name]}, got {shot.talk}." for name, shot in changed.items()]


def differences(shots: dict[str, Shot], folder: Path) -> list[str]:
    """What is not as it was, a sentence each.

    Args:
        shots: taken now.
        folder: the pictures to compare with, and their manifest.
    """
    from PIL import Image

    found, talks = [], _kept_talks(folder)
    for name, shot in shots.items():
        file = folder / f"{name}.jpg"
        if not file.is_file() or name not in talks:
            found.append(f"{name}: there is no such picture in {folder}. Take it with: python -m demo.screenshots")
            continue
        left_out = shot.times if shot.talk == talks[name] else shot.times + shot.said
        if sentence := difference(Image.open(io.BytesIO(shot.jpeg)), Image.open(file), left_out):
            found.append(f"{name}: {sentence}")
    return found


if __name__ == "__main__":
    sys.exit(main())
