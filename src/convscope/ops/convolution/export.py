"""How PyTorch and Keras spell a convolution."""

from __future__ import annotations

from convscope.ops.convolution.spec import Conv
from convscope.ops.spec import Misfit
from convscope.ops.spelling import (
    KERAS,
    PYTORCH,
    Code,
    Helper,
    Layer,
    Place,
    Written,
    WrittenKeras,
    call,
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
    return call(name, a.channels, a.text("out_channels"), a.text("kernel_size"), **named)


@KERAS.enter(Conv)
def _keras_conv(op: Conv, v: WrittenKeras, node: Place) -> Layer:
    rank = keras_rank(node)
    strided, dilated = (op.stride not in (1, (1,) * rank), op.dilation not in (1, (1,) * rank))
    if strided and dilated:
        raise Misfit("a convolution with stride and dilation", "Keras has either")
    named = v.given("stride", "padding", "dilation", "groups", "bias")
    code = call("conv", v.tensor, v.text("out_channels"), v.text("kernel_size"), **named, name=v.name)
    return Layer(code, True, (keras_conv(rank),))
