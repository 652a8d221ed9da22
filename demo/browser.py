"""The real page in a real browser, for screenshots: the app in a process of its own, and headless Chromium.

A visit notes everything that goes wrong in the browser: errors of the console and of scripts, refused requests,
requests to any other site, and a page that is wider than its window.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blip2_core.errors import Blip2Error, MissingExtraError

from .serving import HEALTH

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

APP = Path(__file__).parents[1] / "app.py"
LOAD_SECONDS = 600  # the first start fetches and converts the language model
ANSWER_SECONDS = 180
POLL = 0.3  # seconds
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (  # the same pixels on every machine that has the same Chromium and fonts; no other machine is asked
    "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-color-profile=srgb", "--disable-lcd-text",
    "--font-render-hinting=none", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip


class BrowserError(Blip2Error, RuntimeError):
    """The page cannot be driven: the app did not start, or the page did not do what it should."""


@contextmanager
def running_app(model: str, *options: str) -> Iterator[str]:
    """The real app, in a process of its own until the end of the block; gives its address once its model answers.

    Args:
        model: what `python app.py --model` takes.
        options: more of its options; files that they name are in a folder that goes away.

    Raises:
        BrowserError: it ended, or was not ready in time.
    """
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="blip2-page-") as folder:
        log = Path(folder) / "log"
        command = [sys.executable, str(APP), "--model", model, "--host", "127.0.0.1", "--port", str(port), *options]
        environment = os.environ | {"GRADIO_TEMP_DIR": str(Path(folder) / "uploads")}
        with log.open("wb") as output:
            process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
        try:
            _wait_until_ready(f"http://127.0.0.1:{port}", process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            end(process)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def _wait_until_ready(address: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + LOAD_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(address + HEALTH, timeout=10) as health:
                if json.load(health)["ready"]:
                    return
        except (OSError, ValueError):  # not listening yet, or 503: loading
            pass
        time.sleep(POLL)
    last = (log.read_text(errors="replace").strip() or "it said nothing").splitlines()[-1]
    raise BrowserError(f"app.py: expected it to be ready within {LOAD_SECONDS} s, its last line is: {last:.300}")


def end(process: subprocess.Popen) -> None:
    """End the app, in the way that it hears also where a script's "&" started all this, which turns Ctrl+C off."""
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def headless_chromium() -> "Iterator[Browser]":
    """Headless Chromium until the end of the block.

    Raises:
        MissingExtraError: Playwright is not installed.
        BrowserError: there is no Chromium.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise MissingExtraError('screenshots need Playwright. Install it with: pip install -e ".[test]"') from None
    program = next((found for name in CHROMIUMS if (found := shutil.which(name))), None)
    if program is None:
        raise BrowserError(f"screenshots need one of {', '.join(CHROMIUMS)}. Install it with: apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """One window of the browser, and what goes wrong in it.

    Args:
        browser: Chromium.
        address: of the app; a request to any other place is noted as wrong.
        size: width and height of the window, in CSS pixels.
        scale: pixels of the picture for one of them.
        dark: whether the system prefers dark colours.
        phone: whether the window is a phone's.
        locale: language and country of the browser.

    Attributes:
        page: the page of Playwright.
        wrong: a sentence for everything that went wrong so far.
    """

    def __init__(
        self, browser: "Browser", address: str, *, size: tuple[int, int], scale: float, dark: bool, phone: bool,
        locale: str = "en-GB",
    ) -> None:  # fmt: skip
        options: dict[str, Any] = {"is_mobile": True, "has_touch": True} if phone else {}
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, device_scale_factor=scale, locale=locale,
            color_scheme="dark" if dark else "light", reduced_motion="reduce", timezone_id="UTC",
            service_workers="block", **options,
        )  # fmt: skip
        self.wrong: list[str] = []
        self.page: Page = context.new_page()
        self._address, self._width = address, size[0]
        self.page.set_default_timeout(ANSWER_SECONDS * 1000)
        self.page.on("console", self._note_console)
        self.page.on("pageerror", lambda error: self._note(f"a script failed: {error}"))
        self.page.on("request", self._note_request)
        self.page.on("response", self._note_response)

    def close(self) -> None:
        """Close the window."""
        self.page.context.close()

    def check_width(self) -> None:
        """Note a page that can be scrolled sideways."""
        widest = self.page.evaluate("Math.max(document.documentElement.scrollWidth, innerWidth)")
        if widest > self._width:
            self._note(f"the page is {widest} pixels wide in a window of {self._width}, so it scrolls sideways")

    def _note(self, sentence: str) -> None:
        self.wrong.append(" ".join(sentence.split()))

    def _note_console(self, message: Any) -> None:
        if message.type == "error":
            self._note(f"the console says: {message.text}")

    def _note_request(self, request: Any) -> None:
        if not request.url.startswith((self._address, "data:", "blob:")):
            self._note(f"the page asked elsewhere: {request.url:.200}")

    def _note_response(self, response: Any) -> None:
        if response.status >= 400:
            self._note(f"the server answered {response.status} for {response.url:.200}")
