"""How Keras spells each operation: a layer, or a helper that the file then holds; channels last."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod

from convscope import ops
from convscope.errors import UserError
from convscope.model.export.source.python import OWN, Call, Code, call, flat_text, names_in
from convscope.model.export.source.python import spell as spell_expression
from convscope.network.graph import Node
from convscope.network.tree import Binary, Expression, Name


def with_channels(value: Expression, tensor: str) -> Expression:
    """An expression where ``in_channels`` is a tensor's last dimension."""
    if isinstance(value, Name):
        return Name(f"{OWN}{tensor}.shape[-1]") if value.name == "in_channels" else value
    if isinstance(value, Binary):
        left, right = with_channels(value.left, tensor), with_channels(value.right, tensor)
        return Binary(value.operator, left, right)
    return value


@dataclass(frozen=True)
class Made:
    """A layer, or with ``applied`` a value that has taken the tensor already; ``parts`` are helpers it needs."""

    code: Code
    applied: bool = False
    parts: tuple[str, ...] = ()


class Written:
    """An operation as it is written: its arguments as Python texts.

    Args:
        op: the operation.
        said: its arguments as expressions, by PyTorch's names.
        tensor: the variable that it reads.
        name: of the layer, a Python text.
    """

    def __init__(self, op: ops.Op, said: Mapping[str, Expression], tensor: str, name: str) -> None:
        self.op, self.said, self.tensor, self.name = op, said, tensor, name

    def text(self, name: str) -> str:
        """One argument."""
        written = self.said.get(name)
        words = ("yes", "no", "none", "same", "valid")
        if written is None or (isinstance(written, Name) and written.name in words):
            return spell_expression(getattr(self.op, name))
        return spell_expression(with_channels(written, self.tensor))

    def given(self, *names: str) -> dict[str, Code]:
        """Those that are written, or differ from what the operation does untold."""
        own = {entry.name: entry.default for entry in dataclasses.fields(self.op)}
        found: dict[str, Code] = {}
        for name in names:
            written = self.said.get(name)
            if (written is not None and names_in(written) - {"yes", "no"}) or getattr(self.op, name) != own[name]:
                found[name] = self.text(name)
        return found


Spelling = Callable[[Written, Node], "Made | None"]


def _rank(node: Node) -> int:
    rank = len(node.input_shapes[0]) - 1
    if rank > 2:
        raise UserError(node.path, f"{node.op.word} in {rank} dimensions", "one or two for a Keras file")
    return rank


def _conv(v: Written, node: Node) -> Made:
    rank = _rank(node)
    assert isinstance(node.op, ops.Conv)
    strided, dilated = (node.op.stride not in (1, (1,) * rank), node.op.dilation not in (1, (1,) * rank))
    if strided and dilated:
        raise UserError(node.path, "a convolution with stride and dilation", "Keras has either")
    named = v.given("stride", "padding", "dilation", "groups", "bias")
    code = call("conv", v.tensor, v.text("out_channels"), v.text("kernel_size"), **named, name=v.name)
    return Made(code, True, (f"conv{rank}",))


def _maxpool(v: Written, node: Node) -> Made:
    op, rank = node.op, _rank(node)
    assert isinstance(op, ops.MaxPool)
    if op.dilation not in (1, (1,) * rank):
        raise UserError(node.path, "a maximum with dilation", "Keras has none: a window without")
    named = v.given("stride", "padding", "ceil_mode")
    return Made(call("maxpool", v.tensor, v.text("kernel_size"), **named), True, (f"maxpool{rank}",))


def _avgpool(v: Written, node: Node) -> Made:
    op, rank = node.op, _rank(node)
    assert isinstance(op, ops.AvgPool)
    if op.ceil_mode:
        raise UserError(node.path, "a mean with ceil_mode", "Keras counts its places otherwise: ceil_mode=no")
    named = v.given("stride", "padding", "count_include_pad")
    return Made(call("avgpool", v.tensor, v.text("kernel_size"), **named), True, (f"avgpool{rank}",))


def _adaptive_average(v: Written, node: Node) -> Made:
    _rank(node)
    return Made(call("adaptiveavgpool", v.tensor, v.text("output_size")), True, ("windows", "adaptiveavgpool"))


def _adaptive_maximum(v: Written, node: Node) -> Made:
    _rank(node)
    return Made(call("adaptivemaxpool", v.tensor, v.text("output_size")), True, ("windows", "adaptivemaxpool"))


def _over_places(function: str) -> Spelling:
    def spelled(v: Written, node: Node) -> Made:
        axes = repr(tuple(range(1, _rank(node) + 1)))
        return Made(call(function, v.tensor, axis=axes, keepdims="True"), True)

    return spelled


def _linear(v: Written, node: Node) -> Made:
    assert isinstance(node.op, ops.Linear)
    bias: dict[str, Code] = {} if node.op.bias else {"use_bias": "False"}
    return Made(call("layers.Dense", v.text("out_features"), **bias, name=v.name))


def _flatten(v: Written, node: Node) -> Made | None:
    shape = node.input_shapes[0]
    if len(shape) == 1:
        return None
    if prod(shape[1:]) == 1:
        return Made(call("layers.Flatten"))
    # The weights behind it count channels first.
    order = repr((len(shape), *range(1, len(shape))))
    return Made(call("layers.Flatten()", flat_text(Call(f"layers.Permute({order})", (("", v.tensor),)))), True)


def _nothing(v: Written, node: Node) -> None:
    return None


def _dropout(v: Written, node: Node) -> Made:
    return Made(call("layers.Dropout", v.text("p")))


def _batchnorm(v: Written, node: Node) -> Made:
    return Made(call("batchnorm", v.tensor, **v.given("eps", "momentum", "affine"), name=v.name), True, ("batchnorm",))


def _layernorm(v: Written, node: Node) -> Made:
    assert isinstance(node.op, ops.LayerNorm)
    named = v.given("eps", "affine")
    if node.op.over == "all":
        named["over"] = '"all"'
    return Made(call("layernorm", v.tensor, **named, name=v.name), True, ("layernorm",))


def _groupnorm(v: Written, node: Node) -> Made:
    code = call("groupnorm", v.tensor, v.text("num_groups"), **v.given("eps", "affine"), name=v.name)
    return Made(code, True, ("groupnorm",))


def _local_response(v: Written, node: Node) -> Made:
    named = v.given("alpha", "beta", "k")
    return Made(call("localresponsenorm", v.tensor, v.text("size"), **named), True, ("localresponsenorm",))


def _scale(v: Written, node: Node) -> Made:
    return Made(call("Scale", **v.given("init", "bias"), name=v.name), parts=("scale",))


def _padchannels(v: Written, node: Node) -> Made:
    return Made(call("padchannels", v.tensor, v.text("before"), v.text("after")), True, ("padchannels",))


def _function(name: str, *arguments: str, **fixed: Code) -> Spelling:
    return lambda v, node: Made(call(name, v.tensor, **fixed), True)


def _leaky(v: Written, node: Node) -> Made:
    return Made(call("layers.LeakyReLU", negative_slope=v.text("negative_slope")))


def _gelu(v: Written, node: Node) -> Made:
    assert isinstance(node.op, ops.GELU)
    return Made(call("keras.ops.gelu", v.tensor, approximate=str(node.op.approximate == "tanh")), True)


_SPELLINGS: dict[type[ops.Op], Spelling] = {
    ops.Conv: _conv,
    ops.MaxPool: _maxpool,
    ops.AvgPool: _avgpool,
    ops.AdaptiveAvgPool: _adaptive_average,
    ops.AdaptiveMaxPool: _adaptive_maximum,
    ops.GlobalAvgPool: _over_places("keras.ops.mean"),
    ops.GlobalMaxPool: _over_places("keras.ops.max"),
    ops.Linear: _linear,
    ops.Flatten: _flatten,
    ops.Identity: _nothing,
    ops.Dropout: _dropout,
    ops.BatchNorm: _batchnorm,
    ops.LayerNorm: _layernorm,
    ops.GroupNorm: _groupnorm,
    ops.LocalResponseNorm: _local_response,
    ops.Scale: _scale,
    ops.PadChannels: _padchannels,
    ops.ReLU: _function("keras.ops.relu"),
    ops.ReLU6: _function("keras.ops.relu6"),
    ops.LeakyReLU: _leaky,
    ops.GELU: _gelu,
    ops.SiLU: _function("keras.ops.silu"),
    ops.Hardswish: _function("keras.ops.hard_silu"),
    ops.Hardsigmoid: _function("keras.ops.hard_sigmoid"),
    ops.Tanh: _function("keras.ops.tanh"),
    ops.Sigmoid: _function("keras.ops.sigmoid"),
    ops.Softmax: _function("keras.ops.softmax", axis="-1"),
}
MERGES = (ops.Add, ops.Concat, ops.Mul)


def supports(operation: type[ops.Op]) -> bool:
    """Whether an operation can be written; a test asks for the whole vocabulary."""
    return operation in _SPELLINGS or operation in MERGES


def spell(op: Written, node: Node) -> Made | None:
    """An operation as a layer of Keras; None for one that does nothing.

    Args:
        op: as it is written.
        node: at its first use.

    Raises:
        UserError: Keras has no such thing.
    """
    return _SPELLINGS[type(node.op)](op, node)
