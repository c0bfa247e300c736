"""The chain rule through one calculation: from the gradient of its output to those of its inputs and weights."""

from __future__ import annotations

from functools import singledispatch

import numpy as np

from convscope import ops
from convscope.calculation.calculation import Calculation, Values
from convscope.calculation.functions import (
    BinaryCrossEntropy,
    CrossEntropy,
    DropoutDrawn,
    Im2col,
    Logit,
    Odds,
    OneHot,
    RowSoftmax,
)
from convscope.ops import Misfit, spell_shape
from convscope.ops.arrays import Gradients
from convscope.reference import losses
from convscope.reference.backward import backward


def default_gradient(calculation: Calculation) -> Values:
    """What the loss's gradient at the output is taken for where none is given.

    Ones, as if the outputs were added up; of several losses that of their mean.
    """
    if isinstance(calculation.op, CrossEntropy | BinaryCrossEntropy):
        return np.full(calculation.output.shape, 1 / calculation.output.size)
    return np.ones(calculation.output.shape)


def gradients(calculation: Calculation, gradient: Values | None = None) -> Gradients:
    """What a small change of each operand does to the loss.

    Args:
        calculation: the operation with its operands.
        gradient: of the loss with respect to the output, in its shape; None for :func:`default_gradient`.

    Returns:
        One an input and one a parameter, in their shapes. Labels have none: their gradient is 0.

    Raises:
        Misfit: a gradient of another shape, or a function without one.

    Example:
        >>> from convscope.calculation.calculation import calculate
        >>> gradients(calculate(ops.Sigmoid(), [np.array([0.0, 4.0])])).inputs[0].round(4)
        array([0.25  , 0.0177])
    """
    outward = default_gradient(calculation) if gradient is None else np.asarray(gradient, np.float64)
    if outward.shape != calculation.output.shape:
        expected = spell_shape(calculation.output.shape)
        raise Misfit(f"a gradient of {spell_shape(outward.shape)}", f"the output's {expected}", argument="gradient")
    return _backward(calculation.op, calculation, outward)


@singledispatch
def _backward(op: ops.Op, calculation: Calculation, outward: Values) -> Gradients:
    given = backward(
        op,
        [value[None] for value in calculation.inputs],
        calculation.parameters,
        calculation.buffers,
        outward[None],
        training=isinstance(op, ops.BatchNorm) and bool(calculation.before),
    )
    return Gradients(tuple(value[0] for value in given.inputs), given.parameters)


@_backward.register
def _(op: RowSoftmax, calculation: Calculation, outward: Values) -> Gradients:
    return backward(ops.Softmax(), calculation.inputs, {}, {}, outward)  # the rows are a batch


@_backward.register
def _(op: Odds, calculation: Calculation, outward: Values) -> Gradients:
    return Gradients((outward * losses.odds_slope(calculation.inputs[0]),), {})


@_backward.register
def _(op: Logit, calculation: Calculation, outward: Values) -> Gradients:
    return Gradients((outward * losses.logit_slope(calculation.inputs[0]),), {})


@_backward.register
def _(op: CrossEntropy, calculation: Calculation, outward: Values) -> Gradients:
    scores, labels = calculation.inputs
    inward = losses.cross_entropy(scores, labels, reduction="sum").gradient * outward[:, None]
    return Gradients((inward, np.zeros(labels.shape)), {})


@_backward.register
def _(op: BinaryCrossEntropy, calculation: Calculation, outward: Values) -> Gradients:
    values, labels = calculation.inputs
    function = losses.binary_cross_entropy_with_logits if op.logits else losses.binary_cross_entropy
    return Gradients((function(values, labels, reduction="sum").gradient * outward, np.zeros(labels.shape)), {})


@_backward.register
def _(op: DropoutDrawn, calculation: Calculation, outward: Values) -> Gradients:
    return Gradients((outward * calculation.buffers["mask"] / (1 - op.p),), {})


@_backward.register
def _(op: Im2col, calculation: Calculation, outward: Values) -> Gradients:
    columns = calculation.columns
    assert columns is not None
    inward = np.zeros(calculation.shapes[0])
    inside = (columns.index_RPI >= 0).all(-1)
    # A value stands in as many columns as windows cover it: its gradients add up.
    np.add.at(inward, tuple(columns.index_RPI[inside].T), outward[inside])
    return Gradients((inward,), {})


@_backward.register
def _(op: OneHot, calculation: Calculation, outward: Values) -> Gradients:
    raise Misfit("one-hot has no gradient", "a function of numbers; labels are whole", argument="backward")
