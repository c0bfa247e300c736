"""Where a weight was used: every unit of the output that a trained number moves, and the value that it met there."""

from __future__ import annotations

from functools import singledispatch

import numpy as np

from convscope import ops
from convscope.ops import Shape
from convscope.ops.opening import grid
from convscope.ops.uses import Uses
from convscope.ops.walk import Indices
from convscope.reference.backward_normalisation import by_the_batch
from convscope.reference.forward import Operands
from convscope.reference.normalisation import along_channels
from convscope.reference.windows import Array

Index = tuple[int, ...]


def uses_of_weight(op: ops.Op, given: Operands, name: str, index: Index) -> Uses:
    """The units of an operation's output that one of its weights or biases moves, in all examples.

    Args:
        op: the operation.
        given: its operands, with the batch, in any precision.
        name: ``"weight"`` or ``"bias"``.
        index: the number's place in that tensor.

    Returns:
        A row a use; the factor is the value that the weight met (0 in the padding), or 1 for a bias.

    Example:
        >>> given = Operands([np.array([[[1.0, 2.0, 3.0]]])], {"weight": np.ones((1, 1, 2))}, {}, False)
        >>> uses = uses_of_weight(ops.Conv(1, 2, bias=False), given, "weight", (0, 0, 1))
        >>> uses.index_NR.tolist(), uses.factor_N, uses.at_NS.tolist()
        ([[0, 0], [0, 1]], array([2., 3.]), [[0, 1], [0, 2]])
    """
    if name not in given.parameters:
        raise KeyError(f"{op.word} has no {name}")
    return _bias(op, given, index) if name == "bias" else _weight(op, given, index)


def supports(operation: type[ops.Op]) -> bool:
    """Whether the uses of an operation's weights are known; a test asks it for all that have some."""
    return _weight.dispatch(operation) is not _weight.dispatch(ops.Op)


def _everywhere(count: int, sides: list[list[int]]) -> tuple[Indices, Indices]:
    """The examples and the places of every example."""
    found = grid(range(count), *sides)
    return found[:, 0], found[:, 1:]


def _own_places(index: Index, shape: Shape) -> list[list[int]]:
    """The places of an output that a number of its own moves: a channel's, or one of a tensor as large as it."""
    if len(index) == len(shape):
        return [[at] for at in index]
    return [[index[0]], *(list(range(n)) for n in shape[1:])]


def _bias(op: ops.Op, given: Operands, index: Index) -> Uses:
    example_N, index_NR = _everywhere(len(given.x), _own_places(index, op.shape(given.shapes)))
    return Uses(example_N, index_NR, np.ones(len(index_NR)), "copy")


@singledispatch
def _weight(op: ops.Op, given: Operands, index: Index) -> Uses:
    raise NotImplementedError(f"nothing is known of the weights of {type(op).__name__}")


@_weight.register
def _(op: ops.Conv, given: Operands, index: Index) -> Uses:
    window, shape = op.window(given.shapes), given.shapes[0]
    filter_, channel, *kernel = index
    channel += filter_ // (op.out_channels // op.groups) * (shape[0] // op.groups)
    places = [list(range(n)) for n in op.shape(given.shapes)[1:]]
    example_N, index_NR = _everywhere(len(given.x), [[filter_], *places])
    starts = np.array([before for before, _ in window.padding])
    under = index_NR[:, 1:] * np.array(window.stride) - starts + np.array(window.dilation) * np.array(kernel)
    inside = ((under >= 0) & (under < np.array(shape[1:]))).all(1)
    at_NS = np.column_stack([np.full(len(under), channel), under])
    factor = np.zeros(len(under))
    factor[inside] = given.x[(example_N[inside], *at_NS[inside].T)]
    at_NS[~inside] = -1
    return Uses(example_N, index_NR, factor, "value", at_NS)


@_weight.register
def _(op: ops.Linear, given: Operands, index: Index) -> Uses:
    example_N, index_NR = _everywhere(len(given.x), [[index[0]]])
    at_NS = np.full((len(example_N), 1), index[1], np.int64)
    return Uses(example_N, index_NR, given.x[:, index[1]].astype(np.float64), "value", at_NS)


@_weight.register
def _(op: ops.Scale, given: Operands, index: Index) -> Uses:
    example_N, index_NR = _everywhere(len(given.x), _own_places(index, given.shapes[0]))
    factor = given.x[(example_N, *index_NR.T)].astype(np.float64)
    return Uses(example_N, index_NR, factor, "value", index_NR)


@_weight.register(ops.BatchNorm)
@_weight.register(ops.LayerNorm)
@_weight.register(ops.GroupNorm)
def _(op: ops.BatchNorm | ops.LayerNorm | ops.GroupNorm, given: Operands, index: Index) -> Uses:
    example_N, index_NR = _everywhere(len(given.x), _own_places(index, given.shapes[0]))
    at = (example_N, *index_NR.T)
    mean, deviation = statistics(op, given)
    x = given.x.astype(np.float64)
    mean_N, deviation_N = (np.broadcast_to(values, x.shape)[at] for values in (mean, deviation))
    x_N = x[at]
    # An engine subtracts what it rounded: a standardised value near 0 may be one of two large numbers.
    size_N = (np.abs(x_N) + np.abs(mean_N)) / deviation_N
    return Uses(example_N, index_NR, (x_N - mean_N) / deviation_N, "standardised", index_NR, size_N)


def statistics(op: ops.BatchNorm | ops.LayerNorm | ops.GroupNorm, given: Operands) -> tuple[Array, Array]:
    """A normalisation's mean and deviation ``sqrt(variance + eps)``, in float64, in shapes that meet its input.

    Example:
        >>> statistics(ops.LayerNorm(eps=3.0), Operands([np.array([[1.0, 3.0]])], {}, {}, False))
        (array([[2.]]), array([[2.]]))
    """
    x = given.x
    if isinstance(op, ops.BatchNorm) and not by_the_batch(x, given.training):
        mean, variance = (given.buffers[name].astype(np.float64) for name in ("running_mean", "running_var"))
        rank = x.ndim - 2
        return along_channels(mean, rank), np.sqrt(along_channels(variance, rank) + op.eps)
    if isinstance(op, ops.GroupNorm):
        grouped = x.reshape(len(x), op.num_groups, -1)
        size = x.shape[1] // op.num_groups
        both = (grouped.mean(2, dtype=np.float64), grouped.var(2, dtype=np.float64))
        mean, variance = (np.repeat(v, size, axis=1).reshape(len(x), -1, *[1] * (x.ndim - 2)) for v in both)
    else:
        over_channels = isinstance(op, ops.LayerNorm) and op.over == "channels"
        first = 0 if isinstance(op, ops.BatchNorm) else 1
        axes = (1,) if over_channels else tuple(a for a in range(first, x.ndim) if first or a != 1)
        mean, variance = (f(axis=axes, keepdims=True, dtype=np.float64) for f in (x.mean, x.var))
    return mean, np.sqrt(variance + op.eps)
