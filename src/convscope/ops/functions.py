"""Functions of NumPy arrays that NumPy has not, or not without overflow."""

from __future__ import annotations

import math

import numpy as np

from convscope.ops.arrays import Array


def sigmoid(x: Array) -> Array:
    """``1 / (1 + e^-x)``, without overflow: only e to a negative power is ever taken.

    Example:
        >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
        array([0. , 0.5, 1. ])
    """
    small = np.exp(-np.abs(x))
    out: Array = np.where(x >= 0, 1 / (1 + small), small / (1 + small))
    return out


def softmax(x: Array, axis: int = 1) -> Array:
    """``e^x`` over the sum of all ``e^x``; subtracting the largest x first changes nothing but the overflow.

    Example:
        >>> softmax(np.array([[1000.0, 1000.0]]))
        array([[0.5, 0.5]])
    """
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    out: Array = powers / powers.sum(axis=axis, keepdims=True)
    return out


def log_softmax(x: Array, axis: int = 1) -> Array:
    """The logarithm of :func:`softmax`, without the overflow and underflow of one after the other.

    Example:
        >>> log_softmax(np.array([[0.0, -1000.0]]))
        array([[    0., -1000.]])
    """
    moved = x - x.max(axis=axis, keepdims=True)
    out: Array = moved - np.log(np.exp(moved).sum(axis=axis, keepdims=True))
    return out


erf = np.vectorize(math.erf, otypes=[np.float64])
"""The error function, value by value: NumPy has none of its own."""
