"""Tree to graph: blocks and repeats written out, expressions worked out, shapes followed, paths given.

A step's path is its word with its number among its siblings (``conv2``), or its name after ``as``; a block or merge
is the prefix of what it holds: ``basic2.add1.a.conv1``.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field

from convscope.errors import UserError, nearest
from convscope.network.expressions import Values
from convscope.network.graph import INPUT, AuxiliaryHead, Graph, Group, Node, Structure
from convscope.network.rules import MOST_DIMENSIONS, PROJECT
from convscope.network.tree import (
    Argument,
    Aux,
    Block,
    Body,
    Call,
    Comment,
    Expect,
    From,
    Input,
    Merge,
    Parameter,
    Position,
    Repeat,
    Source,
    Statement,
    spell_expression,
    steps_of,
)
from convscope.ops import LARGEST, OPERATIONS, BatchNorm, Conv, Identity, Misfit, Op, Shape, build, elements, spell
from convscope.ops.spec import Value, per_dimension, spatial

MOST_NODES = 5000
MOST_STEPS = 4 * MOST_NODES
"""Steps walked; with this and the limit on sums no short text can keep a machine busy."""
LONGEST_PATH = 300
MOST_WEIGHT = 100
DEEPEST = 80
"""Blocks, branches and repeats within each other."""


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
    """Names and numbers of one body; a repeat shares its surroundings', a block or branch has its own.

    ``given`` are the values that ``from`` can read here: a branch sees those of what it stands in, a block its own.
    """

    prefix: str = ""
    names: Mapping[str, Value] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    repeated: bool = False
    given: MutableMapping[str, _Value] = field(default_factory=dict)

    def inner(self, prefix: str) -> _Scope:
        """A branch or a side branch in it."""
        return _Scope(prefix, self.names, given=ChainMap({}, self.given))


def expand(statements: tuple[Statement, ...], source: Source, shape: Shape) -> Graph:
    """The graph of some statements for an input of ``shape``.

    Raises:
        GraphError: a shape, an argument or a name that does not work out; it carries the nodes that did.
    """
    shape = tuple(shape)
    if not 1 <= len(shape) <= MOST_DIMENSIONS or not all(map(_is_dimension, shape)) or elements(shape) > LARGEST:
        expected = f"one to {MOST_DIMENSIONS} whole numbers of at least 1, channels first, such as 1x28x28"
        raise GraphError(UserError(source.name, f"an input of {spell(shape) or 'no dimensions'}", expected), ())
    expansion = _Expansion(source, {s.name: s for s in statements if isinstance(s, Block)})
    try:
        start = _Value(INPUT, shape)
        steps = tuple(s for s in statements if not isinstance(s, Block))
        end = expansion.body(steps, start, _Scope(given={INPUT: start}))
        expansion.ends(steps, end)
    except UserError as error:
        raise GraphError(error, tuple(expansion.nodes)) from None
    if not expansion.nodes:
        hint = f"write {next(iter(expansion.blocks))} on a line of its own to use it" if expansion.blocks else ""
        nothing = UserError(source.name, "the network has no operations", "at least one, for example conv 6 5x5", hint)
        raise GraphError(nothing, ())
    last = expansion.nodes[-1].path
    for node in (node for head in expansion.heads for node in head.nodes):
        if last in node.inputs:
            told = source.mistake(Position(node.line, 1), "aux behind the last step", "aux before it, further steps")
            raise GraphError(told, tuple(expansion.nodes))
    structure = Structure(with_input(statements, shape), tuple(expansion.groups), source.title)
    return Graph(shape, tuple(expansion.nodes), tuple(expansion.heads), structure)


def with_input(statements: tuple[Statement, ...], shape: Shape) -> tuple[Statement, ...]:
    """The statements for an input of ``shape``; what they ``expect`` of another is left out."""
    if next((s.shape for s in statements if isinstance(s, Input)), None) == shape:
        return statements
    kept = [s for s in statements if not isinstance(s, (Input, Expect))]
    place = next((i for i, s in enumerate(kept) if not isinstance(s, Comment)), len(kept))
    return (*kept[:place], Input(shape), *kept[place:])


def _is_dimension(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LARGEST


class _Expansion:
    def __init__(self, source: Source, blocks: Mapping[str, Block]) -> None:
        self.source = source
        self.blocks = blocks
        self.nodes: list[Node] = []
        self.heads: list[AuxiliaryHead] = []
        self.groups: list[Group] = []
        self.in_head = False
        self.taken: set[str] = set()
        self.values = Values(source)
        self.steps = self.level = 0

    def body(self, body: tuple[Statement, ...] | Body, value: _Value, scope: _Scope) -> _Value:
        self.level += 1
        for step in steps_of(body):
            self.steps += 1
            if self.level > DEEPEST:
                raise self.source.mistake(step.at, f"blocks and branches nest deeper than {DEEPEST}", "fewer levels")
            if self.steps > MOST_STEPS:
                raise self.source.mistake(step.at, f"more than {MOST_STEPS} steps", "a smaller network")
            if isinstance(step, Merge):
                value = self.merge(step, value, scope)
            elif isinstance(step, Repeat):
                value = self.repeat(step, value, scope)
            elif isinstance(step, Aux):
                self.aux(step, value, scope)
            elif isinstance(step, From):
                value = self.read(step, scope)
            elif step.word in self.blocks:
                value = self.block(step, value, scope)
            elif step.word == PROJECT:
                value = self.project(step, value, scope)
            else:
                value = self.operation(step, value, scope)
            if isinstance(step, (Call, Merge)) and step.alias is not None:
                scope.given[step.alias] = value
        self.level -= 1
        return value

    def read(self, step: From, scope: _Scope) -> _Value:
        if step.name not in scope.given:
            raise self.source.mistake(step.at, f"no step of the name {step.name!r} can be read here")
        return scope.given[step.name]

    def ends(self, body: tuple[Statement, ...] | Body, end: _Value) -> None:
        """Refuse a network or a side branch whose result is not its last operation's."""
        steps = tuple(steps_of(body))
        if self.nodes and steps and end.path != self.nodes[-1].path:
            got = f"the last step gives what {end.path} gives already"
            hint = "an operation behind it: identity does nothing"
            raise self.source.mistake(steps[-1].at, got, "an operation last", hint)

    def operation(self, step: Call, value: _Value, scope: _Scope) -> _Value:
        path = self.path(step.word, step.alias, step.at, scope)
        cls = OPERATIONS[step.word]
        positional, named = self.values.arguments(step.arguments, value.shape, scope.names, cls)
        places = _places(step.arguments, cls)
        try:
            op = build(cls, positional, named)
        except Misfit as error:
            if isinstance(error.argument, int) and positional[:1] == [value.shape[0]]:
                rest = " ".join(map(spell, positional[1 : 1 + len(cls.positional)]))
                error.hint = f"channels that arrive are never written: {step.word} {rest}"
            raise self.misfit(error, places.get(error.argument, step.at), path) from None
        return self.node(path, op, (value,), step.at, places)

    def merge(self, step: Merge, value: _Value, scope: _Scope) -> _Value:
        path = self.path(step.word, step.alias, step.at, scope)
        ends = []
        for index, branch in enumerate(step.branches):
            ends.append(self.body(branch, value, scope.inner(f"{path}.{letters(index)}.")))
        try:
            op = build(OPERATIONS[step.word], (), {})
        except Misfit as error:  # pragma: no cover  merges take no arguments
            raise self.misfit(error, step.at, path) from None
        return self.node(path, op, tuple(ends), step.at)

    def repeat(self, step: Repeat, value: _Value, scope: _Scope) -> _Value:
        times = self.values.evaluate(step.count, value.shape, scope.names)
        if isinstance(times, bool) or not isinstance(times, int) or not 1 <= times <= MOST_NODES:
            hint = "leave the repeat out" if times == 0 else ""
            expected = f"a whole number from 1 to {MOST_NODES}"
            raise self.source.mistake(step.at, f"repeat {spell(times)}", expected, hint)
        inner = _Scope(scope.prefix, scope.names, scope.counts, times > 1 or scope.repeated, scope.given)
        for _ in range(times):
            value = self.body(step.body, value, inner)
        return value

    def aux(self, step: Aux, value: _Value, scope: _Scope) -> None:
        path = self.path("aux", step.alias, step.at, scope)
        weight = self.values.evaluate(step.weight, value.shape, scope.names)
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 < weight <= MOST_WEIGHT:
            expected = f"a number above 0, at most {MOST_WEIGHT}: how much its loss counts"
            raise self.source.mistake(step.at, f"aux {spell(weight)}", expected, "GoogLeNet's heads have 0.3")
        if self.in_head:
            raise self.source.mistake(step.at, "aux inside aux", "aux beside it")
        before, self.nodes, self.in_head = self.nodes, [], True
        self.ends(step.body, self.body(step.body, value, scope.inner(f"{path}.")))
        self.heads.append(AuxiliaryHead(float(weight), tuple(self.nodes)))
        self.nodes, self.in_head = before, False

    def block(self, step: Call, value: _Value, scope: _Scope) -> _Value:
        block = self.blocks[step.word]
        path = self.path(step.word, step.alias, step.at, scope)
        positional, named = self.values.arguments(step.arguments, value.shape, scope.names)
        names = [parameter.name for parameter in block.parameters]
        usage = _usage(block)
        if len(positional) > len(names):
            got = f"{block.name} got {len(positional)} values"
            raise self.source.mistake(step.arguments[len(names)].at, got, f"at most {len(names)}", usage)
        given: dict[str, Value] = dict(zip(names, positional, strict=False))
        places = {argument.name: argument.at for argument in step.arguments}
        for name, item in named.items():
            if name not in names:
                near = nearest(name, names)
                hint = f"did you mean {near}?" if near else ""
                raise self.source.mistake(places[name], f"{block.name} has no argument {name!r}", usage, hint)
            if name in given:
                raise self.source.mistake(places[name], f"{name} is given twice", "each argument once")
            given[name] = item
        for parameter in block.parameters:
            if parameter.name not in given:
                if parameter.default is None:
                    raise self.source.mistake(step.at, f"{block.name} lacks {parameter.name}", usage)
                given[parameter.name] = self.values.evaluate(parameter.default, value.shape, dict(given))
        self.groups.append(Group(path, block.name, tuple((name, given[name]) for name in names)))
        return self.body(block.body, value, _Scope(f"{path}.", given))

    def project(self, step: Call, value: _Value, scope: _Scope) -> _Value:
        path = self.path(step.word, step.alias, step.at, scope)
        positional, named = self.values.arguments(step.arguments, value.shape, scope.names)
        usage = "project OUT_CHANNELS [stride=1]"
        if not positional and "out_channels" not in named:
            raise self.source.mistake(step.at, "project lacks out_channels", usage, "for example: project 64 stride=2")
        for index, argument in enumerate(step.arguments):
            name = argument.name or ("out_channels" if index == 0 else spell(positional[index]))
            if name not in ("out_channels", "stride"):
                got = f"project has no {f'argument {name!r}' if argument.name else f'place for {name}'}"
                raise self.source.mistake(argument.at, got, usage, "it is a 1x1 convolution with batch norm")
        places = _places(step.arguments, Conv)
        try:
            spatial(PROJECT, value.shape)
            conv = build(Conv, positional, {**named, "kernel_size": 1, "bias": False})
            assert isinstance(conv, Conv)
            strides = per_dimension("stride", conv.stride, value.shape)
        except Misfit as error:
            raise self.misfit(error, places.get(error.argument, step.at), path) from None
        told: tuple[tuple[str, Value], ...] = (("out_channels", conv.out_channels), ("stride", conv.stride))
        self.groups.append(Group(path, PROJECT, told))
        if conv.out_channels == value.shape[0] and all(s == 1 for s in strides):
            return self.node(path, Identity(), (value,), step.at)
        value = self.node(f"{path}.conv", conv, (value,), step.at)
        return self.node(f"{path}.batchnorm", BatchNorm(), (value,), step.at)

    def node(
        self,
        path: str,
        op: Op,
        inputs: tuple[_Value, ...],
        at: Position,
        places: _Places | None = None,
    ) -> _Value:
        shapes = tuple(value.shape for value in inputs)
        try:
            shape = op.shape(shapes)
            heaviest = max(map(elements, [shape, *op.parameters(shapes).values()]))
            if heaviest > LARGEST:
                raise Misfit(f"a tensor of {heaviest:,} values", f"at most {LARGEST:,}")
        except Misfit as error:
            if inputs[0].path == INPUT and _channels_last(shapes[0]):
                height, width, channels = shapes[0]
                error.hint = f"channels come first: input {channels}x{height}x{width}"
            raise self.misfit(error, (places or {}).get(error.argument, at), path) from None
        self.nodes.append(Node(path, op, tuple(value.path for value in inputs), shapes, shape, at.line))
        if len(self.nodes) > MOST_NODES:
            raise self.source.mistake(at, f"more than {MOST_NODES} operations", "a smaller network")
        return _Value(path, shape)

    def path(self, word: str, alias: str | None, at: Position, scope: _Scope) -> str:
        if alias is not None and scope.repeated:
            got = f"the name {alias!r} stands inside repeat"
            raise self.source.mistake(at, got, "no name there", "each copy would have it; they are numbered instead")
        if alias is None:
            scope.counts[word] = scope.counts.get(word, 0) + 1
            alias = f"{word}{scope.counts[word]}"
        path = scope.prefix + alias
        if len(path) > LONGEST_PATH:
            raise self.source.mistake(at, f"a path of {len(path)} characters", f"at most {LONGEST_PATH}: shorter names")
        if path in self.taken:
            raise self.source.mistake(at, f"the name {path!r} is taken", "another name after as")
        self.taken.add(path)
        return path

    def misfit(self, error: Misfit, at: Position, path: str) -> UserError:
        placed = self.source.mistake(at, error.got, error.expected, error.hint)
        placed.where += f" ({path})"
        return placed


def _channels_last(shape: Shape) -> bool:
    """Whether an input looks like rows, columns and then one, three or four channels."""
    return len(shape) == 3 and shape[2] in (1, 3, 4) and min(shape[:2]) > 4


def letters(index: int) -> str:
    """``a`` to ``z``, then ``aa``, ``ab`` ...: the names of branches."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(97 + rest) + letters
    return letters


_Places = Mapping[str | int | None, Position]
"""Where the arguments of a call stand, by what an operation calls them; by number where it has no place for one."""


def _places(arguments: tuple[Argument, ...], cls: type[Op]) -> _Places:
    places: dict[str | int | None, Position] = {}
    for index, argument in enumerate(arguments):
        positional = cls.positional[index] if index < len(cls.positional) else index
        places[argument.name or positional] = argument.at
    return places


def _usage(block: Block) -> str:
    """How a block is called, e.g. ``basic WIDTH [stride=1]``."""
    if not block.parameters:
        return f"{block.name} alone, it takes no arguments"
    return " ".join([block.name, *map(_parameter, block.parameters)])


def _parameter(parameter: Parameter) -> str:
    if parameter.default is None:
        return parameter.name.upper()
    return f"[{parameter.name}={spell_expression(parameter.default)}]"
