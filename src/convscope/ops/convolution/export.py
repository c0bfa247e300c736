"""How PyTorch and Keras spell a convolution."""

from __future__ import annotations

from convscope.ops.convolution.spec import Conv, is_two_sided
from convscope.ops.spec import Misfit
from convscope.ops.spelling import (
    CHANNELS,
    KERAS,
    PYTORCH,
    Code,
    Helper,
    Layer,
    Place,
    Written,
    WrittenKeras,
    call,
    factor,
    flat_text,
    keras_rank,
    torch_rank,
)

_FUNCTIONAL = ("from torch.nn import functional as F",)


_SAME = '''def pad_same(x, kernel, stride, dilation, value=0.0):
    """Pad as TensorFlow does for "same": ceil(length / stride) places, the odd one behind."""
    rank = x.dim() - 2
    sizes = [kernel, stride, dilation]
    sizes = [v if isinstance(v, tuple) else (v,) * rank for v in sizes]
    pads = []
    for length, k, s, d in reversed(list(zip(x.shape[2:], *sizes, strict=True))):
        total = max(0, (-(-length // s) - 1) * s + d * (k - 1) + 1 - length)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads, value=value)'''

PAD_SAME = Helper("same", _SAME, _FUNCTIONAL, 300)
"""Zeros as TensorFlow puts them."""


_SIDES = '''def pad_sides(x, padding, value=0.0):
    """Pad by the numbers before each dimension, then those behind each."""
    rank = x.dim() - 2
    pairs = reversed(list(zip(padding[:rank], padding[rank:], strict=True)))
    return F.pad(x, [number for pair in pairs for number in pair], value=value)'''

PAD_SIDES = Helper("sides", _SIDES, _FUNCTIONAL, 301)
"""Padding of two numbers a dimension."""


_SIDES_CONV = '''class PaddedConv{rank}d(nn.Conv{rank}d):
    """A convolution with other zeros before than behind."""

    def __init__(self, *sizes, pads, **named):
        super().__init__(*sizes, **named)
        self.pads = pads

    def forward(self, x):
        return super().forward(pad_sides(x, self.pads))'''


_KERAS_SIDES = '''def pad_sides(x, padding, value=0.0):
    """Pad by the numbers before each dimension, then those behind each."""
    rank = len(x.shape) - 2
    pairs = zip(padding[:rank], padding[rank:], strict=True)
    return keras.ops.pad(x, [(0, 0), *pairs, (0, 0)], constant_values=value)'''

KERAS_PAD_SIDES = Helper("sides", _KERAS_SIDES, order=90)
"""The same in Keras, channels last."""


_SAME_CONV = '''class SameConv{rank}d(nn.Conv{rank}d):
    """A convolution with TensorFlow's padding="same", at any stride."""

    def forward(self, x):
        x = pad_same(x, self.kernel_size, self.stride, self.dilation)
        return super().forward(x)'''


_CONV = '''def conv(x, out, kernel, stride=1, padding=0, dilation=1, groups=1, bias=True, *, name):
    """A convolution with zeros on both sides, or padding="same" where they are uneven."""
    if padding not in ("same", "valid"):
        {pad}
        padding = "valid"
    options = {{"strides": stride, "padding": padding, "dilation_rate": dilation}}
    options |= {{"use_bias": bias, "name": name}}
    if groups > 1 and groups == x.shape[-1]:
        depth = out // groups
        layer = layers.DepthwiseConv{rank}D(kernel, depth_multiplier=depth, **options)
    else:
        layer = layers.Conv{rank}D(out, kernel, groups=groups, **options)
    return layer(x)'''


_PADS = {
    1: "x = layers.ZeroPadding1D(padding)(x) if padding else x",
    2: "x = layers.ZeroPadding2D(padding)(x) if np.any(padding) else x",
}


def keras_conv(rank: int) -> Helper:
    """A convolution in Keras with PyTorch's paddings."""
    return Helper(f"conv{rank}", _CONV.format(rank=rank, pad=_PADS[rank]), order=100)


@PYTORCH.enter(Conv)
def _pytorch_conv(op: Conv, a: Written, node: Place) -> Code:
    name = torch_rank(node, "nn.Conv")
    named = a.changed("stride", "padding", "dilation", "groups", "bias")
    if op.padding == "valid":
        named.pop("padding", None)
    if op.padding == "same":
        named.pop("padding")
        stride_one = a.is_number("stride") and op.stride in (1, (1,) * (len(node.shape) - 1))
        if stride_one:
            named["padding"] = '"same"'
        else:
            rank = len(node.shape) - 1
            a.helpers |= {PAD_SAME, Helper(f"same_conv{rank}", _SAME_CONV.format(rank=rank), _FUNCTIONAL, 310)}
            name = f"SameConv{rank}d"
    elif op.padding == "causal" or is_two_sided(op.padding, node.input_shapes[0]):
        rank = len(node.shape) - 1
        a.helpers |= {PAD_SIDES, Helper(f"padded_conv{rank}", _SIDES_CONV.format(rank=rank), _FUNCTIONAL, 311)}
        name, pads = f"PaddedConv{rank}d", named.pop("padding")
        named["pads"] = _causal(a) if op.padding == "causal" else pads
    return call(name, a.channels, a.text("out_channels"), a.text("kernel_size"), **named)


def _causal(a: Written | WrittenKeras) -> str:
    """``dilation * (kernel - 1)`` zeros before, none behind."""
    dilation, kernel = (a.text(name).removeprefix("(").removesuffix(",)") for name in ("dilation", "kernel_size"))
    reach = str(int(kernel) - 1) if kernel.isdecimal() else f"({kernel} - 1)"
    return f"({reach if dilation == '1' else f'{factor(dilation)} * {reach}'}, 0)"


@KERAS.enter(Conv)
def _keras_conv(op: Conv, v: WrittenKeras, node: Place) -> Layer:
    rank = keras_rank(node)
    strided, dilated = (op.stride not in (1, (1,) * rank), op.dilation not in (1, (1,) * rank))
    if strided and dilated:
        raise Misfit("a convolution with stride and dilation", "Keras has either")
    named = v.given("stride", "padding", "dilation", "groups", "bias")
    tensor = v.tensor
    helpers: tuple[Helper, ...] = (keras_conv(rank),)
    if op.padding == "causal" or is_two_sided(op.padding, node.input_shapes[0]):
        pads = named.pop("padding")
        tensor = flat_text(call("pad_sides", tensor, _causal(v) if op.padding == "causal" else pads))
        helpers = (*helpers, KERAS_PAD_SIDES)
    code = call("conv", tensor, v.text("out_channels"), v.text("kernel_size"), **named, name=v.name)
    return Layer(code, True, helpers)


CHANNELS.enter(Conv)((("+", "out_channels"),))
