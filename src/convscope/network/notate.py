"""Graph to tree: any acyclic graph as steps, branches and names, so that the text gives the same graph again.

The reverse of ``expand``. Nodes stay in their order and keep their paths: a path that the notation would not give by
itself stands behind ``as``. What a node reads is the step before it where that is so; a merge's branches are nested
where their paths say so (``add1.a.conv1`` before ``add1``) and nothing outside reads what is in them; all else is read
by its name with ``from``.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from convscope.errors import UserError
from convscope.network.expand import letters
from convscope.network.graph import INPUT, AuxiliaryHead, Graph, Node
from convscope.network.tree import (
    KEYWORDS,
    Argument,
    Aux,
    Body,
    Call,
    Expression,
    From,
    Input,
    Line,
    Merge,
    Name,
    Statement,
    Step,
)
from convscope.ops import OPERATIONS, Op
from convscope.ops.spec import Value

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*\Z")
DEEPEST = 30
"""Merges within each other that are nested; what is deeper stands in a row."""
_LONGEST_NAME = 300
_BEGINS_A_LINE = ("conv", "linear")
MOST_IN_A_LINE = 6
"""Steps."""


def notate(graph: Graph) -> tuple[Statement, ...]:
    """The statements whose graph this is.

    Raises:
        UserError: a node that the notation cannot say: its name, its operation, a merge of one value.

    Example:
        >>> from convscope.network.formatter import format_statements
        >>> from convscope.network.network import Network
        >>> text = "input 8x6x6\\nconv 8 1x1 as stem > relu\\nadd { batchnorm | from stem }"
        >>> print(format_statements(notate(Network.parse(text).graph())), end="")
        input 8x6x6
        conv 8 1x1 as stem > relu
        add {
          batchnorm
        | from stem
        }
    """
    _check(graph)
    nested = {node.path for node in graph.nodes if _is_merge(node.op)}
    nested |= {node.path for head in graph.heads for node in head.nodes if _is_merge(node.op)}
    named: set[str] = set()
    while True:
        try:
            writer = _Writer(graph, nested, named)
            body = writer.network()
        except _Apart as error:
            nested.discard(error.merge)
            continue
        if writer.needed <= named:
            return (Input(graph.input), *body)
        named |= writer.needed


def call(op: Op, alias: str | None = None) -> Call:
    """An operation as a step, defaults left out.

    Example:
        >>> from convscope.ops import Conv
        >>> [argument.name for argument in call(Conv(8, 3, padding="same", bias=False)).arguments]
        [None, None, 'padding', 'bias']
    """
    arguments: list[Argument] = []
    values = {entry.name: getattr(op, entry.name) for entry in dataclasses.fields(op)}
    defaults = {entry.name: entry.default for entry in dataclasses.fields(op)}
    for name, value in values.items():
        if value != defaults[name]:
            unnamed = op.positional[: len(arguments) + 1] == (*op.positional[: len(arguments)], name)
            arguments.append(Argument(_expression(value), None if unnamed else name))
    return Call(op.word, tuple(arguments), alias)


def _expression(value: Value) -> Expression:
    if value is None or isinstance(value, (bool, str)):
        return Name({True: "yes", False: "no", None: "none"}.get(value, value))  # type: ignore[arg-type]
    # A window of one number is written as that number, which is the same.
    return value[0] if isinstance(value, tuple) and len(value) == 1 else value


def _is_merge(op: Op) -> bool:
    return op.inputs == "several"


def _check(graph: Graph) -> None:
    """Refuse what no text can say."""
    every = [*graph.nodes, *(node for head in graph.heads for node in head.nodes)]
    seen = {INPUT}
    for node in every:
        fits = _NAME.match(node.path) and len(node.path) <= _LONGEST_NAME and node.path not in KEYWORDS
        if not fits or node.path in seen:
            got = f"two nodes are called {node.path!r}" if node.path in seen else f"a node is called {node.path[:80]!r}"
            raise UserError("graph", got, "a name of letters, digits, _ and dots, each once, that is no keyword")
        missing = next((name for name in node.inputs if name not in seen), None)
        if missing is not None:
            raise UserError("graph", f"{node.path} reads {missing!r}", "nodes before it alone, or input")
        if OPERATIONS.get(node.op.word) is not type(node.op):
            raise UserError("graph", f"{node.path} is {type(node.op).__name__}", "an operation that is loaded")
        least = 2 if _is_merge(node.op) else 1
        if len(node.inputs) < least or (least == 1 and len(node.inputs) > 1):
            expected = "two or more" if least > 1 else "one"
            raise UserError("graph", f"{node.path} ({node.op.word}) reads {len(node.inputs)} values", expected)
        seen.add(node.path)
    if not graph.nodes:
        raise UserError("graph", "it has no operations", "at least one")


class _Apart(Exception):  # noqa: N818  it is caught here
    """A merge whose branches cannot be nested: something outside reads what is in them."""

    def __init__(self, merge: str) -> None:
        super().__init__(merge)
        self.merge = merge


@dataclass(frozen=True)
class _Item:
    """A node; of a merge also what stands in each of its branches."""

    node: Node
    branches: tuple[tuple[_Item, ...], ...] = ()

    @property
    def wanted(self) -> str | None:
        """What its first step reads; None where that is told by names alone."""
        if not _is_merge(self.node.op):
            return self.node.inputs[0]
        first = next((branch[0] for branch in self.branches if branch), None)
        return None if first is None else first.wanted

    @property
    def nodes(self) -> Iterator[Node]:
        """All nodes in it, the merge last."""
        for branch in self.branches:
            for item in branch:
                yield from item.nodes
        yield self.node


def _items(nodes: Sequence[Node], nested: set[str], level: int = 0) -> tuple[_Item, ...]:
    """Nodes in order, those of a merge's branches gathered in it where it is among ``nested``."""
    items: list[_Item] = []
    for node in nodes:
        if not _is_merge(node.op):
            items.append(_Item(node))
            continue
        start = len(items)
        while start and node.path in nested and items[start - 1].node.path.startswith(node.path + "."):
            start -= 1
        branches = _branches(items[start:], node)
        if branches is None or level + _depth(items[start:]) >= DEEPEST:
            start, branches = len(items), tuple(() for _ in node.inputs)
        items[start:] = [_Item(node, branches)]
    return tuple(items)


def _depth(items: Sequence[_Item]) -> int:
    return max((1 + _depth([i for b in item.branches for i in b]) for item in items if item.branches), default=0)


def _branches(items: Sequence[_Item], merge: Node) -> tuple[tuple[_Item, ...], ...] | None:
    """Items by the branch whose letter they have; None where the letters are not in order."""
    found: list[list[_Item]] = [[] for _ in merge.inputs]
    place = 0
    for item in items:
        letter, dot, _ = item.node.path[len(merge.path) + 1 :].partition(".")
        while place < len(found) and letter != letters(place):
            place += 1
        if place == len(found) or not dot:
            return None
        found[place].append(item)
    return tuple(map(tuple, found))


@dataclass
class _Scope:
    """One body: the names it gives, and how often each word was numbered in it."""

    prefix: str
    merge: str = ""
    """The merge whose branch it is."""
    outer: _Scope | None = None
    counts: dict[str, int] = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)
    """Path by name."""

    def holds(self, other: _Scope) -> bool:
        """Whether another stands in it, or is it."""
        inner: _Scope | None = other
        while inner is not None and inner is not self:
            inner = inner.outer
        return inner is self


class _Writer:
    """Writes one graph; ``named`` are the paths that get their name behind ``as`` because something reads them."""

    def __init__(self, graph: Graph, nested: set[str], named: set[str]) -> None:
        self.graph, self.nested, self.named = graph, nested, named
        self.needed: set[str] = set()
        self.homes: dict[str, _Scope] = {}

    def network(self) -> Body:
        items = _items(self.graph.nodes, self.nested)
        scope = _Scope("")
        self.homes[INPUT] = scope
        scope.given[INPUT] = INPUT
        places = _places(self.graph.heads, items)
        steps: list[Step] = []
        current: str = INPUT
        names = _head_names(self.graph)
        for index in range(len(items) + 1):
            for head, name, place in zip(self.graph.heads, names, places, strict=True):
                if place == index:
                    steps.append(self.aux(head, name, current, scope))
            if index < len(items):
                current = self.item(items[index], current, scope, steps)
        return _lines(steps)

    def body(self, items: Sequence[_Item], arrives: str, end: str, scope: _Scope) -> Body:
        """A body that begins with one value and ends with another."""
        steps: list[Step] = []
        current = arrives
        for item in items:
            current = self.item(item, current, scope, steps)
        if current != end:
            self.go_to(end, current, scope, steps)
        return _lines(steps)

    def item(self, item: _Item, current: str, scope: _Scope, steps: list[Step]) -> str:
        node, wanted = item.node, item.wanted
        if wanted is not None and wanted != current:
            self.go_to(wanted, current, scope, steps)
            current = wanted
        elif wanted is None and steps:
            self.needed.add(current)
        alias = self.alias(node.path, node.op.word, scope)
        if _is_merge(node.op):
            branches = []
            for index, (inside, end) in enumerate(zip(item.branches, node.inputs, strict=True)):
                inner = _Scope(f"{node.path}.{letters(index)}.", node.path, scope)
                if inside:
                    branches.append(self.body(inside, current, end, inner))
                else:
                    branches.append((Line((self.read(end, inner),)),))
            steps.append(Merge(node.op.word, tuple(branches), alias))
        else:
            steps.append(call(node.op, alias))
        self.gives(node.path, alias, scope)
        return node.path

    def go_to(self, wanted: str, current: str, scope: _Scope, steps: list[Step]) -> None:
        """Go on from another value; the one at hand gets a name, since it would be lost without."""
        if steps:
            self.needed.add(current)
        steps.append(self.read(wanted, scope))

    def read(self, path: str, scope: _Scope) -> From:
        """``from`` with the name that a path has at this place."""
        if path != INPUT:
            self.needed.add(path)
        if path not in self.homes:
            # It stands in a later branch of the merge that is being written.
            raise _Apart(min((merge for merge in self.nested if path.startswith(f"{merge}.")), key=len))
        home = self.homes[path]
        if not home.holds(scope):
            raise _Apart(_merge_between(home, scope))
        name = path[len(home.prefix) :] if path != INPUT else INPUT
        inner: _Scope | None = scope
        while inner is not None and inner is not home:
            if name in inner.given:
                # A nearer step has the same name.
                raise _Apart(inner.merge)
            inner = inner.outer
        return From(name)

    def alias(self, path: str, word: str, scope: _Scope) -> str | None:
        name = path[len(scope.prefix) :]
        if path not in self.named and name == f"{word}{scope.counts.get(word, 0) + 1}":
            scope.counts[word] = scope.counts.get(word, 0) + 1
            return None
        if scope.merge and (not _NAME.match(name) or name in KEYWORDS):
            raise _Apart(scope.merge)
        return name

    def gives(self, path: str, alias: str | None, scope: _Scope) -> None:
        self.homes[path] = scope
        if alias is not None:
            scope.given[alias] = path

    def aux(self, head: AuxiliaryHead, name: str, current: str, scope: _Scope) -> Aux:
        alias = self.alias(name, "aux", scope)
        inner = _Scope(f"{name}.", outer=scope)
        body = self.body(_items(head.nodes, self.nested), current, head.output.path, inner)
        return Aux(head.weight, body, alias)


def _merge_between(home: _Scope, scope: _Scope) -> str:
    """The outermost merge that holds what is read and not its reader."""
    outermost = home
    while outermost.outer is not None and not outermost.outer.holds(scope):
        outermost = outermost.outer
    return outermost.merge


def _head_names(graph: Graph) -> list[str]:
    """What all paths of each head begin with, so that what is left of each is a name."""
    taken = {node.path for node in graph.nodes} | {node.path for head in graph.heads for node in head.nodes}
    found: list[str] = []
    for head in graph.heads:
        words = head.output.path.split(".")
        names = (".".join(words[:length]) for length in range(len(words) - 1, 0, -1))
        fits = (name for name in names if name not in taken and all(_below(name, node.path) for node in head.nodes))
        name = next(fits, None)
        if name is None:
            got = f"the auxiliary head that ends with {head.output.path}"
            raise UserError("graph", got, "one name before the dots of all its nodes alone, such as aux1.linear1")
        taken.add(name)
        found.append(name)
    return found


def _below(name: str, path: str) -> bool:
    """Whether a path is one name's, a dot, and a name."""
    rest = path.removeprefix(f"{name}.")
    return rest != path and _NAME.match(rest) is not None and rest not in KEYWORDS


def _places(heads: Sequence[AuxiliaryHead], items: Sequence[_Item]) -> list[int]:
    """Before which item each head stands: as soon as all that it reads is there, in their order."""
    at = {INPUT: 0} | {node.path: index + 1 for index, item in enumerate(items) for node in item.nodes}
    places: list[int] = []
    for head in heads:
        place = max(at.get(name, 0) for node in head.nodes for name in node.inputs)
        places.append(max([place, *places]))
    return places


def _lines(steps: Sequence[Step]) -> Body:
    """Steps as lines: one begins with each ``from``, merge, side branch and operation with many weights."""
    lines: list[list[Step]] = []
    for step in steps:
        begins = isinstance(step, (From, Merge, Aux)) or (isinstance(step, Call) and step.word in _BEGINS_A_LINE)
        last = lines[-1] if lines else []
        full = len(last) >= MOST_IN_A_LINE or (last and isinstance(last[-1], Aux))
        if not last or full or (begins and not isinstance(last[-1], From)):
            lines.append([])
        lines[-1].append(step)
    return tuple(Line(tuple(line)) for line in lines)
