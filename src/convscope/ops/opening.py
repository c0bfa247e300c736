"""What the opening of a unit is put together from: its operands, values at places, combined and brought on by steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.ops.registry import Facet
from convscope.ops.spec import Op, Shape, Window
from convscope.ops.step import Step, make_step
from convscope.ops.terms import Arrays, Indices, Terms, Vector
from convscope.ops.walk import Combine, Walk


@dataclass(frozen=True)
class UnitOperands:
    """What the opening of a unit is given besides the operation."""

    inputs: Sequence[NDArray[Any]]
    parameters: Arrays
    buffers: Arrays
    index: tuple[int, ...]

    @property
    def x(self) -> NDArray[Any]:
        """The only input."""
        return self.inputs[0]

    @property
    def shapes(self) -> list[Shape]:
        """The inputs' shapes."""
        return [value.shape for value in self.inputs]

    @property
    def own(self) -> float:
        """The value at the unit's own place, of an operation that keeps the shape."""
        return float(self.x[self.index])

    def at_channel(self, name: str) -> float:
        """A parameter's or buffer's number for the unit's channel."""
        tensor = self.parameters[name] if name in self.parameters else self.buffers[name]
        return float(tensor[self.index[0]])


def read(given: UnitOperands, operand: int, index_NR: Indices) -> Vector:
    """The values at some places of an operand in float64; 0 where the place is padding (-1)."""
    inside = (index_NR >= 0).all(1)
    found = np.zeros(len(index_NR))
    found[inside] = given.inputs[operand][tuple(index_NR[inside].T)].astype(np.float64)
    return found


def terms_at(given: UnitOperands, index_NR: Indices, operand: int = 0) -> Terms:
    """The values of one operand at some places, each its own result; see the methods of :class:`Terms` for others.

    Args:
        given: what the opening is given.
        index_NR: the places; a row with a -1 in it is a zero of the padding.
        operand: which of the inputs.
    """
    values = read(given, operand, index_NR)
    index_NR = np.where((index_NR < 0).any(1, keepdims=True), -1, index_NR)
    return Terms.of(values, index_NR, operand)


def own_term(given: UnitOperands, index: tuple[int, ...] | None = None) -> Terms:
    """The one value at the unit's own place."""
    return terms_at(given, np.array([given.index if index is None else index]))


def finish(
    op: Op,
    given: UnitOperands,
    terms: Terms,
    combine: Combine,
    steps: Sequence[Step] = (),
    scale: float | None = None,
    parts: Sequence[Walk] = (),
    name: str = "",
) -> Walk:
    """The walk of a unit.

    Args:
        op: the operation.
        given: what the opening is given.
        terms: what the unit reads.
        combine: how their results become one number.
        steps: from there to the value.
        scale: as in :class:`Walk`; None: the size of the terms themselves.
        parts: numbers that the steps put in, opened themselves; each an operand of a step by its name.
        name: of a part.
    """
    combined = put_together(terms, combine)
    size = float(np.abs(terms.result_N).sum()) if combine == "sum" else abs(combined)
    return Walk(
        op.text(),
        given.index,
        terms,
        combine,
        combined,
        tuple(steps),
        size if scale is None else scale,
        tuple(parts),
        name=name,
    )


def put_together(terms: Terms, combine: Combine) -> float:
    """The sum, product, maximum or only value of the terms."""
    if combine == "sum":
        return float(terms.result_N.sum())
    if combine == "product":
        return float(terms.result_N.prod())
    return float(terms.result_N.max()) if combine == "max" else float(terms.result_N[0])


def under(window: Window, place: tuple[int, ...], shape: Shape) -> list[list[int]]:
    """The rows, columns ... of the input under the window at a place; -1 for one in the padding."""
    found = []
    for at, length, kernel, stride, dilation, (before, _) in zip(
        place, shape[1:], window.kernel, window.stride, window.dilation, window.padding, strict=True
    ):
        rows = (at * stride - before + dilation * k for k in range(kernel))
        found.append([row if 0 <= row < length else -1 for row in rows])
    return found


def grid(*sides: Sequence[int]) -> Indices:
    """Every combination of some coordinates, the last running fastest, ``(N, sides)``.

    Example:
        >>> grid([0], [3, 4]).tolist()
        [[0, 3], [0, 4]]
    """
    crossed = np.empty((*map(len, sides), len(sides)), np.int64)
    for dimension, side in enumerate(sides):
        crossed[..., dimension] = np.asarray(side, np.int64).reshape(-1, *[1] * (len(sides) - 1 - dimension))
    return crossed.reshape(-1, len(sides))


def with_bias(op: Op, given: UnitOperands, terms: Terms) -> Walk:
    """The sum of the terms, and the channel's bias where there is one."""
    done = finish(op, given, terms, "sum")
    if "bias" not in given.parameters:
        return done
    bias = given.at_channel("bias")
    step = make_step("with bias", "{0} + {1}", done.combined + bias, sum=done.combined, bias=bias)
    return finish(op, given, terms, "sum", [step], done.scale + abs(bias))


def mean_of(op: Op, given: UnitOperands, terms: Terms, divisor: int | None = None) -> Walk:
    """The sum of the terms over their number, or over another that is given."""
    total, count = float(terms.result_N.sum()), len(terms) if divisor is None else divisor
    named = {"count": count} if divisor is None else {"divisor": count}
    step = make_step("mean", "{0} / {1}", total / count, sum=total, **named)
    return finish(op, given, terms, "sum", [step], float(np.abs(terms.result_N).sum()) / count)


OPEN: Facet[Callable[[Any, UnitOperands], Walk]] = Facet("opening of a unit", "reference")
"""``(op, given)`` to the arithmetic of one unit of the output, in evaluation mode."""
