"""What every operation computes, in plain NumPy: the oracle that the torch module is measured against.

Written to be read and checked by hand, not to be fast. It never imports torch, so the two agree only if both are
right. Results keep the input's precision: float64 in, float64 out. The arithmetic of sliding windows is in
:mod:`convscope.reference.windows`, that of normalisation in
:mod:`convscope.reference.normalisation`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce, singledispatch

import numpy as np

from convscope import ops
from convscope.errors import UserError, did_you_mean
from convscope.network.graph import INPUT, Graph, Node
from convscope.ops import per_dimension
from convscope.reference.normalisation import (
    along_channels,
    batch_norm,
    group_norm,
    local_response_norm,
    scale_and_shift,
    standardise,
)
from convscope.reference.windows import Array, adaptive_pool, average_pool, convolve, im2col, max_pool, windows

__all__ = ["Array", "forward", "im2col", "run", "sigmoid", "softmax", "windows"]

Tensors = Mapping[str, Array]


@dataclass(frozen=True)
class Operands:
    """What an operation is given besides its arguments: the arguments of :func:`forward`."""

    inputs: Sequence[Array]
    parameters: Tensors
    buffers: Tensors
    training: bool

    @property
    def x(self) -> Array:
        """The only input, ``(N, C, *spatial)`` or ``(N, features)``."""
        return self.inputs[0]

    @property
    def shapes(self) -> list[ops.Shape]:
        """The inputs' shapes without the batch, as the operations take them."""
        return [value.shape[1:] for value in self.inputs]


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

    Example:
        >>> forward(ops.ReLU(), [np.array([[-1.0, 2.0]])], {}, {})
        array([[0., 2.]])
    """
    return _compute(op, Operands(inputs, parameters, buffers, training))


def supports(operation: type[ops.Op]) -> bool:
    """Whether the reference knows an operation; a test asks it for the whole vocabulary."""
    return _compute.dispatch(operation) is not _compute.dispatch(ops.Op)


@singledispatch
def _compute(op: ops.Op, given: Operands) -> Array:
    raise NotImplementedError(f"the reference has no {type(op).__name__}")


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


# Windows


@_compute.register
def _(op: ops.Conv, given: Operands) -> Array:
    window = op.window(given.shapes)
    return convolve(given.x, given.parameters["weight"], given.parameters.get("bias"), window, op.groups)


@_compute.register
def _(op: ops.MaxPool, given: Operands) -> Array:
    return max_pool(given.x, op.window(given.shapes), op.ceil_mode)


@_compute.register
def _(op: ops.AvgPool, given: Operands) -> Array:
    return average_pool(given.x, op.window(given.shapes), op.ceil_mode, op.count_include_pad)


@_compute.register
def _(op: ops.AdaptiveAvgPool, given: Operands) -> Array:
    return adaptive_pool(given.x, per_dimension("output_size", op.output_size, given.shapes[0]))


@_compute.register
def _(op: ops.AdaptiveMaxPool, given: Operands) -> Array:
    return adaptive_pool(given.x, per_dimension("output_size", op.output_size, given.shapes[0]), maximum=True)


@_compute.register
def _(op: ops.GlobalAvgPool, given: Operands) -> Array:
    out: Array = given.x.mean(axis=tuple(range(2, given.x.ndim)), keepdims=True)
    return out


@_compute.register
def _(op: ops.GlobalMaxPool, given: Operands) -> Array:
    out: Array = given.x.max(axis=tuple(range(2, given.x.ndim)), keepdims=True)
    return out


# Vectors and shapes


@_compute.register
def _(op: ops.Linear, given: Operands) -> Array:
    return scale_and_shift(given.x @ given.parameters["weight"].T, None, given.parameters.get("bias"))


@_compute.register
def _(op: ops.Flatten, given: Operands) -> Array:
    return given.x.reshape(given.x.shape[0], -1)


@_compute.register
def _(op: ops.Identity, given: Operands) -> Array:
    return given.x


@_compute.register
def _(op: ops.Dropout, given: Operands) -> Array:
    if given.training and op.p > 0:
        raise ValueError("dropout in training is random: the reference has no answer for it")
    return given.x


@_compute.register
def _(op: ops.PadChannels, given: Operands) -> Array:
    return np.pad(given.x, ((0, 0), (op.before, op.after), *[(0, 0)] * (given.x.ndim - 2)))


# Normalisations


@_compute.register
def _(op: ops.BatchNorm, given: Operands) -> Array:
    normal = batch_norm(given.x, given.buffers["running_mean"], given.buffers["running_var"], op.eps, given.training)
    return _affine(normal, given.parameters)


@_compute.register
def _(op: ops.LayerNorm, given: Operands) -> Array:
    if op.over == "all":
        normal = standardise(given.x, range(1, given.x.ndim), op.eps)
        return scale_and_shift(normal, given.parameters.get("weight"), given.parameters.get("bias"))
    return _affine(standardise(given.x, (1,), op.eps), given.parameters)


@_compute.register
def _(op: ops.GroupNorm, given: Operands) -> Array:
    return _affine(group_norm(given.x, op.num_groups, op.eps), given.parameters)


@_compute.register
def _(op: ops.LocalResponseNorm, given: Operands) -> Array:
    return local_response_norm(given.x, op.size, op.alpha, op.beta, op.k)


@_compute.register
def _(op: ops.Scale, given: Operands) -> Array:
    rank = given.x.ndim - 2
    bias = along_channels(given.parameters["bias"], rank) if op.bias else None
    return scale_and_shift(given.x, along_channels(given.parameters["weight"], rank), bias)


def _affine(normal: Array, parameters: Tensors) -> Array:
    """Scaled and shifted channel by channel, if the normalisation has weights at all."""
    if not parameters:
        return normal
    rank = normal.ndim - 2
    return scale_and_shift(normal, along_channels(parameters["weight"], rank), along_channels(parameters["bias"], rank))


# Activations


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


@_compute.register
def _(op: ops.ReLU, given: Operands) -> Array:
    return np.maximum(given.x, 0)


@_compute.register
def _(op: ops.ReLU6, given: Operands) -> Array:
    return np.clip(given.x, 0, 6)


@_compute.register
def _(op: ops.LeakyReLU, given: Operands) -> Array:
    return np.where(given.x > 0, given.x, op.negative_slope * given.x)


erf = np.vectorize(math.erf, otypes=[np.float64])
"""The error function, value by value: NumPy has none of its own."""


@_compute.register
def _(op: ops.GELU, given: Operands) -> Array:
    x = given.x
    if op.approximate == "tanh":
        share = 0.5 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    else:
        share = 0.5 * (1 + erf(x / math.sqrt(2)).astype(x.dtype))
    out: Array = x * share
    return out


@_compute.register
def _(op: ops.SiLU, given: Operands) -> Array:
    return given.x * sigmoid(given.x)


@_compute.register
def _(op: ops.Hardswish, given: Operands) -> Array:
    return given.x * np.clip(given.x + 3, 0, 6) / 6


@_compute.register
def _(op: ops.Hardsigmoid, given: Operands) -> Array:
    return np.clip(given.x + 3, 0, 6) / 6


@_compute.register
def _(op: ops.Tanh, given: Operands) -> Array:
    return np.tanh(given.x)


@_compute.register
def _(op: ops.Sigmoid, given: Operands) -> Array:
    return sigmoid(given.x)


@_compute.register
def _(op: ops.Softmax, given: Operands) -> Array:
    return softmax(given.x)


# Merges


@_compute.register
def _(op: ops.Add, given: Operands) -> Array:
    return reduce(np.add, given.inputs)


@_compute.register
def _(op: ops.Mul, given: Operands) -> Array:
    return reduce(np.multiply, given.inputs)


@_compute.register
def _(op: ops.Concat, given: Operands) -> Array:
    return np.concatenate(list(given.inputs), axis=1)
