"""Plain PyTorch: blocks as functions, all else by name, so that the state_dict's keys are the graph's paths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import reduce
from math import prod
from typing import Any

from convscope import ops
from convscope.errors import UserError
from convscope.model.export.source.python import (
    INDENT,
    OWN,
    allowed,
    divided,
    docstring,
    fold,
    names_in,
    signature,
    spell,
)
from convscope.model.export.source.pytorch_chains import (
    Loop,
    ModuleStep,
    Statement,
    Steps,
    body_text,
    chain,
    preceded,
    reads_name,
)
from convscope.model.export.source.pytorch_class import write_class
from convscope.model.export.source.pytorch_operations import WrittenInPyTorch
from convscope.model.export.source.pytorch_operations import spell as spell_operation
from convscope.model.export.source.pytorch_parts import MODULE_NAMES, whole_file
from convscope.model.export.source.walk import Scope, StructureWalk
from convscope.network import tree
from convscope.network.expand import letters
from convscope.network.graph import Graph, Node
from convscope.network.tree import Body, Expression, Name
from convscope.ops.spec import Value
from convscope.ops.spelling import CHANNELS, Call, Code, Helper, NeedsNumbers, call

MOST_OPERATORS = 2
"""In a number of channels, before it gets a name."""
MOST_NESTED = 3
"""Loops within each other that have a name for their turn."""
_TURNS = (f"{OWN}n", f"{OWN}m", f"{OWN}k")


@dataclass(frozen=True)
class _Function:
    """A block as a function: its name, whether it asks for the channels that arrive, what it gives."""

    name: str
    text: str
    parameters: tuple[str, ...]
    asks: bool
    gives: Expression | None


class _Writer:
    def __init__(self, walk: StructureWalk) -> None:
        self.walk = walk
        self.functions: dict[tuple[Any, ...], _Function] = {}
        self.names: set[str] = set()
        self.parts: set[str] = set()
        self.helpers: set[Helper] = set()
        self.variables = 0

    # Bodies

    def body(
        self, body: tuple[tree.Statement, ...] | Body, scope: Scope, channels: Expression
    ) -> tuple[Steps, Expression]:
        """The steps of a body, and the channels that leave it."""
        steps: list[ModuleStep | Loop] = []
        named: dict[str, Expression] = {}
        for step in tree.steps_of(body):
            line: tuple[Statement, ...] = ()
            if tree.operators(channels) > MOST_OPERATORS and not scope.turns:
                variable = self.variable()
                line = (Statement(0, spell(Name(variable)), spell(channels)),)
                named[variable] = _put(channels, named)
                channels = Name(variable)
            if isinstance(step, tree.From):
                raise UserError(f"from {step.name}", "a name that is read", "a network of branches alone")
            if isinstance(step, tree.Aux):
                scope.named("aux", step.alias)
            elif isinstance(step, tree.Repeat):
                repeated, channels = self.repeat(step, scope, channels)
                steps += [preceded(line, repeated[0]), *repeated[1:]]
            else:
                made, channels = self.step(step, scope, channels)
                steps.append(preceded(line, made))
        return tuple(steps), _put(channels, named)

    def step(self, step: tree.Call | tree.Merge, scope: Scope, channels: Expression) -> tuple[ModuleStep, Expression]:
        name, path = scope.named(step.word, step.alias)
        word, number = (step.word, name) if step.alias is None else (str(name), None)
        before: tuple[Statement, ...] = ()
        code: Code
        if isinstance(step, tree.Merge):
            code, before, channels = self.merge(step, scope, path, channels)
        elif step.word in self.walk.blocks:
            code, channels = self.block(step, scope, path, channels)
        elif step.word == "project":
            code, channels = self.project(step, scope, path, channels)
        else:
            code, channels = self.operation(step, scope, path, channels)
        made = ModuleStep(word, number if step.alias is None else None, code, before)  # type: ignore[arg-type]
        if made.plain is not None and made.plain in MODULE_NAMES:
            raise UserError(path, "torch.nn.Module has an attribute of this name", "another name after as")
        return made, channels

    def merge(
        self, step: tree.Merge, scope: Scope, path: str, channels: Expression
    ) -> tuple[Code, tuple[Statement, ...], Expression]:
        branches: list[tuple[str, Code]] = []
        before: list[Statement] = []
        leaving: list[Expression] = []
        for index, branch in enumerate(step.branches):
            steps, ends = self.body(branch, scope.inner(path, index), channels)
            letter = letters(index)
            lines, code = self.chain(steps, f"{step.word}_{letter}")
            before += lines
            branches.append((allowed(letter) if letter in ("as", "in", "is") else letter, code))
            leaving.append(ends)
        self.parts.add(step.word)
        if step.word == "concat":
            total: Expression = 0
            for ends in leaving:
                total = fold("+", total, ends)
        else:
            total = leaving[0]
            if step.word == "mul" and len({prod(s[1:]) for s in self.walk.graph.by_path[path].input_shapes}) > 1:
                # A branch of C x 1 x 1 scales another: all have C.
                total = leaving[0]
        return Call(step.word.capitalize(), tuple(branches), always_open=len(branches) > 1), tuple(before), total

    def repeat(
        self, step: tree.Repeat, scope: Scope, channels: Expression
    ) -> tuple[list[ModuleStep | Loop], Expression]:
        shape = self.walk.shape_at(step.body, scope)
        times = self.walk.value(step.count, shape, scope.values)
        assert isinstance(times, int)
        count: Expression = times if scope.literal else self.said(step.count, scope, channels)
        if times > 1 or not isinstance(count, int):
            counted = scope.copy()
            try:
                return self.loop(step, scope, channels, count)
            except NeedsNumbers:
                if not isinstance(count, int):
                    raise
                scope.counts = counted.counts
        steps: list[ModuleStep | Loop] = []
        for _ in range(times):
            made, channels = self.body(step.body, scope, channels)
            steps += made
        return steps, channels

    def loop(
        self, step: tree.Repeat, scope: Scope, channels: Expression, count: Expression
    ) -> tuple[list[ModuleStep | Loop], Expression]:
        if len(scope.turns) == MOST_NESTED:
            raise NeedsNumbers
        turn = _TURNS[len(scope.turns)]
        variable = self.variable()

        def say(value: Expression) -> Expression:
            if "in_channels" in names_in(value):
                raise NeedsNumbers
            return self.said(value, scope, channels)

        _, ends = self.body(step.body, self.walk.turn(step, scope.copy(), turn, say), Name(variable))
        inner = self.walk.turn(step, scope, turn, say)
        first: tuple[Statement, ...] = ()
        each: tuple[Statement, ...] = ()
        if ends in (Name(variable), channels):
            steps, _ = self.body(step.body, inner, channels)
            ends = channels
        elif (more := _growth(ends, variable)) is not None:
            steps, _ = self.body(step.body, inner, fold("+", channels, fold("*", Name(turn), more)))
            ends = fold("+", channels, fold("*", count, more))
        else:
            steps, ends = self.body(step.body, inner, Name(variable))
            line = Statement(0, spell(Name(variable)), spell(channels))
            first, each = (line,), (replace(line, code=spell(ends)),)
            if any(name.startswith(OWN) for name in names_in(ends)):
                ends = Name(variable)
        return [Loop(count, turn, steps, first, each)], ends

    def variable(self) -> str:
        """A name for the channels at some place of a function."""
        self.variables += 1
        return f"{OWN}channels" if self.variables == 1 else f"{OWN}channels{self.variables}"

    # Steps

    def said(self, value: Expression, scope: Scope, channels: Expression) -> Expression:
        """An expression as it is written here: ``in_channels`` is what arrives, numbers stand for names where asked."""
        if isinstance(value, Name):
            if value.name == "in_channels":
                return channels
            if value.name in scope.values:
                found = scope.values[value.name]
                return found if scope.literal else value  # type: ignore[return-value]
            return value
        if isinstance(value, tree.Arithmetic):
            left, right = self.said(value.left, scope, channels), self.said(value.right, scope, channels)
            if value.operator in "/%":
                return divided(value.operator, left, right)
            return fold(value.operator, left, right)
        return value

    def operation(self, step: tree.Call, scope: Scope, path: str, channels: Expression) -> tuple[Code, Expression]:
        node, written = self.walk.written(step, path)
        said = {name: self.said(value, scope, channels) for name, value in written.items()}
        code = spell_operation(
            WrittenInPyTorch(node.op, said, channels, bool(scope.turns) or self.in_block, self.helpers), node
        )
        return code, self.leaving(node, said, channels, scope)

    in_block = False

    def leaving(self, node: Node, said: Mapping[str, Expression], channels: Expression, scope: Scope) -> Expression:
        op = node.op
        rule = CHANNELS.find(type(op))
        if rule is not None:
            (_, first), *others = (
                (sign, said.get(name, getattr(op, name)) if name else channels) for sign, name in rule
            )
            return reduce(lambda total, part: fold(part[0], total, part[1]), others, first)
        flattens = op.traits.aliases == "vector" and prod(node.input_shapes[0][1:]) != 1
        if node.shape[0] != node.input_shapes[0][0] or flattens:
            if self.in_block or scope.turns:
                raise NeedsNumbers
            return node.shape[0]
        return channels

    def project(self, step: tree.Call, scope: Scope, path: str, channels: Expression) -> tuple[Code, Expression]:
        written = {
            a.name or ("out_channels", "stride")[i]: self.said(a.value, scope, channels)
            for i, a in enumerate(step.arguments)
        }
        rank = len(self.walk.nodes_under(path)[0].input_shapes[0]) - 1
        self.parts.add(f"project{rank}")
        width = written["out_channels"]
        stride = {"stride": spell(written["stride"])} if written.get("stride", 1) != 1 else {}
        return call("project", spell(channels), spell(width), **stride), width

    def block(self, step: tree.Call, scope: Scope, path: str, channels: Expression) -> tuple[Code, Expression]:
        nodes = self.walk.nodes_under(path)
        shape = nodes[0].input_shapes[0]
        written, values = self.walk.bound(step, shape, scope)
        said = {name: self.said(value, scope, channels) for name, value in written.items()}
        try:
            function = self.function(step.word, path, shape, values, literal=False)
            arguments: list[tuple[str, Code]] = [("", spell(channels))] if function.asks else []
            for index, argument in enumerate(step.arguments):
                name = argument.name or ""
                value = said[name or self.walk.blocks[step.word].parameters[index].name]
                arguments.append((allowed(name) if name else "", spell(value)))
            gives = None if function.gives is None else self.substituted(function.gives, step, said, channels)
            if gives is None:
                gives = self.number_of(nodes, scope)
            return Call(function.name, tuple(arguments)), gives
        except NeedsNumbers:
            if self.in_block and not scope.literal:
                raise
            if scope.turns:
                raise
            function = self.function(step.word, path, shape, values, literal=True)
            return Call(function.name), nodes[-1].shape[0]

    def number_of(self, nodes: list[Node], scope: Scope) -> Expression:
        if (self.in_block and not scope.literal) or scope.turns:
            raise NeedsNumbers
        return nodes[-1].shape[0]

    def substituted(
        self, gives: Expression, step: tree.Call, said: Mapping[str, Expression], channels: Expression
    ) -> Expression | None:
        """What a block gives, in the words of its caller."""
        known: dict[str, Expression] = {"in_channels": channels, **said}
        for parameter in self.walk.blocks[step.word].parameters:
            if parameter.name not in known and parameter.default is not None:
                known[parameter.name] = _put(parameter.default, known)
        return _put(gives, known)

    def function(self, word: str, path: str, shape: ops.Shape, values: Mapping[str, Value], literal: bool) -> _Function:
        """The function of a block, written at its first use; with numbers for names, one for each use of its kind."""
        rank = len(shape) - 1
        key: tuple[Any, ...] = (word, rank, shape, tuple(values.items())) if literal else (word, rank)
        if key in self.functions:
            found = self.functions[key]
            if not found.text:
                raise NeedsNumbers
            return found
        block = self.walk.blocks[word]
        name = self.free_name(word)
        within, self.in_block = self.in_block, not literal
        counted, self.variables = self.variables, 0
        try:
            scope = Scope(f"{path}.", values, literal)
            channels: Expression = shape[0] if literal else Name("in_channels")
            try:
                steps, gives = self.body(block.body, scope, channels)
            except NeedsNumbers:
                self.names.discard(name)
                self.functions[key] = _Function(name, "", (), False, None)
                raise
        finally:
            self.in_block, self.variables = within, counted
        lines, code = self.chain(steps, "steps")
        text = body_text(lines, code)
        asks = not literal and reads_name(text, "in_channels")
        parameters, fills = ([], []) if literal else _parameters(block)
        head = signature(name, [*(["in_channels"] if asks else []), *parameters])
        told = [
            docstring([f"The block {word}{' ' if block.comment else ''}{block.comment or ''}.".replace(" .", ".")], 1)
        ]
        if literal:
            told = [docstring([f"The block {word} for an input of {ops.spell_shape(shape)}."], 1)]
        body = [head, *told, *fills, text]
        gives_known = gives if not (names_in(gives) - {"in_channels", *values}) else None
        made = _Function(name, "\n".join(body), tuple(parameters), asks, gives_known)
        self.functions[key] = made
        return made

    def free_name(self, word: str) -> str:
        name = allowed(word) if word not in ("named", "project", "numbered") else f"{word}_"
        base, number = name, 1
        while name in self.names:
            number += 1
            name = f"{base}_{number}"
        self.names.add(name)
        return name

    def chain(self, steps: Steps, variable: str) -> tuple[list[Statement], Code]:
        """Steps as one module; the helper that its call needs is noted."""
        lines, code = chain(steps, variable)
        if isinstance(code, Call) and code.function == "named":
            self.parts.add("named")
        return lines, code


def _growth(ends: Expression, variable: str) -> Expression | None:
    """What a turn adds to the channels, where it is the same in every turn."""
    if not isinstance(ends, tree.Arithmetic) or ends.operator != "+" or ends.left != Name(variable):
        return None
    return None if any(name.startswith(OWN) for name in names_in(ends.right)) else ends.right


def _put(value: Expression, known: Mapping[str, Expression]) -> Expression:
    if isinstance(value, Name):
        return known.get(value.name, value)
    if isinstance(value, tree.Arithmetic):
        left, right = _put(value.left, known), _put(value.right, known)
        return fold(value.operator, left, right) if value.operator in "+-*" else divided(value.operator, left, right)
    return value


def _parameters(block: tree.Block) -> tuple[list[str], list[str]]:
    """A block's parameters with their defaults, and the statements that fill those which depend on others."""
    parameters, fills = [], []
    for parameter in block.parameters:
        name = allowed(parameter.name)
        if parameter.default is None:
            parameters.append(name)
        elif names_in(parameter.default) - {"yes", "no", "none", "same", "valid"}:
            parameters.append(f"{name}=None")
            fills.append(f"{INDENT}{name} = {spell(parameter.default)} if {name} is None else {name}")
        else:
            parameters.append(f"{name}={_value(parameter.default)}")
    return parameters, fills


def _value(value: Expression) -> str:
    """A default as Python; a name among the notation's own words is a value."""
    words = {"yes": "True", "no": "False", "none": "None", "same": '"same"', "valid": '"valid"'}
    return words.get(value.name, spell(value)) if isinstance(value, Name) else spell(value)


def write(graph: Graph, title: list[str], name: str) -> str:
    """The file's text: blocks are functions and repeats loops where the graph has a structure, else one class.

    Args:
        graph: what is written.
        title: lines of the file's head.
        name: of the function or class.

    Raises:
        UserError: something that PyTorch cannot say.
    """
    if graph.structure is None or not _is_nested(graph.structure.statements):
        return write_class(graph, title, name)
    writer = _Writer(StructureWalk(graph, graph.structure))
    name = writer.free_name(name)
    steps, _ = writer.body(writer.walk.steps, Scope(), graph.input[0])
    lines, code = writer.chain(steps, "steps")
    main = "\n".join(
        [
            f"def {name}():",
            docstring([f"The network, for inputs of {ops.spell_shape(graph.input)}."], 1),
            body_text(lines, code),
        ]
    )
    functions = [function.text for function in writer.functions.values() if function.text]
    return whole_file(title, name, writer.parts, writer.helpers, [*functions, main])


def _is_nested(body: tuple[tree.Statement, ...]) -> bool:
    """Whether modules within each other say all of it: no name is read, and none holds a dot."""
    for item in body:
        if isinstance(item, tree.Block) and not _is_nested(item.body):
            return False
    for step in tree.steps_of(body):
        if isinstance(step, tree.From) or (not isinstance(step, tree.Repeat) and "." in (step.alias or "")):
            return False
        bodies = step.branches if isinstance(step, tree.Merge) else () if isinstance(step, tree.Call) else (step.body,)
        if not all(map(_is_nested, bodies)):
            return False
    return True
