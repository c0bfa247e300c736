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


FORWARD: Facet[Callable[[Any, Operands], Array]] = Facet("forward pass in NumPy", "reference")
"""``(op, operands)`` to the output ``(N, *shape)``."""

BACKWARD: Facet[Callable[[Any, Operands, Array], Gradients]] = Facet("backward pass in NumPy", "reference")
"""``(op, operands, gradient of the output)`` to the gradients of the operands and parameters."""
