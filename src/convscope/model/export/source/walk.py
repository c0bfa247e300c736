"""A graph's structure followed once, its nodes at hand: where each step stands and what arrives there.

Blocks stay blocks and repeats stay repeats, so that written source can have them as functions and loops. For what a
text does not say, the first use of a block and the first turn of a repeat stand for all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from convscope.model.export.source.python import fold
from convscope.network.expand import letters
from convscope.network.expressions import Values
from convscope.network.graph import Graph, Node, Structure
from convscope.network.tree import Aux, Block, Body, Call, Expression, From, Merge, Name, Repeat, Source, steps_of
from convscope.ops import OPERATIONS, Shape
from convscope.ops.spec import Value


@dataclass
class Scope:
    """One body: where it stands in the graph, what its names stand for, and how often each word was counted.

    Args:
        prefix: of the paths, at the first use.
        values: of the block's parameters, at the first use.
        literal: names are written as these values.
        counts: how many of each word came before, as written and at the first use.
        turns: loops around this place.
    """

    prefix: str = ""
    values: Mapping[str, Value] = field(default_factory=dict)
    literal: bool = False
    counts: dict[str, tuple[Expression, int]] = field(default_factory=dict)
    turns: tuple[str, ...] = ()

    def named(self, word: str, alias: str | None) -> tuple[Expression | str, str]:
        """The name of the next step of a word: its number as written or its alias, and its path at the first use."""
        if alias is not None:
            return alias, self.prefix + alias
        written, number = self.counts.get(word, (0, 0))
        self.counts[word] = (fold("+", written, 1), number + 1)
        return self.counts[word][0], f"{self.prefix}{word}{number + 1}"

    def inner(self, path: str, index: int) -> Scope:
        """The scope of a merge's branch."""
        return Scope(f"{path}.{letters(index)}.", self.values, self.literal, {}, self.turns)

    def copy(self) -> Scope:
        """The same place, counted on its own."""
        return Scope(self.prefix, self.values, self.literal, dict(self.counts), self.turns)


Say = Callable[[Expression], Expression]
"""An expression of the notation as it is to be written."""


class StructureWalk:
    """What the writers of source ask of a graph.

    Args:
        graph: which is written.
        structure: its own, or what stands for it where it has none.
    """

    def __init__(self, graph: Graph, structure: Structure) -> None:
        self.graph = graph
        self.blocks = {s.name: s for s in structure.statements if isinstance(s, Block)}
        self.steps = tuple(s for s in structure.statements if not isinstance(s, Block))
        self._values = Values(Source("network", ""))

    def nodes_under(self, path: str) -> list[Node]:
        """The nodes of a block, merge or operation."""
        return [node for node in self.graph.nodes if node.path == path or node.path.startswith(f"{path}.")]

    def arriving(self, step: Call | Merge, path: str) -> Shape:
        """The shape that arrives at a step."""
        first = next(iter(self.nodes_under(path)), None)
        assert first is not None, path
        return first.input_shapes[0]

    def written(self, call: Call, path: str) -> tuple[Node, dict[str, Expression]]:
        """An operation's node and its arguments as written, by PyTorch's names."""
        cls = OPERATIONS[call.word]
        found: dict[str, Expression] = {}
        for index, argument in enumerate(call.arguments):
            found[argument.name or cls.positional[index]] = argument.value
        return self.graph.by_path[path], found

    def bound(self, call: Call, shape: Shape, scope: Scope) -> tuple[dict[str, Expression], dict[str, Value]]:
        """The parameters of a block that is called: as written there, and what they stand for."""
        block = self.blocks[call.word]
        names = [parameter.name for parameter in block.parameters]
        written = {a.name or names[i]: a.value for i, a in enumerate(call.arguments)}
        values: dict[str, Value] = {
            name: self.value(expression, shape, scope.values) for name, expression in written.items()
        }
        for parameter in block.parameters:
            if parameter.name not in values and parameter.default is not None:
                values[parameter.name] = self.value(parameter.default, shape, values)
        return written, {name: values[name] for name in names}

    def value(self, expression: Expression, shape: Shape, names: Mapping[str, Value]) -> Value:
        """What an expression stands for at the first use."""
        return self._values.evaluate(expression, shape, names)

    def shape_at(self, body: Body, scope: Scope) -> Shape:
        """The shape that arrives at a body's first step."""
        step = next((step for step in steps_of(body) if not isinstance(step, From)), None)
        if step is None:
            return (1,)
        if isinstance(step, Repeat):
            return self.shape_at(step.body, scope)
        word = "aux" if isinstance(step, Aux) else step.word
        _, path = scope.copy().named(word, step.alias)
        if isinstance(step, Aux):
            return (1,)
        return self.arriving(step, path)

    def counted(self, body: Body, scope: Scope, say: Say) -> dict[str, tuple[Expression, int]]:
        """How often a body counts each word: as written, and at the first use."""
        found: dict[str, tuple[Expression, int]] = {}
        for step in steps_of(body):
            if isinstance(step, From):
                continue
            if isinstance(step, Repeat):
                times = self.value(step.count, self.shape_at(step.body, scope), scope.values)
                assert isinstance(times, int)
                written, inner = say(step.count), self.counted(step.body, scope, say)
                more = {w: (fold("*", written, each), times * number) for w, (each, number) in inner.items()}
            else:
                word = "aux" if isinstance(step, Aux) else step.word
                more = {word: (1, 1)} if step.alias is None else {}
            for word, (each, number) in more.items():
                before, so_far = found.get(word, (0, 0))
                found[word] = (fold("+", before, each), so_far + number)
        return found

    def turn(self, step: Repeat, scope: Scope, name: str, say: Say) -> Scope:
        """The scope within a loop, whose turn has this name; the scope around it has counted all turns."""
        times = self.value(step.count, self.shape_at(step.body, scope), scope.values)
        assert isinstance(times, int)
        count, inner = say(step.count), scope.copy()
        inner.turns = (*scope.turns, name)
        for word, (each, number) in self.counted(step.body, scope, say).items():
            written, reached = scope.counts.get(word, (0, 0))
            inner.counts[word] = (fold("+", written, fold("*", each, Name(name))), reached)
            scope.counts[word] = (fold("+", written, fold("*", count, each)), reached + times * number)
        return inner
