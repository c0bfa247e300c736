"""What an operation's arithmetic in NumPy is given and gives back, and the facets that hold it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from convscope.ops.registry import Facet
from convscope.ops.spec import Shape

Array = npt.NDArray[np.floating[Any]]
"""An array of real numbers; its precision is that of the input."""

Tensors = Mapping[str, Array]
"""Arrays by name."""


@dataclass(frozen=True)
class Operands:
    """What an operation reads: its operands ``(N, ...)``, parameters and buffers."""

    inputs: Sequence[Array]
    parameters: Tensors
    buffers: Tensors
    training: bool

    @property
    def x(self) -> Array:
        """The only input."""
        return self.inputs[0]

    @property
    def shapes(self) -> list[Shape]:
        """The inputs' shapes without the batch."""
        return [value.shape[1:] for value in self.inputs]


@dataclass(frozen=True, eq=False)
class Gradients:
    """What a small change of each operand does to the loss.

    Args:
        inputs: one an input, in its shape.
        parameters: one a parameter by name, in its shape, summed over the batch.
    """

    inputs: tuple[Array, ...]
    parameters: dict[str, Array]


def along_channels(vector: Array, rank: int) -> Array:
    """A value a channel, ``(C,)``, as ``(C, 1, ...)`` so that it meets ``(N, C, *spatial)`` channel by channel."""
    return vector.reshape(-1, *(1 for _ in range(rank)))


def scale_and_shift(x: Array, weight: Array | None, bias: Array | None) -> Array:
    """``x * weight + bias``, where they are given; both already in a shape that meets ``x``."""
    out = x if weight is None else x * weight
    return out if bias is None else out + bias


def each_channel(values: Array) -> Array:
    """The sum of each channel over examples and places, ``(C,)``."""
    out: Array = values.sum(axis=(0, *range(2, values.ndim)))
    return out


def gradient_of(inward: Array, **parameters: Array) -> Gradients:
    """The gradients of an operation with one input."""
    return Gradients((inward,), parameters)


def with_bias_gradient(bias: bool, inward: Array, of_weight: Array, gradient: Array) -> Gradients:
    """The gradients of an operation that multiplies by a weight and may add a bias a channel."""
    if not bias:
        return gradient_of(inward, weight=of_weight)
    return gradient_of(inward, weight=of_weight, bias=each_channel(gradient))


FORWARD: Facet[Callable[[Any, Operands], Array]] = Facet("forward pass in NumPy", "reference")
"""``(op, operands)`` to the output ``(N, *shape)``."""

BACKWARD: Facet[Callable[[Any, Operands, Array], Gradients]] = Facet("backward pass in NumPy", "reference")
"""``(op, operands, gradient of the output)`` to the gradients of the operands and parameters."""
