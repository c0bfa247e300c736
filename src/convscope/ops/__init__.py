"""The vocabulary: one frozen dataclass an operation. See :mod:`convscope.ops.spec`."""

from convscope.ops.activation import GELU, Hardsigmoid, Hardswish, LeakyReLU, ReLU, ReLU6, Sigmoid, SiLU, Softmax, Tanh
from convscope.ops.convolution import Conv
from convscope.ops.dense import Dropout, Flatten, Identity, Linear, PadChannels
from convscope.ops.merge import Add, Concat, Mul
from convscope.ops.normalisation import BatchNorm, GroupNorm, LayerNorm, LocalResponseNorm, Scale
from convscope.ops.pooling import AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool
from convscope.ops.spec import (
    LARGEST,
    OPERATIONS,
    Misfit,
    Op,
    Shape,
    Size,
    Window,
    build,
    elements,
    per_dimension,
    spell,
    spell_shape,
    usage,
)

__all__ = [
    "GELU",
    "LARGEST",
    "OPERATIONS",
    "AdaptiveAvgPool",
    "AdaptiveMaxPool",
    "Add",
    "AvgPool",
    "BatchNorm",
    "Concat",
    "Conv",
    "Dropout",
    "Flatten",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "GroupNorm",
    "Hardsigmoid",
    "Hardswish",
    "Identity",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LocalResponseNorm",
    "MaxPool",
    "Misfit",
    "Mul",
    "Op",
    "PadChannels",
    "ReLU",
    "ReLU6",
    "Scale",
    "Shape",
    "SiLU",
    "Sigmoid",
    "Size",
    "Softmax",
    "Tanh",
    "Window",
    "build",
    "elements",
    "per_dimension",
    "spell",
    "spell_shape",
    "usage",
]
