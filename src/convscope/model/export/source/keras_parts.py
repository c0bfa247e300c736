"""What a file of plain Keras needs beside Keras: the shortcut of a block, and the weights' turn."""

from __future__ import annotations

from convscope.ops.convolution.export import keras_conv
from convscope.ops.normalisation.export import KERAS_BATCHNORM
from convscope.ops.spelling import Helper

_PROJECT = '''def project(x, out, stride=1, *, name):
    """The identity where shapes agree, else a 1x1 convolution with batch norm."""
    if x.shape[-1] == out and stride == 1:
        return x
    x = conv(x, out, 1, stride=stride, bias=False, name=f"{name}.conv")
    return batchnorm(x, name=f"{name}.batchnorm")'''


def project(rank: int) -> set[Helper]:
    """The shortcut, and what it calls."""
    return {Helper(f"project{rank}", _PROJECT, order=120), keras_conv(rank), KERAS_BATCHNORM}


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
