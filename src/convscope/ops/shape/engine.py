"""Operations that move values, in torch."""

from __future__ import annotations

from torch.nn import functional as F  # noqa: N812  the name by which everyone knows it

from convscope.ops.shape.spec import Flatten, Identity, PadChannels
from convscope.ops.tensors import COMPUTE, Compute, Place


@COMPUTE.enter(Flatten)
def _flatten(op: Flatten, node: Place) -> Compute:
    return lambda part, inputs: inputs[0].flatten(1)


@COMPUTE.enter(Identity)
def _identity(op: Identity, node: Place) -> Compute:
    return lambda part, inputs: inputs[0]


@COMPUTE.enter(PadChannels)
def _pad_channels(op: PadChannels, node: Place) -> Compute:
    pads = [*[0] * (2 * (len(node.shape) - 1)), op.before, op.after]
    return lambda part, inputs: F.pad(inputs[0], pads)
