"""Work on several cores at once: many small pieces, each on one core, instead of one piece on all of them.

Where all cores share one operation they wait for each other at its end, some hundred times a training step, and spin
meanwhile. With another process on one of the cores each wait is for that core's slower half: the work falls to a
tenth. Pieces on cores of their own wait for nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import TypeVar

import torch

from convscope.cores import quota

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_cores: list[int] = []
"""How many there are, while torch is told to use one."""


def cores() -> int:
    """How many threads may compute at the same time.

    As many as torch has threads, which knows the process's affinity, ``OMP_NUM_THREADS`` and ``set_num_threads``;
    but not a container's quota, which bounds them here.
    """
    if _cores:
        return _cores[-1]
    allowed = torch.get_num_threads()
    return min(allowed, quota() or allowed)


@contextmanager
def one_thread_each() -> Iterator[int]:
    """Let each of torch's operations use one core, and give how many cores there are for threads that call them.

    The threads must be started inside: torch tells a new thread its number at its first call. One within another
    gives as many cores.
    """
    before = torch.get_num_threads()
    _cores.append(cores())
    torch.set_num_threads(1)
    try:
        yield _cores[-1]
    finally:
        _cores.pop()
        torch.set_num_threads(before)


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
    """Threads that stay, each of whose operations uses one core; those of its caller use as many as before.

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
            with one_thread_each():
                list(self._pool.map(lambda _: (all_there.wait(), torch.get_num_threads()), range(count)))

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def in_order(self, function: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
        """The results in the order of the items."""
        return map(function, items) if self._pool is None else self._pool.map(function, items)

    def together(self, function: Callable[[int], _Result]) -> list[_Result]:
        """The results for 0, 1, ... count - 1, all computed at the same time: the first by the caller itself."""
        others = [self._pool.submit(function, index) for index in range(1, self.count)] if self._pool else []
        return [function(0), *(other.result() for other in others)]
