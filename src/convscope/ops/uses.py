"""Where a number is used in an operation: every unit of the output that it moves, and the derivative of that unit.

A weight is used at every place that its kernel takes and in every example; a unit by every unit that reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from convscope.ops.arrays import Array, Operands
from convscope.ops.opening import grid
from convscope.ops.registry import Facet
from convscope.ops.spec import Shape, Window
from convscope.ops.step import Step
from convscope.ops.terms import Indices, Terms, Vector
from convscope.ops.walk import Walk
from convscope.ops.windows import window_places

Index = tuple[int, ...]
Place = tuple[int, ...]
"""``(example, *index)``."""

Factor = Literal["value", "weight", "slope", "share", "winner", "standardised", "others", "mask", "copy"]
"""What a derivative is: a value that the weight met, a weight that the unit met, the slope of a function, the share
in a mean, 1 for the winner of a maximum and 0 for the others, a standardised value, the product of the other
branches, a dropout's mask, or 1 of what is passed on or added."""


@dataclass(frozen=True, eq=False)
class Uses:
    """All uses of one number in an operation, one row a use.

    Args:
        example_N: in which example of the batch.
        index_NR: which unit of the operation's output.
        factor_N: the derivative of that unit with respect to the number.
        kind: what the derivative is.
        at_NS: where the factor stands, if it is a value (in the first input; -1 for a zero of the padding) or a
            weight (in the node's weight); None if it is computed.
        size_N: the size of what is added up in the factor: an engine's rounding is measured by it.
    """

    example_N: Indices
    index_NR: Indices
    factor_N: Vector
    kind: Factor
    at_NS: Indices | None = None
    size_N: Vector | None = None

    def __len__(self) -> int:
        return len(self.factor_N)

    def walk(self, gradient_N: Vector, reader: int = 0, operation: str = "", name: str = "") -> Walk:
        """What these uses contribute to the number's gradient: of each the gradient there times the derivative.

        Args:
            gradient_N: of the loss with respect to the unit of each use.
            reader: the operation's number among those that use it, the terms' ``operand``.
            operation: as the notation writes it.
            name: of the part that this is of the whole gradient.

        Example:
            >>> uses = Uses(np.array([0, 0]), np.array([[0], [1]]), np.array([2.0, -1.0]), "weight")
            >>> opened = uses.walk(np.array([3.0, 1.0]))
            >>> opened.value, opened.terms.becomes.symbols()
            (5.0, 'gradient * weight')
        """
        source = None if self.at_NS is None else "weight" if self.kind == "weight" else 0
        terms = Terms.of(gradient_N, self.index_NR, reader).times(
            self.factor_N, self.at_NS, source, value="gradient", weight=self.kind
        )
        factor_N = np.abs(self.factor_N)
        size_N = factor_N if self.size_N is None else np.maximum(factor_N, self.size_N)
        scale = float((np.abs(gradient_N) * size_N).sum())
        terms = replace(terms, example_N=self.example_N)
        return Walk(operation, (), terms, "sum", float(terms.result_N.sum()), (), scale, name=name)


def single(example: int, index: Sequence[int], factor: float, kind: str, size: float = 0.0) -> Uses:
    """One use within one example."""
    return at_places(example, np.array([index], np.int64), np.array([factor]), kind, size_N=np.array([size]))


def at_places(
    example: int,
    index_NR: Indices,
    factor_N: Vector,
    kind: str,
    at_NS: Indices | None = None,
    size_N: Vector | None = None,
) -> Uses:
    """Uses within one example."""
    examples = np.full(len(factor_N), example, np.int64)
    return Uses(examples, index_NR, factor_N, kind, at_NS, size_N)  # type: ignore[arg-type]


def _over(at: int, window: Window, dimension: int, places: int) -> list[tuple[int, int]]:
    """The places whose window lies over row ``at``, each with the row of the kernel that meets it."""
    kernel, stride, dilation = window.kernel[dimension], window.stride[dimension], window.dilation[dimension]
    found = []
    for row in range(kernel):
        place, beside = divmod(at + window.padding[dimension][0] - dilation * row, stride)
        if not beside and 0 <= place < places:
            found.append((place, row))
    return found


def pairs(index: Index, window: Window, shape: Shape, ceil: bool = False) -> tuple[Indices, Indices]:
    """The places over a unit ``(N, rank)``, and the unit's places in the kernel there."""
    places = window_places(shape, window, ceil)
    sides = [_over(at, window, d, n) for d, (at, n) in enumerate(zip(index[1:], places, strict=True))]
    chosen = grid(*(range(len(side)) for side in sides))
    place = np.stack([np.array(side, np.int64).reshape(-1, 2)[chosen[:, d], 0] for d, side in enumerate(sides)], -1)
    kernel = np.stack([np.array(side, np.int64).reshape(-1, 2)[chosen[:, d], 1] for d, side in enumerate(sides)], -1)
    return place, kernel


def with_channel(channel: int, places_NR: Indices) -> Indices:
    """Places of one channel."""
    return np.column_stack([np.full(len(places_NR), channel, np.int64), places_NR])


def column_at(given: Operands, example: int, index: Index) -> Vector:
    """All channels at a unit's place, in float64."""
    moved: Array = np.moveaxis(given.x[example], 0, -1)
    found: Vector = moved[index[1:]].astype(np.float64)
    return found


def weight_at(given: Operands, place: int | Index) -> float:
    """A number of the weight; 1 where there is none."""
    return float(given.parameters["weight"][place]) if "weight" in given.parameters else 1.0


def everywhere(count: int, sides: list[list[int]]) -> tuple[Indices, Indices]:
    """The examples and the places of every example."""
    found = grid(range(count), *sides)
    return found[:, 0], found[:, 1:]


def own_places(index: Index, shape: Shape) -> list[list[int]]:
    """The places of an output that a number of its own moves: a channel's, or one of a tensor as large as it."""
    if len(index) == len(shape):
        return [[at] for at in index]
    return [[index[0]], *(list(range(n)) for n in shape[1:])]


def no_steps(op: Any, *_: Any) -> tuple[Step, ...]:
    """Of a derivative that is a weight, a value or 1: it stands somewhere and needs no steps."""
    return ()


USES: Facet[Callable[[Any, Operands, int, int, Index], Uses]] = Facet("readers of its input", "reference")
"""``(op, operands, operand, example, index)`` to the units that read one unit of an operand."""

WEIGHT_USES: Facet[Callable[[Any, Operands, Index], Uses]] = Facet("uses of its weight", "reference")
"""``(op, operands, index)`` to the units that a number of the parameter ``weight`` moves, in all examples."""

STEPS: Facet[Callable[[Any, Operands, int, Place, Place], tuple[Step, ...]]] = Facet("derivative steps", "reference")
"""``(op, operands, operand, read, reader)`` to how the derivative of a unit by one that it reads is computed."""

WEIGHT_STEPS: Facet[Callable[[Any, Operands, Place], tuple[Step, ...]]] = Facet("weight's steps", "reference")
"""``(op, operands, reader)`` to how the derivative of a unit by its weight is computed."""
