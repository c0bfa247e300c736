"""squareplus, (x + sqrt(x^2 + b)) / 2: a smooth rectifier (Barron 2021), as one file outside the package."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from convscope.ops.activation.spec import Activation, pointwise, smooth_slope
from convscope.ops.spec import number, operation
from convscope.ops.spelling import PYTORCH, Code, Helper, Place, Written, call
from convscope.ops.step import Step, make_step
from convscope.ops.traits import Traits
from convscope.ops.words import named


@operation("squareplus", "(x + sqrt(x^2 + b)) / 2")
class Squareplus(Activation):
    """``squareplus``: (x + sqrt(x^2 + b)) / 2 (Barron 2021)."""

    traits: ClassVar[Traits] = pointwise(monotone="rounded", nonlinearity="rectifier", keeps=("input", "value"))
    torch, module, keras, onednn = "", "", "", ""
    largest_slope = 1.0
    explained = (
        "A smooth ReLU made of a square root: no exponential is needed.",
        "제곱근으로 만든 매끄러운 ReLU입니다. 지수 함수가 필요 없습니다.",
    )
    words = named({"root": ("root", "제곱근")}, operands={"b": ("b", "b")})
    slope_size = smooth_slope

    b: float = number(4.0)

    def value(self, x: Any, xp: Any) -> Any:
        return (x + xp.sqrt(xp.square(x) + self.b)) / 2

    def slope(self, x: Any, xp: Any) -> Any:
        return (1 + x / xp.sqrt(xp.square(x) + self.b)) / 2

    def steps(self, x: float) -> tuple[Step, ...]:
        root = math.sqrt(x * x + self.b)
        first = make_step("root", "sqrt({0} ** 2 + {1})", root, x=x, b=self.b)
        return first, make_step("value", "({0} + {1}) / 2", (x + root) / 2, x=x, root=root)

    def slope_steps(self, x: float) -> tuple[Step, ...]:
        root = math.sqrt(x * x + self.b)
        first = make_step("root", "sqrt({0} ** 2 + {1})", root, x=x, b=self.b)
        return first, make_step("slope", "(1 + {0} / {1}) / 2", (1 + x / root) / 2, x=x, root=root)


_MODULE = '''class Squareplus(nn.Module):
    """(x + sqrt(x^2 + b)) / 2."""

    def __init__(self, b=4.0):
        super().__init__()
        self.b = b

    def forward(self, x):
        return (x + torch.sqrt(x * x + self.b)) / 2'''


@PYTORCH.enter(Squareplus)
def _pytorch(op: Squareplus, a: Written, place: Place) -> Code:
    a.helpers.add(Helper("squareplus", _MODULE, ("import torch",)))
    return call("Squareplus", **a.changed("b"))


def _torch() -> None:
    """torch is imported where it is needed: describe and calc stay quick."""
    from convscope.ops.tensors import COMPUTE, Compute

    @COMPUTE.enter(Squareplus)
    def compute(op: Squareplus, place: Any) -> Compute:
        b = op.b
        return lambda part, inputs: (inputs[0] + (inputs[0] * inputs[0] + b).sqrt()) / 2


_torch()
