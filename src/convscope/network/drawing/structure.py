"""A graph as what a drawing shows: runs of operations, forks and stages, read from paths and held against the edges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from convscope.network.graph import INPUT, AuxiliaryHead, Graph, Node
from convscope.ops import Flatten, GlobalAvgPool, GlobalMaxPool

FOLDED_FROM = 60
"""So many runs and more, and equal stages in a row are drawn once."""
_DOMINANT = 0.75
"""A stage with more than this share of all nodes is no part of the network, it is the network."""


def _changes_nothing(node: Node) -> bool:
    """Whether a node passes its operand on, at least where nothing is trained."""
    return node.op.traits.aliases in ("always", "evaluation") and node.shape == node.input_shapes[0]


def is_light(node: Node) -> bool:
    """Whether a node keeps the shape: a normalisation, an activation, dropout. It shares a box with the operation
    before it, or after where it comes first.
    """
    traits = node.op.traits
    same = node.op.inputs == "one" and node.shape == node.input_shapes[0]
    return (same and not traits.product and traits.pools == "no" and traits.gradient == "made") or _changes_nothing(
        node
    )


@dataclass(frozen=True, eq=False)
class Aside:
    """An auxiliary head; it reads ``source``."""

    name: str
    weight: float
    source: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, eq=False)
class Run:
    """Operations one after another that share a box; ``copies`` are those of equal stages that are not drawn."""

    nodes: tuple[Node, ...]
    copies: tuple[Node, ...] = ()
    asides: tuple[Aside, ...] = ()

    @property
    def times(self) -> int:
        """How many equal runs it stands for."""
        return 1 + len(self.copies) // len(self.nodes)


@dataclass(frozen=True, eq=False)
class Fork:
    """Branches that start at one value, and the run that begins with their merge."""

    branches: tuple[tuple[Part, ...], ...]
    merge: Run
    asides: tuple[Aside, ...] = ()


@dataclass(frozen=True, eq=False)
class Stage:
    """A block of the network by its name; ``times`` equal ones in a row are one stage, the last is ``last``.

    ``counted`` are the parts whose costs stand above it where they are not its own: a stage that is broken into
    columns says at its beginning what all of it costs.
    """

    name: str
    parts: tuple[Part, ...]
    times: int = 1
    last: str = ""
    asides: tuple[Aside, ...] = ()
    counted: tuple[Part, ...] | None = None


Part = Run | Fork | Stage


class Irregular(Exception):  # noqa: N818  it is caught here
    """The edges are not those that the paths promise."""


def parts_of(graph: Graph) -> tuple[Part, ...] | None:
    """What the graph consists of, in order; None where its edges are not those that its paths promise.

    Example:
        >>> from convscope.network.network import Network
        >>> text = "input 1x8x8\\nadd { conv 1 1x1 > relu | identity } > relu"
        >>> (fork,) = parts_of(Network.parse(text).graph())
        >>> [run.nodes[0].path for run in runs((fork,))]
        ['add1.a.conv1', 'add1.b.identity1', 'add1']
    """
    try:
        reader = _Reader(graph.heads)
        parts = reader.sequence(graph.nodes, "", INPUT)[0]
        if reader.heads:
            raise Irregular
    except Irregular:
        return None
    parts = _opened(parts, len(graph.nodes))
    return _folded(parts) if sum(1 for _ in runs(parts)) >= FOLDED_FROM else parts


def asides_of_input(graph: Graph) -> tuple[Aside, ...]:
    """The heads that read the input itself."""
    heads = tuple(head for head in graph.heads if head.nodes[0].inputs[0] == INPUT)
    return tuple(_Reader(()).aside(head) for head in heads)


def every_node(graph: Graph) -> tuple[Node, ...]:
    """The network's nodes and behind them the heads', so that one may read the output."""
    return (*graph.nodes, *(node for head in graph.heads for node in head.nodes))


def runs(parts: Sequence[Part]) -> Iterator[Run]:
    """Every run of some parts, those of branches and stages included, those of heads not."""
    for part in parts:
        if isinstance(part, Run):
            yield part
        elif isinstance(part, Stage):
            yield from runs(part.parts)
        else:
            for branch in part.branches:
                yield from runs(branch)
            yield part.merge


class _Reader:
    """Follows nodes in order; ``heads`` are those that still wait for the node they read."""

    def __init__(self, heads: tuple[AuxiliaryHead, ...]) -> None:
        self.heads = [head for head in heads if head.nodes[0].inputs[0] != INPUT]

    def sequence(self, nodes: Sequence[Node], prefix: str, value: str) -> tuple[tuple[Part, ...], str]:
        """The parts of nodes below a prefix that start from a value, and the value they end with."""
        items: list[Node | Part] = []
        asides: dict[int, tuple[Aside, ...]] = {}
        start = 0
        while start < len(nodes):
            if not nodes[start].path.startswith(prefix):
                raise Irregular
            first, dot, _ = nodes[start].path[len(prefix) :].partition(".")
            key = prefix + first
            end = start
            while end < len(nodes) and nodes[end].path.startswith(key + "."):
                end += 1
            if end < len(nodes) and nodes[end].path == key:
                node = nodes[end]
                if dot or len(node.inputs) != 1:
                    items.append(self.fork(nodes[start:end], node, key, value))
                elif node.inputs == (value,):
                    items.append(node)
                else:
                    raise Irregular
                value, end = key, end + 1
            else:
                parts, value = self.sequence(nodes[start:end], key + ".", value)
                items.append(Stage(first, parts))
            asides[len(items) - 1] = self.claimed(value, prefix)
            start = end
        return _grouped(items, asides), value

    def fork(self, nodes: Sequence[Node], merge: Node, key: str, value: str) -> Fork:
        """The branches below a merge; one that does nothing has no nodes and no letter."""
        found: list[tuple[tuple[Part, ...], str]] = []
        start = 0
        while start < len(nodes):
            letter, dot, _ = nodes[start].path[len(key) + 1 :].partition(".")
            below = f"{key}.{letter}."
            end = start
            while end < len(nodes) and nodes[end].path.startswith(below):
                end += 1
            if not dot:
                raise Irregular
            parts, last = self.sequence(nodes[start:end], below, value)
            found.append((_unwrapped(parts), last))
            start = end
        branches: list[tuple[Part, ...]] = []
        for name in merge.inputs:
            if found and found[0][1] == name:
                branches.append(found.pop(0)[0])
            elif name == value:
                branches.append(())
            else:
                raise Irregular
        if found:
            raise Irregular
        return Fork(tuple(branches), Run((merge,)))

    def claimed(self, value: str, prefix: str) -> tuple[Aside, ...]:
        """The heads that read a value and stand below a prefix."""
        mine = [h for h in self.heads if h.nodes[0].inputs[0] == value and h.nodes[0].path.startswith(prefix)]
        self.heads = [head for head in self.heads if not any(head is other for other in mine)]
        return tuple(map(self.aside, mine))

    def aside(self, head: AuxiliaryHead) -> Aside:
        """A head as a drawing shows it."""
        scopes = [node.path.split(".")[:-1] for node in head.nodes]
        common = []
        for names in zip(*scopes, strict=False):
            if len(set(names)) > 1:
                break
            common.append(names[0])
        source = head.nodes[0].inputs[0]
        prefix = "".join(f"{name}." for name in common)
        parts = self.sequence(head.nodes, prefix, source)[0]
        flat = [inner for part in parts for inner in (part.parts if isinstance(part, Stage) else (part,))]
        return Aside(".".join(common), head.weight, source, tuple(flat))


def _unwrapped(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """A branch that is one stage: the stage's parts, since a frame would add nothing."""
    while len(parts) == 1 and isinstance(parts[0], Stage) and not parts[0].asides:
        parts = parts[0].parts
    return parts


def _grouped(items: list[Node | Part], asides: dict[int, tuple[Aside, ...]]) -> tuple[Part, ...]:
    """Single nodes joined to runs; a stage of one run is that run.

    A run is a heavy operation and the light ones after it; where light ones come first, as in a network that
    normalises before it convolves, those and the heavy one that they lead to.
    """
    parts: list[Part] = []
    open_run = False
    leads = False
    for index, item in enumerate(items):
        beside = asides[index]
        if not isinstance(item, Node):
            part = _simplified(item)
            parts.append(replace(part, asides=(*part.asides, *beside)))
            open_run, leads = isinstance(part, Fork) and not beside, False
            continue
        light = is_light(item)
        last = parts[-1] if parts else None
        if open_run and last is not None and (light or leads or _welcomes(last, item)):
            parts[-1] = replace(_with_node(last, item), asides=beside)
            open_run, leads = not beside and not (leads and not light), leads and light
        else:
            parts.append(Run((item,), asides=beside))
            open_run, leads = not beside, is_light(item) and not _changes_nothing(item)
    return tuple(parts)


def _simplified(part: Part) -> Part:
    if isinstance(part, Stage) and len(part.parts) == 1:
        inner = part.parts[0]
        if isinstance(inner, Run):
            return inner
        if isinstance(inner, Stage):
            return replace(inner, name=f"{part.name}.{inner.name}", asides=(*inner.asides, *part.asides))
    return part


def _welcomes(last: Part, item: Node) -> bool:
    """Whether a run takes a heavy operation: flatten after a global pool, whose C x 1 x 1 nobody needs to see, and
    any after dropout alone.
    """
    if not isinstance(last, Run):
        return False
    pooled = any(isinstance(node.op, (GlobalAvgPool, GlobalMaxPool)) for node in last.nodes)
    return (pooled and isinstance(item.op, Flatten)) or all(map(_changes_nothing, last.nodes))


def _with_node(part: Part, node: Node) -> Run | Fork:
    if isinstance(part, Fork):
        return replace(part, merge=replace(part.merge, nodes=(*part.merge.nodes, node)))
    assert isinstance(part, Run)
    return replace(part, nodes=(*part.nodes, node))


def _opened(parts: tuple[Part, ...], total: int) -> tuple[Part, ...]:
    """The parts, with a stage that is nearly the whole network replaced by what it holds."""
    opened: list[Part] = []
    for part in parts:
        whole = isinstance(part, Stage) and sum(len(run.nodes) for run in runs((part,))) > _DOMINANT * total
        if whole and isinstance(part, Stage) and any(isinstance(inner, Stage) for inner in part.parts):
            inner = _opened(part.parts, total)
            opened += [*inner[:-1], replace(inner[-1], asides=(*inner[-1].asides, *part.asides))]
        else:
            opened.append(part)
    return tuple(opened)


# Equal stages in a row


def _folded(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """The parts with stages in a row drawn once where every operation, shape and so every cost is the same."""
    inner: list[Part] = []
    for part in parts:
        if isinstance(part, Stage):
            inner.append(replace(part, parts=_folded(part.parts)))
        elif isinstance(part, Fork):
            inner.append(replace(part, branches=tuple(map(_folded, part.branches))))
        else:
            inner.append(part)
    found: list[list[Part]] = []
    for part in inner:
        if found and isinstance(part, Stage) and _equal(found[-1][-1], part):
            found[-1].append(part)
        else:
            found.append([part])
    return tuple(_one(group) for group in found)


def _one(group: list[Part]) -> Part:
    first, last = group[0], group[-1]
    if len(group) == 1 or not isinstance(first, Stage) or not isinstance(last, Stage):
        return first
    both = _joined(first, group[1:])
    assert isinstance(both, Stage)
    return replace(both, times=len(group), last=last.name)


def _equal(one: Part, other: Part) -> bool:
    """Whether two parts differ in nothing but names; one with a head beside it equals none."""
    if type(one) is not type(other) or one.asides or other.asides:
        return False
    if isinstance(one, Run) and isinstance(other, Run):
        return one.times == other.times and _facts(one) == _facts(other)
    if isinstance(one, Stage) and isinstance(other, Stage):
        return one.times == other.times and _all_equal(one.parts, other.parts)
    assert isinstance(one, Fork)
    assert isinstance(other, Fork)
    same = len(one.branches) == len(other.branches) and _equal(one.merge, other.merge)
    return same and all(_all_equal(a, b) for a, b in zip(one.branches, other.branches, strict=True))


def _all_equal(some: tuple[Part, ...], others: tuple[Part, ...]) -> bool:
    return len(some) == len(others) and all(map(_equal, some, others))


def _facts(run: Run) -> list[object]:
    return [(node.op, node.input_shapes, node.shape) for node in run.nodes]


def _joined(part: Part, others: Sequence[Part]) -> Part:
    """A part whose runs know their copies in equal parts."""
    copies = iter([list(runs((other,))) for other in others])
    found = {id(run): run.copies for run in runs((part,))}
    for equal in copies:
        for run, twin in zip(runs((part,)), equal, strict=True):
            found[id(run)] = (*found[id(run)], *twin.nodes, *twin.copies)
    return _with_copies(part, found)


def _with_copies(part: Part, copies: dict[int, tuple[Node, ...]]) -> Part:
    if isinstance(part, Run):
        return replace(part, copies=copies[id(part)])
    if isinstance(part, Stage):
        return replace(part, parts=tuple(_with_copies(inner, copies) for inner in part.parts))
    branches = tuple(tuple(_with_copies(inner, copies) for inner in branch) for branch in part.branches)
    return Fork(branches, replace(part.merge, copies=copies[id(part.merge)]))
