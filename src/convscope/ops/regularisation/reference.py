"""Dropout in NumPy: forward, backward, one unit opened, its gradient opened."""

from __future__ import annotations

from convscope.ops.arrays import (
    BACKWARD,
    FORWARD,
    Array,
    Gradients,
    Operands,
    gradient_of,
)
from convscope.ops.opening import OPEN, UnitOperands, finish, own_term
from convscope.ops.regularisation.spec import Dropout
from convscope.ops.uses import (
    STEPS,
    USES,
    Index,
    Uses,
    no_steps,
    single,
)
from convscope.ops.walk import Walk


@FORWARD.enter(Dropout)
def _forward_dropout(op: Dropout, given: Operands) -> Array:
    if given.training and op.p > 0:
        raise ValueError("dropout in training is random: the reference has no answer for it")
    return given.x


@BACKWARD.enter(Dropout)
def _backward_dropout(op: Dropout, given: Operands, gradient: Array) -> Gradients:
    if given.training and op.p > 0:
        raise ValueError("dropout in training is random: the reference has no gradient for it")
    return gradient_of(gradient)


@OPEN.enter(Dropout)
def _open_dropout(op: Dropout, given: UnitOperands) -> Walk:
    return finish(op, given, own_term(given), "value")


@USES.enter(Dropout)
def _uses_dropout(op: Dropout, given: Operands, operand: int, example: int, index: Index) -> Uses:
    return single(example, index, 1.0, "copy")


STEPS.enter(Dropout)(no_steps)
