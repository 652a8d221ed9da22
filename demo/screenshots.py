"""`python -m demo.screenshots`: the pictures of the README and the docs, taken from the real page and the real model.

Each scene is a visitor who clicks a photograph of the gallery and asks about it. A scene in which anything goes wrong
in the browser, or whose page scrolls sideways, fails the run, and nothing is written. Beside the pictures stands
`screenshots.json` with what was asked and answered.

`--check` takes them anew and compares: the answers must be the same, word for word, and the pictures alike. How fast an
answer was differs from run to run and is left out.
"""

# ruff: noqa: T201
import argparse
import io
import json
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from blip2_core.__main__ import BAD_INPUT, OneLineParser, complain
from blip2_core.errors import Blip2Error

from . import gallery
from .browser import BrowserError, Visit, headless_chromium, running_app

if TYPE_CHECKING:
    from PIL.Image import Image
    from playwright.sync_api import Browser, Page

FOLDER = Path(__file__).parents[1] / "docs" / "images"
MANIFEST = "screenshots.json"
FAILED = 1  # exit code: the page is not as it should be
JPEG_QUALITY = 88
REDUCED = 4  # pictures are compared at a quarter of their size, where the edges of letters weigh little
ALIKE = 32  # of 255: two pixels that differ by no more than this are alike
ROOM = 40  # pixels: so much longer the other picture's time may be
TOLERANCE = 0.005  # share of the pixels that may differ
MOST_SHOTS = 20  # until two in a row are the same
TIMES = re.compile(r"\d+ tokens?\b")  # a text that has this tells how fast an answer was
FIND_TIMES = r"""() => [...document.querySelectorAll("*")]
  .filter(part => [...part.childNodes].some(node => node.nodeType === 3 && /\d+ tokens?\b/.test(node.data)))
  .map(part => part.getBoundingClientRect()).map(box => [box.left, box.top, box.right, box.bottom])"""
SETTLED = "() => document.fonts.status === 'loaded' && [...document.images].every(image => image.complete)"


@dataclass(frozen=True)
class Scene:
    """A visitor, and what they do.

    Args:
        name: of the picture, without its ending.
        photo: the photograph they click; a file of the gallery.
        questions: what they ask, one after the other.
        size: width and height of the window, in CSS pixels.
        scale: pixels of the picture for one of them.
        dark: whether their system prefers dark colours.
        phone: whether they hold a phone.
        unfold: the panels that they open at the end, by their selectors.
    """

    name: str
    photo: str
    questions: tuple[str, ...]
    size: tuple[int, int] = (1280, 960)
    scale: float = 1.25
    dark: bool = False
    phone: bool = False
    unfold: tuple[str, ...] = ()


SCENES = (
    Scene("page", "surfer.jpg", ("Describe the picture in one sentence.", "Where is the man?")),
    Scene("page-dark", "dahlia.jpg", ("Write down the facts that you know about this flower.",), dark=True),
    Scene("page-phone", "jockey.jpg", ("What is the man riding?",), size=(390, 1500), scale=1.5, phone=True),
    Scene("page-settings", "beagle.jpg", ("What colour is the dog?",), size=(1280, 1400), unfold=("#settings",)),
)


@dataclass(frozen=True)
class Shot:
    """What a scene gave.

    Args:
        jpeg: the picture, as a file's bytes.
        talk: questions and answers.
        times: where the picture shows answer times: left, top, right, bottom in pixels.
        wrong: a sentence for everything that went wrong.
    """

    jpeg: bytes
    talk: list[list[str]]
    times: list[list[float]]
    wrong: list[str]


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
    """Start the app, play the scenes, and end it.

    Args:
        scenes: what to play.
        model: what the app runs.

    Returns:
        The shots by the names of their scenes, and with which programs they were taken.

    Raises:
        Blip2Error: no browser, or a page that does not answer.
    """
    import gradio

    with running_app(model) as address, headless_chromium() as browser:
        shots = {scene.name: play(scene, browser, address) for scene in scenes}
        return shots, {"model": model, "chromium": browser.version, "gradio": gradio.__version__}


def play(scene: Scene, browser: "Browser", address: str) -> Shot:
    """Play one scene and take its picture.

    Raises:
        BrowserError: the page does not do what it should.
    """
    from playwright.sync_api import Error

    visit = Visit(browser, address, size=scene.size, scale=scene.scale, dark=scene.dark, phone=scene.phone)
    try:
        _open(visit.page, address, scene)
        talk = [[question, _ask(visit.page, question)] for question in scene.questions]
        for panel in scene.unfold:
            visit.page.locator(f"{panel} button").first.click()
        jpeg = _as_jpeg(_still(visit.page))
        visit.check_width()
        times = [[scene.scale * place for place in box] for box in visit.page.evaluate(FIND_TIMES)]
        return Shot(jpeg, talk, times, visit.wrong)
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
    page.locator(f'#picture img[alt="{gallery.photos()[place].description}"]').wait_for()  # as its questions are


def _ask(page: "Page", question: str) -> str:
    """Ask, wait for the end of the answer, and return it."""
    before = page.locator("#chat .user.message").count()
    page.locator("#question textarea").fill(question)
    page.locator("#send").click()
    page.locator("#chat .user.message").nth(before).wait_for()
    page.locator("#send").wait_for()  # it is away while an answer is on its way
    lines = page.locator("#chat .bot.message").last.inner_text().splitlines()
    return " ".join(line.strip() for line in lines if line.strip() and not TIMES.search(line))


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
        if shot.talk != talks[name]:
            found.append(f"{name}: expected the talk {talks[name]}, got {shot.talk}.")
        if sentence := difference(Image.open(io.BytesIO(shot.jpeg)), Image.open(file), shot.times):
            found.append(f"{name}: {sentence}")
    return found


def difference(taken: "Image", kept: "Image", times: list[list[float]]) -> str | None:
    """How two pictures differ, in a sentence; None if they are alike.

    Args:
        taken: the one that was taken now.
        kept: the one to compare with.
        times: places to leave out: left, top, right, bottom in pixels.
    """
    import numpy
    from PIL import ImageDraw

    if taken.size != kept.size:
        return f"expected {kept.width} x {kept.height} pixels, got {taken.width} x {taken.height}."
    pixels = []
    for picture in (taken.convert("RGB"), kept.convert("RGB")):
        for left, top, right, bottom in times:
            ImageDraw.Draw(picture).rectangle((left, top, right + ROOM, bottom), fill="gray")
        pixels.append(numpy.asarray(picture.reduce(REDUCED), dtype=int))
    unlike = abs(pixels[0] - pixels[1]).max(axis=2) > ALIKE
    if (share := unlike.mean()) <= TOLERANCE:
        return None
    rows, columns = (numpy.flatnonzero(unlike.any(axis=axis)) * REDUCED for axis in (1, 0))
    return f"{share:.1%} of the pixels differ, from ({columns[0]}, {rows[0]}) to ({columns[-1]}, {rows[-1]})."


if __name__ == "__main__":
    sys.exit(main())
