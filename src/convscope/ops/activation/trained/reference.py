"""Activations with trained numbers in NumPy: forward, backward, one unit opened, its gradient opened."""

from __future__ import annotations

import numpy as np

from convscope.ops.activation.spec import slope_piece
from convscope.ops.activation.trained.spec import PReLU
from convscope.ops.arrays import (
    BACKWARD,
    FORWARD,
    Array,
    Gradients,
    Operands,
    along_channels,
    each_channel,
    gradient_of,
)
from convscope.ops.opening import OPEN, UnitOperands, finish, own_term
from convscope.ops.step import Step, make_step
from convscope.ops.uses import (
    STEPS,
    USES,
    WEIGHT_STEPS,
    WEIGHT_USES,
    Index,
    Place,
    Uses,
    everywhere,
    own_places,
    single,
)
from convscope.ops.walk import Walk


def _weight_of(op: PReLU, weight: Array, channel: int) -> float:
    """The slope of a channel."""
    return float(weight[channel if op.num_parameters > 1 else 0])


@FORWARD.enter(PReLU)
def _forward_prelu(op: PReLU, given: Operands) -> Array:
    weight = along_channels(given.parameters["weight"], given.x.ndim - 2)
    return np.where(given.x > 0, given.x, weight * given.x)


@BACKWARD.enter(PReLU)
def _backward_prelu(op: PReLU, given: Operands, gradient: Array) -> Gradients:
    weight = along_channels(given.parameters["weight"], given.x.ndim - 2)
    below = np.where(given.x > 0, np.zeros((), gradient.dtype), gradient)
    of_weight = each_channel(below * given.x)
    if op.num_parameters == 1:
        of_weight = of_weight.sum(keepdims=True)
    return gradient_of(np.where(given.x > 0, gradient, weight * gradient), weight=of_weight)


@OPEN.enter(PReLU)
def _open_prelu(op: PReLU, given: UnitOperands) -> Walk:
    x = given.own
    weight = _weight_of(op, given.parameters["weight"], given.index[0])
    step = make_step("value", "{0}", x, x=x)
    if not x > 0:
        step = make_step("value", "{0} * {1}", weight * x, weight=weight, x=x)
    return finish(op, given, own_term(given), "value", [step], max(abs(x), abs(step.value)))


@USES.enter(PReLU)
def _uses_prelu(op: PReLU, given: Operands, operand: int, example: int, index: Index) -> Uses:
    weight = _weight_of(op, given.parameters["weight"], index[0])
    return single(example, index, 1.0 if given.x[(example, *index)] > 0 else weight, "slope")


@WEIGHT_USES.enter(PReLU)
def _weight_uses_prelu(op: PReLU, given: Operands, index: Index) -> Uses:
    shape = given.shapes[0]
    each = op.num_parameters > 1
    places = own_places(index, shape) if each and len(shape) > 1 else [list(range(n)) for n in shape]
    places = [[index[0]]] if each and len(shape) == 1 else places
    example_N, index_NR = everywhere(len(given.x), places)
    x_N = given.x[(example_N, *index_NR.T)].astype(np.float64)
    return Uses(example_N, index_NR, np.where(x_N > 0, 0.0, x_N), "slope")


@STEPS.enter(PReLU)
def _steps_prelu(op: PReLU, given: Operands, operand: int, read: Place, reader: Place) -> tuple[Step, ...]:
    x, weight = float(given.x[read]), _weight_of(op, given.parameters["weight"], read[1])
    if x > 0:
        return slope_piece(x, 0, None, 1.0)
    return (make_step("slope where x <= 0", "{0}", weight, weight=weight),)


@WEIGHT_STEPS.enter(PReLU)
def _weight_steps_prelu(op: PReLU, given: Operands, reader: Place) -> tuple[Step, ...]:
    x = float(given.x[reader])
    if x > 0:
        return slope_piece(x, 0, None, 0.0)
    return (make_step("slope where x <= 0", "{0}", x, x=x),)
