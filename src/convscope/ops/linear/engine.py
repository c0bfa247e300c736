"""The fully connected layer in torch."""

from __future__ import annotations

from torch.nn import functional as F  # noqa: N812  the name by which everyone knows it

from convscope.ops.linear.spec import Linear
from convscope.ops.tensors import COMPUTE, Compute, Place


@COMPUTE.enter(Linear)
def _linear(op: Linear, node: Place) -> Compute:
    return lambda part, inputs: F.linear(inputs[0], part.weight, part.bias)
