"""How a person calculates it by hand; softmax of the rows of a matrix, as examples are typed."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

from convscope.ops.activation.reference import slope
from convscope.ops.activation.spec import Activation, LogSoftmax, Softmax
from convscope.ops.arrays import BACKWARD, FORWARD, Array, Gradients, Operands, gradient_of
from convscope.ops.calculate import CALCULATE, Curve, Given, Prepared, Use, arguments_of, flat, pointwise
from convscope.ops.functions import softmax
from convscope.ops.opening import OPEN, UnitOperands, finish, grid, terms_at
from convscope.ops.spec import OPERATIONS, build
from convscope.ops.step import make_step
from convscope.ops.walk import Walk


def _activation(given: Given) -> Prepared:
    cls = OPERATIONS[given.word]
    named = arguments_of(given, *(entry.name for entry in dataclasses.fields(cls)))
    return Prepared(build(cls, (), named), [flat(given.first)])


def use_of(cls: type[Activation]) -> Use:
    """An activation's own: its arguments are its options."""
    names = tuple(entry.name for entry in dataclasses.fields(cls))
    return Use("INPUT", _activation, names, f"{cls.word} '-2 -1 0 1 2'", curve=Curve(slope))


class RowSoftmax(Softmax):
    """Softmax of each row of a matrix ``(N, classes)``: one row an example."""

    word: ClassVar[str] = "softmax"
    summary: ClassVar[str] = Softmax.summary


@FORWARD.enter(RowSoftmax)
def _forward_rows(op: RowSoftmax, given: Operands) -> Array:
    return softmax(given.x, axis=2)


@BACKWARD.enter(RowSoftmax)
def _backward_rows(op: RowSoftmax, given: Operands, gradient: Array) -> Gradients:
    y = softmax(given.x, axis=2)
    return gradient_of(y * (gradient - (gradient * y).sum(axis=2, keepdims=True)))


@OPEN.enter(RowSoftmax)
def _open_rows(op: RowSoftmax, given: UnitOperands) -> Walk:
    values = terms_at(given, grid([given.index[0]], range(given.x.shape[1])))
    largest, x = float(values.value_N.max()), given.own
    terms = values.exponentials(largest)
    own, total = math.exp(x - largest), float(terms.result_N.sum())
    steps = [
        make_step("exponential", "exp({0} - {1})", own, x=x, largest=largest),
        make_step("value", "{0} / {1}", own / total, exponential=own, sum=total),
    ]
    return finish(op, given, terms, "sum", steps, total + sum(step.value for step in steps))


def make_softmax(given: Given) -> Prepared:
    """Over a row, or over the channels of a picture."""
    image = given.first
    if len(image) == 1 and image.shape[1] > 1:
        return Prepared(RowSoftmax(), [image[0]])
    return Prepared(Softmax(), [flat(image)])


CALCULATE.enter_for(Activation)(use_of)
CALCULATE.enter(Softmax)(Use("INPUT", make_softmax, (), "softmax '2 1 0.1'"))
CALCULATE.enter(LogSoftmax)(Use("INPUT", pointwise, (), "logsoftmax '2 1 0.1'"))
