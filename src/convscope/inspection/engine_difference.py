"""A number worked out by the reference beside the engine's own: what every opened number has."""

from __future__ import annotations

from typing import Protocol


class Worked(Protocol):
    """What the reference opened: a unit's walk or a gradient's."""

    @property
    def value(self) -> float:
        """In float64 from the engine's operands."""

    def tolerance(self, eps: float) -> float:
        """How far an engine of this precision may be off by rounding alone."""


class EngineDifference:
    """What has the reference's ``walk``, the ``engine``'s number and the engine's precision ``eps``."""

    walk: Worked
    engine: float
    eps: float

    @property
    def value(self) -> float:
        """The reference's number."""
        return self.walk.value

    @property
    def difference(self) -> float:
        """The engine's number less the reference's."""
        return self.engine - self.walk.value

    @property
    def agrees(self) -> bool:
        """Whether rounding alone explains the difference; if not, convscope is wrong somewhere."""
        return abs(self.difference) <= self.walk.tolerance(self.eps)
