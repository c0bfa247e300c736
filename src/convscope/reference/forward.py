"""A graph in plain NumPy: the oracle that the torch module is measured against.

What each operation computes stands in its room, :mod:`convscope.ops`; it never imports torch, so the two agree only if
both are right. Results keep the input's precision: float64 in, float64 out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from convscope import ops
from convscope.errors import UserError, did_you_mean
from convscope.network.graph import INPUT, Graph, Node
from convscope.ops.arrays import FORWARD, Array, Operands, Tensors


def forward(
    op: ops.Op, inputs: Sequence[Array], parameters: Tensors, buffers: Tensors, training: bool = False
) -> Array:
    """One operation's output.

    Args:
        op: the operation; its class decides which arithmetic is meant.
        inputs: ``(N, C, *spatial)`` or ``(N, features)`` each; several for a merge.
        parameters: the trained tensors by name, in the shapes of ``op.parameters``.
        buffers: the tensors kept but not trained, in the shapes of ``op.buffers``; they are read, never changed.
        training: batch normalisation by the batch's own statistics. Dropout is then refused: a random answer is
            no reference.

    Returns:
        ``(N, *op.shape(...))``, in the input's precision.

    Raises:
        UserError: the operation does not take inputs of these shapes, such as one without channels.

    Example:
        >>> forward(ops.ReLU(), [np.array([[-1.0, 2.0]])], {}, {})
        array([[0., 2.]])
    """
    return FORWARD.of(type(op))(op, operands(op, inputs, parameters, buffers, training))


def operands(
    op: ops.Op, inputs: Sequence[Array], parameters: Tensors, buffers: Tensors, training: bool = False
) -> Operands:
    """What an operation is given, its shapes checked.

    Raises:
        UserError: the operation does not take inputs of these shapes.
    """
    shape_of(op, [value.shape[1:] for value in inputs])
    return Operands(inputs, parameters, buffers, training)


def shape_of(op: ops.Op, shapes: Sequence[ops.Shape]) -> ops.Shape:
    """An operation's output shape for someone who called it.

    Raises:
        UserError: it does not take inputs of these shapes.

    Example:
        >>> shape_of(ops.ReLU(), [(0, 3, 3)])
        Traceback (most recent call last):
        convscope.errors.UserError: relu: an input of 0x3x3
          expected: channels first, then what there is of rows and columns, each at least 1
    """
    try:
        return op.shape(shapes)
    except ops.Misfit as misfit:
        raise UserError(op.word, misfit.got, misfit.expected, misfit.hint) from None


def run(graph: Graph, state: Tensors, image_N_shape: Array) -> dict[str, Array]:
    """Every node's output, in evaluation mode.

    Args:
        graph: the network.
        state: its tensors as ``path.weight``, ``path.bias``, ``path.running_mean``, ``path.running_var``; cast to
            the image's precision.
        image_N_shape: a batch, ``(N, *graph.input)``, of real numbers.

    Returns:
        Outputs by path, in order of evaluation.

    Raises:
        UserError: the batch or a tensor of ``state`` is missing or of the wrong shape.

    Example:
        >>> relu = Node("relu1", ops.ReLU(), ("input",), ((2,),), (2,))
        >>> run(Graph((2,), (relu,)), {}, np.array([[-1.0, 2.0]]))
        {'relu1': array([[0., 2.]])}
    """
    if image_N_shape.shape[1:] != graph.input:
        got = ops.spell_shape(image_N_shape.shape[1:])
        raise UserError("input", f"examples of shape {got}", ops.spell_shape(graph.input))
    values: dict[str, Array] = {INPUT: image_N_shape}
    for node in graph.nodes:
        parameters = tensors_of(node, node.parameters, state, image_N_shape.dtype)
        buffers = tensors_of(node, node.buffers, state, image_N_shape.dtype)
        values[node.path] = forward(node.op, [values[path] for path in node.inputs], parameters, buffers)
    del values[INPUT]
    return values


def tensors_of(node: Node, shapes: Mapping[str, ops.Shape], state: Tensors, dtype: np.dtype) -> dict[str, Array]:
    """A node's tensors by their short names, in the given precision.

    Raises:
        UserError: one of ``state`` is missing or of the wrong shape.
    """
    found = {}
    for name, shape in shapes.items():
        key = f"{node.path}.{name}"
        if key not in state:
            raise UserError(node.path, f"no tensor {key!r}", ops.spell_shape(shape), did_you_mean(key, state))
        value = np.asarray(state[key], dtype=dtype)
        if value.shape != shape:
            raise UserError(node.path, f"{key} of shape {ops.spell_shape(value.shape)}", ops.spell_shape(shape))
        found[name] = value
    return found
