"""Plain Keras 3: blocks as functions of a tensor, channels last, layers named by the graph's paths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

from convscope import ops
from convscope.errors import UserError
from convscope.model.export.source.keras_parts import LOADING, PARTS
from convscope.model.export.source.python import (
    INDENT,
    OWN,
    Call,
    Code,
    allowed,
    assign,
    call,
    docstring,
    names_in,
    signature,
    spell,
)
from convscope.model.export.source.walk import Scope, Walk
from convscope.network import tree
from convscope.network.expand import letters
from convscope.network.graph import Graph, Node
from convscope.network.network import Network
from convscope.network.tree import Body, Expression, Name

MOST_NESTED = 3
_TURNS = (f"{OWN}n", f"{OWN}m", f"{OWN}k")
_CHANNELS = "{x}.shape[-1]"


@dataclass(frozen=True)
class _At:
    """A place in the written file: the tensor at hand, the indentation, what stands before every name."""

    tensor: str
    indent: int
    prefix: str
    """A Python text that every name of this body begins with, for example ``{name}add1.a.``."""


class _Writer:
    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.functions: dict[tuple[str, int], str] = {}
        self.function_names: dict[tuple[str, int], str] = {}
        self.names: set[str] = set()
        self.parts: set[str] = set()

    def body(self, body: tuple[tree.Statement, ...] | Body, scope: Scope, at: _At) -> list[str]:
        """Statements that lead the tensor through a body."""
        lines: list[str] = []
        for step in tree.steps_of(body):
            if isinstance(step, tree.From):
                raise UserError(f"from {step.name}", "a name that is read", "a network of branches alone")
            if isinstance(step, tree.Aux):
                scope.named("aux", step.alias)
            elif isinstance(step, tree.Repeat):
                lines += self.repeat(step, scope, at)
            else:
                name, path = scope.named(step.word, step.alias)
                named = at.prefix + (str(name) if step.alias is not None else _numbered(step.word, name))
                if isinstance(step, tree.Merge):
                    lines += self.merge(step, scope, path, named, at)
                elif step.word in self.walk.blocks:
                    lines.append(self.block(step, scope, path, named, at))
                elif step.word == "project":
                    lines.append(self.project(step, scope, path, named, at))
                else:
                    lines += self.operation(step, scope, path, named, at)
        return lines

    def merge(self, step: tree.Merge, scope: Scope, path: str, named: str, at: _At) -> list[str]:
        lines: list[str] = []
        tensors: list[str] = []
        for index, branch in enumerate(step.branches):
            letter = letters(index)
            tensor = f"{at.tensor}_{letter}"
            inner = self.body(branch, scope.inner(path, index), _At(tensor, at.indent, f"{named}.{letter}."))
            if inner:
                lines += [f"{INDENT * at.indent}{tensor} = {at.tensor}", *inner]
            tensors.append(tensor if inner else at.tensor)
        listed: Code = Call("", tuple(("", tensor) for tensor in tensors), "[", "]")
        if len(tensors) == 1:
            return [*lines, assign(at.tensor, tensors[0], at.indent)]
        if step.word == "concat":
            return [*lines, assign(at.tensor, call("keras.ops.concatenate", listed, axis="-1"), at.indent)]
        sign = " + " if step.word == "add" else " * "
        return [*lines, assign(at.tensor, sign.join(tensors), at.indent)]

    def repeat(self, step: tree.Repeat, scope: Scope, at: _At) -> list[str]:
        if len(scope.turns) == MOST_NESTED:
            raise UserError("repeat", "more than three within each other", "fewer")
        turn = _TURNS[len(scope.turns)]
        inner = self.walk.turn(step, scope, turn, lambda value: value)
        lines = self.body(step.body, inner, _At(at.tensor, at.indent + 1, at.prefix))
        head = f"{INDENT * at.indent}for {spell(Name(turn))} in range({self.text(step.count, at)}):"
        return [head, *lines] if lines else []

    def text(self, value: Expression, at: _At) -> str:
        """An expression where ``in_channels`` is the tensor's last dimension."""
        return spell(_renamed(value, at.tensor))

    def operation(self, step: tree.Call, scope: Scope, path: str, named: str, at: _At) -> list[str]:
        node, written = self.walk.written(step, path)
        values = _Values(node.op, written, at.tensor)
        made = _SPELLINGS[type(node.op)](node, values, _quoted(named), self)
        if made is None:
            return []
        for part in made.parts:
            self.parts.add(part)
        code = made.code if made.applied else Call(f"{_flat(made.code)}", (("", at.tensor),))
        return [assign(at.tensor, code, at.indent)]

    def project(self, step: tree.Call, scope: Scope, path: str, named: str, at: _At) -> str:
        written = {a.name or ("out_channels", "stride")[i]: a.value for i, a in enumerate(step.arguments)}
        rank = len(self.walk.nodes_under(path)[0].input_shapes[0]) - 1
        self.parts |= {f"project{rank}", f"conv{rank}", "batchnorm"}
        stride = {"stride": self.text(written["stride"], at)} if written.get("stride", 1) != 1 else {}
        code = call("project", at.tensor, self.text(written["out_channels"], at), **stride, name=_quoted(named))
        return assign(at.tensor, code, at.indent)

    def block(self, step: tree.Call, scope: Scope, path: str, named: str, at: _At) -> str:
        shape = self.walk.nodes_under(path)[0].input_shapes[0]
        name = self.function(step.word, path, shape, scope, step)
        arguments: list[tuple[str, Code]] = [("", at.tensor)]
        for argument in step.arguments:
            lead = allowed(argument.name) if argument.name else ""
            arguments.append((lead, self.text(argument.value, at)))
        arguments.append(("name", _quoted(named)))
        return assign(at.tensor, Call(name, tuple(arguments)), at.indent)

    def function(self, word: str, path: str, shape: ops.Shape, scope: Scope, step: tree.Call) -> str:
        """The name of a block's function, which is written at its first use."""
        key = (word, len(shape) - 1)
        if key in self.function_names:
            return self.function_names[key]
        block = self.walk.blocks[word]
        name = self.free_name(word)
        self.function_names[key] = name
        _, values = self.walk.bound(step, shape, scope)
        lines = self.body(block.body, Scope(f"{path}.", values), _At("x", 1, "{name}."))
        parameters, fills = _parameters(block)
        head = signature(name, ["x", *parameters, "*", "name"])
        self.functions[key] = "\n".join(
            [head, docstring([f"The block {word}."], 1), *fills, *lines, f"{INDENT}return x"]
        )
        return name

    def free_name(self, word: str) -> str:
        name = allowed(word) if word not in _TAKEN else f"{word}_"
        base, number = name, 1
        while name in self.names:
            number += 1
            name = f"{base}_{number}"
        self.names.add(name)
        return name


_TAKEN = frozenset({"build", "load_weights", *(part.name.rstrip("123") for part in PARTS)})


def _renamed(value: Expression, tensor: str) -> Expression:
    if isinstance(value, Name):
        return Name(f"{OWN}{_CHANNELS.format(x=tensor)}") if value.name == "in_channels" else value
    if isinstance(value, tree.Binary):
        left, right = _renamed(value.left, tensor), _renamed(value.right, tensor)
        return tree.Binary(value.operator, left, right)
    return value


def _numbered(word: str, number: Expression | str) -> str:
    return f"{word}{number}" if isinstance(number, int) else f"{word}{{{spell(number)}}}"


def _quoted(name: str) -> str:
    return f'f"{name}"' if "{" in name else f'"{name}"'


def _flat(code: Code) -> str:
    from convscope.model.export.source.python import flat_text

    return flat_text(code)


def _parameters(block: tree.Block) -> tuple[list[str], list[str]]:
    """A block's parameters, and the statements that fill those whose default depends on others."""
    parameters, fills = [], []
    words = {"yes": "True", "no": "False", "none": "None", "same": '"same"', "valid": '"valid"'}
    for parameter in block.parameters:
        name = allowed(parameter.name)
        default = parameter.default
        if default is None:
            parameters.append(name)
        elif isinstance(default, Name) and default.name in words:
            parameters.append(f"{name}={words[default.name]}")
        elif names_in(default):
            parameters.append(f"{name}=None")
            fills.append(f"{INDENT}{name} = {spell(_renamed(default, 'x'))} if {name} is None else {name}")
        else:
            parameters.append(f"{name}={spell(default)}")
    return parameters, fills


@dataclass(frozen=True)
class _Made:
    """A layer, or with ``applied`` a value that has taken the tensor already; ``parts`` are helpers it needs."""

    code: Code
    applied: bool = False
    parts: tuple[str, ...] = ()


class _Values:
    """An operation's arguments as Python texts."""

    def __init__(self, op: ops.Op, said: dict[str, Expression], tensor: str) -> None:
        self.op, self.said, self.tensor = op, said, tensor

    def text(self, name: str) -> str:
        written = self.said.get(name)
        words = ("yes", "no", "none", "same", "valid")
        if written is None or (isinstance(written, Name) and written.name in words):
            return spell(getattr(self.op, name))
        return spell(_renamed(written, self.tensor))

    def given(self, *names: str) -> dict[str, Code]:
        """Those that are written, or differ from what the operation does untold."""
        import dataclasses

        own = {entry.name: entry.default for entry in dataclasses.fields(self.op)}
        found: dict[str, Code] = {}
        for name in names:
            written = self.said.get(name)
            if (written is not None and names_in(written) - {"yes", "no"}) or getattr(self.op, name) != own[name]:
                found[name] = self.text(name)
        return found


_Spelling = Callable[[Node, _Values, str, _Writer], "_Made | None"]


def _rank(node: Node) -> int:
    rank = len(node.input_shapes[0]) - 1
    if rank > 2:
        raise UserError(node.path, f"{node.op.word} in {rank} dimensions", "one or two for a Keras file")
    return rank


def _conv(node: Node, v: _Values, name: str, writer: _Writer) -> _Made:
    rank = _rank(node)
    assert isinstance(node.op, ops.Conv)
    strided, dilated = (node.op.stride not in (1, (1,) * rank), node.op.dilation not in (1, (1,) * rank))
    if strided and dilated:
        raise UserError(node.path, "a convolution with stride and dilation", "Keras has either")
    named = v.given("stride", "padding", "dilation", "groups", "bias")
    code = call("conv", v.tensor, v.text("out_channels"), v.text("kernel_size"), **named, name=name)
    return _Made(code, True, (f"conv{rank}",))


def _maxpool(node: Node, v: _Values, name: str, writer: _Writer) -> _Made:
    op, rank = node.op, _rank(node)
    assert isinstance(op, ops.MaxPool)
    if op.dilation not in (1, (1,) * rank):
        raise UserError(node.path, "a maximum with dilation", "Keras has none: a window without")
    named = v.given("stride", "padding", "ceil_mode")
    return _Made(call("maxpool", v.tensor, v.text("kernel_size"), **named), True, (f"maxpool{rank}",))


def _avgpool(node: Node, v: _Values, name: str, writer: _Writer) -> _Made:
    op, rank = node.op, _rank(node)
    assert isinstance(op, ops.AvgPool)
    if op.ceil_mode:
        raise UserError(node.path, "a mean with ceil_mode", "Keras counts its places otherwise: ceil_mode=no")
    named = v.given("stride", "padding", "count_include_pad")
    return _Made(call("avgpool", v.tensor, v.text("kernel_size"), **named), True, (f"avgpool{rank}",))


def _adaptive_average(node: Node, v: _Values, name: str, writer: _Writer) -> _Made:
    _rank(node)
    return _Made(call("adaptiveavgpool", v.tensor, v.text("output_size")), True, ("windows", "adaptiveavgpool"))


def _adaptive_maximum(node: Node, v: _Values, name: str, writer: _Writer) -> _Made:
    _rank(node)
    return _Made(call("adaptivemaxpool", v.tensor, v.text("output_size")), True, ("windows", "adaptivemaxpool"))


def _over_places(function: str) -> _Spelling:
    def spelled(node: Node, v: _Values, name: str, writer: _Writer) -> _Made:
        axes = repr(tuple(range(1, _rank(node) + 1)))
        return _Made(call(function, v.tensor, axis=axes, keepdims="True"), True)

    return spelled


def _linear(node: Node, v: _Values, name: str, writer: _Writer) -> _Made:
    assert isinstance(node.op, ops.Linear)
    bias: dict[str, Code] = {} if node.op.bias else {"use_bias": "False"}
    return _Made(call("layers.Dense", v.text("out_features"), **bias, name=name))


def _flatten(node: Node, v: _Values, name: str, writer: _Writer) -> _Made | None:
    shape = node.input_shapes[0]
    if len(shape) == 1:
        return None
    if prod(shape[1:]) == 1:
        return _Made(call("layers.Flatten"))
    # The weights behind it count channels first.
    order = repr((len(shape), *range(1, len(shape))))
    return _Made(call("layers.Flatten()", _flat(Call(f"layers.Permute({order})", (("", v.tensor),)))), True)


def _nothing(node: Node, v: _Values, name: str, writer: _Writer) -> None:
    return None


def _dropout(node: Node, v: _Values, name: str, writer: _Writer) -> _Made:
    return _Made(call("layers.Dropout", v.text("p")))


def _batchnorm(node: Node, v: _Values, name: str, writer: _Writer) -> _Made:
    return _Made(call("batchnorm", v.tensor, **v.given("eps", "momentum", "affine"), name=name), True, ("batchnorm",))


def _layernorm(node: Node, v: _Values, name: str, writer: _Writer) -> _Made:
    assert isinstance(node.op, ops.LayerNorm)
    named = v.given("eps", "affine")
    if node.op.over == "all":
        named["over"] = '"all"'
    return _Made(call("layernorm", v.tensor, **named, name=name), True, ("layernorm",))


def _groupnorm(node: Node, v: _Values, name: str, writer: _Writer) -> _Made:
    code = call("groupnorm", v.tensor, v.text("num_groups"), **v.given("eps", "affine"), name=name)
    return _Made(code, True, ("groupnorm",))


def _local_response(node: Node, v: _Values, name: str, writer: _Writer) -> _Made:
    named = v.given("alpha", "beta", "k")
    return _Made(call("localresponsenorm", v.tensor, v.text("size"), **named), True, ("localresponsenorm",))


def _scale(node: Node, v: _Values, name: str, writer: _Writer) -> _Made:
    return _Made(call("Scale", **v.given("init", "bias"), name=name), parts=("scale",))


def _padchannels(node: Node, v: _Values, name: str, writer: _Writer) -> _Made:
    return _Made(call("padchannels", v.tensor, v.text("before"), v.text("after")), True, ("padchannels",))


def _function(name: str, *arguments: str, **fixed: Code) -> _Spelling:
    return lambda node, v, path, writer: _Made(call(name, v.tensor, **fixed), True)


def _leaky(node: Node, v: _Values, name: str, writer: _Writer) -> _Made:
    return _Made(call("layers.LeakyReLU", negative_slope=v.text("negative_slope")))


def _gelu(node: Node, v: _Values, name: str, writer: _Writer) -> _Made:
    assert isinstance(node.op, ops.GELU)
    return _Made(call("keras.ops.gelu", v.tensor, approximate=str(node.op.approximate == "tanh")), True)


_SPELLINGS: dict[type[ops.Op], _Spelling] = {
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


def write(network: Network, graph: Graph, title: list[str], name: str) -> str:
    """The file's text.

    Raises:
        UserError: something that Keras cannot say.
    """
    writer = _Writer(Walk(network, graph))
    statements = tuple(s for s in network.statements if not isinstance(s, tree.Block))
    lines = writer.body(statements, Scope(), _At("x", 1, ""))
    channels, *places = graph.input
    shape = (*places, channels)
    model = call("keras.Model", "inputs", "x", name=f'"{name}"')
    main = "\n".join(
        [
            "def build():",
            docstring([f"The network, for inputs of {ops.spell_shape(shape)}, channels last."], 1),
            assign("inputs", call("keras.Input", repr(shape)), 1),
            f"{INDENT}x = inputs",
            *lines,
            f"{INDENT}return {_flat(model)}",
        ]
    )
    parts = [part.text for part in PARTS if part.name in writer.parts]
    usage = ["", "    model = build()", '    load_weights(model, "model/weights.safetensors")']
    head = "\n".join(
        [
            docstring([*title, *usage]),
            "",
            "import keras",
            "import numpy as np",
            "from keras import layers",
            "from safetensors.numpy import load_file",
        ]
    )
    return "\n\n\n".join([head, *parts, *writer.functions.values(), main, LOADING]) + "\n"
