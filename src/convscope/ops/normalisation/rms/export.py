"""How PyTorch and Keras spell root mean square normalisation."""

from __future__ import annotations

from convscope.ops.normalisation.rms.spec import RMSNorm
from convscope.ops.spelling import (
    KERAS,
    PYTORCH,
    Code,
    Helper,
    Layer,
    NeedsNumbers,
    Place,
    Written,
    WrittenKeras,
    call,
)

_CHANNEL_RMS_NORM = '''class ChannelRMSNorm(nn.RMSNorm):
    """RMS norm over the channels at each place."""

    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)'''

_KERAS_RMS_NORM = '''class RMSNorm(layers.Layer):
    """Each example over its root mean square, over the channels at each place or over everything."""

    def __init__(self, eps=2.0**-23, over="channels", affine=True, **options):
        super().__init__(**options)
        self.eps, self.over, self.affine = eps, over, affine

    def build(self, shape):
        self.axes = [-1] if self.over == "channels" else list(range(1, len(shape)))
        if self.affine:
            sizes = shape[-1:] if self.over == "channels" else (shape[-1], *shape[1:-1])
            self.weight = self.add_weight(sizes, "ones", name="weight")

    def call(self, x):
        x = x * keras.ops.rsqrt(keras.ops.mean(x * x, self.axes, keepdims=True) + self.eps)
        if not self.affine:
            return x
        return x * (self.weight if self.over == "channels" else keras.ops.moveaxis(self.weight, 0, -1))'''


@PYTORCH.enter(RMSNorm)
def _pytorch_rmsnorm(op: RMSNorm, a: Written, node: Place) -> Code:
    shape, named = node.input_shapes[0], a.changed("eps")
    if not op.affine:
        named["elementwise_affine"] = "False"
    if op.over == "all" and len(shape) > 1:
        if a.everywhere:
            raise NeedsNumbers
        return call("nn.RMSNorm", repr(shape), **named)
    if len(shape) == 1:
        return call("nn.RMSNorm", a.channels, **named)
    a.helpers.add(Helper("channel_rms_norm", _CHANNEL_RMS_NORM, (), 401))
    return call("ChannelRMSNorm", a.channels, **named)


@KERAS.enter(RMSNorm)
def _keras_rmsnorm(op: RMSNorm, v: WrittenKeras, node: Place) -> Layer:
    named = v.given("eps", "affine")
    if op.over == "all":
        named["over"] = '"all"'
    return Layer(call("RMSNorm", **named, name=v.name), helpers=(Helper("rmsnorm", _KERAS_RMS_NORM, order=185),))
