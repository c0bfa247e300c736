"""How a person calculates dropout by hand: as it is in training, with a mask drawn from the seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from convscope.ops.arrays import BACKWARD, FORWARD, Array, Gradients, Operands, gradient_of
from convscope.ops.calculate import CALCULATE, Given, Prepared, Use, arguments_of, flat
from convscope.ops.opening import OPEN, UnitOperands, finish, own_term
from convscope.ops.regularisation.spec import Dropout
from convscope.ops.spec import Shape, build
from convscope.ops.step import make_step
from convscope.ops.walk import Walk
from convscope.seeds import stream_seed


class DropoutDrawn(Dropout):
    """Dropout in training with its mask at hand: the buffer ``mask``, 1 where a value is kept."""

    word: ClassVar[str] = "dropout"
    summary: ClassVar[str] = Dropout.summary

    def buffers(self, inputs: Sequence[Shape]) -> dict[str, Shape]:
        """``mask``, one a value."""
        return {"mask": inputs[0]}


@FORWARD.enter(DropoutDrawn)
def _forward(op: DropoutDrawn, given: Operands) -> Array:
    out: Array = given.x * given.buffers["mask"] / (1 - op.p)
    return out


@BACKWARD.enter(DropoutDrawn)
def _backward(op: DropoutDrawn, given: Operands, gradient: Array) -> Gradients:
    return gradient_of(gradient * given.buffers["mask"] / (1 - op.p))


@OPEN.enter(DropoutDrawn)
def _open(op: DropoutDrawn, given: UnitOperands) -> Walk:
    x, kept = given.own, float(given.buffers["mask"][given.index])
    last = make_step("value", "{0} * {1} / (1 - {2})", x * kept / (1 - op.p), x=x, mask=kept, p=op.p)
    return finish(op, given, own_term(given), "value", [last], abs(x) + abs(last.value))


def make_dropout(given: Given) -> Prepared:
    """In training, with a mask drawn from the seed."""
    image = flat(given.first)
    op = build(DropoutDrawn, (), arguments_of(given, "p"))
    assert isinstance(op, DropoutDrawn)
    numbers = np.random.default_rng(stream_seed(int(given.options["seed"]), "calc dropout"))
    mask = (numbers.random(image.shape) >= op.p).astype(np.float64)
    return Prepared(op, [image], {}, {"mask": mask})


CALCULATE.enter(Dropout)(Use("INPUT", make_dropout, ("p", "seed"), "dropout '1 2 3 4' --p 0.5"))
