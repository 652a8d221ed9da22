"""How much one visitor may ask of this machine: how often, how long, and how many bytes at once.

A session is what a browser says it is, and an address may be forged behind a proxy, so neither stops a determined
stranger. What does is that one answer is written at a time, each has a deadline, and only so many may wait.
"""

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import texts
from .errors import VisitorError

LARGEST_FILE = 15_000_000  # bytes
LARGEST_BODY = LARGEST_FILE * 4 // 3 + 100_000  # bytes; a picture may come inside JSON, as base64
MOST_SESSIONS = 500  # conversations that are kept; the one that was quiet longest goes first
LOOK_AGAIN = 5.0  # seconds until that folder is looked through again
_MOST_ADDRESSES = 10_000
_A_PICTURE = 64_000  # bytes; JSON as long as this has one inside


class Bucket:
    """So many at once, and so many a minute after that.

    Args:
        a_minute: how many a minute; as many fit into it.
    """

    def __init__(self, a_minute: float) -> None:
        self._a_minute, self._left, self._at = a_minute, float(a_minute), time.monotonic()
        self._lock = threading.Lock()

    def take(self) -> float:
        """Take one; returns 0, or how many seconds to wait for the next one."""
        with self._lock:
            now = time.monotonic()
            self._left = min(self._a_minute, self._left + (now - self._at) * self._a_minute / 60)
            self._at = now
            if self._left < 1:
                return (1 - self._left) * 60 / self._a_minute
            self._left -= 1
            return 0.0


@dataclass(frozen=True)
class Limits:
    """What is allowed.

    Args:
        questions_a_minute: of one session; four times as many of one address.
        pictures_a_minute: of one session; four times as many of one address.
        models_a_minute: how often one session may have another model loaded; four times as often one address.
        passwords_a_minute: of one address, that were not known to be right.
        seconds_an_answer: then it is cut off.
        waiting: visitors who wait for an answer; the next one is asked to come back later.
        turns: questions about one picture.
        bytes_uploaded: in the folder of uploads, which stay there for an hour.
    """

    questions_a_minute: float = 30
    pictures_a_minute: float = 60
    models_a_minute: float = 6
    passwords_a_minute: float = 10
    seconds_an_answer: float = 120.0
    waiting: int = 32
    turns: int = 50
    bytes_uploaded: int = 4_000_000_000


class Guard:
    """Counts what sessions and addresses ask for.

    Args:
        limits: what is allowed.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._buckets: OrderedDict[tuple[str, str], Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def question(self, request: Any) -> None:
        """Count a question.

        Args:
            request: of Gradio; None counts nothing.

        Raises:
            VisitorError: too many.
        """
        self._count("question", request, self.limits.questions_a_minute)

    def picture(self, request: Any) -> None:
        """Count a picture; otherwise as `question`."""
        self._count("picture", request, self.limits.pictures_a_minute)

    def upload(self, address: str | None) -> None:
        """Count an upload of an address, whose session nobody knows yet; otherwise as `question`."""
        _expect_no_wait(self._bucket("upload", f"address {address}", 4 * self.limits.pictures_a_minute).take())

    def model(self, request: Any) -> None:
        """Count a change of the model, of which a minute has few; otherwise as `question`."""
        self._count("model", request, self.limits.models_a_minute)

    def thumb(self, request: Any) -> None:
        """Count a thumb below an answer; otherwise as `question`."""
        self._count("thumb", request, self.limits.questions_a_minute)

    def password(self, request: Any) -> None:
        """Count a password that is to be proved; otherwise as `question`."""
        self._count("password", request, self.limits.passwords_a_minute)

    def _count(self, what: str, request: Any, a_minute: float) -> None:
        if request is None:
            return
        address = getattr(getattr(request, "client", None), "host", None)
        session = getattr(request, "session_hash", None) or f"none at {address}"
        _expect_no_wait(max(
            self._bucket(what, f"session {session}", a_minute).take(),
            self._bucket(what, f"address {address}", 4 * a_minute).take(),
        ))  # fmt: skip

    def _bucket(self, what: str, who: str, a_minute: float) -> Bucket:
        with self._lock:
            bucket = self._buckets.setdefault((what, who), Bucket(a_minute))
            self._buckets.move_to_end((what, who))
            while len(self._buckets) > _MOST_ADDRESSES:
                self._buckets.popitem(last=False)
            return bucket


def _expect_no_wait(seconds: float) -> None:
    if seconds:
        raise VisitorError(texts.TOO_OFTEN.format(seconds=max(1, round(seconds))))


class Room:
    """How much a folder may still take: it is looked through every few seconds, and what comes in between is counted.

    Args:
        folder: which one; it need not be there.
        most: bytes in it, all files together.
    """

    def __init__(self, folder: str | Path, most: int) -> None:
        self._folder, self._most = str(folder), most
        self._taken, self._looked_at = 0, -LOOK_AGAIN
        self._lock = threading.Lock()

    def fits(self, count: int) -> bool:
        """Whether there is room for so many bytes more."""
        with self._lock:
            if time.monotonic() - self._looked_at >= LOOK_AGAIN:
                self._taken, self._looked_at = _bytes_in(self._folder), time.monotonic()
            return self._taken + max(1, count) <= self._most

    def add(self, count: int) -> None:
        """Count bytes that came."""
        with self._lock:
            self._taken += count


def _bytes_in(folder: str) -> int:
    """Of all files in a folder and below it; those that go meanwhile are none."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(place, name), follow_symlinks=False).st_size
            except OSError:
                continue
    return total


class UploadLimit:
    """Refuses uploads of an address that sends too many, and all pictures once too many lie here (ASGI middleware).

    Gradio writes each to disk before anything of ours sees it, and deletes it an hour later.
    """

    def __init__(self, app: Any, guard: Guard, room: Room) -> None:
        self.app, self.guard, self.room = app, guard, room

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:
        """Pass a request on, unless it is refused."""
        import anyio

        if scope["type"] != "http" or scope["method"] != "POST":
            return await self.app(scope, receive, send)
        is_upload, length = scope["path"].rstrip("/").endswith("/upload"), _announced(scope)
        try:
            if is_upload:
                self.guard.upload((scope.get("client") or (None,))[0])
        except VisitorError as error:
            await _read_away(receive)
            return await _refused(str(error), 429)(scope, receive, send)
        if not is_upload and length <= _A_PICTURE:
            return await self.app(scope, receive, send)
        if not await anyio.to_thread.run_sync(self.room.fits, length):
            await _read_away(receive)
            return await _refused(texts.NO_ROOM, 507)(scope, receive, send)

        async def counted() -> dict:
            message = await receive()
            self.room.add(len(message.get("body", b"")))  # what is only announced takes no room from others
            return message

        await self.app(scope, counted, send)


class LineLimit:
    """Refuses calls of `/ask` while so many wait for the model that no more should (ASGI middleware).

    Gradio has a bound of its own, but says it in words that are not for people.
    """

    def __init__(self, app: Any, length: Callable[[], int], most: int) -> None:
        self.app, self.length, self.most = app, length, most

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:
        """Pass a request on, unless it is refused."""
        asks = scope["type"] == "http" and scope["method"] == "POST" and scope["path"].rstrip("/").endswith("/ask")
        if asks and self.length() >= self.most:
            return await _refused(texts.FULL, 503)(scope, receive, send)
        await self.app(scope, receive, send)


class BodyLimit:
    """Refuses requests whose body is too large, whatever they say about its length (ASGI middleware).

    Gradio limits each uploaded file, but neither their number nor the pictures inside JSON.
    """

    def __init__(self, app: Any, most: int = LARGEST_BODY) -> None:
        self.app, self.most = app, most

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:
        """Pass a request on, and count its bytes as they come."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        if _announced(scope) > self.most:
            return await _refused(texts.LARGE_BODY, 413)(scope, receive, send)
        left = self.most

        async def counted() -> dict:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise ValueError("the body is too large")
            return message

        async def answer(message: dict) -> None:
            if left < 0 and message["type"] == "http.response.start":  # whoever was reading has made an error of it
                message = {**message, "status": 413}
            await send(message)

        await self.app(scope, counted, answer)


async def _read_away(receive: Any) -> None:
    """Read a body to its end, keeping nothing: whoever is still sending does not hear why they are refused."""
    with suppress(ValueError):  # of `BodyLimit`
        while (await receive()).get("more_body"):
            pass


def _announced(scope: dict) -> int:
    value = dict(scope["headers"]).get(b"content-length", b"0")
    return int(value) if value.isdigit() else 0


def _refused(sentence: str, status: int) -> Callable:
    """An answer that says why there is no other (ASGI)."""
    from starlette.responses import JSONResponse

    return JSONResponse({"detail": sentence}, status_code=status)
