"""Whether other programs keep training waiting for the processor, as the kernel counts it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

WINDOW = 2.0
"""Seconds between two looks."""
WAITED = 0.2
"""The share of its time that a thread that could compute waits for a core, from which it is said."""
SLOWER = 1.5
"""How much longer a step takes than it once did, from which it is said."""
LEAST_STEPS = 3
"""Of a stretch."""


def queued(threads: Path = Path("/proc/self/task")) -> tuple[float, float] | None:
    """Seconds in which this process's threads computed, and in which they could have but had no core.

    None where the kernel does not tell (Linux does, in ``schedstat``).
    """
    ran = waited = 0
    try:
        for thread in threads.iterdir():
            of_thread = (thread / "schedstat").read_text().split()
            ran, waited = ran + int(of_thread[0]), waited + int(of_thread[1])
    except (OSError, ValueError, IndexError):
        return None
    return ran / 1e9, waited / 1e9


@dataclass(frozen=True)
class Look:
    """What a stretch of a run was like.

    Args:
        waited: the share of the threads' time in which they had no core.
        slower: how many times as long a step took as it did when it was quickest.
    """

    waited: float
    slower: float

    @property
    def is_contended(self) -> bool:
        """Whether other programs, or a slower machine, show."""
        return self.waited >= WAITED or self.slower >= SLOWER


class Contention:
    """Watches a run.

    Args:
        read: seconds computed and waited so far, see :func:`queued`.
    """

    def __init__(self, read: Callable[[], tuple[float, float] | None] = queued) -> None:
        self._read = read
        self._least = math.inf
        self.begin()

    def begin(self) -> None:
        """Another stretch begins; what a step takes at best is kept."""
        self._before, self._begun = self._read(), time.monotonic()
        self._steps, self._seconds = 0, 0.0

    def forget(self) -> None:
        """Steps are computed in another way from now on: how long they took before is no measure."""
        self._least = math.inf
        self.begin()

    def took(self, seconds: float, window: float = WINDOW) -> Look | None:
        """A step was taken; what the stretch was like, where it is as long as the window.

        Args:
            seconds: it took, as if on pictures of whole size.
            window: seconds.
        """
        self._steps, self._seconds = self._steps + 1, self._seconds + seconds
        if self._steps < LEAST_STEPS or time.monotonic() - self._begun < window:
            return None
        mean, waited, after = self._seconds / self._steps, 0.0, self._read()
        if self._before is not None and after is not None:
            ran, waiting = (later - earlier for later, earlier in zip(after, self._before, strict=True))
            waited = waiting / max(1e-9, ran + waiting)
        self._least = min(self._least, mean)
        self.begin()
        return Look(round(waited, 3), round(mean / self._least, 2))
