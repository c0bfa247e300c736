"""The fully connected layer in NumPy: forward, backward, one unit opened, its gradient opened."""

from __future__ import annotations

import numpy as np

from convscope.ops.arrays import (
    BACKWARD,
    FORWARD,
    Array,
    Gradients,
    Operands,
    scale_and_shift,
    with_bias_gradient,
)
from convscope.ops.linear.spec import Linear
from convscope.ops.opening import OPEN, UnitOperands, terms_at, with_bias
from convscope.ops.uses import (
    STEPS,
    USES,
    WEIGHT_STEPS,
    WEIGHT_USES,
    Index,
    Uses,
    at_places,
    everywhere,
    no_steps,
)
from convscope.ops.walk import Walk


@FORWARD.enter(Linear)
def _forward_linear(op: Linear, given: Operands) -> Array:
    return scale_and_shift(given.x @ given.parameters["weight"].T, None, given.parameters.get("bias"))


@BACKWARD.enter(Linear)
def _backward_linear(op: Linear, given: Operands, gradient: Array) -> Gradients:
    return with_bias_gradient(op.bias, gradient @ given.parameters["weight"], gradient.T @ given.x, gradient)


@OPEN.enter(Linear)
def _open_linear(op: Linear, given: UnitOperands) -> Walk:
    weights = given.parameters["weight"][given.index[0]].astype(np.float64)
    places = np.column_stack([np.full(len(weights), given.index[0]), np.arange(len(weights))])
    terms = terms_at(given, np.arange(len(weights))[:, None]).times(weights, places, "weight")
    return with_bias(op, given, terms)


@USES.enter(Linear)
def _uses_linear(op: Linear, given: Operands, operand: int, example: int, index: Index) -> Uses:
    weights = given.parameters["weight"][:, index[0]].astype(np.float64)
    out = np.arange(len(weights))[:, None]
    return at_places(example, out, weights, "weight", np.column_stack([out, np.full(len(out), index[0])]))


@WEIGHT_USES.enter(Linear)
def _weight_uses_linear(op: Linear, given: Operands, index: Index) -> Uses:
    example_N, index_NR = everywhere(len(given.x), [[index[0]]])
    at_NS = np.full((len(example_N), 1), index[1], np.int64)
    return Uses(example_N, index_NR, given.x[:, index[1]].astype(np.float64), "value", at_NS)


STEPS.enter(Linear)(no_steps)
WEIGHT_STEPS.enter(Linear)(no_steps)
