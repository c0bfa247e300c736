"""The slopes of the activations in plain NumPy: how much the result moves when its one value moves.

At a kink the slope is torch's: 0 at both ends of where a rectifier is flat, the small one of a leaky ReLU at 0.
"""

from __future__ import annotations

import math
from functools import singledispatch

import numpy as np

from convscope import ops
from convscope.reference.forward import erf, sigmoid
from convscope.reference.windows import Array


@singledispatch
def slope(op: ops.Op, x: Array) -> Array:
    """The derivative of an activation at ``x``, of any shape.

    Raises:
        NotImplementedError: the operation is no function of one value.

    Example:
        >>> slope(ops.Sigmoid(), np.array([0.0, 100.0])).round(12), slope(ops.ReLU(), np.array([-1.0, 0.0, 2.0]))
        (array([0.25, 0.  ]), array([0., 0., 1.]))
    """
    raise NotImplementedError(f"{type(op).__name__} is no function of one value")


def has_slope(operation: type[ops.Op]) -> bool:
    """Whether an operation is a function of each value alone."""
    return slope.dispatch(operation) is not slope.dispatch(ops.Op)


def largest_slope(op: ops.Op) -> float:
    """The largest slope of an activation (of GELU, SiLU and Hardswish rounded down to 1, which they exceed a little).

    Example:
        >>> largest_slope(ops.Sigmoid()), largest_slope(ops.Tanh())
        (0.25, 1.0)
    """
    return {ops.Sigmoid: 0.25, ops.Hardsigmoid: 1 / 6}.get(type(op), 1.0)


def _where(inside: np.ndarray, x: Array, value: float = 1.0) -> Array:
    return np.where(inside, np.asarray(value, x.dtype), np.asarray(0, x.dtype))


@slope.register
def _(op: ops.ReLU, x: Array) -> Array:
    return _where(x > 0, x)


@slope.register
def _(op: ops.ReLU6, x: Array) -> Array:
    return _where((x > 0) & (x < 6), x)


@slope.register
def _(op: ops.LeakyReLU, x: Array) -> Array:
    return np.where(x > 0, np.asarray(1, x.dtype), np.asarray(op.negative_slope, x.dtype))


@slope.register
def _(op: ops.Sigmoid, x: Array) -> Array:
    out: Array = sigmoid(x) * sigmoid(-x)  # 1 - sigmoid(x), without its rounding where x is large
    return out


@slope.register
def _(op: ops.Tanh, x: Array) -> Array:
    out: Array = 1 - np.square(np.tanh(x))
    return out


@slope.register
def _(op: ops.SiLU, x: Array) -> Array:
    share = sigmoid(x)
    out: Array = share * (1 + x * (1 - share))
    return out


@slope.register
def _(op: ops.GELU, x: Array) -> Array:
    if op.approximate == "tanh":
        c = math.sqrt(2 / math.pi)
        inner = np.tanh(c * (x + 0.044715 * x**3))
        out: Array = 0.5 * (1 + inner) + 0.5 * x * (1 - np.square(inner)) * c * (1 + 3 * 0.044715 * np.square(x))
        return out
    density = np.exp(-np.square(x) / 2) / math.sqrt(2 * math.pi)
    exact: Array = 0.5 * (1 + erf(x / math.sqrt(2)).astype(x.dtype)) + x * density
    return exact


@slope.register
def _(op: ops.Hardswish, x: Array) -> Array:
    between = np.where(x < 3, x / 3 + np.asarray(0.5, x.dtype), np.asarray(1, x.dtype))
    return np.where(x <= -3, np.asarray(0, x.dtype), between)


@slope.register
def _(op: ops.Hardsigmoid, x: Array) -> Array:
    return _where((x > -3) & (x < 3), x, 1 / 6)
