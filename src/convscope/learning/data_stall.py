"""How long steps wait for their pictures: what it costs to read, vary and move a batch before computing with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

DATA_BOUND = 0.2
"""The fraction of a step from which its waiting is said."""


@dataclass(frozen=True)
class DataStall:
    """Of a step's milliseconds, those in which nothing was computed because its pictures were not there yet.

    Example:
        >>> DataStall(3.1, 9.8).words
        'data-bound: 3.1 ms waiting of 9.8'
        >>> DataStall(0.4, 9.8).words
        ''
    """

    waiting_ms: float
    step_ms: float

    @property
    def fraction(self) -> float:
        """Waiting, of the whole step."""
        return self.waiting_ms / self.step_ms if self.step_ms else 0.0

    @property
    def is_bound(self) -> bool:
        """Whether reading and varying pictures is what the run should do faster."""
        return self.fraction > DATA_BOUND

    @property
    def words(self) -> str:
        """What to say of it: nothing where it is not worth saying."""
        return f"data-bound: {self.waiting_ms:.1f} ms waiting of {self.step_ms:.1f}" if self.is_bound else ""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {**asdict(self), "data_bound": self.is_bound}


def data_stall_of(history: Sequence[Mapping[str, Any]]) -> DataStall:
    """The mean step of a run, from its epochs as :class:`~convscope.learning.events.EpochEnded` has them.

    Example:
        >>> slow = {"step": 10, "waiting": 0.5, "step_seconds": 0.01}
        >>> quick = {"step": 20, "waiting": 0.0, "step_seconds": 0.03}
        >>> data_stall_of([slow, quick]).is_bound, data_stall_of([slow]).words
        (False, 'data-bound: 5.0 ms waiting of 10.0')
        >>> data_stall_of([]).is_bound
        False
    """
    taken = before = 0
    waiting = seconds = 0.0
    for epoch in history:
        steps = epoch["step"] - before
        before = epoch["step"]
        taken += steps
        seconds += steps * epoch.get("step_seconds", 0.0)
        waiting += steps * epoch.get("step_seconds", 0.0) * epoch.get("waiting", 0.0)
    return DataStall(1000 * waiting / max(1, taken), 1000 * seconds / max(1, taken))
