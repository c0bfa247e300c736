"""ONNX's nodes said as our operations, for its own tests to judge ours; what has no words is refused with a reason."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from convscope import ops
from convscope.network.graph import INPUT, Graph, Node
from convscope.ops import Misfit, Op

Array = NDArray[Any]


class UnsaidError(Exception):
    """A node that our vocabulary has no words for; the message says why."""


@dataclass(frozen=True)
class Said:
    """One node as our operation; ``values`` are the names of what flows in."""

    op: Op
    values: tuple[str, ...]
    parameters: Mapping[str, Array] = field(default_factory=dict)
    buffers: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """A node with what is known of its inputs.

    Args:
        node: of ONNX.
        shapes: of its inputs by name, examples first.
        constants: those of its inputs whose numbers are known.
        version: of the operators ("opset").
    """

    node: onnx.NodeProto
    shapes: Mapping[str, tuple[int, ...]]
    constants: Mapping[str, Array]
    version: int

    def attribute(self, name: str, default: Any = None) -> Any:
        for entry in self.node.attribute:
            if entry.name == name:
                value = onnx.helper.get_attribute_value(entry)
                return value.decode() if isinstance(value, bytes) else value
        return default

    @property
    def names(self) -> list[str]:
        return list(self.node.input)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of what flows in first."""
        return self.shapes[self.names[0]]

    def constant(self, at: int) -> Array | None:
        """The numbers of an input; None where it is left out."""
        if at >= len(self.names) or not self.names[at]:
            return None
        if self.names[at] not in self.constants:
            raise UnsaidError("weights that are computed")
        return self.constants[self.names[at]]

    def one(self, op: Op, **tensors: Array | None) -> Said:
        """An operation on what flows in first."""
        return Said(op, (self.names[0],), {name: value for name, value in tensors.items() if value is not None})


def _size(value: Sequence[int]) -> tuple[int, ...]:
    return tuple(int(n) for n in value)


def _padding(asked: Asked, kernel: tuple[int, ...]) -> Any:
    """Our padding of a window: two numbers a dimension, or ``same``."""
    rank = len(kernel)
    auto = asked.attribute("auto_pad", "NOTSET")
    pads = _size(asked.attribute("pads", [0] * (2 * rank)))
    if auto == "VALID":
        return 0
    if auto == "SAME_UPPER":
        return "same"
    if auto == "SAME_LOWER":
        strides = asked.attribute("strides", [1] * rank)
        sides = [
            ops.spec.same_padding(n, k, s, d)
            for n, k, s, d in zip(
                asked.shape[2:], kernel, strides, asked.attribute("dilations", [1] * rank), strict=True
            )
        ]
        # SAME_LOWER has the odd zero before.
        return (*(after for _, after in sides), *(before for before, _ in sides))
    return pads


def _conv(asked: Asked) -> Said:
    weight, bias = asked.constant(1), asked.constant(2)
    assert weight is not None
    kernel = weight.shape[2:]
    op = ops.Conv(
        out_channels=len(weight),
        kernel_size=kernel,
        stride=_size(asked.attribute("strides", [1] * len(kernel))),
        padding=_padding(asked, kernel),
        dilation=_size(asked.attribute("dilations", [1] * len(kernel))),
        groups=asked.attribute("group", 1),
        bias=bias is not None,
    )
    return asked.one(op, weight=weight, bias=bias)


def _max_pool(asked: Asked) -> Said:
    kernel = _size(asked.attribute("kernel_shape"))
    op = ops.MaxPool(
        kernel_size=kernel,
        stride=_size(asked.attribute("strides", [1] * len(kernel))),
        padding=_padding(asked, kernel),
        dilation=_size(asked.attribute("dilations", [1] * len(kernel))),
        ceil_mode=bool(asked.attribute("ceil_mode", 0)),
    )
    return asked.one(op)


def _avg_pool(asked: Asked) -> Said:
    kernel = _size(asked.attribute("kernel_shape"))
    given = {
        "stride": _size(asked.attribute("strides", [1] * len(kernel))),
        "padding": _padding(asked, kernel),
        "dilation": _size(asked.attribute("dilations", [1] * len(kernel))),
        "ceil_mode": bool(asked.attribute("ceil_mode", 0)),
        "count_include_pad": bool(asked.attribute("count_include_pad", 0)),
    }
    return asked.one(ops.AvgPool(kernel_size=kernel, **given))


def _gemm(asked: Asked) -> Said:
    """``alpha`` and ``beta`` go into the weights."""
    if asked.attribute("transA", 0):
        raise UnsaidError("examples beside each other")
    weight, bias = asked.constant(1), asked.constant(2)
    assert weight is not None
    weight = (weight if asked.attribute("transB", 0) else weight.T) * np.float32(asked.attribute("alpha", 1.0))
    if bias is not None:
        if bias.ndim == 2 and len(bias) > 1:
            raise UnsaidError("a bias an example")
        bias = np.broadcast_to(bias.reshape(-1), (len(weight),)) * np.float32(asked.attribute("beta", 1.0))
    return asked.one(ops.Linear(len(weight), bias=bias is not None), weight=weight, bias=bias)


def _matmul(asked: Asked) -> Said:
    weight = asked.constant(1)
    assert weight is not None
    if weight.ndim != 2 or len(asked.shape) != 2:
        raise UnsaidError("a product of other than two tables")
    return asked.one(ops.Linear(weight.shape[1], bias=False), weight=weight.T)


def _axis(asked: Asked, default: int) -> int:
    axis = int(asked.attribute("axis", default))
    return axis + len(asked.shape) if axis < 0 else axis


def _softmax(asked: Asked) -> Said:
    before = asked.version < 13  # over all that is behind the axis
    if _axis(asked, 1 if before else -1) != 1 or (before and math.prod(asked.shape[2:]) > 1):
        raise UnsaidError("along another axis than the channels")
    return asked.one(ops.Softmax())


def _hardsigmoid(asked: Asked) -> Said:
    return asked.one(ops.Hardsigmoid(asked.attribute("alpha", 0.2), asked.attribute("beta", 0.5)))


def _clip(asked: Asked) -> Said:
    limits = [asked.constant(at) for at in (1, 2)]
    if any(limit is None for limit in limits):
        raise UnsaidError("one limit")
    low, high = (float(np.asarray(limit)) for limit in limits)
    return asked.one(ops.ReLU6() if (low, high) == (0, 6) else ops.Clip(low, high))


def _prelu(asked: Asked) -> Said:
    slope = asked.constant(1)
    assert slope is not None
    channels = asked.shape[1]
    if slope.size != 1 and (slope.size != channels or slope.shape[-(len(asked.shape) - 1) :][:1] != (channels,)):
        raise UnsaidError("slopes that are not one a channel")
    return asked.one(ops.PReLU(slope.size), weight=slope.reshape(-1))


def _logsoftmax(asked: Asked) -> Said:
    said = _softmax(asked)
    return Said(ops.LogSoftmax(), said.values, said.parameters)


def _rms_norm(asked: Asked) -> Said:
    if _axis(asked, -1) != 1:
        raise UnsaidError("along other axes than all of an example")
    weight = asked.constant(1)
    assert weight is not None
    return asked.one(ops.RMSNorm(eps=asked.attribute("epsilon", 1e-5), over="all"), weight=weight)


def _selu(asked: Asked) -> Said:
    given = asked.attribute("alpha", 1.67326319217681884765625), asked.attribute("gamma", 1.05070102214813232421875)
    if not np.allclose(given, (1.6732632423543772, 1.0507009873554805), rtol=1e-6):
        raise UnsaidError("other numbers than the two of SELU")
    return asked.one(ops.SELU())


def _swish(asked: Asked) -> Said:
    if asked.attribute("alpha", 1.0) != 1:
        raise UnsaidError("another alpha than 1")
    return asked.one(ops.SiLU())


def _batch_norm(asked: Asked) -> Said:
    if asked.attribute("training_mode", 0):
        raise UnsaidError("statistics that are given on")
    scale, bias, mean, variance = (asked.constant(at) for at in (1, 2, 3, 4))
    said = asked.one(ops.BatchNorm(eps=asked.attribute("epsilon", 1e-5)), weight=scale, bias=bias)
    assert mean is not None
    assert variance is not None
    return Said(said.op, said.values, said.parameters, {"running_mean": mean, "running_var": variance})


def _group_norm(asked: Asked) -> Said:
    op = ops.GroupNorm(asked.attribute("num_groups"), eps=asked.attribute("epsilon", 1e-5))
    return asked.one(op, weight=asked.constant(1), bias=asked.constant(2))


def _instance_norm(asked: Asked) -> Said:
    op = ops.GroupNorm(asked.shape[1], eps=asked.attribute("epsilon", 1e-5))
    return asked.one(op, weight=asked.constant(1), bias=asked.constant(2))


def _layer_norm(asked: Asked) -> Said:
    if _axis(asked, -1) != 1:
        raise UnsaidError("along other axes than all of an example")
    op = ops.LayerNorm(eps=asked.attribute("epsilon", 1e-5), over="all")
    return asked.one(op, weight=asked.constant(1), bias=asked.constant(2))


def _lrn(asked: Asked) -> Said:
    size = asked.attribute("size")
    if size % 2 == 0:
        raise UnsaidError("an even number of neighbours")
    op = ops.LocalResponseNorm(
        size,
        alpha=asked.attribute("alpha", 1e-4),
        beta=asked.attribute("beta", 0.75),
        k=asked.attribute("bias", 1.0),
    )
    return asked.one(op)


def _concat(asked: Asked) -> Said:
    if _axis(asked, 0) != 1:
        raise UnsaidError("along another axis than the channels")
    return Said(ops.Concat(), tuple(asked.names))


def _merge(make: Callable[[], Op]) -> Callable[[Asked], Said]:
    """Two that flow in; with numbers a channel it is a scale."""

    def said(asked: Asked) -> Said:
        known = [name for name in asked.names if name in asked.constants]
        if not known:
            if len({len(asked.shapes[name]) for name in asked.names}) > 1:
                raise UnsaidError("ranks that differ")
            return Said(make(), tuple(asked.names))
        (value,) = (name for name in asked.names if name not in asked.constants)
        numbers, rank = asked.constants[known[0]], len(asked.shapes[value])
        channels = asked.shapes[value][1]
        if numbers.size != channels or numbers.reshape(-1, *[1] * (rank - 2)).shape != numbers.shape[-(rank - 1) :]:
            raise UnsaidError("numbers that are not one a channel")
        numbers = numbers.reshape(-1)
        if make is ops.Mul:
            return Said(ops.Scale(), (value,), {"weight": numbers})
        return Said(ops.Scale(bias=True), (value,), {"weight": np.ones_like(numbers), "bias": numbers})

    return said


def _flatten(asked: Asked) -> Said:
    if _axis(asked, 1) != 1:
        raise UnsaidError("from another axis than the channels")
    return asked.one(ops.Flatten())


def _reshape(asked: Asked) -> Said:
    shape = asked.constant(1)
    assert shape is not None
    values = math.prod(asked.shape[1:])
    wanted = [int(n) for n in shape]
    if len(wanted) != 2 or wanted[0] not in (-1, 0, asked.shape[0]) or wanted[1] not in (-1, values):
        raise UnsaidError("another shape than a vector")
    return asked.one(ops.Flatten())


def _dropout(asked: Asked) -> Said:
    training = asked.constant(2)
    if training is not None and bool(training):
        raise UnsaidError("random")
    return asked.one(ops.Dropout(0.5))


def _plain(make: Callable[[], Op]) -> Callable[[Asked], Said]:
    return lambda asked: asked.one(make())


SAID: dict[str, Callable[[Asked], Said]] = {
    "Add": _merge(ops.Add),
    "AveragePool": _avg_pool,
    "BatchNormalization": _batch_norm,
    "Clip": _clip,
    "Concat": _concat,
    "Conv": _conv,
    "Dropout": _dropout,
    "Elu": lambda asked: asked.one(ops.ELU(asked.attribute("alpha", 1.0))),
    "Flatten": _flatten,
    "Gelu": lambda asked: asked.one(ops.GELU(asked.attribute("approximate", "none"))),
    "Gemm": _gemm,
    "GlobalAveragePool": _plain(ops.GlobalAvgPool),
    "GlobalMaxPool": _plain(ops.GlobalMaxPool),
    "GroupNormalization": _group_norm,
    "HardSigmoid": _hardsigmoid,
    "HardSwish": _plain(ops.Hardswish),
    "Identity": _plain(ops.Identity),
    "InstanceNormalization": _instance_norm,
    "LRN": _lrn,
    "LayerNormalization": _layer_norm,
    "LeakyRelu": lambda asked: asked.one(ops.LeakyReLU(asked.attribute("alpha", 0.01))),
    "LogSoftmax": _logsoftmax,
    "MatMul": _matmul,
    "MaxPool": _max_pool,
    "Mish": _plain(ops.Mish),
    "Mul": _merge(ops.Mul),
    "PRelu": _prelu,
    "RMSNormalization": _rms_norm,
    "Relu": _plain(ops.ReLU),
    "Reshape": _reshape,
    "Selu": _selu,
    "Sigmoid": _plain(ops.Sigmoid),
    "Softmax": _softmax,
    "Softplus": _plain(ops.Softplus),
    "Sum": _merge(ops.Add),
    "Swish": _swish,
    "Tanh": _plain(ops.Tanh),
}
"""By ONNX's operator: a node as one of our operations."""

SEVERAL = {"Add", "Concat", "Mul", "Sum"}
"""Operators whose inputs all flow in; of the others all but the first are weights."""


def say(asked: Asked) -> Said:
    """A node as our operation; what it gives besides its first output is left.

    Raises:
        UnsaidError: there are no words for it, or our operation refuses it.
    """
    if asked.node.op_type not in SAID:
        raise UnsaidError(f"no operation for {asked.node.op_type}")
    try:
        said = SAID[asked.node.op_type](asked)
        shapes = [tuple(asked.shapes[name][1:]) for name in said.values]
        said.op.shape(shapes)
    except Misfit as error:
        raise UnsaidError(f"refused: {error.argument or 'shape'}") from error
    wanted = {**said.op.parameters(shapes), **said.op.buffers(shapes)}
    for name, value in {**said.parameters, **said.buffers}.items():
        if value.shape != wanted[name]:
            raise UnsaidError(f"a {name} of another shape")
    return said


def version_of(model: onnx.ModelProto) -> int:
    """Of ONNX's own operators in a model."""
    return next((int(entry.version) for entry in model.opset_import if not entry.domain), 1)


def graph_of(
    model: onnx.ModelProto, constants: Mapping[str, Array], source: str, shape: tuple[int, ...]
) -> tuple[Graph, dict[str, Array]]:
    """A network of ONNX with one input and one output as our graph and its weights.

    Args:
        model: nodes in order.
        constants: every tensor that is no value of the network.
        source: the name of the input.
        shape: its shape, examples first.
    """
    paths, shapes = {source: INPUT}, {source: shape}
    nodes: list[Node] = []
    state: dict[str, Array] = {}
    for index, node in enumerate(model.graph.node):
        known = {name: constants[name] for name in node.input if name in constants}
        said = say(Asked(node, shapes, known, version_of(model)))
        inputs = tuple(tuple(shapes[name][1:]) for name in said.values)
        path = f"{said.op.word}{index}"
        made = Node(path, said.op, tuple(paths[name] for name in said.values), inputs, said.op.shape(inputs))
        nodes.append(made)
        state |= {f"{path}.{name}": value for name, value in {**said.parameters, **said.buffers}.items()}
        paths[node.output[0]], shapes[node.output[0]] = path, (shape[0], *made.shape)
    return Graph(tuple(shape[1:]), tuple(nodes)), state


def redrawn(model: onnx.ModelProto, seed: int) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """A light network, whose weights are all alike, with weights drawn at random: the model and every tensor.

    ``Unsqueeze`` of a weight is carried out.
    """
    rng = np.random.default_rng(seed)
    constants = {entry.name: numpy_helper.to_array(entry) for entry in model.graph.initializer}
    drawn: dict[str, Array] = {}
    role = {
        name: (node.op_type, place)
        for node in reversed(model.graph.node)
        for place, name in enumerate(node.input)
        if place or node.op_type not in SAID
    }

    def draw(name: str, shape: tuple[int, ...]) -> Array:
        if role.get(name) in (("BatchNormalization", 1), ("BatchNormalization", 4)):
            return rng.uniform(0.5, 1.0, shape).astype(np.float32)
        if len(shape) < 2:
            return rng.uniform(-0.3, 0.3, shape).astype(np.float32)
        bound = math.sqrt(6 / math.prod(shape[1:]))
        return rng.uniform(-bound, bound, shape).astype(np.float32)

    kept = []
    for node in model.graph.node:
        if node.op_type == "ConstantOfShape":
            drawn[node.output[0]] = draw(node.output[0], tuple(int(n) for n in constants[node.input[0]]))
        elif node.op_type == "Unsqueeze" and node.input[0] in {*constants, *drawn}:
            axes = tuple(onnx.helper.get_attribute_value(node.attribute[0]))
            known = drawn.get(node.input[0])
            if known is None:
                known = draw(node.input[0], constants[node.input[0]].shape)
            drawn[node.output[0]] = np.expand_dims(known, axes)
        elif node.op_type == "Reshape" and node.input[0] in drawn:
            drawn[node.output[0]] = drawn[node.input[0]].reshape(constants[node.input[1]])
        else:
            kept.append(node)
    used = {name for node in kept for name in node.input}
    for name, value in constants.items():
        if name in used:
            drawn[name] = draw(name, value.shape) if value.dtype == np.float32 else value
    made = onnx.ModelProto()
    made.CopyFrom(model)
    del made.graph.node[:], made.graph.initializer[:]
    made.graph.node.extend(kept)
    tensors = {name: value for name, value in drawn.items() if name in used}
    made.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in tensors.items())
    inputs = [entry for entry in made.graph.input if entry.name in used and entry.name not in tensors]
    del made.graph.input[:]
    made.graph.input.extend(inputs)
    return made, tensors
