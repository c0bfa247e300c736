"""How a person calculates it by hand."""

from __future__ import annotations

from collections.abc import Sequence

from convscope.ops.calculate import CALCULATE, Use, several
from convscope.ops.merge.spec import Add, Concat, Mul
from convscope.ops.shape_rules import ShapeRule
from convscope.ops.spec import Shape
from convscope.ops.step import Operand, Step


def concat_rules(op: Concat, shapes: Sequence[Shape]) -> tuple[ShapeRule, ...]:
    """The channels of all inputs together."""
    operands = tuple(Operand(f"channels of {at + 1}", float(shape[0])) for at, shape in enumerate(shapes))
    form = " + ".join(f"{{{at}}}" for at in range(len(operands)))
    return (ShapeRule(Step("channels", form, operands, float(op.shape(shapes)[0]))),)


CALCULATE.enter(Add)(Use("INPUT INPUT...", several, (), "add '1 2 3' '10 20 30'", 2, 100, sign="+"))
CALCULATE.enter(Mul)(Use("INPUT INPUT...", several, (), "mul '1 2 3' '10 20 30'", 2, 100, sign="*"))
CALCULATE.enter(Concat)(Use("INPUT INPUT...", several, (), "concat '1 2 3' '10 20 30'", 2, 100, rules=concat_rules))
