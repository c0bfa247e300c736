"""Who reads a unit: for every operation, the units of its output that a unit of its input moves, and how much.

The transpose of :mod:`convscope.reference.walk_operations`, which goes from a unit to what it reads. A
normalisation by the batch's statistics reads across examples, so a use carries its example.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch

import numpy as np

from convscope import ops
from convscope.ops import Shape, Window, per_dimension
from convscope.ops.opening import grid
from convscope.ops.uses import Uses
from convscope.ops.walk import Indices, Vector
from convscope.reference.backward_activation import has_slope, slope
from convscope.reference.backward_normalisation import by_the_batch, response_divisor
from convscope.reference.backward_windows import winners
from convscope.reference.forward import Operands, sigmoid, softmax
from convscope.reference.windows import Array, adaptive_windows, divisors, window_places

Index = tuple[int, ...]


def uses_of_unit(op: ops.Op, given: Operands, operand: int, example: int, index: Index) -> Uses:
    """The units of an operation's output that read one unit of its input.

    Args:
        op: the operation.
        given: its operands, with the batch, in any precision; ``training`` says by which statistics batch norm goes.
        operand: which of its inputs the unit is of.
        example: which of the batch.
        index: the unit's place there, ``(C, *spatial)`` or ``(features,)``.

    Returns:
        A row a unit that reads it, those included that do not move with it (the losers of a maximum).

    Example:
        >>> given = Operands([np.zeros((1, 1, 3))], {"weight": np.array([[[10.0, 1.0]]])}, {}, False)
        >>> uses = uses_of_unit(ops.Conv(1, 2, bias=False), given, 0, 0, (0, 1))
        >>> uses.index_NR.tolist(), uses.factor_N
        ([[0, 1], [0, 0]], array([10.,  1.]))
    """
    return _uses(op, given, operand, example, index)


def supports(operation: type[ops.Op]) -> bool:
    """Whether the readers of an operation's input are known; a test asks it for the whole vocabulary."""
    return has_slope(operation) or _uses.dispatch(operation) is not _uses.dispatch(ops.Op)


@singledispatch
def _uses(op: ops.Op, given: Operands, operand: int, example: int, index: Index) -> Uses:
    if not has_slope(type(op)):
        raise NotImplementedError(f"nothing is known of the readers of {type(op).__name__}")
    x = np.array([given.inputs[operand][(example, *index)]], np.float64)
    found = slope(op, x)
    return _single(example, index, float(found[0]), "slope", _slope_size(op, float(x[0])))


def _slope_size(op: ops.Op, x: float) -> float:
    """How large the numbers are whose difference the slope is: sigmoid's is ``s - s^2``, near 0 where s is near 1."""
    if isinstance(op, ops.Sigmoid):
        return float(sigmoid(np.array(x)))
    return 1.0 + abs(x) if isinstance(op, (ops.Tanh, ops.GELU, ops.SiLU, ops.Hardswish)) else 0.0


def _single(example: int, index: Sequence[int], factor: float, kind: str, size: float = 0.0) -> Uses:
    return _at(example, np.array([index], np.int64), np.array([factor]), kind, size_N=np.array([size]))


def _at(
    example: int,
    index_NR: Indices,
    factor_N: Vector,
    kind: str,
    at_NS: Indices | None = None,
    size_N: Vector | None = None,
) -> Uses:
    """Uses within one example."""
    examples = np.full(len(factor_N), example, np.int64)
    return Uses(examples, index_NR, factor_N, kind, at_NS, size_N)  # type: ignore[arg-type]


# Windows


def _over(at: int, window: Window, dimension: int, places: int) -> list[tuple[int, int]]:
    """The places whose window lies over row ``at``, each with the row of the kernel that meets it."""
    kernel, stride, dilation = window.kernel[dimension], window.stride[dimension], window.dilation[dimension]
    found = []
    for row in range(kernel):
        place, beside = divmod(at + window.padding[dimension][0] - dilation * row, stride)
        if not beside and 0 <= place < places:
            found.append((place, row))
    return found


def _pairs(index: Index, window: Window, shape: Shape, ceil: bool = False) -> tuple[Indices, Indices]:
    """The places over a unit ``(N, rank)``, and the unit's places in the kernel there."""
    places = window_places(shape, window, ceil)
    sides = [_over(at, window, d, n) for d, (at, n) in enumerate(zip(index[1:], places, strict=True))]
    chosen = grid(*(range(len(side)) for side in sides))
    place = np.stack([np.array(side, np.int64).reshape(-1, 2)[chosen[:, d], 0] for d, side in enumerate(sides)], -1)
    kernel = np.stack([np.array(side, np.int64).reshape(-1, 2)[chosen[:, d], 1] for d, side in enumerate(sides)], -1)
    return place, kernel


def _with_channel(channel: int, places_NR: Indices) -> Indices:
    return np.column_stack([np.full(len(places_NR), channel, np.int64), places_NR])


@_uses.register
def _(op: ops.Conv, given: Operands, operand: int, example: int, index: Index) -> Uses:
    weight, shape = given.parameters["weight"], given.shapes[0]
    place, kernel = _pairs(index, op.window(given.shapes), shape)
    share, filters = weight.shape[1], op.out_channels // op.groups
    group, channel = divmod(index[0], share)
    chosen = grid(range(group * filters, (group + 1) * filters), range(len(place)))
    out, at = chosen[:, 0], chosen[:, 1]
    index_NR = np.column_stack([out, place[at]])
    at_NS = np.column_stack([out, np.full(len(out), channel), kernel[at]])
    return _at(example, index_NR, weight[tuple(at_NS.T)].astype(np.float64), "weight", at_NS)


def _winner_uses(example: int, index_NR: Indices, won_N: np.ndarray) -> Uses:
    return _at(example, index_NR, won_N.astype(np.float64), "winner")


@_uses.register
def _(op: ops.MaxPool, given: Operands, operand: int, example: int, index: Index) -> Uses:
    window = op.window(given.shapes)
    place, kernel = _pairs(index, window, given.shapes[0], op.ceil_mode)
    channel = index[0]
    won = winners(given.x[example : example + 1, channel : channel + 1], window, op.ceil_mode)[0, 0]
    own = np.ravel_multi_index(tuple(kernel.T), window.kernel)
    return _winner_uses(example, _with_channel(channel, place), won[tuple(place.T)] == own)


@_uses.register
def _(op: ops.AvgPool, given: Operands, operand: int, example: int, index: Index) -> Uses:
    window = op.window(given.shapes)
    place, _ = _pairs(index, window, given.shapes[0], op.ceil_mode)
    divisor = divisors(given.shapes[0], window, op.ceil_mode, op.count_include_pad)
    return _at(example, _with_channel(index[0], place), 1 / divisor[tuple(place.T)], "share")


def _boxes(op: ops.Op, shape: Shape, index: Index) -> list[tuple[Index, tuple[slice, ...]]]:
    """The places of an adaptive or global pooling that read a unit, each with its box of the input."""
    if isinstance(op, (ops.AdaptiveAvgPool, ops.AdaptiveMaxPool)):
        size = per_dimension("output_size", op.output_size, shape)
    else:
        size = (1,) * (len(shape) - 1)
    sides = []
    for at, length, places in zip(index[1:], shape[1:], size, strict=True):
        bands = enumerate(adaptive_windows(length, places))
        sides.append([(place, band) for place, band in bands if band.start <= at < band.stop])
    found = []
    for chosen in grid(*(range(len(side)) for side in sides)):
        pairs = [side[n] for side, n in zip(sides, chosen, strict=True)]
        found.append((tuple(place for place, _ in pairs), tuple(band for _, band in pairs)))
    return found


@_uses.register(ops.AdaptiveAvgPool)
@_uses.register(ops.GlobalAvgPool)
def _(op: ops.Op, given: Operands, operand: int, example: int, index: Index) -> Uses:
    boxes = _boxes(op, given.shapes[0], index)
    shares = [1 / np.prod([band.stop - band.start for band in box]) for _, box in boxes]
    places = np.array([place for place, _ in boxes], np.int64)
    return _at(example, _with_channel(index[0], places), np.array(shares), "share")


@_uses.register(ops.AdaptiveMaxPool)
@_uses.register(ops.GlobalMaxPool)
def _(op: ops.Op, given: Operands, operand: int, example: int, index: Index) -> Uses:
    places, won = [], []
    for place, box in _boxes(op, given.shapes[0], index):
        inside = given.x[example, index[0]][box]
        at = tuple(at - band.start for at, band in zip(index[1:], box, strict=True))
        places.append(place)
        won.append(inside.argmax() == np.ravel_multi_index(at, inside.shape))
    return _winner_uses(example, _with_channel(index[0], np.array(places, np.int64)), np.array(won))


# Vectors and shapes


@_uses.register
def _(op: ops.Linear, given: Operands, operand: int, example: int, index: Index) -> Uses:
    weights = given.parameters["weight"][:, index[0]].astype(np.float64)
    out = np.arange(len(weights))[:, None]
    return _at(example, out, weights, "weight", np.column_stack([out, np.full(len(out), index[0])]))


@_uses.register
def _(op: ops.Flatten, given: Operands, operand: int, example: int, index: Index) -> Uses:
    return _single(example, [int(np.ravel_multi_index(index, given.shapes[0]))], 1.0, "copy")


@_uses.register(ops.Identity)
@_uses.register(ops.Dropout)
@_uses.register(ops.Add)
def _(op: ops.Op, given: Operands, operand: int, example: int, index: Index) -> Uses:
    return _single(example, index, 1.0, "copy")


@_uses.register
def _(op: ops.PadChannels, given: Operands, operand: int, example: int, index: Index) -> Uses:
    return _single(example, (index[0] + op.before, *index[1:]), 1.0, "copy")


# Normalisations


def _column(given: Operands, example: int, index: Index) -> Vector:
    """All channels at a unit's place, in float64."""
    moved: Array = np.moveaxis(given.x[example], 0, -1)
    found: Vector = moved[index[1:]].astype(np.float64)
    return found


def _weight_at(given: Operands, place: int | Index) -> float:
    return float(given.parameters["weight"][place]) if "weight" in given.parameters else 1.0


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


@_uses.register
def _(op: ops.BatchNorm, given: Operands, operand: int, example: int, index: Index) -> Uses:
    weight = _weight_at(given, index[0])
    if not by_the_batch(given.x, given.training):
        factor = weight / np.sqrt(float(given.buffers["running_var"][index[0]]) + op.eps)
        return _single(example, index, factor, "slope")
    channel = given.x[:, index[0]].astype(np.float64)
    places = grid(*map(range, channel.shape))
    own = int(np.ravel_multi_index((example, *index[1:]), channel.shape))
    derivative, size = among(channel.reshape(-1), own, op.eps)
    index_NR = _with_channel(index[0], places[:, 1:])
    return Uses(places[:, 0], index_NR, weight * derivative, "slope", None, abs(weight) * size)


def _in_example(given: Operands, example: int, index: Index, places: Indices, weight_N: Vector, eps: float) -> Uses:
    """A normalisation over some places of one example, with a weight a place."""
    values = given.x[example][tuple(places.T)].astype(np.float64)
    own = int(np.flatnonzero((places == np.array(index)).all(1))[0])
    derivative, size = among(values, own, eps)
    return _at(example, places, weight_N * derivative, "slope", None, np.abs(weight_N) * size)


@_uses.register
def _(op: ops.LayerNorm, given: Operands, operand: int, example: int, index: Index) -> Uses:
    shape = given.shapes[0]
    if op.over == "all":
        places = grid(*map(range, shape))
        weight = given.parameters.get("weight", np.ones(shape)).astype(np.float64).reshape(-1)
    else:
        places = grid(range(shape[0]), *([at] for at in index[1:]))
        weight = given.parameters.get("weight", np.ones(shape[0])).astype(np.float64)
    return _in_example(given, example, index, places, weight, op.eps)


@_uses.register
def _(op: ops.GroupNorm, given: Operands, operand: int, example: int, index: Index) -> Uses:
    shape = given.shapes[0]
    share = shape[0] // op.num_groups
    first = index[0] // share * share
    places = grid(range(first, first + share), *map(range, shape[1:]))
    weight = given.parameters.get("weight", np.ones(shape[0])).astype(np.float64)[places[:, 0]]
    return _in_example(given, example, index, places, weight, op.eps)


@_uses.register
def _(op: ops.LocalResponseNorm, given: Operands, operand: int, example: int, index: Index) -> Uses:
    column = _column(given, example, index)
    divisor = response_divisor(column[None], op.size, op.alpha, op.k)[0]
    own = index[0]
    readers = np.arange(max(0, own - (op.size - 1) // 2), min(len(column), own + op.size // 2 + 1))
    itself = np.where(readers == own, divisor[readers] ** -op.beta, 0)
    through = 2 * op.alpha * op.beta / op.size * column[own] * column[readers] * divisor[readers] ** (-op.beta - 1)
    index_NR = grid(readers.tolist(), *([at] for at in index[1:]))
    return _at(example, index_NR, itself - through, "slope", None, itself + np.abs(through))


@_uses.register
def _(op: ops.Scale, given: Operands, operand: int, example: int, index: Index) -> Uses:
    place = np.array([index[:1]], np.int64)
    return _at(example, np.array([index], np.int64), np.array([_weight_at(given, index[0])]), "weight", place)


@_uses.register
def _(op: ops.Softmax, given: Operands, operand: int, example: int, index: Index) -> Uses:
    column = _column(given, example, index)
    y = softmax(column[None])[0]
    itself = np.zeros(len(y))
    itself[index[0]] = 1
    index_NR = grid(range(len(y)), *([at] for at in index[1:]))
    own = y[index[0]]
    return _at(example, index_NR, y * (itself - own), "slope", None, y * (itself + own))


# Merges


@_uses.register
def _(op: ops.Mul, given: Operands, operand: int, example: int, index: Index) -> Uses:
    out = op.shape(given.shapes)
    own = given.shapes[operand]
    sides = [[at] if n == full else range(full) for at, n, full in zip(index, own, out, strict=True)]
    index_NR = grid(*sides)
    factor = np.ones(len(index_NR))
    for other, value in enumerate(given.inputs):
        if other != operand:
            at = np.where(np.array(value.shape[1:]) == 1, 0, index_NR)  # 0 where it is stretched
            factor *= value[example][tuple(at.T)].astype(np.float64)
    return _at(example, index_NR, factor, "others")


@_uses.register
def _(op: ops.Concat, given: Operands, operand: int, example: int, index: Index) -> Uses:
    before = sum(shape[0] for shape in given.shapes[:operand])
    return _single(example, (index[0] + before, *index[1:]), 1.0, "copy")
