"""The flat graph: named nodes and edges in order of evaluation, every shape known."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

from convscope.network import tree
from convscope.ops import Op, Shape, elements
from convscope.ops.spec import Value

INPUT = tree.INPUT
"""The name by which nodes refer to the network's input."""


@dataclass(frozen=True)
class Node:
    """One operation at its place.

    Args:
        path: its name everywhere: table row, ``state_dict`` prefix, address; e.g. ``"basic2.add1.a.conv1"``.
        op: the operation.
        inputs: the paths of the nodes it reads, ``"input"`` for the network's input.
        input_shapes: their shapes.
        shape: its output's shape, without the batch.
        line: the line of the notation that made it, from 1; 0 where there is none.
    """

    path: str
    op: Op
    inputs: tuple[str, ...]
    input_shapes: tuple[Shape, ...]
    shape: Shape
    line: int = field(default=0, compare=False)

    @property
    def parameters(self) -> dict[str, Shape]:
        """Shapes of the trained tensors by name."""
        return dict(self.op.parameters(self.input_shapes))

    @property
    def buffers(self) -> dict[str, Shape]:
        """Shapes of the tensors kept but not trained."""
        return dict(self.op.buffers(self.input_shapes))

    @property
    def parameter_count(self) -> int:
        """How many numbers are trained."""
        return sum(map(elements, self.parameters.values()))

    @property
    def macs(self) -> int:
        """Multiply-adds for one example."""
        return self.op.macs(self.input_shapes)


@dataclass(frozen=True)
class AuxiliaryHead:
    """A side branch to scores of its own, which help in training and are otherwise left out.

    Args:
        weight: of its loss beside the network's own.
        nodes: in order; the first ones read nodes of the network, the last is the head's output.
    """

    weight: float
    nodes: tuple[Node, ...]

    @property
    def output(self) -> Node:
        """The node that gives the scores."""
        return self.nodes[-1]


@dataclass(frozen=True)
class Group:
    """The call of a block: the nodes whose paths begin with its own and a dot.

    Args:
        path: of the call, e.g. ``"basic2"``.
        block: the block's name, e.g. ``"basic"``; ``"project"`` too is one.
        arguments: what its parameters stand for there, by name.
    """

    path: str
    block: str
    arguments: tuple[tuple[str, Value], ...] = ()


@dataclass(frozen=True)
class Structure:
    """What a graph is made of beyond its nodes: what source and notation keep as functions and loops.

    Args:
        statements: which expand to the graph: blocks with their parameters, repeats, branches, comments.
        groups: the calls of blocks, an outer one before those in it.
        name: what the network is called.
    """

    statements: tuple[tree.Statement, ...]
    groups: tuple[Group, ...] = ()
    name: str = "network"


@dataclass(frozen=True)
class Graph:
    """A network with every shape known.

    Args:
        input: the input's shape, without the batch.
        nodes: in an order in which each reads only earlier ones; the last is the output.
        heads: auxiliary ones; no count, plan or weight of the network knows of them.
        structure: how the nodes are grouped; None for a graph that says nothing of it, and after every change of the
            nodes. It takes no part in equality.
    """

    input: Shape
    nodes: tuple[Node, ...]
    heads: tuple[AuxiliaryHead, ...] = ()
    structure: Structure | None = field(default=None, compare=False, repr=False)

    @property
    def output(self) -> Node:
        """The last node."""
        return self.nodes[-1]

    @cached_property
    def with_heads(self) -> Graph:
        """The graph that is trained: the heads' nodes among the others, the output still last."""
        aside = [node for head in self.heads for node in head.nodes]
        return Graph(self.input, (*self.nodes[:-1], *aside, self.nodes[-1]), self.heads) if aside else self

    def at(self, input: Shape) -> Graph:  # noqa: A002  what it is called everywhere
        """The same nodes for an input of another size, every shape followed anew; heads are left out.

        Raises:
            Misfit: an operation does not fit the size.

        Example:
            >>> from convscope.network import zoo
            >>> zoo.known("resnet20_cifar").graph().at((3, 24, 24)).by_path["globalavgpool1"].input_shapes
            ((64, 6, 6),)
        """
        shapes = {INPUT: input}
        nodes = []
        for node in self.nodes:
            seen = tuple(shapes[path] for path in node.inputs)
            nodes.append(replace(node, input_shapes=seen, shape=node.op.shape(seen)))
            shapes[node.path] = nodes[-1].shape
        return Graph(input, tuple(nodes))

    @cached_property
    def by_path(self) -> dict[str, Node]:
        """Nodes by their paths."""
        return {node.path: node for node in self.nodes}

    def groups_of(self, path: str) -> tuple[Group, ...]:
        """The blocks that a node stands in, the outermost first.

        Example:
            >>> from convscope.network import zoo
            >>> [group.block for group in zoo.known("resnet18").graph().groups_of("layer1.basic1.add1.a.conv1")]
            ['basics', 'basic']
        """
        groups = () if self.structure is None else self.structure.groups
        return tuple(group for group in groups if path == group.path or path.startswith(f"{group.path}."))

    @property
    def parameter_count(self) -> int:
        """Trained numbers of all nodes."""
        return sum(node.parameter_count for node in self.nodes)

    @property
    def macs(self) -> int:
        """Multiply-adds of all nodes for one example."""
        return sum(node.macs for node in self.nodes)
