"""How a person calculates it by hand."""

from __future__ import annotations

from convscope.errors import UserError
from convscope.ops.calculate import (
    CALCULATE,
    WEIGHT_LAYOUTS,
    Given,
    Prepared,
    Use,
    flat,
    tensors_of,
)
from convscope.ops.linear.spec import Linear
from convscope.ops.spec import build


def make_linear(given: Given) -> Prepared:
    """A vector and a weight whose rows are the outputs."""
    weight, bias = given.values[1], tensors_of(given, "bias")
    if len(weight) > 1:
        raise UserError("weight", f"{len(weight)} channels", "a row an output: '0.5 1 / -1 2'")
    image = flat(given.first)
    op = build(Linear, (weight.shape[1],), {"bias": bool(bias)})
    op.shape([image.shape])
    if weight.shape[2] != image.size:
        got = f"rows of {weight.shape[2]} weights for {image.size} inputs"
        hint = "--kernel-layout io takes TensorFlow's weights, a column an output" * (weight.shape[1] == image.size)
        raise UserError("weight", got, f"{image.size} weights in each row, a row an output", hint)
    return Prepared(op, [image], {"weight": weight[0], **bias})


CALCULATE.enter(Linear)(
    Use(
        "INPUT WEIGHT",
        make_linear,
        ("bias", "kernel_layout"),
        "linear '1 2 3' '0.5 1 -1 / 0 1 2' --bias '0.1 0'",
        2,
        2,
        ("input", "weight"),
        layouts=WEIGHT_LAYOUTS,
    )
)
