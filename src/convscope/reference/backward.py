"""The backward pass of one operation in plain NumPy: from the gradient of its output to those of its operands.

The chain rule as an oracle for autograd: what each operation does stands in its room, :mod:`convscope.ops`.
"""

from __future__ import annotations

from collections.abc import Sequence

from convscope import ops
from convscope.ops.arrays import BACKWARD, Array, Gradients, Tensors
from convscope.reference.forward import operands


def backward(
    op: ops.Op,
    inputs: Sequence[Array],
    parameters: Tensors,
    buffers: Tensors,
    gradient: Array,
    training: bool = False,
) -> Gradients:
    """The vector-Jacobian product of one operation: the chain rule's step through it.

    Ties of a maximum go to the first of the largest, and a kink has torch's slope.

    Args:
        op: the operation.
        inputs: as in :func:`convscope.reference.forward.forward`: ``(N, C, *spatial)`` or ``(N, features)``.
        parameters: the trained tensors by name.
        buffers: the kept ones; they are read, never changed.
        gradient: of the loss with respect to the output, in its shape.
        training: batch normalisation by the batch's own statistics, through which the gradient flows too. Dropout
            is then refused: its mask is random.

    Returns:
        The gradients of the inputs and the parameters.

    Raises:
        ValueError: dropout in training.
        UserError: the operation does not take inputs of these shapes.

    Example:
        >>> import numpy as np
        >>> given = backward(ops.Linear(1), [np.array([[3.0, 4.0]])], {"weight": np.array([[1.0, 2.0]]),
        ...                  "bias": np.array([0.0])}, {}, np.array([[10.0]]))
        >>> given.inputs[0], given.parameters["weight"], given.parameters["bias"]
        (array([[10., 20.]]), array([[30., 40.]]), array([10.]))
    """
    return BACKWARD.of(type(op))(op, operands(op, inputs, parameters, buffers, training), gradient)
