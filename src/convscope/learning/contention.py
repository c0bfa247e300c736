"""Whether other programs keep training waiting for the processor: as the kernel counts it, and by its own speed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

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
        waited: the share of the threads' time in which they had no core; None where the kernel does not tell.
        slower: how many times as long a step took as it did when it was quickest.
    """

    waited: float | None
    slower: float

    @property
    def is_shared(self) -> bool:
        """Whether other programs use the cores; where the kernel does not tell, a slower machine is taken for that."""
        return self.slower >= SLOWER if self.waited is None else self.waited >= WAITED

    @property
    def is_slow(self) -> bool:
        """Whether it is worth saying."""
        return self.is_shared or self.slower >= SLOWER


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

    def took(self, seconds: float, window: float) -> Look | None:
        """A step was taken; what the stretch was like, where it is as long as the window.

        Args:
            seconds: it took, as if on pictures of whole size.
            window: seconds.
        """
        self._steps, self._seconds = self._steps + 1, self._seconds + seconds
        if self._steps < LEAST_STEPS or time.monotonic() - self._begun < window:
            return None
        mean, waited, after = self._seconds / self._steps, None, self._read()
        if self._before is not None and after is not None:
            ran, waiting = (later - earlier for later, earlier in zip(after, self._before, strict=True))
            waited = round(waiting / max(1e-9, ran + waiting), 3)
        self._least = min(self._least, mean)
        self.begin()
        return Look(waited, round(mean / self._least, 2))
