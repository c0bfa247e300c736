"""Whether other programs keep training waiting for the processor, as the kernel counts it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from convscope.learning.events import Slowed

WINDOW = 2.0
"""Seconds between two looks."""
WAITED = 0.2
"""The share of its time that a thread that could compute waits for a core, from which it is said."""
SLOWER = 1.5
"""How much longer a step takes than it once did, from which it is said."""


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


class Contention:
    """Watches a run and says once that it is slowed down.

    Args:
        read: seconds computed and waited so far, see :func:`queued`.
    """

    def __init__(self, read: Callable[[], tuple[float, float] | None] = queued) -> None:
        self._read = read
        self._said = False
        self._before = read()
        self._looked = time.monotonic()
        self._steps, self._seconds = 0, 0.0
        self._least = float("inf")

    def took(self, step: int, seconds: float) -> Slowed | None:
        """A step was taken; what there is to say of the time since the last look, if anything.

        Args:
            step: its number.
            seconds: it took, as if on pictures of whole size.
        """
        self._steps, self._seconds = self._steps + 1, self._seconds + seconds
        now = time.monotonic()
        if self._said or now - self._looked < WINDOW:
            return None
        mean, after = self._seconds / self._steps, self._read()
        waited = 0.0
        if self._before is not None and after is not None:
            ran, waiting = (later - earlier for later, earlier in zip(after, self._before, strict=True))
            waited = waiting / max(1e-9, ran + waiting)
        self._least = min(self._least, mean)
        slower = mean / self._least
        self._before, self._looked, self._steps, self._seconds = after, now, 0, 0.0
        if waited < WAITED and slower < SLOWER:
            return None
        self._said = True
        return Slowed(step, round(waited, 3), round(slower, 2))
