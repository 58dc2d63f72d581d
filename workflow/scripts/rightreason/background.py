"""Reading ahead and writing behind, so that a device does not wait for files.

Unpacking and packing images takes longer than a GPU takes to judge them. Both let go of Python's
lock, so threads suffice. However many cases there are, a few are in memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


def read_ahead(keys: Iterable[K], read: Callable[[K], V], threads: int) -> Iterator[tuple[K, V]]:
    """Give each key and what is read for it, in order, while the next ones are being read.

    Parameters
    ----------
    keys : iterable
        What to read.
    read : callable
        Reads one. What it raises is raised when its turn comes.
    threads : int
        How many are read at once; as many are held beside the one that is worked on.
    """
    with _threads(threads) as pool:
        waiting: deque[tuple[K, Future[V]]] = deque()
        for key in keys:
            waiting.append((key, pool.submit(read, key)))
            if len(waiting) > threads:
                yield _first(waiting)
        while waiting:
            yield _first(waiting)


def _first(waiting: deque[tuple[K, Future[V]]]) -> tuple[K, V]:
    key, future = waiting.popleft()
    return key, future.result()


class Writer:
    """Does what it is given while its user goes on; one batch at a time.

    Made by `write_behind`.
    """

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._running: list[Future[None]] = []

    def start(self, batch: Iterable[Callable[[], None]]) -> None:
        """Wait until the batch before is done, then start this one.

        Raises
        ------
        Exception
            What the batch before raised.
        """
        self.wait()
        self._running = [self._pool.submit(task) for task in batch]

    def wait(self) -> None:
        """Wait until all is done; raise what it raised."""
        running, self._running = self._running, []
        for future in running:
            future.result()


@contextmanager
def write_behind(threads: int) -> Iterator[Writer]:
    """Lend a writer with that many threads; when it is given back, all is written or raised."""
    with _threads(threads) as pool:
        writer = Writer(pool)
        yield writer
        writer.wait()


@contextmanager
def _threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Lend threads; after an error, what has not begun is left."""
    pool = ThreadPoolExecutor(count)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
