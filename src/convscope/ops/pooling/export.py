"""How PyTorch and Keras spell pooling."""

from __future__ import annotations

from convscope.ops.convolution.export import PAD_SAME
from convscope.ops.pooling.spec import AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool
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

_SAME_POOL = '''class SameMaxPool{rank}d(nn.MaxPool{rank}d):
    """A maximum with TensorFlow's padding="same": what is outside never wins."""

    def forward(self, x):
        x = pad_same(x, self.kernel_size, self.stride, self.dilation, float("-inf"))
        return super().forward(x)'''


_MAXPOOL = '''def maxpool(x, kernel, stride=None, padding=0, ceil_mode=False):
    """The largest value of each window; what is outside never wins."""
    rank = len(x.shape) - 2
    if padding == "same":
        return layers.MaxPooling{rank}D(kernel, strides=stride, padding="same")(x)
    each = [kernel, stride or kernel, padding]
    each = [v if isinstance(v, tuple) else (v,) * rank for v in each]
    if padding == "valid":
        each[2] = (0,) * rank
    pads = []
    for length, k, s, p in zip(x.shape[1:-1], *each, strict=True):
        behind = p
        if ceil_mode:
            places = -(-(length + 2 * p - k) // s) + 1
            if (places - 1) * s >= length + p:  # no window may begin behind the input
                places -= 1
            behind = max(p, (places - 1) * s + k - length - p)
        pads.append((p, behind))
    if np.any(pads):
        x = keras.ops.pad(x, [(0, 0), *pads, (0, 0)], constant_values=-np.inf)
    return layers.MaxPooling{rank}D(kernel, strides=stride)(x)'''


_AVGPOOL = '''def avgpool(x, kernel, stride=None, padding=0, count_include_pad=True):
    """The mean of each window, with the zeros around or without."""
    if padding == 0:
        return layers.AveragePooling{rank}D(kernel, strides=stride)(x)
    pads = padding if isinstance(padding, tuple) else (padding,) * {rank}
    around = [(0, 0), *((p, p) for p in pads), (0, 0)]
    means = layers.AveragePooling{rank}D(kernel, strides=stride)(keras.ops.pad(x, around))
    if count_include_pad:
        return means
    ones = keras.ops.pad(keras.ops.ones((1, *x.shape[1:-1], 1)), around)
    return means / layers.AveragePooling{rank}D(kernel, strides=stride)(ones)'''


_WINDOWS = '''def windows(length, places):
    """Where adaptive windows begin and end: floor(i L / n) to ceil((i + 1) L / n)."""
    return [(i * length // places, -(-(i + 1) * length // places)) for i in range(places)]'''


_ADAPTIVE = '''def adaptive{word}pool(x, size):
    """The {what} of as many windows as the output has places."""
    rank = len(x.shape) - 2
    sizes = size if isinstance(size, tuple) else (size,) * rank
    for axis, places in enumerate(sizes, start=1):
        parts = []
        for begin, end in windows(x.shape[axis], places):
            part = keras.ops.take(x, np.arange(begin, end), axis=axis)
            parts.append(keras.ops.{function}(part, axis=axis, keepdims=True))
        x = keras.ops.concatenate(parts, axis=axis)
    return x'''


@PYTORCH.enter(MaxPool)
def _pytorch_maxpool(op: MaxPool, a: Written, node: Place) -> Code:
    named = a.changed("stride", "padding", "dilation", "ceil_mode")
    if op.padding == "valid":
        named.pop("padding", None)
    if op.padding == "same":
        rank = len(node.shape) - 1
        a.helpers |= {PAD_SAME, Helper(f"same_pool{rank}", _SAME_POOL.format(rank=rank), PAD_SAME.imports, 320)}
        named.pop("padding")
        return call(f"SameMaxPool{rank}d", a.text("kernel_size"), **named)
    return call(torch_rank(node, "nn.MaxPool"), a.text("kernel_size"), **named)


@PYTORCH.enter(AvgPool)
def _pytorch_avgpool(op: AvgPool, a: Written, node: Place) -> Code:
    named = a.changed("stride", "padding", "ceil_mode", "count_include_pad")
    return call(torch_rank(node, "nn.AvgPool"), a.text("kernel_size"), **named)


def _adaptive(op: AdaptiveAvgPool | AdaptiveMaxPool, a: Written, node: Place) -> Code:
    return call(torch_rank(node, f"nn.{type(op).__name__}"), a.text("output_size"))


PYTORCH.enter(AdaptiveAvgPool, AdaptiveMaxPool)(_adaptive)


@PYTORCH.enter(GlobalAvgPool)
def _global_avg(op: GlobalAvgPool, a: Written, node: Place) -> Code:
    return call(torch_rank(node, "nn.AdaptiveAvgPool"), "1")


@PYTORCH.enter(GlobalMaxPool)
def _global_max(op: GlobalMaxPool, a: Written, node: Place) -> Code:
    return call(torch_rank(node, "nn.AdaptiveMaxPool"), "1")


@KERAS.enter(MaxPool)
def _keras_maxpool(op: MaxPool, v: WrittenKeras, node: Place) -> Layer:
    rank = keras_rank(node)
    if op.dilation not in (1, (1,) * rank):
        raise Misfit("a maximum with dilation", "Keras has none: a window without")
    named = v.given("stride", "padding", "ceil_mode")
    return Layer(
        call("maxpool", v.tensor, v.text("kernel_size"), **named),
        True,
        (Helper(f"maxpool{rank}", _MAXPOOL.format(rank=rank), order=130),),
    )


@KERAS.enter(AvgPool)
def _keras_avgpool(op: AvgPool, v: WrittenKeras, node: Place) -> Layer:
    rank = keras_rank(node)
    if op.ceil_mode:
        raise Misfit("a mean with ceil_mode", "Keras counts its places otherwise: ceil_mode=no")
    named = v.given("stride", "padding", "count_include_pad")
    return Layer(
        call("avgpool", v.tensor, v.text("kernel_size"), **named),
        True,
        (Helper(f"avgpool{rank}", _AVGPOOL.format(rank=rank), order=140),),
    )


def _keras_adaptive(word: str, what: str, function: str, order: int) -> tuple[Helper, ...]:
    text = _ADAPTIVE.format(word=word, what=what, function=function)
    return Helper("windows", _WINDOWS, order=150), Helper(f"adaptive{word}pool", text, order=order)


@KERAS.enter(AdaptiveAvgPool)
def _keras_adaptive_average(op: AdaptiveAvgPool, v: WrittenKeras, node: Place) -> Layer:
    keras_rank(node)
    helpers = _keras_adaptive("avg", "mean", "mean", 160)
    return Layer(call("adaptiveavgpool", v.tensor, v.text("output_size")), True, helpers)


@KERAS.enter(AdaptiveMaxPool)
def _keras_adaptive_maximum(op: AdaptiveMaxPool, v: WrittenKeras, node: Place) -> Layer:
    keras_rank(node)
    helpers = _keras_adaptive("max", "largest value", "max", 161)
    return Layer(call("adaptivemaxpool", v.tensor, v.text("output_size")), True, helpers)


def _over_places(function: str, v: WrittenKeras, node: Place) -> Layer:
    axes = repr(tuple(range(1, keras_rank(node) + 1)))
    return Layer(call(function, v.tensor, axis=axes, keepdims="True"), True)


@KERAS.enter(GlobalAvgPool)
def _keras_global_avg(op: GlobalAvgPool, v: WrittenKeras, node: Place) -> Layer:
    return _over_places("keras.ops.mean", v, node)


@KERAS.enter(GlobalMaxPool)
def _keras_global_max(op: GlobalMaxPool, v: WrittenKeras, node: Place) -> Layer:
    return _over_places("keras.ops.max", v, node)
