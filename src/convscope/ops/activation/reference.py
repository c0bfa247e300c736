"""Activations in NumPy: what their classes say, applied; and softmax."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from convscope.ops.activation.spec import Activation, LogSoftmax, Softmax
from convscope.ops.arrays import (
    BACKWARD,
    FORWARD,
    Array,
    Gradients,
    Operands,
    gradient_of,
)
from convscope.ops.functions import erf, log_softmax, sigmoid, softmax
from convscope.ops.opening import OPEN, UnitOperands, finish, grid, own_term, terms_at
from convscope.ops.step import Step, make_step
from convscope.ops.uses import (
    STEPS,
    USES,
    Index,
    Place,
    Uses,
    at_places,
    column_at,
    single,
)
from convscope.ops.walk import Walk


class _Functions:
    """NumPy with the error function and an exact sigmoid: what :meth:`Activation.value` computes with."""

    erf = staticmethod(erf)
    sigmoid = staticmethod(sigmoid)

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


XP = _Functions()


@FORWARD.enter(Activation)
def _forward_activation(op: Activation, given: Operands) -> Array:
    out: Array = op.value(given.x, XP)
    return out


@BACKWARD.enter(Activation)
def _backward_activation(op: Activation, given: Operands, gradient: Array) -> Gradients:
    return gradient_of(gradient * op.slope(given.x, XP))


@OPEN.enter(Activation)
def _open_activation(op: Activation, given: UnitOperands) -> Walk:
    terms, steps = own_term(given), op.steps(given.own)
    return finish(op, given, terms, "value", steps, max(abs(float(terms.value_N[0])), abs(steps[-1].value)))


@USES.enter(Activation)
def _uses_activation(op: Activation, given: Operands, operand: int, example: int, index: Index) -> Uses:
    x = np.array([given.inputs[operand][(example, *index)]], np.float64)
    slope = op.slope(x, XP)
    return single(example, index, float(slope[0]), "slope", op.slope_size(float(x[0])))


@STEPS.enter(Activation)
def _steps_activation(op: Activation, given: Operands, operand: int, read: Place, reader: Place) -> tuple[Step, ...]:
    return op.slope_steps(float(given.x[read]))


def slope(op: Activation, x: Array) -> Array:
    """The derivative of an activation at ``x``, of any shape.

    Example:
        >>> from convscope.ops import ReLU, Sigmoid
        >>> slope(Sigmoid(), np.array([0.0, 100.0])).round(12), slope(ReLU(), np.array([-1.0, 0.0, 2.0]))
        (array([0.25, 0.  ]), array([0., 0., 1.]))
    """
    out: Array = op.slope(x, XP)
    return out


@FORWARD.enter(Softmax)
def _forward_softmax(op: Softmax, given: Operands) -> Array:
    return softmax(given.x)


@BACKWARD.enter(Softmax)
def _backward_softmax(op: Softmax, given: Operands, gradient: Array) -> Gradients:
    y = softmax(given.x)
    return gradient_of(y * (gradient - (gradient * y).sum(axis=1, keepdims=True)))


@OPEN.enter(Softmax)
def _open_softmax(op: Softmax, given: UnitOperands) -> Walk:
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


@USES.enter(Softmax)
def _uses_softmax(op: Softmax, given: Operands, operand: int, example: int, index: Index) -> Uses:
    column = column_at(given, example, index)
    y = softmax(column[None])[0]
    itself = np.zeros(len(y))
    itself[index[0]] = 1
    index_NR = grid(range(len(y)), *([at] for at in index[1:]))
    own = y[index[0]]
    return at_places(example, index_NR, y * (itself - own), "slope", None, y * (itself + own))


@STEPS.enter(Softmax)
def _steps_softmax(op: Softmax, given: Operands, operand: int, read: Place, reader: Place) -> tuple[Step, ...]:
    column = np.moveaxis(given.x[read[0]], 0, -1)[read[2:]].astype(np.float64)
    y = softmax(column[None])[0]
    own, other = float(y[reader[1]]), float(y[read[1]])
    if read[1] == reader[1]:
        return (make_step("slope", "{0} * (1 - {0})", own * (1 - own), probability=own),)
    return (make_step("slope", "-{0} * {1}", -own * other, probability=own, that_of_the_other=other),)


@FORWARD.enter(LogSoftmax)
def _forward_log_softmax(op: LogSoftmax, given: Operands) -> Array:
    return log_softmax(given.x)


@BACKWARD.enter(LogSoftmax)
def _backward_log_softmax(op: LogSoftmax, given: Operands, gradient: Array) -> Gradients:
    return gradient_of(gradient - softmax(given.x) * gradient.sum(axis=1, keepdims=True))


@OPEN.enter(LogSoftmax)
def _open_log_softmax(op: LogSoftmax, given: UnitOperands) -> Walk:
    values = terms_at(given, grid(range(given.x.shape[0]), *([at] for at in given.index[1:])))
    largest, x = float(values.value_N.max()), float(given.x[given.index])
    terms = values.exponentials(largest)
    total = float(terms.result_N.sum())
    logarithm = math.log(total)
    steps = [
        make_step("logarithm", "log({0})", logarithm, sum=total),
        make_step("value", "{0} - {1} - {2}", x - largest - logarithm, x=x, largest=largest, logarithm=logarithm),
    ]
    return finish(op, given, terms, "sum", steps, 1 + abs(x) + float(np.abs(terms.value_N).max()))


@USES.enter(LogSoftmax)
def _uses_log_softmax(op: LogSoftmax, given: Operands, operand: int, example: int, index: Index) -> Uses:
    y = softmax(column_at(given, example, index)[None])[0]
    itself = np.zeros(len(y))
    itself[index[0]] = 1
    index_NR = grid(range(len(y)), *([at] for at in index[1:]))
    own = y[index[0]]
    return at_places(example, index_NR, itself - own, "slope", None, itself + own)


@STEPS.enter(LogSoftmax)
def _steps_log_softmax(op: LogSoftmax, given: Operands, operand: int, read: Place, reader: Place) -> tuple[Step, ...]:
    column = np.moveaxis(given.x[read[0]], 0, -1)[read[2:]].astype(np.float64)
    probability = float(softmax(column[None])[0][read[1]])
    itself = float(read[1] == reader[1])
    return (make_step("slope", f"{itself:g} - {{0}}", itself - probability, probability=probability),)
