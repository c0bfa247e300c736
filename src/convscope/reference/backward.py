"""The backward pass of every operation in plain NumPy: from the gradient of its output to those of its operands.

The chain rule as an oracle for autograd: it never imports torch, so the two agree only if both are right. Results
keep the input's precision. Sliding windows are in :mod:`convscope.reference.backward_windows`, normalisations in
:mod:`convscope.reference.backward_normalisation`, the slopes of activations in
:mod:`convscope.reference.backward_activation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch

import numpy as np

from convscope import ops
from convscope.reference.backward_activation import has_slope, slope
from convscope.reference.backward_normalisation import (
    batch_norm_backward,
    group_norm_backward,
    local_response_norm_backward,
    standardise_backward,
)
from convscope.reference.backward_windows import (
    adaptive_average_backward,
    adaptive_max_backward,
    average_pool_backward,
    convolve_backward,
    max_pool_backward,
)
from convscope.reference.forward import Operands, Tensors, forward, softmax
from convscope.reference.normalisation import along_channels
from convscope.reference.windows import Array


@dataclass(frozen=True, eq=False)
class Gradients:
    """What a small change of each operand does to the loss.

    Args:
        inputs: one an input, in its shape.
        parameters: one a parameter by name, in its shape, summed over the batch.
    """

    inputs: tuple[Array, ...]
    parameters: dict[str, Array]


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

    Example:
        >>> given = backward(ops.Linear(1), [np.array([[3.0, 4.0]])], {"weight": np.array([[1.0, 2.0]]),
        ...                  "bias": np.array([0.0])}, {}, np.array([[10.0]]))
        >>> given.inputs[0], given.parameters["weight"], given.parameters["bias"]
        (array([[10., 20.]]), array([[30., 40.]]), array([10.]))
    """
    return _backward(op, Operands(inputs, parameters, buffers, training), gradient)


def supports(operation: type[ops.Op]) -> bool:
    """Whether there is a backward pass of an operation; a test asks it for the whole vocabulary."""
    return has_slope(operation) or _backward.dispatch(operation) is not _backward.dispatch(ops.Op)


@singledispatch
def _backward(op: ops.Op, given: Operands, gradient: Array) -> Gradients:
    if has_slope(type(op)):
        return _one(gradient * slope(op, given.x))
    raise NotImplementedError(f"nothing goes back through {type(op).__name__}")


def _one(inward: Array, **parameters: Array) -> Gradients:
    """The gradients of an operation with one input."""
    return Gradients((inward,), parameters)


def _each_channel(values: Array) -> Array:
    """The sum of each channel over examples and places, ``(C,)``."""
    out: Array = values.sum(axis=(0, *range(2, values.ndim)))
    return out


# Windows


@_backward.register
def _(op: ops.Conv, given: Operands, gradient: Array) -> Gradients:
    inward, of_weight = convolve_backward(
        given.x, given.parameters["weight"], gradient, op.window(given.shapes), op.groups
    )
    return _with_bias(op.bias, inward, of_weight, gradient)


def _with_bias(bias: bool, inward: Array, of_weight: Array, gradient: Array) -> Gradients:
    if not bias:
        return _one(inward, weight=of_weight)
    return _one(inward, weight=of_weight, bias=_each_channel(gradient))


@_backward.register
def _(op: ops.MaxPool, given: Operands, gradient: Array) -> Gradients:
    return _one(max_pool_backward(given.x, gradient, op.window(given.shapes), op.ceil_mode))


@_backward.register
def _(op: ops.AvgPool, given: Operands, gradient: Array) -> Gradients:
    window = op.window(given.shapes)
    return _one(average_pool_backward(given.x, gradient, window, op.ceil_mode, op.count_include_pad))


@_backward.register(ops.AdaptiveAvgPool)
@_backward.register(ops.GlobalAvgPool)
def _(op: ops.AdaptiveAvgPool | ops.GlobalAvgPool, given: Operands, gradient: Array) -> Gradients:
    return _one(adaptive_average_backward(given.x, gradient))


@_backward.register(ops.AdaptiveMaxPool)
@_backward.register(ops.GlobalMaxPool)
def _(op: ops.AdaptiveMaxPool | ops.GlobalMaxPool, given: Operands, gradient: Array) -> Gradients:
    return _one(adaptive_max_backward(given.x, gradient))


# Vectors and shapes


@_backward.register
def _(op: ops.Linear, given: Operands, gradient: Array) -> Gradients:
    return _with_bias(op.bias, gradient @ given.parameters["weight"], gradient.T @ given.x, gradient)


@_backward.register
def _(op: ops.Flatten, given: Operands, gradient: Array) -> Gradients:
    return _one(gradient.reshape(given.x.shape))


@_backward.register
def _(op: ops.Identity, given: Operands, gradient: Array) -> Gradients:
    return _one(gradient)


@_backward.register
def _(op: ops.Dropout, given: Operands, gradient: Array) -> Gradients:
    if given.training and op.p > 0:
        raise ValueError("dropout in training is random: the reference has no gradient for it")
    return _one(gradient)


@_backward.register
def _(op: ops.PadChannels, given: Operands, gradient: Array) -> Gradients:
    return _one(gradient[:, op.before : op.before + given.x.shape[1]])


# Normalisations


def standardised(op: ops.Op, given: Operands) -> Array:
    """What a normalisation multiplies by its weight: its values at mean 0 and variance 1."""
    return forward(op, given.inputs, {}, given.buffers, given.training)


def _affine(op: ops.Op, given: Operands, gradient: Array) -> tuple[Array, dict[str, Array]]:
    """The gradient before the weight and the bias of a channel, and those of the two."""
    if "weight" not in given.parameters:
        return gradient, {}
    weight = along_channels(given.parameters["weight"], gradient.ndim - 2)
    normal = standardised(op, given)
    return gradient * weight, {"weight": _each_channel(gradient * normal), "bias": _each_channel(gradient)}


@_backward.register
def _(op: ops.BatchNorm, given: Operands, gradient: Array) -> Gradients:
    inner, parameters = _affine(op, given, gradient)
    inward = batch_norm_backward(given.x, inner, given.buffers["running_var"], op.eps, given.training)
    return _one(inward, **parameters)


@_backward.register
def _(op: ops.LayerNorm, given: Operands, gradient: Array) -> Gradients:
    if op.over == "channels":
        inner, parameters = _affine(op, given, gradient)
        return _one(standardise_backward(given.x, inner, (1,), op.eps), **parameters)
    parameters = {}
    if "weight" in given.parameters:
        parameters = {"weight": (gradient * standardised(op, given)).sum(0), "bias": gradient.sum(0)}
        gradient = gradient * given.parameters["weight"]
    return _one(standardise_backward(given.x, gradient, range(1, given.x.ndim), op.eps), **parameters)


@_backward.register
def _(op: ops.GroupNorm, given: Operands, gradient: Array) -> Gradients:
    inner, parameters = _affine(op, given, gradient)
    return _one(group_norm_backward(given.x, inner, op.num_groups, op.eps), **parameters)


@_backward.register
def _(op: ops.LocalResponseNorm, given: Operands, gradient: Array) -> Gradients:
    return _one(local_response_norm_backward(given.x, gradient, op.size, op.alpha, op.beta, op.k))


@_backward.register
def _(op: ops.Scale, given: Operands, gradient: Array) -> Gradients:
    weight = along_channels(given.parameters["weight"], gradient.ndim - 2)
    return _with_bias(op.bias, gradient * weight, _each_channel(gradient * given.x), gradient)


@_backward.register
def _(op: ops.Softmax, given: Operands, gradient: Array) -> Gradients:
    y = softmax(given.x)
    return _one(y * (gradient - (gradient * y).sum(axis=1, keepdims=True)))


# Merges


@_backward.register
def _(op: ops.Add, given: Operands, gradient: Array) -> Gradients:
    return Gradients((gradient,) * len(given.inputs), {})


@_backward.register
def _(op: ops.Mul, given: Operands, gradient: Array) -> Gradients:
    inward = []
    for place, value in enumerate(given.inputs):
        through = gradient
        for other in (*given.inputs[:place], *given.inputs[place + 1 :]):
            through = through * other
        # What was stretched over a dimension has a part in every place of it.
        stretched = tuple(a for a, (n, full) in enumerate(zip(value.shape, gradient.shape, strict=True)) if n < full)
        inward.append(through.sum(axis=stretched, keepdims=True) if stretched else through)
    return Gradients(tuple(inward), {})


@_backward.register
def _(op: ops.Concat, given: Operands, gradient: Array) -> Gradients:
    ends = np.cumsum([value.shape[1] for value in given.inputs])[:-1]
    return Gradients(tuple(np.split(gradient, ends, axis=1)), {})
