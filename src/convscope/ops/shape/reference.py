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
from convscope.ops.shape.spec import ChannelShuffle, ChannelSplit, Flatten, Identity, Pad, PadChannels
from convscope.ops.spec import elements
from convscope.ops.uses import (
    STEPS,
    USES,
    Index,
    Uses,
    at_places,
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


@FORWARD.enter(Pad)
def _forward_pad(op: Pad, given: Operands) -> Array:
    return np.pad(given.x, ((0, 0), (0, 0), *op.window(given.shapes).padding))


@BACKWARD.enter(Pad)
def _backward_pad(op: Pad, given: Operands, gradient: Array) -> Gradients:
    sides = zip(op.window(given.shapes).padding, given.x.shape[2:], strict=True)
    inside = [slice(None), slice(None), *(slice(before, before + n) for (before, _), n in sides)]
    return gradient_of(gradient[tuple(inside)])


@OPEN.enter(Pad)
def _open_pad(op: Pad, given: UnitOperands) -> Walk:
    before = (start for start, _ in op.window(given.shapes).padding)
    place = (given.index[0], *(at - start for at, start in zip(given.index[1:], before, strict=True)))
    inside = all(0 <= at < n for at, n in zip(place, given.x.shape, strict=True))
    return finish(op, given, own_term(given, place if inside else (-1,) * given.x.ndim), "value")


@USES.enter(Pad)
def _uses_pad(op: Pad, given: Operands, operand: int, example: int, index: Index) -> Uses:
    before = (start for start, _ in op.window(given.shapes).padding)
    places = (at + start for at, start in zip(index[1:], before, strict=True))
    return single(example, (index[0], *places), 1.0, "copy")


@FORWARD.enter(ChannelSplit)
def _forward_channel_split(op: ChannelSplit, given: Operands) -> Array:
    return given.x[:, op.start : op.end]


@BACKWARD.enter(ChannelSplit)
def _backward_channel_split(op: ChannelSplit, given: Operands, gradient: Array) -> Gradients:
    inward = np.zeros(given.x.shape, gradient.dtype)
    inward[:, op.start : op.end] = gradient
    return gradient_of(inward)


@OPEN.enter(ChannelSplit)
def _open_channel_split(op: ChannelSplit, given: UnitOperands) -> Walk:
    return finish(op, given, own_term(given, (given.index[0] + op.start, *given.index[1:])), "value")


@USES.enter(ChannelSplit)
def _uses_channel_split(op: ChannelSplit, given: Operands, operand: int, example: int, index: Index) -> Uses:
    if not op.start <= index[0] < op.end:
        return at_places(example, np.zeros((0, len(index)), np.int64), np.zeros(0), "copy")
    return single(example, (index[0] - op.start, *index[1:]), 1.0, "copy")


@FORWARD.enter(ChannelShuffle)
def _forward_channel_shuffle(op: ChannelShuffle, given: Operands) -> Array:
    batch, channels, *places = given.x.shape
    return given.x.reshape(batch, op.groups, channels // op.groups, *places).swapaxes(1, 2).reshape(given.x.shape)


@BACKWARD.enter(ChannelShuffle)
def _backward_channel_shuffle(op: ChannelShuffle, given: Operands, gradient: Array) -> Gradients:
    batch, channels, *places = gradient.shape
    dealt = gradient.reshape(batch, channels // op.groups, op.groups, *places)
    return gradient_of(dealt.swapaxes(1, 2).reshape(gradient.shape))


@OPEN.enter(ChannelShuffle)
def _open_channel_shuffle(op: ChannelShuffle, given: UnitOperands) -> Walk:
    turn, group = divmod(given.index[0], op.groups)
    channel = group * (given.x.shape[0] // op.groups) + turn
    return finish(op, given, own_term(given, (channel, *given.index[1:])), "value")


@USES.enter(ChannelShuffle)
def _uses_channel_shuffle(op: ChannelShuffle, given: Operands, operand: int, example: int, index: Index) -> Uses:
    group, turn = divmod(index[0], given.shapes[0][0] // op.groups)
    return single(example, (turn * op.groups + group, *index[1:]), 1.0, "copy")


STEPS.enter(Pad, ChannelSplit, ChannelShuffle)(no_steps)
