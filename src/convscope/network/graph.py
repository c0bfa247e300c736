"""The flat graph: named nodes and edges in order of evaluation, every shape known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from convscope.network import tree
from convscope.ops import Op, Shape, elements

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
    line: int = 0

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
class Head:
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
class Graph:
    """A network with every shape known.

    Args:
        input: the input's shape, without the batch.
        nodes: in an order in which each reads only earlier ones; the last is the output.
        heads: auxiliary ones; no count, plan or weight of the network knows of them.
    """

    input: Shape
    nodes: tuple[Node, ...]
    heads: tuple[Head, ...] = ()

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

    @property
    def parameter_count(self) -> int:
        """Trained numbers of all nodes."""
        return sum(node.parameter_count for node in self.nodes)

    @property
    def macs(self) -> int:
        """Multiply-adds of all nodes for one example."""
        return sum(node.macs for node in self.nodes)
