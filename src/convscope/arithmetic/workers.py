"""Work on several cores at once: many small pieces, each on one core, instead of one piece on all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@contextmanager
def one_thread_each() -> Iterator[int]:
    """Let each of torch's operations use one core, and give how many cores there are for threads that call them.

    The threads must be started inside: torch tells a new thread the number at its first operation.
    """
    cores = torch.get_num_threads()
    if cores == 1:
        yield 1
        return
    torch.set_num_threads(1)
    try:
        yield cores
    finally:
        torch.set_num_threads(cores)


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
