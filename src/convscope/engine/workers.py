"""Work on several cores at once: many small pieces, each on one core, instead of one piece on all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import TypeVar

import torch

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@contextmanager
def _threads_each(workers: int) -> Iterator[None]:
    """Share the cores among threads that are started inside: torch tells a new thread its number at its first call."""
    cores = torch.get_num_threads()
    if workers == 1 or cores == 1:
        yield
        return
    torch.set_num_threads(max(1, cores // workers))
    try:
        yield
    finally:
        torch.set_num_threads(cores)


@contextmanager
def one_thread_each() -> Iterator[int]:
    """Let each of torch's operations use one core, and give how many cores there are for threads that call them.

    The threads must be started inside.
    """
    cores = torch.get_num_threads()
    with _threads_each(cores):
        yield cores


def in_order(function: Callable[[_Item], _Result], items: Iterable[_Item], cores: int) -> Iterator[_Result]:
    """The results in the order of the items, computed by as many threads as there are cores.

    With one core nothing is started, and one item is worked on at a time.

    Example:
        >>> list(in_order(abs, [-3, 2, -1], cores=2))
        [3, 2, 1]
    """
    if cores == 1:
        yield from map(function, items)
        return
    pool = ThreadPoolExecutor(cores)
    try:
        yield from pool.map(function, items)
    finally:
        pool.shutdown(cancel_futures=True)


class Workers:
    """Threads that share the cores and stay: what an operation once set up in a thread is there at its next.

    Args:
        count: of threads; with one nothing is started, and its caller does the work.

    Example:
        >>> with Workers(2) as workers:
        ...     list(workers.in_order(abs, [-3, 2, -1]))
        [3, 2, 1]
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool = ThreadPoolExecutor(count) if count > 1 else None
        if self._pool is not None:
            all_there = Barrier(count)
            with _threads_each(count):
                list(self._pool.map(lambda _: (all_there.wait(), torch.get_num_threads()), range(count)))

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def in_order(self, function: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
        """The results in the order of the items."""
        return map(function, items) if self._pool is None else self._pool.map(function, items)
