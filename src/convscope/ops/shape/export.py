"""How PyTorch and Keras spell operations that move values."""

from __future__ import annotations

from math import prod

from convscope.ops.shape.spec import Flatten, Identity, PadChannels
from convscope.ops.spelling import (
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
