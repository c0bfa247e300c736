"""What the chain rule makes of each use of a number: ``gradient of the unit there * derivative of that unit``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from convscope.network.address import Address
from convscope.ops.uses import Uses
from convscope.ops.walk import Vector


@dataclass(frozen=True)
class GradientTerm:
    """What one use contributes to a gradient.

    Args:
        example: of the batch.
        unit: the unit in whose value the number was used.
        gradient: of the loss with respect to that unit.
        factor: the derivative of that unit with respect to the number.
        factor_at: the address of the value or the weight that the factor is; None if it is computed, or a zero of
            the padding.
        product: ``gradient * factor``.
    """

    example: int
    unit: Address
    gradient: float
    factor: float
    factor_at: Address | None
    product: float


@dataclass(frozen=True, eq=False)
class GradientTerms(Sequence[GradientTerm]):
    """The uses of one number by one node, as arrays of one row a term.

    Args:
        path: the node.
        operand: which of its inputs the number is of; None for a weight of its own.
        uses: where, and the derivatives.
        gradient_N: of the loss with respect to the unit of each use.
        source: the node whose value the factor is, where it is one.
    """

    path: str
    operand: int | None
    uses: Uses
    gradient_N: Vector
    source: str = ""

    @property
    def results(self) -> Vector:
        """What each use contributes."""
        found: Vector = self.gradient_N * self.uses.factor_N
        return found

    @property
    def value(self) -> float:
        """Their sum."""
        return float(self.results.sum())

    @property
    def scale(self) -> float:
        """The size of what is added up on the way."""
        factor_N = np.abs(self.uses.factor_N)
        size_N = factor_N if self.uses.size_N is None else np.maximum(factor_N, self.uses.size_N)
        return float((np.abs(self.gradient_N) * size_N).sum())

    def __len__(self) -> int:
        return len(self.uses)

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(len(self)))]
        uses = self.uses
        gradient, factor = float(self.gradient_N[at]), float(uses.factor_N[at])
        unit = Address(self.path, tuple(map(int, uses.index_NR[at])))
        return GradientTerm(int(uses.example_N[at]), unit, gradient, factor, self._factor_at(at), gradient * factor)

    def __iter__(self) -> Iterator[GradientTerm]:
        return (self[i] for i in range(len(self)))

    def largest_first(self, most: int | None = None) -> list[GradientTerm]:
        """The terms that move the gradient most."""
        return [self[int(i)] for i in np.argsort(-np.abs(self.results), kind="stable")[:most]]

    def _factor_at(self, at: int) -> Address | None:
        if self.uses.at_NS is None or (self.uses.at_NS[at] < 0).any():
            return None
        place = tuple(map(int, self.uses.at_NS[at]))
        return Address(self.path, place, "weight") if self.uses.kind == "weight" else Address(self.source, place)
