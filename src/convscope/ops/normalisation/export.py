"""How PyTorch and Keras spell normalisations."""

from __future__ import annotations

from convscope.ops.normalisation.spec import BatchNorm, GroupNorm, LayerNorm, LocalResponseNorm, Scale
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
    torch_rank,
)

_CHANNEL_NORM = '''class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels at each place."""

    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)'''


_SCALE = '''class Scale(nn.Module):
    """Each channel times a trained number, plus another if there is a bias."""

    def __init__(self, channels, rank, init=1.0, bias=False):
        super().__init__()
        self.places = (-1, *[1] * rank)
        self.weight = nn.Parameter(torch.full((channels,), float(init)))
        self.bias = nn.Parameter(torch.zeros(channels)) if bias else None

    def forward(self, x):
        x = x * self.weight.view(self.places)
        return x if self.bias is None else x + self.bias.view(self.places)'''


_BATCHNORM = '''def batchnorm(x, eps=1e-05, momentum=0.1, affine=True, *, name):
    """Batch norm; momentum is the share of the new, in Keras that of the old."""
    layer = layers.BatchNormalization(
        momentum=1 - momentum, epsilon=eps, center=affine, scale=affine, name=name
    )
    return layer(x)'''


_LAYERNORM = '''def layernorm(x, eps=1e-05, over="channels", affine=True, *, name):
    """Layer norm over the channels at each place, or over everything."""
    axis = -1 if over == "channels" else [-1, *range(1, len(x.shape) - 1)]
    layer = layers.LayerNormalization(
        axis=axis, epsilon=eps, center=affine, scale=affine, name=name
    )
    return layer(x)'''


_GROUPNORM = '''def groupnorm(x, groups, eps=1e-05, affine=True, *, name):
    """Group norm."""
    layer = layers.GroupNormalization(
        groups, epsilon=eps, center=affine, scale=affine, name=name
    )
    return layer(x)'''


_LOCAL_RESPONSE = '''def localresponsenorm(x, size, alpha=0.0001, beta=0.75, k=1.0):
    """Each value divided by a power of what its neighbours in the channels have."""
    before, channels = size // 2, x.shape[-1]
    pads = [(0, 0)] * (len(x.shape) - 1) + [(before, (size - 1) // 2)]
    squares = keras.ops.pad(x * x, pads)
    total = sum(squares[..., i : i + channels] for i in range(size))
    return x / (k + alpha / size * total) ** beta'''


_KERAS_SCALE = '''class Scale(layers.Layer):
    """Each channel times a trained number, plus another if there is a bias."""

    def __init__(self, init=1.0, bias=False, **options):
        super().__init__(**options)
        self.init, self.bias = init, bias

    def build(self, shape):
        start = keras.initializers.Constant(self.init)
        self.weight = self.add_weight(shape[-1:], start, name="weight")
        if self.bias:
            self.shift = self.add_weight(shape[-1:], "zeros", name="bias")

    def call(self, x):
        return x * self.weight + self.shift if self.bias else x * self.weight'''


KERAS_BATCHNORM = Helper("batchnorm", _BATCHNORM, order=170)
"""With PyTorch's momentum."""


@PYTORCH.enter(BatchNorm)
def _pytorch_batchnorm(op: BatchNorm, a: Written, node: Place) -> Code:
    return call(torch_rank(node, "nn.BatchNorm"), a.channels, **a.changed("eps", "momentum", "affine"))


@PYTORCH.enter(LayerNorm)
def _pytorch_layernorm(op: LayerNorm, a: Written, node: Place) -> Code:
    shape = node.input_shapes[0]
    named = a.changed("eps")
    if not op.affine:
        named["elementwise_affine"] = "False"
    if len(shape) == 1:
        return call("nn.LayerNorm", a.channels, **named)
    if op.over == "all":
        if a.everywhere:
            raise NeedsNumbers
        return call("nn.LayerNorm", repr(shape), **named)
    a.helpers.add(Helper("channel_norm", _CHANNEL_NORM, (), 400))
    return call("ChannelNorm", a.channels, **named)


@PYTORCH.enter(GroupNorm)
def _pytorch_groupnorm(op: GroupNorm, a: Written, node: Place) -> Code:
    return call("nn.GroupNorm", a.text("num_groups"), a.channels, **a.changed("eps", "affine"))


@PYTORCH.enter(LocalResponseNorm)
def _pytorch_local_response(op: LocalResponseNorm, a: Written, node: Place) -> Code:
    return call("nn.LocalResponseNorm", a.text("size"), **a.changed("alpha", "beta", "k"))


@PYTORCH.enter(Scale)
def _pytorch_scale(op: Scale, a: Written, node: Place) -> Code:
    a.helpers.add(Helper("scale", _SCALE, ("import torch",), 410))
    return call("Scale", a.channels, str(len(node.shape) - 1), **a.changed("init", "bias"))


@KERAS.enter(BatchNorm)
def _keras_batchnorm(op: BatchNorm, v: WrittenKeras, node: Place) -> Layer:
    return Layer(
        call("batchnorm", v.tensor, **v.given("eps", "momentum", "affine"), name=v.name), True, (KERAS_BATCHNORM,)
    )


@KERAS.enter(LayerNorm)
def _keras_layernorm(op: LayerNorm, v: WrittenKeras, node: Place) -> Layer:
    named = v.given("eps", "affine")
    if op.over == "all":
        named["over"] = '"all"'
    return Layer(call("layernorm", v.tensor, **named, name=v.name), True, (Helper("layernorm", _LAYERNORM, order=180),))


@KERAS.enter(GroupNorm)
def _keras_groupnorm(op: GroupNorm, v: WrittenKeras, node: Place) -> Layer:
    code = call("groupnorm", v.tensor, v.text("num_groups"), **v.given("eps", "affine"), name=v.name)
    return Layer(code, True, (Helper("groupnorm", _GROUPNORM, order=190),))


@KERAS.enter(LocalResponseNorm)
def _keras_local_response(op: LocalResponseNorm, v: WrittenKeras, node: Place) -> Layer:
    named = v.given("alpha", "beta", "k")
    return Layer(
        call("localresponsenorm", v.tensor, v.text("size"), **named),
        True,
        (Helper("localresponsenorm", _LOCAL_RESPONSE, order=200),),
    )


@KERAS.enter(Scale)
def _keras_scale(op: Scale, v: WrittenKeras, node: Place) -> Layer:
    return Layer(
        call("Scale", **v.given("init", "bias"), name=v.name), helpers=(Helper("scale", _KERAS_SCALE, order=210),)
    )
