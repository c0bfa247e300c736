"""What a network costs, as values: a row a node, totals, memory; with the counting rule beside the numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod

from convscope.network.graph import INPUT, Graph, Node
from convscope.network.memory import Memory, Optimizer, kept_by_node, memory
from convscope.network.operation_memory import Dtype
from convscope.ops import (
    Shape,
    elements,
)

RULE = (
    "a MAC is one multiply-add of a convolution or linear product, for one example; FLOPs = 2 x MACs; "
    "parameters include biases and batch norm's two; running statistics are buffers"
)
BYTES = 4
"""Of one value: float32."""

Field = tuple[int, ...] | None
"""Receptive field in input pixels a dimension; None is the whole input."""


@dataclass(frozen=True)
class Row:
    """One node's line: costs are for one example, bytes are float32.

    ``activation_bytes`` are its output's; ``kept_bytes`` what its backward pass needs that no node before it keeps.
    """

    path: str
    operation: str
    shape: Shape
    parameters: int
    macs: int
    receptive_field: Field
    activation_bytes: int
    kept_bytes: int
    line: int


@dataclass(frozen=True)
class Costs:
    """What a network costs; a :class:`~convscope.network.summary.Summary` shows it."""

    input: Shape
    rows: tuple[Row, ...]
    parameters: int
    macs: int
    buffers: int
    activation_bytes: int
    kept_bytes: int
    memory: Memory | None = None
    heads: int = 0
    """Parameters of the auxiliary heads, which no total holds."""
    graph: Graph | None = field(default=None, compare=False, repr=False)
    """What it is the summary of, for a drawing."""


def costs_of(graph: Graph, batch: int | None = None, dtype: Dtype = "float32", optimizer: Optimizer = "adamw") -> Costs:
    """What a graph costs; with ``batch``, the memory that a batch of so many takes with a dtype and an optimiser.

    Example:
        >>> from convscope.network.network import Network
        >>> costs = costs_of(Network.parse("input 1x8x8\\nconv 4 3x3 > flatten > linear 10").graph())
        >>> costs.macs, costs.rows[0].receptive_field
        (2736, (3, 3))
    """
    rows = rows_of(graph.input, graph.nodes, kept_by_node(graph))
    return Costs(
        input=graph.input,
        rows=rows,
        parameters=graph.parameter_count,
        macs=graph.macs,
        buffers=sum(elements(shape) for node in graph.nodes for shape in node.buffers.values()),
        activation_bytes=sum(row.activation_bytes for row in rows),
        kept_bytes=sum(row.kept_bytes for row in rows),
        memory=None if batch is None else memory(graph, batch, dtype, optimizer),
        heads=sum(node.parameter_count for head in graph.heads for node in head.nodes),
        graph=graph,
    )


def rows_of(shape: Shape, nodes: tuple[Node, ...], kept: Mapping[str, int] | None = None) -> tuple[Row, ...]:
    """The rows of some nodes in order; of an unfinished network too, where nothing is kept yet."""
    fields = receptive_fields(shape, nodes)
    return tuple(
        Row(
            path=node.path,
            operation=node.op.text(),
            shape=node.shape,
            parameters=node.parameter_count,
            macs=node.macs,
            receptive_field=fields[node.path],
            activation_bytes=elements(node.shape) * BYTES,
            kept_bytes=(kept or {}).get(node.path, 0),
            line=node.line,
        )
        for node in nodes
    )


def receptive_fields(shape: Shape, nodes: tuple[Node, ...]) -> dict[str, Field]:
    """How many input pixels a dimension one output value of each node can see; padding counts as seen.

    The rule of Araujo, Norris and Sim (2019): a window k, dilation d widens the field by d * (k - 1) jumps, a stride
    multiplies the jump.
    """
    ones = (1,) * (len(shape) - 1)
    sizes: dict[str, Field] = {INPUT: ones or None}
    jumps: dict[str, tuple[int, ...]] = {INPUT: ones}
    for node in nodes:
        # Where branches join, a value sees as far as its widest branch; None, the whole input, is wider than any.
        seen = [sizes[name] for name in node.inputs]
        size = None if any(s is None for s in seen) else tuple(map(max, zip(*[s for s in seen if s], strict=True)))
        jump = max((jumps[name] for name in node.inputs), key=lambda j: prod(j))
        sizes[node.path], jumps[node.path] = _widened(node, size, jump)
    return sizes | {}


def _widened(node: Node, size: Field, jump: tuple[int, ...]) -> tuple[Field, tuple[int, ...]]:
    op, spatial = node.op, node.input_shapes[0][1:]
    reads = op.traits.reads
    if size is None or reads == "everything" or (reads in ("place", "channels") and not spatial):
        return None, jump
    if op.traits.aliases == "vector":  # made flat: each value is one of the operand's
        return size, jump
    if spatial and (len(node.shape) == 1 or (reads == "channels" and node.shape[1:] == spatial)):
        return None, jump  # a vector of whole channels, or over all places for every one of them
    if reads in ("channels", "box"):
        kernel = op.widest_box(node.input_shapes) if reads == "box" else spatial
        stride = tuple(max(1, length // n) for length, n in zip(spatial, node.shape[1:], strict=True))
        dilation = (1,) * len(kernel)
    else:
        window = op.window(node.input_shapes)
        if window is None:
            return size, jump
        kernel, stride, dilation = window.kernel, window.stride, window.dilation
    size = tuple(s + d * (k - 1) * j for s, d, k, j in zip(size, dilation, kernel, jump, strict=True))
    return size, tuple(j * s for j, s in zip(jump, stride, strict=True))
