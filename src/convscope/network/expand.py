"""Tree to graph: blocks and repeats written out, expressions worked out, shapes followed, paths given.

A step's path is its word with its number among its siblings (``conv2``), or its name after ``as``; a block or merge
is the prefix of what it holds: ``basic2.add1.a.conv1``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from convscope.errors import UserError, did_you_mean
from convscope.network.graph import INPUT, Graph, Node
from convscope.network.ops import (
    LARGEST,
    OPERATIONS,
    BatchNorm,
    Conv,
    Identity,
    Misfit,
    Op,
    Shape,
    build,
    elements,
    spell,
)
from convscope.network.ops.base import Value, per_dimension
from convscope.network.rules import PROJECT
from convscope.network.tree import (
    WORDS,
    Argument,
    Binary,
    Block,
    Body,
    Call,
    Expression,
    Merge,
    Name,
    Position,
    Repeat,
    Source,
    Statement,
    steps_of,
)

MOST_NODES = 5000
_VALUES: dict[str, Value] = {"yes": True, "no": False, "none": None, "same": "same", "valid": "valid"}


class GraphError(UserError):
    """A network whose shapes do not work out; ``nodes`` are those that did, in order."""

    def __init__(self, error: UserError, nodes: tuple[Node, ...]) -> None:
        super().__init__(error.where, error.got, error.expected, error.hint, error.excerpt)
        self.nodes = nodes


@dataclass(frozen=True)
class _Value:
    """What flows along an edge: whose output, of which shape."""

    path: str
    shape: Shape


@dataclass
class _Scope:
    """Names and numbers of one body; a repeat shares its surroundings', a block or branch has its own."""

    prefix: str = ""
    names: Mapping[str, Value] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    repeated: bool = False


def expand(statements: tuple[Statement, ...], source: Source, shape: Shape) -> Graph:
    """The graph of some statements for an input of ``shape``.

    Raises:
        GraphError: a shape, an argument or a name that does not work out; it carries the nodes that did.
    """
    expansion = _Expansion(source, {s.name: s for s in statements if isinstance(s, Block)})
    try:
        expansion.body(tuple(s for s in statements if not isinstance(s, Block)), _Value(INPUT, shape), _Scope())
    except UserError as error:
        raise GraphError(error, tuple(expansion.nodes)) from None
    if not expansion.nodes:
        raise GraphError(UserError(source.name, "the network has no operations", "at least one, for example conv"), ())
    return Graph(shape, tuple(expansion.nodes))


class _Expansion:
    def __init__(self, source: Source, blocks: Mapping[str, Block]) -> None:
        self.source = source
        self.blocks = blocks
        self.nodes: list[Node] = []
        self.taken: set[str] = set()

    def body(self, body: tuple[Statement, ...] | Body, value: _Value, scope: _Scope) -> _Value:
        for step in steps_of(body):
            if isinstance(step, Merge):
                value = self.merge(step, value, scope)
            elif isinstance(step, Repeat):
                value = self.repeat(step, value, scope)
            elif step.word in self.blocks:
                value = self.block(step, value, scope)
            elif step.word == PROJECT:
                value = self.project(step, value, scope)
            else:
                value = self.operation(step, value, scope)
        return value

    def operation(self, step: Call, value: _Value, scope: _Scope) -> _Value:
        path = self.path(step.word, step.alias, step.at, scope)
        positional, named = self.arguments(step.arguments, value.shape, scope)
        try:
            op = build(OPERATIONS[step.word], positional, named)
        except Misfit as error:
            raise self.misfit(error, step.at, path) from None
        return self.node(path, op, (value,), step.at)

    def merge(self, step: Merge, value: _Value, scope: _Scope) -> _Value:
        path = self.path(step.word, step.alias, step.at, scope)
        ends = []
        for index, branch in enumerate(step.branches):
            inner = _Scope(f"{path}.{_letters(index)}.", scope.names)
            ends.append(self.body(branch, value, inner))
        try:
            op = build(OPERATIONS[step.word], (), {})
        except Misfit as error:  # pragma: no cover  merges take no arguments
            raise self.misfit(error, step.at, path) from None
        return self.node(path, op, tuple(ends), step.at)

    def repeat(self, step: Repeat, value: _Value, scope: _Scope) -> _Value:
        times = self.evaluate(step.count, value.shape, scope, step.at)
        if isinstance(times, bool) or not isinstance(times, int) or not 1 <= times <= MOST_NODES:
            raise self.source.mistake(step.at, f"repeat {spell(times)}", f"a whole number from 1 to {MOST_NODES}")
        inner = _Scope(scope.prefix, scope.names, scope.counts, repeated=times > 1 or scope.repeated)
        for _ in range(times):
            value = self.body(step.body, value, inner)
            if len(self.nodes) > MOST_NODES:
                raise self.source.mistake(step.at, f"more than {MOST_NODES} operations", "a smaller network")
        return value

    def block(self, step: Call, value: _Value, scope: _Scope) -> _Value:
        block = self.blocks[step.word]
        path = self.path(step.word, step.alias, step.at, scope)
        positional, named = self.arguments(step.arguments, value.shape, scope)
        names = [parameter.name for parameter in block.parameters]
        usage = f"{block.name} takes {', '.join(names) or 'no arguments'}"
        if len(positional) > len(names):
            raise self.source.mistake(
                step.at, f"{block.name} got {len(positional)} values", f"at most {len(names)}", usage
            )
        given: dict[str, Value] = dict(zip(names, positional, strict=False))
        for name, item in named.items():
            if name not in names:
                hint = did_you_mean(name, names) or usage
                raise self.source.mistake(step.at, f"{block.name} has no argument {name!r}", ", ".join(names), hint)
            if name in given:
                raise self.source.mistake(step.at, f"{name} is given twice", "each argument once")
            given[name] = item
        for parameter in block.parameters:
            if parameter.name not in given:
                if parameter.default is None:
                    raise self.source.mistake(step.at, f"{block.name} lacks {parameter.name}", usage)
                inner = _Scope(names=dict(given))
                given[parameter.name] = self.evaluate(parameter.default, value.shape, inner, block.at)
        return self.body(block.body, value, _Scope(f"{path}.", given))

    def project(self, step: Call, value: _Value, scope: _Scope) -> _Value:
        path = self.path(step.word, step.alias, step.at, scope)
        positional, named = self.arguments(step.arguments, value.shape, scope)
        extra = sorted(set(named) - {"stride"})
        if len(positional) != 1 or extra:
            got = f"project has no argument {extra[0]!r}" if extra else f"project got {len(positional)} numbers"
            raise self.source.mistake(step.at, got, "project OUT_CHANNELS [stride=1]")
        try:
            conv = Conv(positional[0], 1, stride=named.get("stride", 1), bias=False)  # type: ignore[arg-type]
            strides = per_dimension("stride", conv.stride, value.shape)
        except Misfit as error:
            raise self.misfit(error, step.at, path) from None
        if conv.out_channels == value.shape[0] and all(s == 1 for s in strides):
            return self.node(path, Identity(), (value,), step.at)
        value = self.node(f"{path}.conv", conv, (value,), step.at)
        return self.node(f"{path}.batchnorm", BatchNorm(), (value,), step.at)

    def node(self, path: str, op: Op, inputs: tuple[_Value, ...], at: Position) -> _Value:
        shapes = tuple(value.shape for value in inputs)
        try:
            shape = op.shape(shapes)
            heaviest = max(map(elements, [shape, *op.parameters(shapes).values()]))
            if heaviest > LARGEST:
                raise Misfit(f"a tensor of {heaviest:,} values", f"at most {LARGEST:,}")
        except Misfit as error:
            raise self.misfit(error, at, path) from None
        self.nodes.append(Node(path, op, tuple(value.path for value in inputs), shapes, shape, at.line))
        if len(self.nodes) > MOST_NODES:
            raise self.source.mistake(at, f"more than {MOST_NODES} operations", "a smaller network")
        return _Value(path, shape)

    def path(self, word: str, alias: str | None, at: Position, scope: _Scope) -> str:
        if alias is not None and scope.repeated:
            raise self.source.mistake(at, f"the name {alias!r} stands inside repeat", "no name there: paths are unique")
        if alias is None:
            scope.counts[word] = scope.counts.get(word, 0) + 1
            alias = f"{word}{scope.counts[word]}"
        path = scope.prefix + alias
        if path in self.taken:
            raise self.source.mistake(at, f"the name {path!r} is taken", "another name after as")
        self.taken.add(path)
        return path

    def arguments(
        self, arguments: tuple[Argument, ...], shape: Shape, scope: _Scope
    ) -> tuple[list[Value], dict[str, Value]]:
        positional: list[Value] = []
        named: dict[str, Value] = {}
        for argument in arguments:
            value = self.evaluate(argument.value, shape, scope, argument.at)
            if argument.name is None:
                positional.append(value)
            elif argument.name in named:
                raise self.source.mistake(argument.at, f"{argument.name} is given twice", "each argument once")
            else:
                named[argument.name] = value
        return positional, named

    def evaluate(self, value: Expression, shape: Shape, scope: _Scope, at: Position) -> Value:
        if isinstance(value, Name):
            if value.name in scope.names:
                return scope.names[value.name]
            if value.name == "in_channels":
                return shape[0]
            if value.name in _VALUES:
                return _VALUES[value.name]
            if value.name in _WORDS_OF_OPERATIONS:
                return value.name
            known = [*scope.names, "in_channels", *WORDS]
            raise self.source.mistake(
                value.at, f"unknown value {value.name!r}", "a number or a parameter", did_you_mean(value.name, known)
            )
        if isinstance(value, Binary):
            left = self.evaluate(value.left, shape, scope, at)
            right = self.evaluate(value.right, shape, scope, at)
            return self.calculate(value, left, right)
        return value

    def calculate(self, value: Binary, left: Any, right: Any) -> int:
        for side in (left, right):
            if isinstance(side, bool) or not isinstance(side, int):
                got = f"{spell(left)} {value.operator} {spell(right)}"
                raise self.source.mistake(value.at, got, "arithmetic is for whole numbers")
        if value.operator in "/%" and right == 0:
            raise self.source.mistake(value.at, f"{left} {value.operator} 0", "a divisor that is not 0")
        if value.operator == "/" and left % right:
            raise self.source.mistake(value.at, f"{left}/{right} is not a whole number", f"a multiple of {right}")
        results = {
            "+": lambda: left + right,
            "-": lambda: left - right,
            "*": lambda: left * right,
            "/": lambda: left // right,
            "%": lambda: left % right,
        }
        result: int = results[value.operator]()
        if not 0 <= result <= LARGEST:
            raise self.source.mistake(value.at, f"{left}{value.operator}{right} is {result}", f"from 0 to {LARGEST}")
        return result

    def misfit(self, error: Misfit, at: Position, path: str) -> UserError:
        placed = self.source.mistake(at, error.got, error.expected, error.hint)
        placed.where += f" ({path})"
        return placed


def _letters(index: int) -> str:
    """``a`` to ``z``, then ``aa``, ``ab`` ...: the names of branches."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(97 + rest) + letters
    return letters


def _words() -> frozenset[str]:
    kinds = (entry.metadata["kind"] for cls in OPERATIONS.values() for entry in dataclasses.fields(cls))
    return frozenset(word for kind in kinds for word in kind.words)


_WORDS_OF_OPERATIONS = _words()
