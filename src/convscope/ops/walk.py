"""One unit's arithmetic, opened: every value it reads and where from, every weight, every product, every step.

All numbers are float64, computed from the operands as they are given. An operation's opening makes the value with
:mod:`convscope.ops.opening`; whatever shows a number reads it. It needs numpy, so that the operations' own
specifications do not import it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convscope.ops.spec import Op
from convscope.ops.step import Step

Combine = Literal["sum", "product", "max", "value"]
"""How terms become one number: added, multiplied, the largest of them, or the only one."""

Vector = NDArray[np.float64]
Indices = NDArray[np.int64]
Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Term:
    """One value that a unit reads.

    Args:
        operand: which of the node's inputs it is of, from 0.
        index: its place there, ``(C, *spatial)`` or ``(features,)``; None for a zero of the padding.
        value: what stands there.
        weight: what it is multiplied by; None where nothing is.
        weight_index: the weight's place in the node's weight.
        result: what of it goes into the sum, the product or the maximum: ``value * weight``, or the value, its
            square (local response norm) or its exponential (softmax).
    """

    operand: int
    index: tuple[int, ...] | None
    value: float
    weight: float | None
    weight_index: tuple[int, ...] | None
    result: float


@dataclass(frozen=True, eq=False)
class Terms(Sequence[Term]):
    """All terms of a unit as arrays of one row a term: a unit of a large network has thousands.

    Args:
        operand_N: which of the node's inputs.
        index_NR: places there; a row of -1 is a zero of the padding.
        value_N, result_N: see :class:`Term`.
        weight_N, weight_index_NR: None where nothing is multiplied by a weight.
    """

    operand_N: Indices
    index_NR: Indices
    value_N: Vector
    result_N: Vector
    weight_N: Vector | None = None
    weight_index_NR: Indices | None = None

    def __len__(self) -> int:
        return len(self.value_N)

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(len(self)))]
        place = self.index_NR[at]
        weighted = self.weight_N is not None and self.weight_index_NR is not None
        return Term(
            operand=int(self.operand_N[at]),
            index=None if (place < 0).any() else tuple(map(int, place)),
            value=float(self.value_N[at]),
            weight=float(self.weight_N[at]) if weighted else None,  # type: ignore[index]
            weight_index=tuple(map(int, self.weight_index_NR[at])) if weighted else None,  # type: ignore[index]
            result=float(self.result_N[at]),
        )

    def __iter__(self) -> Iterator[Term]:
        return (self[i] for i in range(len(self)))

    def largest_first(self, most: int | None = None) -> list[Term]:
        """The terms that move the result most, by the size of what they add; the padding's zeros last."""
        order = np.argsort(-np.abs(self.result_N), kind="stable")[:most]
        return [self[int(i)] for i in order]


@dataclass(frozen=True, eq=False)
class Walk:
    """One unit's arithmetic.

    Args:
        op: the operation.
        index: the unit's place in the output, ``(C, *spatial)`` or ``(features,)``.
        terms: what it reads.
        combine: how they become :attr:`combined`.
        combined: their sum, product, maximum or only value.
        steps: from there to the value; none where that is it.
        scale: the size of what is added up on the way: rounding is measured by it, not by a result that may be
            near zero because large terms cancel.
    """

    op: Op
    index: tuple[int, ...]
    terms: Terms
    combine: Combine
    combined: float
    steps: tuple[Step, ...]
    scale: float

    @property
    def value(self) -> float:
        """The unit's value, in float64 from the operands as they were given."""
        return self.steps[-1].value if self.steps else self.combined

    @property
    def winner(self) -> int | None:
        """Of a maximum: the term that won, the first of equals."""
        return int(np.argmax(self.terms.result_N)) if self.combine == "max" else None

    def tolerance(self, eps: float = 2.0**-23) -> float:
        """How far an engine may be off by rounding alone.

        Args:
            eps: the engine's precision: ``2**-23`` for float32, ``2**-8`` for bfloat16, ``2**-52`` for float64.
        """
        return 8 * eps * max(self.scale, abs(self.value))
