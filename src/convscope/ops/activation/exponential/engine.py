"""Activations with an exponential in torch: where its own default is coarse."""

from __future__ import annotations

from torch.nn import functional as F  # noqa: N812  the name by which everyone knows it

from convscope.ops.activation.exponential.spec import LINEAR, Softplus
from convscope.ops.tensors import COMPUTE, Compute, Place


@COMPUTE.enter(Softplus)
def _softplus(op: Softplus, node: Place) -> Compute:
    return lambda part, inputs: F.softplus(inputs[0], op.beta, LINEAR)
