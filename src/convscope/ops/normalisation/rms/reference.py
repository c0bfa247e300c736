"""Root mean square normalisation in NumPy: forward, backward, one unit opened, its gradient opened."""

from __future__ import annotations

import math

import numpy as np

from convscope.ops.arrays import (
    BACKWARD,
    FORWARD,
    Array,
    Gradients,
    Operands,
    along_channels,
    gradient_of,
)
from convscope.ops.normalisation.rms.spec import RMSNorm
from convscope.ops.opening import OPEN, UnitOperands, finish, grid, terms_at
from convscope.ops.step import Step, make_step
from convscope.ops.uses import (
    STEPS,
    USES,
    WEIGHT_STEPS,
    WEIGHT_USES,
    Index,
    Place,
    Uses,
    at_places,
    everywhere,
    own_places,
)
from convscope.ops.walk import Walk


def root_mean_square(op: RMSNorm, x: Array) -> Array:
    """``sqrt(mean(x^2) + eps)`` in a shape that meets ``x``, of its precision.

    Example:
        >>> root_mean_square(RMSNorm(eps=0.5), np.array([[1.0, 2.0, 2.0, 3.0]]))
        array([[2.23606798]])
    """
    axes = (1,) if op.over == "channels" else tuple(range(1, x.ndim))
    out: Array = np.sqrt(np.square(x).mean(axis=axes, keepdims=True) + op.eps)
    return out


def _weight(op: RMSNorm, given: Operands) -> Array:
    weight = given.parameters["weight"]
    return weight if op.over == "all" else along_channels(weight, given.x.ndim - 2)


@FORWARD.enter(RMSNorm)
def _forward_rms_norm(op: RMSNorm, given: Operands) -> Array:
    normal: Array = given.x / root_mean_square(op, given.x)
    return normal * _weight(op, given) if op.affine else normal


@BACKWARD.enter(RMSNorm)
def _backward_rms_norm(op: RMSNorm, given: Operands, gradient: Array) -> Gradients:
    root = root_mean_square(op, given.x)
    normal, inner = given.x / root, gradient
    parameters = {}
    if op.affine:
        inner = gradient * _weight(op, given)
        over = (0,) if op.over == "all" else (0, *range(2, gradient.ndim))
        parameters["weight"] = (gradient * normal).sum(axis=over)
    axes = (1,) if op.over == "channels" else tuple(range(1, gradient.ndim))
    through = normal * (inner * normal).mean(axis=axes, keepdims=True)
    return gradient_of((inner - through) / root, **parameters)


def _places(op: RMSNorm, shape: tuple[int, ...], index: Index) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """The places of an example that the mean is taken over."""
    if op.over == "all":
        return grid(*map(range, shape))
    return grid(range(shape[0]), *([at] for at in index[1:]))


@OPEN.enter(RMSNorm)
def _open_rms_norm(op: RMSNorm, given: UnitOperands) -> Walk:
    terms = terms_at(given, _places(op, given.x.shape, given.index)).squared()
    count, total, x = len(terms), float(terms.result_N.sum()), given.own
    mean = total / count
    normal = x / math.sqrt(mean + op.eps)
    steps = [
        make_step("mean of squares", "{0} / {1}", mean, sum=total, count=count),
        make_step("normalised", "{0} / sqrt({1} + {2})", normal, x=x, mean_of_squares=mean, eps=op.eps),
    ]
    scale = abs(normal)
    if op.affine:
        weight = float(given.parameters["weight"][given.index if op.over == "all" else given.index[:1]])
        steps.append(make_step("scaled", "{0} * {1}", normal * weight, normalised=normal, weight=weight))
        scale *= abs(weight)
    return finish(op, given, terms, "sum", steps, scale)


@USES.enter(RMSNorm)
def _uses_rms_norm(op: RMSNorm, given: Operands, operand: int, example: int, index: Index) -> Uses:
    places = _places(op, given.shapes[0], index)
    values = given.x[example][tuple(places.T)].astype(np.float64)
    own = int(np.flatnonzero((places == np.array(index)).all(1))[0])
    root = math.sqrt(float(np.square(values).mean()) + op.eps)
    weight = np.ones(len(values))
    if op.affine:
        each = given.parameters["weight"].astype(np.float64)
        weight = each[tuple(places.T)] if op.over == "all" else each[places[:, 0]]
    itself = np.zeros(len(values))
    itself[own] = 1
    through = values[own] * values / (root * root * len(values))
    size = np.abs(weight) * (itself + np.abs(through)) / root
    return at_places(example, places, weight * (itself - through) / root, "slope", None, size)


@WEIGHT_USES.enter(RMSNorm)
def _weight_uses_rms_norm(op: RMSNorm, given: Operands, index: Index) -> Uses:
    example_N, index_NR = everywhere(len(given.x), own_places(index, given.shapes[0]))
    normal = given.x.astype(np.float64) / root_mean_square(op, given.x.astype(np.float64))
    return Uses(example_N, index_NR, normal[(example_N, *index_NR.T)], "standardised", index_NR)


def _normalised(op: RMSNorm, given: Operands, name: str, place: Place) -> Step:
    x = given.x[place[0]].astype(np.float64)[None]
    root = float(np.broadcast_to(root_mean_square(op, x), x.shape)[(0, *place[1:])])
    value = float(given.x[place])
    return make_step(name, "{0} / {1}", value / root, x=value, root_mean_square=root)


@STEPS.enter(RMSNorm)
def _steps_rms_norm(op: RMSNorm, given: Operands, operand: int, read: Place, reader: Place) -> tuple[Step, ...]:
    own, other = _normalised(op, given, "its own", reader), _normalised(op, given, "of the read", read)
    weight = 1.0
    if op.affine:
        weight = float(given.parameters["weight"][reader[1:] if op.over == "all" else reader[1]])
    count = len(_places(op, given.shapes[0], read[1:]))
    root, itself = own.operands[1].value, float(read == reader)
    slope = weight / root * (itself - own.value * other.value / count)
    numbers = {"weight": weight, "root_mean_square": root, "its_own": own.value, "of_the_read": other.value}
    form = f"{{0}} / {{1}} * ({itself:g} - {{2}} * {{3}} / {{4}})"
    return own, other, make_step("slope", form, slope, **numbers, count=count)


@WEIGHT_STEPS.enter(RMSNorm)
def _weight_steps_rms_norm(op: RMSNorm, given: Operands, reader: Place) -> tuple[Step, ...]:
    return (_normalised(op, given, "normalised", reader),)
