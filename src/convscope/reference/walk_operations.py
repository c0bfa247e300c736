"""How each operation is opened into terms and steps: :func:`walk`, one case an operation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope import ops
from convscope.ops import per_dimension
from convscope.ops.opening import (
    Given,
    finish,
    grid,
    make_step,
    mean_of,
    own_term,
    terms_at,
    under,
    with_bias,
)
from convscope.ops.walk import Arrays, Indices, Step, Terms, Walk
from convscope.reference.windows import adaptive_windows


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

    Example:
        >>> picture = np.array([[[1.0, 2, 3], [0, 1, 5], [1, 0, 2]]])
        >>> kernel = np.array([[[[1.0, 0, 1], [0, 1, 0], [1, 0, 1]]]])
        >>> unit = walk(ops.Conv(1, 3, bias=False), [picture], {"weight": kernel}, {}, (0, 0, 0))
        >>> " + ".join(f"{t.value:g}*{t.weight:g}" for t in unit.terms), unit.value
        ('1*1 + 2*0 + 3*1 + 0*0 + 1*1 + 5*0 + 1*1 + 0*0 + 2*1', 8.0)
    """
    shape = op.shape([value.shape for value in inputs])
    if len(index) != len(shape) or not all(0 <= place < n for place, n in zip(index, shape, strict=True)):
        raise IndexError(f"{index} is not in an output of {ops.spell_shape(shape)}")
    return _walk(op, Given(inputs, parameters, buffers, index))


def supports(operation: type[ops.Op]) -> bool:
    """Whether an operation can be opened; a test asks it for the whole vocabulary."""
    return _walk.dispatch(operation) is not _walk.dispatch(ops.Op)


@singledispatch
def _walk(op: ops.Op, given: Given) -> Walk:
    raise NotImplementedError(f"nothing opens {type(op).__name__}")


# Windows


@_walk.register
def _(op: ops.Conv, given: Given) -> Walk:
    window, weight = op.window(given.shapes), given.parameters["weight"]
    filter_ = given.index[0]
    share = weight.shape[1]  # the channels of this filter's group
    first = filter_ // (op.out_channels // op.groups) * share
    index_NR = grid(range(first, first + share), *under(window, given.index[1:], given.x.shape))
    weights = weight[filter_].reshape(-1).astype(np.float64)
    places = grid([filter_], *(range(n) for n in weight.shape[1:]))
    return with_bias(op, given, terms_at(given, index_NR).times(weights, places, "weight"))


@_walk.register
def _(op: ops.MaxPool, given: Given) -> Walk:
    rows = under(op.window(given.shapes), given.index[1:], given.x.shape)
    inside = [[row for row in side if row >= 0] for side in rows]  # the padding never wins
    return finish(op, given, terms_at(given, grid([given.index[0]], *inside)), "max")


@_walk.register
def _(op: ops.AvgPool, given: Given) -> Walk:
    window, sides = op.window(given.shapes), []
    for at, length, kernel, stride, (before, after) in zip(
        given.index[1:], given.x.shape[1:], window.kernel, window.stride, window.padding, strict=True
    ):
        start = at * stride - before
        # What a window of ceil_mode covers beyond the padding counts as nothing at all.
        covered = range(start, min(start + kernel, length + after))
        marked = [row if 0 <= row < length else -1 for row in covered]
        sides.append(marked if op.count_include_pad else [row for row in marked if row >= 0])
    return mean_of(op, given, terms_at(given, grid([given.index[0]], *sides)))


def _box(op: ops.AdaptiveAvgPool | ops.AdaptiveMaxPool, given: Given) -> Terms:
    size = per_dimension("output_size", op.output_size, given.shapes[0])
    bands = [adaptive_windows(n, k)[at] for n, k, at in zip(given.x.shape[1:], size, given.index[1:], strict=True)]
    return terms_at(given, grid([given.index[0]], *(range(band.start, band.stop) for band in bands)))


@_walk.register
def _(op: ops.AdaptiveAvgPool, given: Given) -> Walk:
    return mean_of(op, given, _box(op, given))


@_walk.register
def _(op: ops.AdaptiveMaxPool, given: Given) -> Walk:
    return finish(op, given, _box(op, given), "max")


def _channel(given: Given) -> Terms:
    return terms_at(given, grid([given.index[0]], *(range(n) for n in given.x.shape[1:])))


@_walk.register
def _(op: ops.GlobalAvgPool, given: Given) -> Walk:
    return mean_of(op, given, _channel(given))


@_walk.register
def _(op: ops.GlobalMaxPool, given: Given) -> Walk:
    return finish(op, given, _channel(given), "max")


# Vectors and shapes


@_walk.register
def _(op: ops.Linear, given: Given) -> Walk:
    weights = given.parameters["weight"][given.index[0]].astype(np.float64)
    places = np.column_stack([np.full(len(weights), given.index[0]), np.arange(len(weights))])
    terms = terms_at(given, np.arange(len(weights))[:, None]).times(weights, places, "weight")
    return with_bias(op, given, terms)


@_walk.register
def _(op: ops.Flatten, given: Given) -> Walk:
    place = np.unravel_index(given.index[0], given.x.shape)
    return finish(op, given, own_term(given, tuple(map(int, place))), "value")


@_walk.register(ops.Identity)
@_walk.register(ops.Dropout)
def _(op: ops.Op, given: Given) -> Walk:
    return finish(op, given, own_term(given), "value")


@_walk.register
def _(op: ops.PadChannels, given: Given) -> Walk:
    channel = given.index[0] - op.before
    inside = 0 <= channel < given.x.shape[0]
    place = (channel, *given.index[1:]) if inside else (-1,) * given.x.ndim
    return finish(op, given, own_term(given, place), "value")


# Normalisations


def _affine(given: Given, normal: float, index: tuple[int, ...]) -> list[Step]:
    if "weight" not in given.parameters:
        return []
    weight, bias = (float(given.parameters[name][index]) for name in ("weight", "bias"))
    shifted = normal * weight + bias
    return [make_step("scaled and shifted", "{0} * {1} + {2}", shifted, standardised=normal, weight=weight, bias=bias)]


def _standardised(x: float, mean: float, variance: float, eps: float) -> Step:
    normal = (x - mean) / math.sqrt(variance + eps)
    form = "({0} - {1}) / sqrt({2} + {3})"
    return make_step("standardised", form, normal, x=x, mean=mean, variance=variance, eps=eps)


def _size(steps: Sequence[Step], largest: float, deviation: float) -> float:
    """How large what is added up becomes: the largest operand, standardised and scaled, and the bias."""
    last = {operand.name: abs(operand.value) for operand in steps[-1].operands}
    return largest / deviation * last.get("weight", 1.0) + last.get("bias", 0.0)


@_walk.register
def _(op: ops.BatchNorm, given: Given) -> Walk:
    terms = own_term(given)
    mean, variance = given.at_channel("running_mean"), given.at_channel("running_var")
    x = float(terms.value_N[0])
    first = _standardised(x, mean, variance, op.eps)
    steps = [first, *_affine(given, first.value, given.index[:1])]
    scale = _size(steps, abs(x) + abs(mean), math.sqrt(variance + op.eps))
    return finish(op, given, terms, "value", steps, scale)


def _normalised(op: ops.LayerNorm | ops.GroupNorm, given: Given, index_NR: Indices, at: tuple[int, ...]) -> Walk:
    """The unit standardised by the mean and variance of the values at some places."""
    terms = terms_at(given, index_NR)
    count, total = len(terms), float(terms.value_N.sum())
    mean = total / count
    squares = float(np.square(terms.value_N - mean).sum())
    x = float(given.x[given.index])
    steps = [
        make_step("mean", "{0} / {1}", mean, sum=total, count=count),
        make_step("variance", "{0} / {1}", squares / count, sum_of_squared_differences=squares, count=count),
        _standardised(x, mean, squares / count, op.eps),
    ]
    steps += _affine(given, steps[-1].value, at)
    scale = _size(steps, 2 * float(np.abs(terms.value_N).max()), math.sqrt(squares / count + op.eps))
    return finish(op, given, terms, "sum", steps, scale)


@_walk.register
def _(op: ops.LayerNorm, given: Given) -> Walk:
    if op.over == "all":
        return _normalised(op, given, grid(*map(range, given.x.shape)), given.index)
    return _normalised(op, given, grid(range(given.x.shape[0]), *([at] for at in given.index[1:])), given.index[:1])


@_walk.register
def _(op: ops.GroupNorm, given: Given) -> Walk:
    share = given.x.shape[0] // op.num_groups
    first = given.index[0] // share * share
    places = grid(range(first, first + share), *map(range, given.x.shape[1:]))
    return _normalised(op, given, places, given.index[:1])


@_walk.register
def _(op: ops.LocalResponseNorm, given: Given) -> Walk:
    channel, channels = given.index[0], given.x.shape[0]
    neighbours = range(max(0, channel - op.size // 2), min(channels, channel + (op.size - 1) // 2 + 1))
    places = grid(neighbours, *([at] for at in given.index[1:]))
    terms = terms_at(given, places).squared()
    total, x = float(terms.result_N.sum()), float(given.x[given.index])
    divisor = (op.k + op.alpha / op.size * total) ** op.beta
    form = "({0} + {1} / {2} * {3}) ** {4}"
    operands = {"k": op.k, "alpha": op.alpha, "size": op.size, "sum_of_squares": total, "beta": op.beta}
    steps = [
        make_step("divisor", form, divisor, **operands),
        make_step("value", "{0} / {1}", x / divisor, x=x, divisor=divisor),
    ]
    return finish(op, given, terms, "sum", steps, abs(x / divisor) * (1 + op.beta))


@_walk.register
def _(op: ops.Scale, given: Given) -> Walk:
    weight, place = np.array([given.at_channel("weight")]), np.array([given.index[:1]])
    return with_bias(op, given, own_term(given).times(weight, place, "weight"))


# Activations


def _pointwise(op: ops.Op, given: Given, *steps: Step) -> Walk:
    """A function of the one value ``x``."""
    terms = own_term(given)
    return finish(op, given, terms, "value", steps, max(abs(float(terms.value_N[0])), abs(steps[-1].value)))


@_walk.register
def _(op: ops.ReLU, given: Given) -> Walk:
    x = given.own
    return _pointwise(op, given, make_step("value", "max(0, {0})", max(0.0, x), x=x))


@_walk.register
def _(op: ops.ReLU6, given: Given) -> Walk:
    x = given.own
    return _pointwise(op, given, make_step("value", "min(max(0, {0}), 6)", min(max(0.0, x), 6.0), x=x))


@_walk.register
def _(op: ops.LeakyReLU, given: Given) -> Walk:
    x, slope = given.own, op.negative_slope
    if x > 0:
        return _pointwise(op, given, make_step("value", "{0}", x, x=x))
    return _pointwise(op, given, make_step("value", "{0} * {1}", slope * x, negative_slope=slope, x=x))


@_walk.register
def _(op: ops.GELU, given: Given) -> Walk:
    x = given.own
    if op.approximate == "tanh":
        form, inner = "(1 + tanh(0.7978845608 * ({0} + 0.044715 * {0} ** 3))) / 2", x + 0.044715 * x**3
        share = (1 + math.tanh(math.sqrt(2 / math.pi) * inner)) / 2
    else:
        form, share = "(1 + erf({0} / sqrt(2))) / 2", (1 + math.erf(x / math.sqrt(2))) / 2
    first = make_step("share below", form, share, x=x)
    return _pointwise(op, given, first, make_step("value", "{0} * {1}", x * share, x=x, share_below=share))


def _sigmoid(x: float, name: str) -> Step:
    """In the form that does not overflow."""
    if x >= 0:
        return make_step(name, "1 / (1 + exp(-{0}))", 1 / (1 + math.exp(-x)), x=x)
    return make_step(name, "exp({0}) / (1 + exp({0}))", math.exp(x) / (1 + math.exp(x)), x=x)


@_walk.register
def _(op: ops.Sigmoid, given: Given) -> Walk:
    return _pointwise(op, given, _sigmoid(given.own, "value"))


@_walk.register
def _(op: ops.SiLU, given: Given) -> Walk:
    x, first = given.own, _sigmoid(given.own, "sigmoid")
    return _pointwise(op, given, first, make_step("value", "{0} * {1}", x * first.value, x=x, sigmoid=first.value))


def _hard(x: float, name: str) -> Step:
    return make_step(name, "min(max({0} + 3, 0), 6) / 6", min(max(x + 3, 0.0), 6.0) / 6, x=x)


@_walk.register
def _(op: ops.Hardsigmoid, given: Given) -> Walk:
    return _pointwise(op, given, _hard(given.own, "value"))


@_walk.register
def _(op: ops.Hardswish, given: Given) -> Walk:
    x, first = given.own, _hard(given.own, "hardsigmoid")
    return _pointwise(op, given, first, make_step("value", "{0} * {1}", x * first.value, x=x, hardsigmoid=first.value))


@_walk.register
def _(op: ops.Tanh, given: Given) -> Walk:
    return _pointwise(op, given, make_step("value", "tanh({0})", math.tanh(given.own), x=given.own))


@_walk.register
def _(op: ops.Softmax, given: Given) -> Walk:
    places = grid(range(given.x.shape[0]), *([at] for at in given.index[1:]))
    values = terms_at(given, places)
    largest, x = float(values.value_N.max()), float(given.x[given.index])
    terms = values.exponentials(largest)
    own, total = math.exp(x - largest), float(terms.result_N.sum())
    steps = [
        make_step("exponential", "exp({0} - {1})", own, x=x, largest=largest),
        make_step("value", "{0} / {1}", own / total, exponential=own, sum=total),
    ]
    # A rounded operand moves an exponential by as much as its own size.
    spread = 1 + float(np.abs(terms.value_N).max()) + abs(x)
    return finish(op, given, terms, "sum", steps, own / total * spread)


# Merges


def _branches(given: Given) -> Terms:
    """Each operand's value at the unit's place, or at 0 where a dimension of 1 is stretched."""
    places = [[0 if n == 1 else at for at, n in zip(given.index, value.shape, strict=True)] for value in given.inputs]
    values = np.array([float(value[tuple(p)]) for value, p in zip(given.inputs, places, strict=True)])
    return Terms.of(values, np.array(places, np.int64), np.arange(len(values)))


@_walk.register
def _(op: ops.Add, given: Given) -> Walk:
    return finish(op, given, _branches(given), "sum")


@_walk.register
def _(op: ops.Mul, given: Given) -> Walk:
    return finish(op, given, _branches(given), "product")


@_walk.register
def _(op: ops.Concat, given: Given) -> Walk:
    channel = given.index[0]
    for operand, value in enumerate(given.inputs):
        if channel < value.shape[0]:
            place = np.array([(channel, *given.index[1:])])
            return finish(op, given, terms_at(given, place, operand=operand), "value")
        channel -= value.shape[0]
    raise AssertionError("the place was checked")
