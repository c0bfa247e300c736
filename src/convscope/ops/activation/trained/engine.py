"""Activations with trained numbers in torch."""

from __future__ import annotations

from torch.nn import functional as F  # noqa: N812  the name by which everyone knows it

from convscope.ops.activation.trained.spec import PReLU
from convscope.ops.tensors import COMPUTE, Compute, Place


@COMPUTE.enter(PReLU)
def _prelu(op: PReLU, node: Place) -> Compute:
    # torch wants both in one precision, which they are not where only the activations are bfloat16.
    return lambda part, inputs: F.prelu(inputs[0], part.weight.to(inputs[0].dtype))
