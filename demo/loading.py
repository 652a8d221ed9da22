"""Loads the model behind the page, so that the page is there at once and can tell how far the model is.

Another model can take its place. There may not be room for both, so the first one goes before the next one comes:
whoever works with it is told to let it go.
"""

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from blip2_core.builtin import BUILTIN_MODELS
from blip2_core.errors import Blip2Error, DownloadError, FrozenPartError

if TYPE_CHECKING:
    from blip2_core import Blip2

    from .lending import Gpu

log = logging.getLogger("demo")

LETTING_GO = 20.0  # seconds, at most, until an answer of the old model has ended
POLL = 0.2  # seconds
LENT_PRECISION = "bf16"  # on a lent GPU; bitsandbytes' precisions are not known to load while a GPU is feigned


class User(Protocol):
    """Somebody who works with the model."""

    def release(self) -> None:
        """End what is under way and let go of the model, for another one takes its place; any thread may call it."""


@dataclass(frozen=True)
class LoadState:
    """How far the model is.

    Args:
        step: what is being done, in a few words.
        fraction: how much of the step is done, 0-1; None where nobody knows.
        error: why there is no model, and none is on its way.
    """

    step: str = "reading the model's files"
    fraction: float | None = None
    error: Exception | None = None


class ModelLoader:
    """Loads one model in a thread of its own.

    Args:
        name: a built-in name, a folder or a hub id.
        precision: as for `blip2_core.load`.
        device: as for `blip2_core.load`.
        device_map: as for `blip2_core.load`.
        allow_pickle: as for `blip2_core.load`, of this model only, not of one that takes its place.
        gpu: `spaces.GPU` where a GPU is lent for each answer; then loading is done in the thread that starts it, which
            must be the main one, and no other model takes its place.

    Attributes:
        state: how far it is; replaced as a whole, so that any thread may read it.
        model: the model, None until it is there.
        switched: whether it is another model than the page began with.
        captions: whether it was tuned to write captions, and answers badly.
    """

    def __init__(
        self, name: str = "pocket", *, precision: str = "auto", device: str = "auto", device_map: str | None = None,
        allow_pickle: bool = False, gpu: "Gpu | None" = None,
    ) -> None:  # fmt: skip
        self.name, self.precision, self.device, self.device_map = name, precision, device, device_map
        self._gpu = gpu
        self._trusted = name if allow_pickle else None
        self.state = LoadState()
        self.model: Blip2 | None = None
        self.switched = self.captions = False
        self._users: weakref.WeakSet[User] = weakref.WeakSet()
        self._ended = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to load, also after a failure; nothing happens while it is loading or once it has loaded."""
        with self._starting:
            if self.model is None and not self.loading:
                self._begin(None)

    @property
    def forgets(self) -> bool:
        """Whether a picture is looked at anew for each answer, for its GPU is lent for one answer at a time."""
        return self._gpu is not None

    def run(self, task: Callable[..., Any], *arguments: Any) -> Any:
        """What a function makes of the model, which must be there, and some arguments, where the model runs."""
        assert self.model is not None
        return self.model.run(task, *arguments) if self.forgets else task(self.model, *arguments)

    @property
    def loading(self) -> bool:
        """Whether a model is on its way."""
        return self._thread is not None and self._thread.is_alive()

    def switch(self, name: str, precision: str) -> bool:
        """Load another model in place of this one; says whether that has begun: not while one is on its way.

        Args:
            name: as for `blip2_core.load`.
            precision: as for `blip2_core.load`.
        """
        with self._starting:
            if self.loading or self.forgets:
                return False
            leaving = None if self.model is None else weakref.ref(self.model)
            self.name, self.precision, self.model, self.switched = name, precision, None, True
            self.captions = False
            for user in list(self._users):
                user.release()
            self._begin(leaving)
        return True

    def serve(self, user: User) -> None:
        """Remember who works with the model, for as long as they live."""
        with self._starting:
            self._users.add(user)

    def _begin(self, leaving: "weakref.ref[Blip2] | None") -> None:
        self.state = LoadState()
        self._ended.clear()
        if self.forgets:
            return self._load(leaving)
        self._thread = threading.Thread(target=self._load, args=(leaving,), name="model loader", daemon=True)
        self._thread.start()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until loading has ended, well or badly; says whether it has."""
        return self._ended.wait(seconds)

    @property
    def title(self) -> str:
        """What the page calls it: of a folder its last name only, for the rest of the path is nobody's business."""
        return title_of(self.name)

    @property
    def may_retry(self) -> bool:
        """Whether loading failed in a way that can pass: no network, a full disk."""
        return isinstance(self.state.error, (DownloadError, FrozenPartError))

    def _load(self, leaving: "weakref.ref[Blip2] | None") -> None:
        try:
            from blip2_core import load
            from blip2_core.decoding import caption_notice

            if leaving is not None:
                _wait_until_gone(leaving)
            precision, device = (LENT_PRECISION, "cpu") if self.forgets else (self.precision, self.device)
            model = load(
                self.name, precision=precision, device=device, device_map=self.device_map,
                allow_pickle=self.name == self._trusted, progress=self._progress,
            )  # fmt: skip
            if self._gpu is not None:
                from .lending import lend

                model = lend(model, self._gpu)
            self.captions = caption_notice(model.model.config) is not None
            self.model = model
            del model  # whoever waits until it is gone counts every name
            self.state = LoadState("ready", 1.0)
        except Blip2Error as error:
            self.state = LoadState(error=error)
        except Exception as error:
            log.exception("The model %s could not be loaded.", self.name)
            self.state = LoadState(error=error)
        finally:
            self._ended.set()

    def _progress(self, done: int, total: int, what: str) -> None:
        """Told by `blip2_core.load` while it fetches frozen parts."""
        step = what[:1].lower() + what[1:]
        self.state = LoadState(step, done / total if total else None)


def title_of(name: str) -> str:
    """What the page calls a model."""
    folder = name not in BUILTIN_MODELS and os.path.isdir(name)
    return os.path.basename(os.path.abspath(name)) if folder else name


def _wait_until_gone(leaving: "weakref.ref[Blip2]") -> None:
    """Wait until nobody holds a model any more, and give its memory back."""
    from blip2_core.out_of_memory import give_back

    deadline = time.monotonic() + LETTING_GO
    while leaving() is not None and time.monotonic() < deadline:
        give_back()
        time.sleep(POLL)
    give_back()
