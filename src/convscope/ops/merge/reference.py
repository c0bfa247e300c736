"""Merges in NumPy: forward, backward, one unit opened, its gradient opened."""

from __future__ import annotations

import math
from functools import reduce

import numpy as np

from convscope.ops.arrays import (
    BACKWARD,
    FORWARD,
    Array,
    Gradients,
    Operands,
)
from convscope.ops.merge.spec import Add, Concat, Mul
from convscope.ops.opening import OPEN, UnitOperands, finish, grid, terms_at
from convscope.ops.step import Operand, Step
from convscope.ops.terms import Indices, Terms
from convscope.ops.uses import (
    STEPS,
    USES,
    Index,
    Place,
    Uses,
    at_places,
    no_steps,
    single,
)
from convscope.ops.walk import Walk


@FORWARD.enter(Add)
def _forward_add(op: Add, given: Operands) -> Array:
    return reduce(np.add, given.inputs)


@FORWARD.enter(Mul)
def _forward_mul(op: Mul, given: Operands) -> Array:
    return reduce(np.multiply, given.inputs)


@FORWARD.enter(Concat)
def _forward_concat(op: Concat, given: Operands) -> Array:
    return np.concatenate(list(given.inputs), axis=1)


@BACKWARD.enter(Add)
def _backward_add(op: Add, given: Operands, gradient: Array) -> Gradients:
    return Gradients(tuple(_gathered(gradient, value) for value in given.inputs), {})


def _gathered(gradient: Array, value: Array) -> Array:
    """What was stretched over a dimension has a part in every place of it."""
    stretched = tuple(a for a, (n, full) in enumerate(zip(value.shape, gradient.shape, strict=True)) if n < full)
    return gradient.sum(axis=stretched, keepdims=True) if stretched else gradient


@BACKWARD.enter(Mul)
def _backward_mul(op: Mul, given: Operands, gradient: Array) -> Gradients:
    inward = []
    for place, value in enumerate(given.inputs):
        through = gradient
        for other in (*given.inputs[:place], *given.inputs[place + 1 :]):
            through = through * other
        inward.append(_gathered(through, value))
    return Gradients(tuple(inward), {})


@BACKWARD.enter(Concat)
def _backward_concat(op: Concat, given: Operands, gradient: Array) -> Gradients:
    ends = np.cumsum([value.shape[1] for value in given.inputs])[:-1]
    return Gradients(tuple(np.split(gradient, ends, axis=1)), {})


def _branches(given: UnitOperands) -> Terms:
    """Each operand's value at the unit's place, or at 0 where a dimension of 1 is stretched."""
    places = [[0 if n == 1 else at for at, n in zip(given.index, value.shape, strict=True)] for value in given.inputs]
    values = np.array([float(value[tuple(p)]) for value, p in zip(given.inputs, places, strict=True)])
    return Terms.of(values, np.array(places, np.int64), np.arange(len(values)))


@OPEN.enter(Add)
def _open_add(op: Add, given: UnitOperands) -> Walk:
    return finish(op, given, _branches(given), "sum")


@OPEN.enter(Mul)
def _open_mul(op: Mul, given: UnitOperands) -> Walk:
    return finish(op, given, _branches(given), "product")


@OPEN.enter(Concat)
def _open_concat(op: Concat, given: UnitOperands) -> Walk:
    channel = given.index[0]
    for operand, value in enumerate(given.inputs):
        if channel < value.shape[0]:
            place = np.array([(channel, *given.index[1:])])
            return finish(op, given, terms_at(given, place, operand=operand), "value")
        channel -= value.shape[0]
    raise AssertionError("the place was checked")


@USES.enter(Add)
def _uses_add(op: Add, given: Operands, operand: int, example: int, index: Index) -> Uses:
    index_NR = _readers(op, given, operand, index)
    return at_places(example, index_NR, np.ones(len(index_NR)), "copy")


def _readers(op: Add | Mul, given: Operands, operand: int, index: Index) -> Indices:
    """The places that read a value: its own, or all that it is stretched over."""
    sides = zip(index, given.shapes[operand], op.shape(given.shapes), strict=True)
    return grid(*([at] if n == full else range(full) for at, n, full in sides))


@USES.enter(Mul)
def _uses_mul(op: Mul, given: Operands, operand: int, example: int, index: Index) -> Uses:
    index_NR = _readers(op, given, operand, index)
    factor = np.ones(len(index_NR))
    for other, value in enumerate(given.inputs):
        if other != operand:
            at = np.where(np.array(value.shape[1:]) == 1, 0, index_NR)  # 0 where it is stretched
            factor *= value[example][tuple(at.T)].astype(np.float64)
    return at_places(example, index_NR, factor, "others")


@USES.enter(Concat)
def _uses_concat(op: Concat, given: Operands, operand: int, example: int, index: Index) -> Uses:
    before = sum(shape[0] for shape in given.shapes[:operand])
    return single(example, (index[0] + before, *index[1:]), 1.0, "copy")


@STEPS.enter(Mul)
def _steps_mul(op: Mul, given: Operands, operand: int, read: Place, reader: Place) -> tuple[Step, ...]:
    found = {}
    for number, value in enumerate(given.inputs):
        if number != operand:
            place = [0 if n == 1 else at for n, at in zip(value.shape[1:], reader[1:], strict=True)]
            found[f"branch {number + 1}"] = float(value[reader[0]][tuple(place)])
    form = " * ".join(f"{{{n}}}" for n in range(len(found))) or "1"
    operands = tuple(Operand(name, value) for name, value in found.items())
    return (Step("product of the others", form, operands, math.prod(found.values())),)


STEPS.enter(Add)(no_steps)
STEPS.enter(Concat)(no_steps)
