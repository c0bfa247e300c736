"""Operations that move values, in NumPy: forward, backward, one unit opened, its gradient opened."""

from __future__ import annotations

import numpy as np

from convscope.ops.arrays import (
    BACKWARD,
    FORWARD,
    Array,
    Gradients,
    Operands,
    gradient_of,
)
from convscope.ops.opening import OPEN, UnitOperands, finish, own_term
from convscope.ops.shape.spec import Flatten, Identity, PadChannels
from convscope.ops.spec import elements
from convscope.ops.uses import (
    STEPS,
    USES,
    Index,
    Uses,
    no_steps,
    single,
)
from convscope.ops.walk import Walk


@FORWARD.enter(Flatten)
def _forward_flatten(op: Flatten, given: Operands) -> Array:
    return given.x.reshape(len(given.x), elements(given.shapes[0]))


@FORWARD.enter(Identity)
def _forward_identity(op: Identity, given: Operands) -> Array:
    return given.x


@FORWARD.enter(PadChannels)
def _forward_pad_channels(op: PadChannels, given: Operands) -> Array:
    return np.pad(given.x, ((0, 0), (op.before, op.after), *[(0, 0)] * (given.x.ndim - 2)))


@BACKWARD.enter(Flatten)
def _backward_flatten(op: Flatten, given: Operands, gradient: Array) -> Gradients:
    return gradient_of(gradient.reshape(given.x.shape))


@BACKWARD.enter(Identity)
def _backward_identity(op: Identity, given: Operands, gradient: Array) -> Gradients:
    return gradient_of(gradient)


@BACKWARD.enter(PadChannels)
def _backward_pad_channels(op: PadChannels, given: Operands, gradient: Array) -> Gradients:
    return gradient_of(gradient[:, op.before : op.before + given.x.shape[1]])


@OPEN.enter(Flatten)
def _open_flatten(op: Flatten, given: UnitOperands) -> Walk:
    place = np.unravel_index(given.index[0], given.x.shape)
    return finish(op, given, own_term(given, tuple(map(int, place))), "value")


@OPEN.enter(Identity)
def _open_identity(op: Identity, given: UnitOperands) -> Walk:
    return finish(op, given, own_term(given), "value")


@OPEN.enter(PadChannels)
def _open_pad_channels(op: PadChannels, given: UnitOperands) -> Walk:
    channel = given.index[0] - op.before
    inside = 0 <= channel < given.x.shape[0]
    place = (channel, *given.index[1:]) if inside else (-1,) * given.x.ndim
    return finish(op, given, own_term(given, place), "value")


@USES.enter(Flatten)
def _uses_flatten(op: Flatten, given: Operands, operand: int, example: int, index: Index) -> Uses:
    return single(example, [int(np.ravel_multi_index(index, given.shapes[0]))], 1.0, "copy")


@USES.enter(Identity)
def _uses_identity(op: Identity, given: Operands, operand: int, example: int, index: Index) -> Uses:
    return single(example, index, 1.0, "copy")


@USES.enter(PadChannels)
def _uses_pad_channels(op: PadChannels, given: Operands, operand: int, example: int, index: Index) -> Uses:
    return single(example, (index[0] + op.before, *index[1:]), 1.0, "copy")


STEPS.enter(Flatten)(no_steps)
STEPS.enter(Identity)(no_steps)
STEPS.enter(PadChannels)(no_steps)
