"""Labels as rows of zeros with a single 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from convscope.calculation.function import Function, opened
from convscope.errors import UserError
from convscope.ops import Misfit, Shape
from convscope.ops.arrays import BACKWARD, FORWARD, Array, Gradients, Operands
from convscope.ops.calculate import CALCULATE, Given, Prepared, Use
from convscope.ops.opening import OPEN, UnitOperands, terms_at
from convscope.ops.spec import count
from convscope.ops.step import Operand
from convscope.ops.terms import TermFunction
from convscope.ops.walk import Walk
from convscope.ops.words import WORDS, named
from convscope.reference import losses


class OneHot(Function):
    """Labels ``(N,)`` as rows ``(N, classes)``: 1 in the label's column, else 0."""

    word: ClassVar[str] = "onehot"
    summary: ClassVar[str] = "1 in the label's column, else 0"
    explained = (
        "A label becomes a row of zeros with a single 1.",
        "레이블을 하나만 1이고 나머지는 0인 행으로 바꿉니다.",
    )

    classes: int = count(1)

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """``(N, classes)``."""
        return (inputs[0][0], self.classes)


@FORWARD.enter(OneHot)
def _forward(op: OneHot, given: Operands) -> Array:
    return losses.one_hot(given.x[0].tolist(), op.classes)[None]


@BACKWARD.enter(OneHot)
def _backward(op: OneHot, given: Operands, gradient: Array) -> Gradients:
    raise Misfit("one-hot has no gradient", "a function of numbers; labels are whole", argument="backward")


@OPEN.enter(OneHot)
def _open(op: OneHot, given: UnitOperands) -> Walk:
    row, column = given.index
    label = terms_at(given, np.array([[row]]))
    indicator = TermFunction("indicator", "{0} == {1}", "label", operands=(Operand("class", float(column)),))
    return opened(op, given, label.becoming(indicator, (label.value_N == column).astype(np.float64)), [])


def make_one_hot(given: Given) -> Prepared:
    """Labels as rows."""
    labels = given.first.reshape(-1)
    classes = int(given.options.get("classes") or max(labels.max(), 0) + 1)
    if classes * labels.size > 10_000_000:
        raise UserError(given.where, f"{labels.size:,} labels of {classes:,} classes", "fewer of them")
    return Prepared(OneHot(classes), [labels])


WORDS.enter(OneHot)(named())
CALCULATE.enter(OneHot)(Use("LABELS", make_one_hot, ("classes",), "onehot '0 2 1' --classes 3", operands=("labels",)))
