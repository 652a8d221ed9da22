"""How much one visitor may ask of this machine: how often, how long, and how many bytes at once.

A session is what a browser says it is, and an address may be forged behind a proxy, so neither stops a determined
stranger. What does is that one answer is written at a time, each has a deadline, and only so many may wait.
"""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from . import texts
from .errors import VisitorError

LARGEST_FILE = 15_000_000  # bytes
LARGEST_BODY = LARGEST_FILE * 4 // 3 + 100_000  # bytes; a picture may come inside JSON, as base64
MOST_SESSIONS = 500  # conversations that are kept; the one that was quiet longest goes first
_MOST_ADDRESSES = 10_000


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
    """

    questions_a_minute: float = 30
    pictures_a_minute: float = 60
    models_a_minute: float = 6
    passwords_a_minute: float = 10
    seconds_an_answer: float = 120.0
    waiting: int = 32
    turns: int = 50


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
        wait = max(
            self._bucket(what, f"session {session}", a_minute).take(),
            self._bucket(what, f"address {address}", 4 * a_minute).take(),
        )
        if wait:
            raise VisitorError(texts.TOO_OFTEN.format(seconds=max(1, round(wait))))

    def _bucket(self, what: str, who: str, a_minute: float) -> Bucket:
        with self._lock:
            bucket = self._buckets.setdefault((what, who), Bucket(a_minute))
            self._buckets.move_to_end((what, who))
            while len(self._buckets) > _MOST_ADDRESSES:
                self._buckets.popitem(last=False)
            return bucket


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
            return await _refuse(scope, receive, send)
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


def _announced(scope: dict) -> int:
    value = dict(scope["headers"]).get(b"content-length", b"0")
    return int(value) if value.isdigit() else 0


async def _refuse(scope: dict, receive: Any, send: Any) -> None:
    from starlette.responses import JSONResponse

    await JSONResponse({"detail": texts.LARGE_BODY}, status_code=413)(scope, receive, send)
