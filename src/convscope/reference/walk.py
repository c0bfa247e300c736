"""One unit's arithmetic, opened: see :mod:`convscope.ops.walk` for the value, each operation's room for how."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from convscope import ops
from convscope.ops.opening import OPEN, UnitOperands
from convscope.ops.terms import Arrays
from convscope.ops.walk import Walk
from convscope.reference.forward import shape_of


def walk(
    op: ops.Op, inputs: Sequence[NDArray[Any]], parameters: Arrays, buffers: Arrays, index: tuple[int, ...]
) -> Walk:
    """Open one unit of an operation's output, in evaluation mode.

    Args:
        op: the operation.
        inputs: its operands without the batch: ``(C, *spatial)`` or ``(features,)`` each, in any precision.
        parameters: the trained tensors by name, in the shapes of ``op.parameters``.
        buffers: the kept ones.
        index: the unit's place in the output.

    Returns:
        its terms and steps; the value is the reference's to float64 rounding.

    Raises:
        IndexError: the output has no such place.
        UserError: the operation does not take inputs of these shapes.

    Example:
        >>> import numpy as np
        >>> picture = np.array([[[1.0, 2, 3], [0, 1, 5], [1, 0, 2]]])
        >>> kernel = np.array([[[[1.0, 0, 1], [0, 1, 0], [1, 0, 1]]]])
        >>> unit = walk(ops.Conv(1, 3, bias=False), [picture], {"weight": kernel}, {}, (0, 0, 0))
        >>> " + ".join(f"{t.value:g}*{t.weight:g}" for t in unit.terms), unit.value
        ('1*1 + 2*0 + 3*1 + 0*0 + 1*1 + 5*0 + 1*1 + 0*0 + 2*1', 8.0)
    """
    shape = shape_of(op, [value.shape for value in inputs])
    if len(index) != len(shape) or not all(0 <= place < n for place, n in zip(index, shape, strict=True)):
        raise IndexError(f"{index} is not in an output of {ops.spell_shape(shape)}")
    return OPEN.of(type(op))(op, UnitOperands(inputs, parameters, buffers, index))
