"""Shows on a terminal how far the fetching of frozen parts is: one bar for each thing that is done."""

from types import TracebackType
from typing import Any


class ProgressBar:
    """A bar on stderr, where stderr is a terminal; call it with (done bytes, total bytes, what)."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._what = ""

    def __enter__(self) -> "ProgressBar":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def __call__(self, done: int, total: int, what: str) -> None:
        """Show that `done` of `total` bytes are there."""
        from tqdm import tqdm

        if what != self._what:
            self._close()
            # disable=None: silent where stderr is no terminal
            self._bar = tqdm(desc=what, total=total, unit="B", unit_scale=True, disable=None)
            self._what = what
        self._bar.update(done - self._bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar, self._what = None, ""
