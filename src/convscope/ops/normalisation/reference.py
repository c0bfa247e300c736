"""Normalisations in NumPy: forward, backward, one unit opened, its gradient opened."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from convscope.ops.arrays import (
    BACKWARD,
    FORWARD,
    Array,
    Gradients,
    Operands,
    Tensors,
    along_channels,
    each_channel,
    gradient_of,
    scale_and_shift,
    with_bias_gradient,
)
from convscope.ops.normalisation.arithmetic import (
    batch_norm,
    batch_norm_backward,
    by_the_batch,
    group_norm,
    group_norm_backward,
    local_response_norm,
    local_response_norm_backward,
    response_divisor,
    standardise,
    standardise_backward,
)
from convscope.ops.normalisation.spec import BatchNorm, GroupNorm, LayerNorm, LocalResponseNorm, Scale
from convscope.ops.opening import OPEN, UnitOperands, finish, grid, own_term, terms_at, with_bias
from convscope.ops.spec import Op, elements
from convscope.ops.step import Step, make_step
from convscope.ops.terms import Indices, Vector
from convscope.ops.uses import (
    STEPS,
    USES,
    WEIGHT_STEPS,
    WEIGHT_USES,
    Index,
    Place,
    Uses,
    at_places,
    column_at,
    everywhere,
    no_steps,
    own_places,
    single,
    weight_at,
    with_channel,
)
from convscope.ops.walk import Walk


def _scaled(normal: Array, parameters: Tensors) -> Array:
    """Scaled and shifted channel by channel, if the normalisation has weights at all."""
    if not parameters:
        return normal
    rank = normal.ndim - 2
    return scale_and_shift(normal, along_channels(parameters["weight"], rank), along_channels(parameters["bias"], rank))


@FORWARD.enter(BatchNorm)
def _forward_batch_norm(op: BatchNorm, given: Operands) -> Array:
    normal = batch_norm(given.x, given.buffers["running_mean"], given.buffers["running_var"], op.eps, given.training)
    return _scaled(normal, given.parameters)


@FORWARD.enter(LayerNorm)
def _forward_layer_norm(op: LayerNorm, given: Operands) -> Array:
    if op.over == "all":
        normal = standardise(given.x, range(1, given.x.ndim), op.eps)
        return scale_and_shift(normal, given.parameters.get("weight"), given.parameters.get("bias"))
    return _scaled(standardise(given.x, (1,), op.eps), given.parameters)


@FORWARD.enter(GroupNorm)
def _forward_group_norm(op: GroupNorm, given: Operands) -> Array:
    return _scaled(group_norm(given.x, op.num_groups, op.eps), given.parameters)


@FORWARD.enter(LocalResponseNorm)
def _forward_local_response_norm(op: LocalResponseNorm, given: Operands) -> Array:
    return local_response_norm(given.x, op.size, op.alpha, op.beta, op.k)


@FORWARD.enter(Scale)
def _forward_scale(op: Scale, given: Operands) -> Array:
    rank = given.x.ndim - 2
    bias = along_channels(given.parameters["bias"], rank) if op.bias else None
    return scale_and_shift(given.x, along_channels(given.parameters["weight"], rank), bias)


def _normal(op: Op, given: Operands) -> Array:
    """What a normalisation multiplies by its weight: its values at mean 0 and variance 1."""
    out: Array = FORWARD.of(type(op))(op, replace(given, parameters={}))
    return out


def _affine_gradient(op: Op, given: Operands, gradient: Array) -> tuple[Array, dict[str, Array]]:
    """The gradient before the weight and the bias of a channel, and those of the two."""
    if "weight" not in given.parameters:
        return gradient, {}
    weight = along_channels(given.parameters["weight"], gradient.ndim - 2)
    normal = _normal(op, given)
    return gradient * weight, {"weight": each_channel(gradient * normal), "bias": each_channel(gradient)}


@BACKWARD.enter(BatchNorm)
def _backward_batch_norm(op: BatchNorm, given: Operands, gradient: Array) -> Gradients:
    inner, parameters = _affine_gradient(op, given, gradient)
    inward = batch_norm_backward(given.x, inner, given.buffers["running_var"], op.eps, given.training)
    return gradient_of(inward, **parameters)


@BACKWARD.enter(LayerNorm)
def _backward_layer_norm(op: LayerNorm, given: Operands, gradient: Array) -> Gradients:
    if op.over == "channels":
        inner, parameters = _affine_gradient(op, given, gradient)
        return gradient_of(standardise_backward(given.x, inner, (1,), op.eps), **parameters)
    parameters = {}
    if "weight" in given.parameters:
        parameters = {"weight": (gradient * _normal(op, given)).sum(0), "bias": gradient.sum(0)}
        gradient = gradient * given.parameters["weight"]
    return gradient_of(standardise_backward(given.x, gradient, range(1, given.x.ndim), op.eps), **parameters)


@BACKWARD.enter(GroupNorm)
def _backward_group_norm(op: GroupNorm, given: Operands, gradient: Array) -> Gradients:
    inner, parameters = _affine_gradient(op, given, gradient)
    return gradient_of(group_norm_backward(given.x, inner, op.num_groups, op.eps), **parameters)


@BACKWARD.enter(LocalResponseNorm)
def _backward_local_response_norm(op: LocalResponseNorm, given: Operands, gradient: Array) -> Gradients:
    return gradient_of(local_response_norm_backward(given.x, gradient, op.size, op.alpha, op.beta, op.k))


@BACKWARD.enter(Scale)
def _backward_scale(op: Scale, given: Operands, gradient: Array) -> Gradients:
    weight = along_channels(given.parameters["weight"], gradient.ndim - 2)
    return with_bias_gradient(op.bias, gradient * weight, each_channel(gradient * given.x), gradient)


def _affine_steps(given: UnitOperands, normal: float, index: tuple[int, ...]) -> list[Step]:
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


def _normalised(op: LayerNorm | GroupNorm, given: UnitOperands, index_NR: Indices, at: tuple[int, ...]) -> Walk:
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
    steps += _affine_steps(given, steps[-1].value, at)
    scale = _size(steps, 2 * float(np.abs(terms.value_N).max()), math.sqrt(squares / count + op.eps))
    return finish(op, given, terms, "sum", steps, scale)


@OPEN.enter(BatchNorm)
def _open_batch_norm(op: BatchNorm, given: UnitOperands) -> Walk:
    terms = own_term(given)
    mean, variance = given.at_channel("running_mean"), given.at_channel("running_var")
    x = float(terms.value_N[0])
    first = _standardised(x, mean, variance, op.eps)
    steps = [first, *_affine_steps(given, first.value, given.index[:1])]
    scale = _size(steps, abs(x) + abs(mean), math.sqrt(variance + op.eps))
    return finish(op, given, terms, "value", steps, scale)


@OPEN.enter(LayerNorm)
def _open_layer_norm(op: LayerNorm, given: UnitOperands) -> Walk:
    if op.over == "all":
        return _normalised(op, given, grid(*map(range, given.x.shape)), given.index)
    return _normalised(op, given, grid(range(given.x.shape[0]), *([at] for at in given.index[1:])), given.index[:1])


@OPEN.enter(GroupNorm)
def _open_group_norm(op: GroupNorm, given: UnitOperands) -> Walk:
    group_size = given.x.shape[0] // op.num_groups
    first = given.index[0] // group_size * group_size
    places = grid(range(first, first + group_size), *map(range, given.x.shape[1:]))
    return _normalised(op, given, places, given.index[:1])


@OPEN.enter(LocalResponseNorm)
def _open_local_response_norm(op: LocalResponseNorm, given: UnitOperands) -> Walk:
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


@OPEN.enter(Scale)
def _open_scale(op: Scale, given: UnitOperands) -> Walk:
    weight, place = np.array([given.at_channel("weight")]), np.array([given.index[:1]])
    return with_bias(op, given, own_term(given).times(weight, place, "weight"))


def among(values_M: Vector, own: int, eps: float) -> tuple[Vector, Vector]:
    """How all standardised values move with one of those that the mean and the variance are taken from.

    ``(d - 1/m - n_i n_j / m) / sqrt(variance + eps)``, d being 1 for the value itself and 0 for the others.

    Returns:
        the derivatives, and the size of what is added up in each.

    Example:
        >>> among(np.array([1.0, 3.0]), 0, eps=0.0)[0]
        array([0., 0.])
    """
    count = len(values_M)
    mean, deviation = values_M.mean(), np.sqrt(values_M.var() + eps)
    normal = (values_M - mean) / deviation
    itself = np.zeros(count)
    itself[own] = 1
    derivative = (itself - 1 / count - normal[own] * normal / count) / deviation
    # A standardised value is off by the rounding of the mean that is taken from it.
    rough = (np.abs(values_M) + abs(mean)) / deviation
    return derivative, (itself + 1 / count + rough[own] * rough / count) / deviation


def _in_example(given: Operands, example: int, index: Index, places: Indices, weight_N: Vector, eps: float) -> Uses:
    """A normalisation over some places of one example, with a weight a place."""
    values = given.x[example][tuple(places.T)].astype(np.float64)
    own = int(np.flatnonzero((places == np.array(index)).all(1))[0])
    derivative, size = among(values, own, eps)
    return at_places(example, places, weight_N * derivative, "slope", None, np.abs(weight_N) * size)


@USES.enter(BatchNorm)
def _uses_batch_norm(op: BatchNorm, given: Operands, operand: int, example: int, index: Index) -> Uses:
    weight = weight_at(given, index[0])
    if not by_the_batch(given.x, given.training):
        factor = weight / np.sqrt(float(given.buffers["running_var"][index[0]]) + op.eps)
        return single(example, index, factor, "slope")
    channel = given.x[:, index[0]].astype(np.float64)
    places = grid(*map(range, channel.shape))
    own = int(np.ravel_multi_index((example, *index[1:]), channel.shape))
    derivative, size = among(channel.reshape(-1), own, op.eps)
    index_NR = with_channel(index[0], places[:, 1:])
    return Uses(places[:, 0], index_NR, weight * derivative, "slope", None, abs(weight) * size)


@USES.enter(LayerNorm)
def _uses_layer_norm(op: LayerNorm, given: Operands, operand: int, example: int, index: Index) -> Uses:
    shape = given.shapes[0]
    if op.over == "all":
        places = grid(*map(range, shape))
        weight = given.parameters.get("weight", np.ones(shape)).astype(np.float64).reshape(-1)
    else:
        places = grid(range(shape[0]), *([at] for at in index[1:]))
        weight = given.parameters.get("weight", np.ones(shape[0])).astype(np.float64)
    return _in_example(given, example, index, places, weight, op.eps)


@USES.enter(GroupNorm)
def _uses_group_norm(op: GroupNorm, given: Operands, operand: int, example: int, index: Index) -> Uses:
    shape = given.shapes[0]
    group_size = shape[0] // op.num_groups
    first = index[0] // group_size * group_size
    places = grid(range(first, first + group_size), *map(range, shape[1:]))
    weight = given.parameters.get("weight", np.ones(shape[0])).astype(np.float64)[places[:, 0]]
    return _in_example(given, example, index, places, weight, op.eps)


@USES.enter(LocalResponseNorm)
def _uses_local_response_norm(op: LocalResponseNorm, given: Operands, operand: int, example: int, index: Index) -> Uses:
    column = column_at(given, example, index)
    divisor = response_divisor(column[None], op.size, op.alpha, op.k)[0]
    own = index[0]
    readers = np.arange(max(0, own - (op.size - 1) // 2), min(len(column), own + op.size // 2 + 1))
    itself = np.where(readers == own, divisor[readers] ** -op.beta, 0)
    through = 2 * op.alpha * op.beta / op.size * column[own] * column[readers] * divisor[readers] ** (-op.beta - 1)
    index_NR = grid(readers.tolist(), *([at] for at in index[1:]))
    return at_places(example, index_NR, itself - through, "slope", None, itself + np.abs(through))


@USES.enter(Scale)
def _uses_scale(op: Scale, given: Operands, operand: int, example: int, index: Index) -> Uses:
    place = np.array([index[:1]], np.int64)
    return at_places(example, np.array([index], np.int64), np.array([weight_at(given, index[0])]), "weight", place)


def statistics(op: BatchNorm | LayerNorm | GroupNorm, given: Operands) -> tuple[Array, Array]:
    """A normalisation's mean and deviation ``sqrt(variance + eps)``, in float64, in shapes that meet its input.

    Example:
        >>> statistics(LayerNorm(eps=3.0), Operands([np.array([[1.0, 3.0]])], {}, {}, False))
        (array([[2.]]), array([[2.]]))
    """
    x = given.x
    if isinstance(op, BatchNorm) and not by_the_batch(x, given.training):
        mean, variance = (given.buffers[name].astype(np.float64) for name in ("running_mean", "running_var"))
        rank = x.ndim - 2
        return along_channels(mean, rank), np.sqrt(along_channels(variance, rank) + op.eps)
    if isinstance(op, GroupNorm):
        grouped = x.reshape(len(x), op.num_groups, -1)
        size = x.shape[1] // op.num_groups
        both = (grouped.mean(2, dtype=np.float64), grouped.var(2, dtype=np.float64))
        mean, variance = (np.repeat(v, size, axis=1).reshape(len(x), -1, *[1] * (x.ndim - 2)) for v in both)
    else:
        over_channels = isinstance(op, LayerNorm) and op.over == "channels"
        first = 0 if isinstance(op, BatchNorm) else 1
        axes = (1,) if over_channels else tuple(a for a in range(first, x.ndim) if first or a != 1)
        mean, variance = (f(axis=axes, keepdims=True, dtype=np.float64) for f in (x.mean, x.var))
    return mean, np.sqrt(variance + op.eps)


@WEIGHT_USES.enter(Scale)
def _weight_uses_scale(op: Scale, given: Operands, index: Index) -> Uses:
    example_N, index_NR = everywhere(len(given.x), own_places(index, given.shapes[0]))
    factor = given.x[(example_N, *index_NR.T)].astype(np.float64)
    return Uses(example_N, index_NR, factor, "value", index_NR)


@WEIGHT_USES.enter(BatchNorm, LayerNorm, GroupNorm)
def _weight_uses_batch_norm(op: BatchNorm | LayerNorm | GroupNorm, given: Operands, index: Index) -> Uses:
    example_N, index_NR = everywhere(len(given.x), own_places(index, given.shapes[0]))
    at = (example_N, *index_NR.T)
    mean, deviation = statistics(op, given)
    x = given.x.astype(np.float64)
    mean_N, deviation_N = (np.broadcast_to(values, x.shape)[at] for values in (mean, deviation))
    x_N = x[at]
    # An engine subtracts what it rounded: a standardised value near 0 may be one of two large numbers.
    size_N = (np.abs(x_N) + np.abs(mean_N)) / deviation_N
    return Uses(example_N, index_NR, (x_N - mean_N) / deviation_N, "standardised", index_NR, size_N)


_Norm = BatchNorm | LayerNorm | GroupNorm


def _standardised_step(name: str, op: _Norm, given: Operands, place: Place) -> Step:
    mean, deviation = (float(np.broadcast_to(v, given.x.shape)[place]) for v in statistics(op, given))
    x = float(given.x[place])
    return make_step(name, "({0} - {1}) / {2}", (x - mean) / deviation, x=x, mean=mean, deviation=deviation)


def _count(op: _Norm, given: Operands) -> int:
    """Over how many values a normalisation takes its mean."""
    batch, channels = len(given.x), given.shapes[0][0]
    if isinstance(op, LayerNorm) and op.over == "channels":
        return channels
    each = elements(given.shapes[0])
    if isinstance(op, GroupNorm):
        return each // op.num_groups
    return batch * each // channels if isinstance(op, BatchNorm) else each


@STEPS.enter(BatchNorm, LayerNorm, GroupNorm)
def _steps_batch_norm(op: _Norm, given: Operands, operand: int, read: Place, reader: Place) -> tuple[Step, ...]:
    deviation = float(np.broadcast_to(statistics(op, given)[1], given.x.shape)[read])
    whole = isinstance(op, LayerNorm) and op.over == "all"
    weight = 1.0
    if "weight" in given.parameters:
        weight = float(given.parameters["weight"][reader[1:] if whole else reader[1]])
    if isinstance(op, BatchNorm) and not by_the_batch(given.x, given.training):
        return (make_step("slope", "{0} / {1}", weight / deviation, weight=weight, deviation=deviation),)
    own, other = (
        _standardised_step(name, op, given, place) for name, place in (("its own", reader), ("of the read", read))
    )
    count = _count(op, given)
    itself = float(read == reader)
    slope = weight / deviation * (itself - (1 + own.value * other.value) / count)
    form = f"{{0}} / {{1}} * ({itself:g} - (1 + {{2}} * {{3}}) / {{4}})"
    numbers = {"weight": weight, "deviation": deviation, "its_own": own.value, "of_the_read": other.value}
    return own, other, make_step("slope", form, slope, **numbers, count=count)


@STEPS.enter(LocalResponseNorm)
def _steps_local_response_norm(
    op: LocalResponseNorm, given: Operands, operand: int, read: Place, reader: Place
) -> tuple[Step, ...]:
    column = np.moveaxis(given.x[read[0]], 0, -1)[read[2:]].astype(np.float64)
    divisor = float(response_divisor(column[None], op.size, op.alpha, op.k)[0][reader[1]])
    own, other = float(column[reader[1]]), float(column[read[1]])
    through = 2 * op.alpha * op.beta / op.size * other * own * divisor ** (-op.beta - 1)
    form = "2 * {0} * {1} / {2} * {3} * {4} * {5} ** (-{1} - 1)"
    numbers = {"alpha": op.alpha, "beta": op.beta, "size": op.size, "the_read": other, "its_own": own}
    first = make_step("through the divisor", form, through, **numbers, divisor=divisor)
    itself = divisor**-op.beta if read == reader else 0.0
    form = "{0} ** -{1} - {2}" if read == reader else "0 - {2}"
    last = make_step("slope", form, itself - through, divisor=divisor, beta=op.beta, through_the_divisor=through)
    return first, last


@WEIGHT_STEPS.enter(BatchNorm, LayerNorm, GroupNorm)
def _weight_steps(op: _Norm, given: Operands, reader: Place) -> tuple[Step, ...]:
    return (_standardised_step("standardised", op, given, reader),)


STEPS.enter(Scale)(no_steps)
WEIGHT_STEPS.enter(Scale)(no_steps)
