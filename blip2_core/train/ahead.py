"""Work done ahead in other threads, while the caller is busy with what came before."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")


def in_advance(work: Callable[[S], T], items: Iterable[S], *, ahead: int = 1, threads: int = 1) -> Generator[T]:
    """What `work` makes of each item, in their order; closing the iterator drops what was made ahead.

    Args:
        work: runs in another thread; with one thread, on one item after the other.
        items: what it is given.
        ahead: so many results at most wait to be taken.
        threads: that work at once.
    """
    waiting = iter(items)
    with ThreadPoolExecutor(threads) as pool:
        begun: deque[Future[T]] = deque(pool.submit(work, item) for item in islice(waiting, ahead + 1))
        try:
            while begun:
                result = begun.popleft().result()
                begun.extend(pool.submit(work, item) for item in islice(waiting, 1))
                yield result
        finally:
            for future in begun:
                future.cancel()
