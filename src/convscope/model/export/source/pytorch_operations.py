"""How PyTorch spells each operation: a constructor of torch.nn, or of a helper that the file then holds."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from convscope import ops
from convscope.errors import UserError
from convscope.model.export.source.python import Code, call, names_in
from convscope.model.export.source.python import spell as spell_expression
from convscope.network.graph import Node
from convscope.network.tree import Expression, Name
from convscope.ops.spec import Value


class NeedsNumbers(Exception):  # noqa: N818  it is caught where numbers can be written instead
    """What cannot be said of every use of a block or every turn of a loop at once."""


class Written:
    """An operation as it is written: its arguments as Python texts, else their defaults.

    Args:
        op: the operation.
        said: its arguments as expressions, by PyTorch's names; none: all are numbers.
        channels: that arrive.
        everywhere: the text stands for more than one use, so that no number of this one may be in it.
        parts: is told which helpers the file needs.
    """

    def __init__(
        self,
        op: ops.Op,
        said: Mapping[str, Expression],
        channels: Expression,
        everywhere: bool = False,
        parts: set[str] | None = None,
    ) -> None:
        self.op, self.said, self.channels, self.everywhere = op, said, spell_expression(channels), everywhere
        self.parts = set() if parts is None else parts

    def text(self, name: str) -> str:
        """One argument."""
        value = self.said.get(name)
        if value is None or (isinstance(value, Name) and value.name in ("yes", "no", "none", "same", "valid")):
            return spell_expression(getattr(self.op, name))
        return spell_expression(value)

    def changed(self, *names: str, **defaults: Value) -> dict[str, Code]:
        """Those that differ from PyTorch's default, which is the operation's own where it is not told."""
        own = {entry.name: entry.default for entry in dataclasses.fields(self.op)}
        found: dict[str, Code] = {}
        for name in names:
            default = defaults.get(name, own[name])
            written = self.said.get(name)
            symbolic = (
                written is not None
                and bool(names_in(written))
                and self.text(name) != spell_expression(getattr(self.op, name))
            )
            if symbolic or getattr(self.op, name) != default:
                found[name] = self.text(name)
        return found


def _by_rank(node: Node, name: str) -> str:
    rank = len(node.input_shapes[0]) - 1
    if rank > 3:
        raise UserError(node.path, f"{node.op.word} in {rank} dimensions", "at most 3 with PyTorch")
    return f"{name}{max(1, rank)}d"


Spelling = Callable[[Written, Node], Code]


def _conv(a: Written, node: Node) -> Code:
    op = node.op
    assert isinstance(op, ops.Conv)
    name = _by_rank(node, "nn.Conv")
    named = a.changed("stride", "padding", "dilation", "groups", "bias")
    if op.padding == "valid":
        named.pop("padding", None)
    if op.padding == "same":
        named.pop("padding")
        stride_one = not names_in(a.said.get("stride", 1)) and op.stride in (1, (1,) * (len(node.shape) - 1))
        if stride_one:
            named["padding"] = '"same"'
        else:
            rank = len(node.shape) - 1
            a.parts |= {"same", f"same_conv{rank}"}
            name = f"SameConv{rank}d"
    return call(name, a.channels, a.text("out_channels"), a.text("kernel_size"), **named)


def _maxpool(a: Written, node: Node) -> Code:
    op = node.op
    assert isinstance(op, ops.MaxPool)
    named = a.changed("stride", "padding", "dilation", "ceil_mode")
    if op.padding == "valid":
        named.pop("padding", None)
    if op.padding == "same":
        rank = len(node.shape) - 1
        a.parts |= {"same", f"same_pool{rank}"}
        named.pop("padding")
        return call(f"SameMaxPool{rank}d", a.text("kernel_size"), **named)
    return call(_by_rank(node, "nn.MaxPool"), a.text("kernel_size"), **named)


def _avgpool(a: Written, node: Node) -> Code:
    named = a.changed("stride", "padding", "ceil_mode", "count_include_pad")
    return call(_by_rank(node, "nn.AvgPool"), a.text("kernel_size"), **named)


def _adaptive(name: str) -> Spelling:
    return lambda a, node: call(_by_rank(node, name), a.text("output_size"))


def _global(name: str) -> Spelling:
    return lambda a, node: call(_by_rank(node, name), "1")


def _linear(a: Written, node: Node) -> Code:
    return call("nn.Linear", a.channels, a.text("out_features"), **a.changed("bias"))


def _batchnorm(a: Written, node: Node) -> Code:
    return call(_by_rank(node, "nn.BatchNorm"), a.channels, **a.changed("eps", "momentum", "affine"))


def _layernorm(a: Written, node: Node) -> Code:
    op, shape = node.op, node.input_shapes[0]
    assert isinstance(op, ops.LayerNorm)
    named = a.changed("eps")
    if not op.affine:
        named["elementwise_affine"] = "False"
    if len(shape) == 1:
        return call("nn.LayerNorm", a.channels, **named)
    if op.over == "all":
        if a.everywhere:
            raise NeedsNumbers
        return call("nn.LayerNorm", repr(shape), **named)
    a.parts.add("channel_norm")
    return call("ChannelNorm", a.channels, **named)


def _groupnorm(a: Written, node: Node) -> Code:
    return call("nn.GroupNorm", a.text("num_groups"), a.channels, **a.changed("eps", "affine"))


def _local_response(a: Written, node: Node) -> Code:
    return call("nn.LocalResponseNorm", a.text("size"), **a.changed("alpha", "beta", "k"))


def _scale(a: Written, node: Node) -> Code:
    a.parts.add("scale")
    return call("Scale", a.channels, str(len(node.shape) - 1), **a.changed("init", "bias"))


def _padchannels(a: Written, node: Node) -> Code:
    a.parts.add("padchannels")
    return call("PadChannels", a.text("before"), a.text("after"))


def _plain(name: str, *arguments: str, **fixed: Code) -> Spelling:
    return lambda a, node: call(name, **a.changed(*arguments), **fixed)


def _dropout(a: Written, node: Node) -> Code:
    return call("nn.Dropout", a.text("p"))


def _gelu(a: Written, node: Node) -> Code:
    assert isinstance(node.op, ops.GELU)
    return call("nn.GELU", '"tanh"') if node.op.approximate == "tanh" else call("nn.GELU")


_SPELLINGS: dict[type[ops.Op], Spelling] = {
    ops.Conv: _conv,
    ops.MaxPool: _maxpool,
    ops.AvgPool: _avgpool,
    ops.AdaptiveAvgPool: _adaptive("nn.AdaptiveAvgPool"),
    ops.AdaptiveMaxPool: _adaptive("nn.AdaptiveMaxPool"),
    ops.GlobalAvgPool: _global("nn.AdaptiveAvgPool"),
    ops.GlobalMaxPool: _global("nn.AdaptiveMaxPool"),
    ops.Linear: _linear,
    ops.Flatten: _plain("nn.Flatten"),
    ops.Identity: _plain("nn.Identity"),
    ops.Dropout: _dropout,
    ops.BatchNorm: _batchnorm,
    ops.LayerNorm: _layernorm,
    ops.GroupNorm: _groupnorm,
    ops.LocalResponseNorm: _local_response,
    ops.Scale: _scale,
    ops.PadChannels: _padchannels,
    ops.ReLU: _plain("nn.ReLU"),
    ops.ReLU6: _plain("nn.ReLU6"),
    ops.LeakyReLU: _plain("nn.LeakyReLU", "negative_slope"),
    ops.GELU: _gelu,
    ops.SiLU: _plain("nn.SiLU"),
    ops.Hardswish: _plain("nn.Hardswish"),
    ops.Hardsigmoid: _plain("nn.Hardsigmoid"),
    ops.Tanh: _plain("nn.Tanh"),
    ops.Sigmoid: _plain("nn.Sigmoid"),
    ops.Softmax: _plain("nn.Softmax", dim="1"),
}
MERGES = (ops.Add, ops.Concat, ops.Mul)


def supports(operation: type[ops.Op]) -> bool:
    """Whether an operation can be written; a test asks for the whole vocabulary."""
    return operation in _SPELLINGS or operation in MERGES


def spell(op: Written, node: Node) -> Code:
    """An operation as a module of PyTorch.

    Args:
        op: as it is written.
        node: at its first use.

    Raises:
        UserError: PyTorch has no such thing.
        NeedsNumbers: it takes the numbers of one use.
    """
    return _SPELLINGS[type(node.op)](op, node)
