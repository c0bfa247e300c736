"""What a file of plain Keras needs beside Keras: PyTorch's paddings and layouts, and the weights' turn."""

from __future__ import annotations

from convscope.model.export.source.pytorch_parts import Part

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

_PROJECT = '''def project(x, out, stride=1, *, name):
    """The identity where shapes agree, else a 1x1 convolution with batch norm."""
    if x.shape[-1] == out and stride == 1:
        return x
    x = conv(x, out, 1, stride=stride, bias=False, name=f"{name}.conv")
    return batchnorm(x, name=f"{name}.batchnorm")'''

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

_LOCAL_RESPONSE = '''def localresponsenorm(x, size, alpha=0.0001, beta=0.75, k=1.0):
    """Each value divided by a power of what its neighbours in the channels have."""
    before, channels = size // 2, x.shape[-1]
    pads = [(0, 0)] * (len(x.shape) - 1) + [(before, (size - 1) // 2)]
    squares = keras.ops.pad(x * x, pads)
    total = sum(squares[..., i : i + channels] for i in range(size))
    return x / (k + alpha / size * total) ** beta'''

_SCALE = '''class Scale(layers.Layer):
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

_PAD_CHANNELS = '''def padchannels(x, before, after):
    """Channels of zeros before and behind."""
    return keras.ops.pad(x, [(0, 0)] * (len(x.shape) - 1) + [(before, after)])'''

_PADS = {
    1: "x = layers.ZeroPadding1D(padding)(x) if padding else x",
    2: "x = layers.ZeroPadding2D(padding)(x) if np.any(padding) else x",
}

PARTS = (
    *(Part(f"conv{rank}", _CONV.format(rank=rank, pad=_PADS[rank])) for rank in (1, 2)),
    *(Part(f"project{rank}", _PROJECT) for rank in (1, 2)),
    *(Part(f"maxpool{rank}", _MAXPOOL.format(rank=rank)) for rank in (1, 2)),
    *(Part(f"avgpool{rank}", _AVGPOOL.format(rank=rank)) for rank in (1, 2)),
    Part("windows", _WINDOWS),
    Part("adaptiveavgpool", _ADAPTIVE.format(word="avg", what="mean", function="mean")),
    Part("adaptivemaxpool", _ADAPTIVE.format(word="max", what="largest value", function="max")),
    Part("batchnorm", _BATCHNORM),
    Part("layernorm", _LAYERNORM),
    Part("groupnorm", _GROUPNORM),
    Part("localresponsenorm", _LOCAL_RESPONSE),
    Part("scale", _SCALE),
    Part("padchannels", _PAD_CHANNELS),
)

LOADING = '''def load_weights(model, file):
    """Fill a model from a file whose tensors have PyTorch's layout and these layers' names."""
    state = load_file(file)
    for layer in model.layers:
        own = [n for n in state if n.rpartition(".")[0] == layer.name]
        if own:
            tensors = {n.rpartition(".")[2]: state.pop(n) for n in own}
            layer.set_weights(turned(layer, tensors))
        elif layer.weights:
            raise ValueError(f"{file} holds nothing for {layer.name}")
    if state:
        raise ValueError(f"{file} holds what the model has no place for: {list(state)}")


def turned(layer, tensors):
    """A layer's tensors in Keras' order, channels last."""
    weight = tensors.get("weight")
    if isinstance(layer, (layers.DepthwiseConv1D, layers.DepthwiseConv2D)):
        # (groups * depth, 1, *window) to (*window, groups, depth)
        grouped = weight.reshape(-1, layer.depth_multiplier, *weight.shape[2:])
        weight = np.moveaxis(grouped, (0, 1), (-2, -1))
    elif isinstance(layer, (layers.Conv1D, layers.Conv2D)):
        # (out, in, *window) to (*window, in, out)
        weight = np.moveaxis(weight, (0, 1), (-1, -2))
    elif isinstance(layer, layers.Dense):
        weight = weight.T
    elif isinstance(layer, layers.LayerNormalization) and weight is not None:
        tensors = {n: np.moveaxis(t, 0, -1) for n, t in tensors.items()}
        shape = layer.weights[0].shape
        tensors = {n: t.reshape(shape) for n, t in tensors.items()}
        weight = tensors["weight"]
    order = [weight, *(tensors.get(n) for n in ("bias", "running_mean", "running_var"))]
    return [tensor for tensor in order if tensor is not None]'''
