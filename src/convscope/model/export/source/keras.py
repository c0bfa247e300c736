"""Plain Keras 3: blocks as functions of a tensor, channels last, layers named by the graph's paths."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import MutableMapping
from dataclasses import dataclass, field

from convscope import ops
from convscope.errors import UserError
from convscope.model.export.source.keras_operations import WrittenInKeras, with_channels
from convscope.model.export.source.keras_operations import spell as spell_operation
from convscope.model.export.source.keras_parts import LOADING, project
from convscope.model.export.source.python import INDENT, OWN, allowed, assign, docstring, names_in, signature, spell
from convscope.model.export.source.walk import Scope, StructureWalk
from convscope.network import tree
from convscope.network.expand import letters
from convscope.network.graph import INPUT, Graph, Structure
from convscope.network.notate import notate
from convscope.network.tree import Body, Expression, Name
from convscope.ops.spelling import Call, Code, Helper, call, flat_text

MOST_NESTED = 3
_TURNS = (f"{OWN}n", f"{OWN}m", f"{OWN}k")


@dataclass(frozen=True)
class _At:
    """A place in the written file: the tensor at hand, the indentation, what stands before every name."""

    tensor: str
    indent: int
    prefix: str
    """A Python text that every name of this body begins with, for example ``{name}add1.a.``."""
    given: MutableMapping[str, str] = field(default_factory=dict)
    """The variables of the steps whose names can be read here."""


class _Writer:
    def __init__(self, walk: StructureWalk, read: frozenset[str]) -> None:
        self.walk, self.read = walk, read
        self.variables: set[str] = {"x", "inputs", "name"}
        self.functions: dict[tuple[str, int], str] = {}
        self.function_names: dict[tuple[str, int], str] = {}
        self.names: set[str] = set()
        self.helpers: set[Helper] = set()

    def body(self, body: tuple[tree.Statement, ...] | Body, scope: Scope, at: _At) -> list[str]:
        """Statements that lead the tensor through a body."""
        lines: list[str] = []
        for step in tree.steps_of(body):
            if isinstance(step, tree.From):
                lines.append(assign(at.tensor, at.given[step.name], at.indent))
                continue
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
                if step.alias is not None and step.alias in self.read:
                    variable = self.variable(step.alias)
                    at.given[step.alias] = variable
                    lines.append(assign(variable, at.tensor, at.indent))
        return lines

    def variable(self, name: str) -> str:
        """A Python name for a value that is read again, unlike those that branches have."""
        base = allowed(f"{name.replace('.', '_')}_value" if name.startswith("x") else name.replace(".", "_"))
        found, number = base, 1
        while found in self.variables:
            number += 1
            found = f"{base}_{number}"
        self.variables.add(found)
        return found

    def merge(self, step: tree.Merge, scope: Scope, path: str, named: str, at: _At) -> list[str]:
        lines: list[str] = []
        tensors: list[str] = []
        for index, branch in enumerate(step.branches):
            letter = letters(index)
            tensor = f"{at.tensor}_{letter}"
            place = _At(tensor, at.indent, f"{named}.{letter}.", ChainMap({}, at.given))
            inner = self.body(branch, scope.inner(path, index), place)
            if inner and isinstance(next(tree.steps_of(branch)), tree.From):
                lines += inner
            elif inner:
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
        lines = self.body(step.body, inner, _At(at.tensor, at.indent + 1, at.prefix, at.given))
        head = f"{INDENT * at.indent}for {spell(Name(turn))} in range({self.text(step.count, at)}):"
        return [head, *lines] if lines else []

    def text(self, value: Expression, at: _At) -> str:
        """An expression where ``in_channels`` is the tensor's last dimension."""
        return spell(with_channels(value, at.tensor))

    def operation(self, step: tree.Call, scope: Scope, path: str, named: str, at: _At) -> list[str]:
        node, written = self.walk.written(step, path)
        made = spell_operation(WrittenInKeras(node.op, written, at.tensor, _quoted(named)), node)
        if made is None:
            return []
        self.helpers.update(made.helpers)
        code = made.code if made.applied else Call(f"{flat_text(made.code)}", (("", at.tensor),))
        return [assign(at.tensor, code, at.indent)]

    def project(self, step: tree.Call, scope: Scope, path: str, named: str, at: _At) -> str:
        written = {a.name or ("out_channels", "stride")[i]: a.value for i, a in enumerate(step.arguments)}
        rank = len(self.walk.nodes_under(path)[0].input_shapes[0]) - 1
        self.helpers |= project(rank)
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


_TAKEN = frozenset({"build", "load_weights", "project", "windows", *ops.OPERATIONS})


def _numbered(word: str, number: Expression | str) -> str:
    return f"{word}{number}" if isinstance(number, int) else f"{word}{{{spell(number)}}}"


def _quoted(name: str) -> str:
    return f'f"{name}"' if "{" in name else f'"{name}"'


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
            fills.append(f"{INDENT}{name} = {spell(with_channels(default, 'x'))} if {name} is None else {name}")
        else:
            parameters.append(f"{name}={spell(default)}")
    return parameters, fills


def write(graph: Graph, title: list[str], name: str) -> str:
    """The file's text: blocks are functions and repeats loops where the graph has a structure.

    Args:
        graph: what is written.
        title: lines of the file's head.
        name: of the model.

    Raises:
        UserError: something that Keras cannot say.
    """
    structure = graph.structure or Structure(notate(graph))
    writer = _Writer(StructureWalk(graph, structure), _names_read(structure.statements))
    lines = writer.body(writer.walk.steps, Scope(), _At("x", 1, "", {INPUT: "inputs"}))
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
            f"{INDENT}return {flat_text(model)}",
        ]
    )
    parts = [helper.text for helper in sorted(writer.helpers, key=lambda h: (h.order, h.name))]
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


def _names_read(body: tuple[tree.Statement, ...]) -> frozenset[str]:
    """Every name behind a ``from``."""
    found = {name for item in body if isinstance(item, tree.Block) for name in _names_read(item.body)}
    for step in tree.steps_of(body):
        if isinstance(step, tree.From):
            found.add(step.name)
        elif not isinstance(step, tree.Call):
            bodies = step.branches if isinstance(step, tree.Merge) else (step.body,)
            found |= {name for inner in bodies for name in _names_read(inner)}
    return frozenset(found)
