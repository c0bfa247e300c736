"""How PyTorch and Keras spell operations that move values."""

from __future__ import annotations

from math import prod

from convscope.ops.shape.spec import ChannelShuffle, ChannelSplit, Flatten, Identity, Pad, PadChannels
from convscope.ops.spelling import (
    CHANNELS,
    KERAS,
    PYTORCH,
    Call,
    Code,
    Helper,
    Layer,
    Place,
    Written,
    WrittenKeras,
    call,
    flat_text,
)

_PAD_CHANNELS = '''class PadChannels(nn.Module):
    """Channels of zeros before and behind."""

    def __init__(self, before, after):
        super().__init__()
        self.before, self.after = before, after

    def forward(self, x):
        return F.pad(x, [0] * (2 * (x.dim() - 2)) + [self.before, self.after])'''


_PAD = '''class Pad(nn.Module):
    """Zeros before and behind each dimension."""

    def __init__(self, before, after):
        super().__init__()
        self.before, self.after = before, after

    def forward(self, x):
        rank = x.dim() - 2
        both = [v if isinstance(v, tuple) else (v,) * rank for v in (self.before, self.after)]
        return F.pad(x, [v for pair in reversed(list(zip(*both, strict=True))) for v in pair])'''


_SPLIT = '''class ChannelSplit(nn.Module):
    """The channels from start to before end."""

    def __init__(self, start, end):
        super().__init__()
        self.start, self.end = start, end

    def forward(self, x):
        return x[:, self.start : self.end]'''


_KERAS_PAD = '''def pad(x, before, after):
    """Zeros before and behind each dimension."""
    rank = len(x.shape) - 2
    both = [v if isinstance(v, tuple) else (v,) * rank for v in (before, after)]
    return keras.ops.pad(x, [(0, 0), *zip(*both, strict=True), (0, 0)])'''


_KERAS_SHUFFLE = '''def channelshuffle(x, groups):
    """The first channel of each group, then the second of each, and so on."""
    rank = len(x.shape)
    dealt = keras.ops.reshape(x, (-1, *x.shape[1:-1], groups, x.shape[-1] // groups))
    dealt = keras.ops.swapaxes(dealt, rank - 1, rank)
    return keras.ops.reshape(dealt, (-1, *x.shape[1:]))'''


_KERAS_PAD_CHANNELS = '''def padchannels(x, before, after):
    """Channels of zeros before and behind."""
    return keras.ops.pad(x, [(0, 0)] * (len(x.shape) - 1) + [(before, after)])'''


@PYTORCH.enter(Flatten)
def _pytorch_flatten(op: Flatten, a: Written, node: Place) -> Code:
    return call("nn.Flatten")


@PYTORCH.enter(Identity)
def _pytorch_identity(op: Identity, a: Written, node: Place) -> Code:
    return call("nn.Identity")


@PYTORCH.enter(PadChannels)
def _pytorch_padchannels(op: PadChannels, a: Written, node: Place) -> Code:
    a.helpers.add(Helper("padchannels", _PAD_CHANNELS, ("from torch.nn import functional as F",), 420))
    return call("PadChannels", a.text("before"), a.text("after"))


@KERAS.enter(Flatten)
def _keras_flatten(op: Flatten, v: WrittenKeras, node: Place) -> Layer | None:
    shape = node.input_shapes[0]
    if len(shape) == 1:
        return None
    if prod(shape[1:]) == 1:
        return Layer(call("layers.Flatten"))
    # The weights behind it count channels first.
    order = repr((len(shape), *range(1, len(shape))))
    return Layer(call("layers.Flatten()", flat_text(Call(f"layers.Permute({order})", (("", v.tensor),)))), True)


@KERAS.enter(Identity)
def _keras_identity(op: Identity, v: WrittenKeras, node: Place) -> None:
    return None


@KERAS.enter(PadChannels)
def _keras_padchannels(op: PadChannels, v: WrittenKeras, node: Place) -> Layer:
    return Layer(
        call("padchannels", v.tensor, v.text("before"), v.text("after")),
        True,
        (Helper("padchannels", _KERAS_PAD_CHANNELS, order=220),),
    )


@PYTORCH.enter(Pad)
def _pytorch_pad(op: Pad, a: Written, node: Place) -> Code:
    a.helpers.add(Helper("pad", _PAD, ("from torch.nn import functional as F",), 421))
    return call("Pad", a.text("before"), a.text("after"))


@PYTORCH.enter(ChannelSplit)
def _pytorch_channel_split(op: ChannelSplit, a: Written, node: Place) -> Code:
    a.helpers.add(Helper("channelsplit", _SPLIT, (), 422))
    return call("ChannelSplit", a.text("start"), a.text("end"))


@PYTORCH.enter(ChannelShuffle)
def _pytorch_channel_shuffle(op: ChannelShuffle, a: Written, node: Place) -> Code:
    return call("nn.ChannelShuffle", a.text("groups"))


@KERAS.enter(Pad)
def _keras_pad(op: Pad, v: WrittenKeras, node: Place) -> Layer:
    return Layer(
        call("pad", v.tensor, v.text("before"), v.text("after")), True, (Helper("pad", _KERAS_PAD, order=221),)
    )


@KERAS.enter(ChannelSplit)
def _keras_channel_split(op: ChannelSplit, v: WrittenKeras, node: Place) -> Layer:
    return Layer(f"{v.tensor}[..., {v.text('start')} : {v.text('end')}]", True)


@KERAS.enter(ChannelShuffle)
def _keras_channel_shuffle(op: ChannelShuffle, v: WrittenKeras, node: Place) -> Layer:
    helper = Helper("channelshuffle", _KERAS_SHUFFLE, order=222)
    return Layer(call("channelshuffle", v.tensor, v.text("groups")), True, (helper,))


CHANNELS.enter(PadChannels)((("+", ""), ("+", "before"), ("+", "after")))
CHANNELS.enter(ChannelSplit)((("+", "end"), ("-", "start")))
