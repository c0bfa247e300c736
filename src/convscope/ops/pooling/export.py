"""How PyTorch and Keras spell pooling."""

from __future__ import annotations

from convscope.ops.convolution.export import KERAS_PAD_SIDES, PAD_SAME, PAD_SIDES
from convscope.ops.convolution.spec import is_two_sided
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
    flat_text,
    keras_rank,
    torch_rank,
)

_SAME_POOL = '''class SameMaxPool{rank}d(nn.MaxPool{rank}d):
    """A maximum with TensorFlow's padding="same": what is outside never wins."""

    def forward(self, x):
        x = pad_same(x, self.kernel_size, self.stride, self.dilation, float("-inf"))
        return super().forward(x)'''


_PAD_BEFORE = '''class PadSides(nn.Module):
    """Padding of the numbers before each dimension, then those behind each."""

    def __init__(self, padding, value=0.0):
        super().__init__()
        self.padding, self.value = padding, value

    def forward(self, x):
        return pad_sides(x, self.padding, self.value)'''


_PAD_AS_SAME = '''class PadSame(nn.Module):
    """The zeros of TensorFlow's padding="same"."""

    def __init__(self, kernel_size, stride):
        super().__init__()
        self.kernel_size, self.stride = kernel_size, stride

    def forward(self, x):
        return pad_same(x, self.kernel_size, self.stride, 1)'''


_MEAN_INSIDE = '''class MeanInside(nn.Module):
    """The mean of each window over what lies within the input, not the padding."""

    def __init__(self, pad, mean):
        super().__init__()
        self.pad, self.mean = pad, mean

    def forward(self, x):
        return self.mean(self.pad(x)) / self.mean(self.pad(torch.ones_like(x[:1, :1])))'''


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


_PADDED_AVGPOOL = '''def padded_avgpool(x, kernel, stride, padding, count_include_pad):
    """The mean of each window, with the zeros that "same" puts around, or those before each dimension, then behind."""
    kernels, strides = [v if isinstance(v, tuple) else (v,) * {rank} for v in (kernel, stride or kernel)]
    if padding == "same":
        total = [
            max(0, (-(-n // s) - 1) * s + k - n)
            for n, k, s in zip(x.shape[1:-1], kernels, strides, strict=True)
        ]
        padding = [n // 2 for n in total] + [n - n // 2 for n in total]
    around = [(0, 0), *zip(padding[:{rank}], padding[{rank}:], strict=True), (0, 0)]
    mean = layers.AveragePooling{rank}D(kernels, strides=strides)
    if count_include_pad:
        return mean(keras.ops.pad(x, around))
    ones = keras.ops.pad(keras.ops.ones((1, *x.shape[1:-1], 1)), around)
    return mean(keras.ops.pad(x, around)) / mean(ones)'''


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
    if is_two_sided(op.padding, node.input_shapes[0]):
        pads = named.pop("padding")
        pool = call(torch_rank(node, "nn.MaxPool"), a.text("kernel_size"), **named)
        return call("nn.Sequential", _padded(op, a, pads, 'float("-inf")'), pool)
    return call(torch_rank(node, "nn.MaxPool"), a.text("kernel_size"), **named)


def _padded(op: MaxPool | AvgPool, a: Written, pads: Code, *value: str) -> Code:
    """A module that pads before the pooling."""
    if op.ceil_mode:
        raise Misfit("ceil_mode with other padding before than behind", "PyTorch pads alike: ceil_mode=no")
    a.helpers |= {PAD_SIDES, Helper("pad_sides_module", _PAD_BEFORE, PAD_SIDES.imports, 321)}
    return call("PadSides", pads, *value)


@PYTORCH.enter(AvgPool)
def _pytorch_avgpool(op: AvgPool, a: Written, node: Place) -> Code:
    named = a.changed("stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")
    if op.dilated > 1:
        raise Misfit("a mean with dilation", "PyTorch has none: a window without")
    if op.divisor_override is not None and len(node.shape) == 2:
        raise Misfit("divisor_override of a signal", "PyTorch has it of pictures and volumes: without")
    if op.padding == "valid":
        named.pop("padding", None)
    if op.padding != "same" and not is_two_sided(op.padding, node.input_shapes[0]):
        return call(torch_rank(node, "nn.AvgPool"), a.text("kernel_size"), **named)
    pads = named.pop("padding")
    inside = named.pop("count_include_pad", None) is not None and op.divisor_override is None
    if op.padding == "same":
        named.pop("ceil_mode", None)  # the windows of "same" end with the padding
        a.helpers |= {PAD_SAME, Helper("pad_same_module", _PAD_AS_SAME, PAD_SAME.imports, 322)}
        pad: Code = call("PadSame", a.text("kernel_size"), named.get("stride", a.text("kernel_size")))
    else:
        pad = _padded(op, a, pads)
    mean = call(torch_rank(node, "nn.AvgPool"), a.text("kernel_size"), **named)
    if inside:
        a.helpers.add(Helper("mean_inside", _MEAN_INSIDE, ("import torch",), 323))
    return call("MeanInside" if inside else "nn.Sequential", pad, mean)


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
    named, tensor = v.given("stride", "padding", "ceil_mode"), v.tensor
    helpers: tuple[Helper, ...] = (Helper(f"maxpool{rank}", _MAXPOOL.format(rank=rank), order=130),)
    if is_two_sided(op.padding, node.input_shapes[0]):
        if op.ceil_mode:
            raise Misfit("ceil_mode with other padding before than behind", "Keras counts otherwise: ceil_mode=no")
        tensor = flat_text(call("pad_sides", tensor, named.pop("padding"), "-np.inf"))
        helpers = (*helpers, KERAS_PAD_SIDES)
    return Layer(call("maxpool", tensor, v.text("kernel_size"), **named), True, helpers)


@KERAS.enter(AvgPool)
def _keras_avgpool(op: AvgPool, v: WrittenKeras, node: Place) -> Layer:
    rank = keras_rank(node)
    if op.ceil_mode:
        raise Misfit("a mean with ceil_mode", "Keras counts its places otherwise: ceil_mode=no")
    if op.dilated > 1:
        raise Misfit("a mean with dilation", "Keras has none: a window without")
    if op.divisor_override is not None:
        raise Misfit("divisor_override", "Keras divides by what lies under the window: without")
    named = v.given("stride", "padding", "count_include_pad")
    if op.padding == "valid":
        named.pop("padding")
    if op.padding == "same" or is_two_sided(op.padding, node.input_shapes[0]):
        return _keras_padded_mean(op, v, rank, named)
    return Layer(
        call("avgpool", v.tensor, v.text("kernel_size"), **named),
        True,
        (Helper(f"avgpool{rank}", _AVGPOOL.format(rank=rank), order=140),),
    )


def _keras_padded_mean(op: AvgPool, v: WrittenKeras, rank: int, named: dict[str, Code]) -> Layer:
    """A mean with ``padding=same``, which in Keras leaves the padding out, or with other padding before than behind."""
    layer, named = f"layers.AveragePooling{rank}D", {"strides": named.get("stride", "None"), **named}
    named.pop("stride", None)
    pads = named.pop("padding")
    count_pad = named.pop("count_include_pad", "True")
    if op.padding == "same" and not op.count_include_pad:
        return Layer(flat_text(call(layer, v.text("kernel_size"), **named, padding='"same"')) + f"({v.tensor})", True)
    helper = Helper(f"padded_avgpool{rank}", _PADDED_AVGPOOL.format(rank=rank), order=141)
    arguments = (v.tensor, v.text("kernel_size"), named["strides"], pads, count_pad)
    return Layer(call("padded_avgpool", *arguments), True, (helper,))


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
