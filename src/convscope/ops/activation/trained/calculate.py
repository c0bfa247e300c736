"""How a person calculates it by hand."""

from __future__ import annotations

from convscope.ops.activation.trained.spec import PReLU
from convscope.ops.calculate import CALCULATE, Given, Prepared, Use, flat, tensors_of
from convscope.ops.spec import build


def make_prelu(given: Given) -> Prepared:
    """The slope below zero: 0.25 untold, one number, or one a channel."""
    image, tensors = flat(given.first), tensors_of(given, "weight")
    weight = tensors.get("weight")
    op = build(PReLU, (), {} if weight is None else {"num_parameters": int(weight.size)})
    if weight is None:
        tensors = {"weight": flat(given.first).reshape(-1)[:1] * 0 + op.initial("weight")}
    op.shape([image.shape])
    return Prepared(op, [image], tensors)


CALCULATE.enter(PReLU)(Use("INPUT", make_prelu, ("weight",), "prelu '-2 -1 0 1 2' --weight 0.25"))
