"""Operations that move values, in torch."""

from __future__ import annotations

from torch.nn import functional as F  # noqa: N812  the name by which everyone knows it

from convscope.ops.shape.spec import ChannelShuffle, ChannelSplit, Flatten, Identity, Pad, PadChannels
from convscope.ops.tensors import COMPUTE, Compute, Place, pads_of


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


@COMPUTE.enter(Pad)
def _pad(op: Pad, node: Place) -> Compute:
    pads = pads_of(op.window(node.input_shapes).padding)
    return lambda part, inputs: F.pad(inputs[0], pads)


@COMPUTE.enter(ChannelSplit)
def _channel_split(op: ChannelSplit, node: Place) -> Compute:
    return lambda part, inputs: inputs[0][:, op.start : op.end]


@COMPUTE.enter(ChannelShuffle)
def _channel_shuffle(op: ChannelShuffle, node: Place) -> Compute:
    channels, *places = node.shape
    dealt = (-1, op.groups, channels // op.groups, *places)
    # Not F.channel_shuffle, which some of torch's compilers do not know.
    return lambda part, inputs: inputs[0].reshape(dealt).transpose(1, 2).flatten(1, 2)
