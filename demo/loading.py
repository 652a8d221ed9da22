"""Loads the model behind the page, so that the page is there at once and can tell how far the model is."""

import logging
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from blip2_core.builtin import BUILTIN_MODELS
from blip2_core.errors import Blip2Error, FrozenPartError

if TYPE_CHECKING:
    from blip2_core import Blip2

log = logging.getLogger("demo")


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

    Attributes:
        state: how far it is; replaced as a whole, so that any thread may read it.
        model: the model, None until it is there.
    """

    def __init__(self, name: str = "pocket", *, precision: str = "auto", device: str = "auto") -> None:
        self.name, self.precision, self.device = name, precision, device
        self.state = LoadState()
        self.model: Blip2 | None = None
        self._ended = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to load, also after a failure; nothing happens while it is loading or once it has loaded."""
        with self._starting:
            if self.model is not None or (self._thread and self._thread.is_alive()):
                return
            self.state = LoadState()
            self._ended.clear()
            self._thread = threading.Thread(target=self._load, name="model loader", daemon=True)
            self._thread.start()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until loading has ended, well or badly; says whether it has."""
        return self._ended.wait(seconds)

    @property
    def title(self) -> str:
        """What the page calls it: of a folder its last name only, for the rest of the path is nobody's business."""
        folder = self.name not in BUILTIN_MODELS and os.path.isdir(self.name)
        return os.path.basename(os.path.abspath(self.name)) if folder else self.name

    @property
    def may_retry(self) -> bool:
        """Whether loading failed in a way that can pass: no network, a full disk."""
        return isinstance(self.state.error, FrozenPartError)

    def _load(self) -> None:
        try:
            from blip2_core import load

            self.model = load(self.name, precision=self.precision, device=self.device, progress=self._progress)
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
