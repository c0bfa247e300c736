"""What a network costs: a row a node, totals, memory; with the counting rule beside the numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

from convscope.network.graph import INPUT, Graph, Node
from convscope.network.ops import (
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    Flatten,
    GlobalAvgPool,
    GlobalMaxPool,
    GroupNorm,
    LayerNorm,
    Linear,
    Shape,
    Softmax,
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
    """One node's line: costs are for one example, bytes are float32."""

    path: str
    operation: str
    shape: Shape
    parameters: int
    macs: int
    receptive_field: Field
    activation_bytes: int
    line: int


@dataclass(frozen=True)
class Memory:
    """Bytes for a batch, float32: ``inference`` is weights and the largest set of values alive at one time;
    ``training`` is weights, gradients, two optimiser values a weight (AdamW), and all that backward needs.
    """

    batch: int
    weights: int
    inference: int
    training: int


@dataclass(frozen=True)
class Summary:
    """The table of a network."""

    input: Shape
    rows: tuple[Row, ...]
    parameters: int
    macs: int
    buffers: int
    activation_bytes: int
    memory: Memory | None = None
    heads: int = 0
    """Parameters of the auxiliary heads, which no total holds."""
    graph: Graph | None = field(default=None, compare=False, repr=False)
    """What it is the summary of, for a drawing."""

    def _repr_html_(self) -> str:
        from convscope.network.drawing import beside_table

        return beside_table(self)


def summarise(graph: Graph, batch: int | None = None) -> Summary:
    """The table of a graph; with ``batch``, the memory that a batch of so many takes.

    Example:
        >>> from convscope.network.network import Network
        >>> summary = summarise(Network.parse("input 1x8x8\\nconv 4 3x3 > flatten > linear 10").graph())
        >>> summary.macs, summary.rows[0].receptive_field
        (2736, (3, 3))
    """
    rows = rows_of(graph.input, graph.nodes)
    return Summary(
        input=graph.input,
        rows=rows,
        parameters=graph.parameter_count,
        macs=graph.macs,
        buffers=sum(elements(shape) for node in graph.nodes for shape in node.buffers.values()),
        activation_bytes=sum(row.activation_bytes for row in rows),
        memory=None if batch is None else memory(graph, batch),
        heads=sum(node.parameter_count for head in graph.heads for node in head.nodes),
        graph=graph,
    )


def rows_of(shape: Shape, nodes: tuple[Node, ...]) -> tuple[Row, ...]:
    """The rows of some nodes in order; of an unfinished network too."""
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
    sees_all = isinstance(op, (Linear, GroupNorm)) or (isinstance(op, LayerNorm) and op.over == "all")
    if size is None or sees_all or (isinstance(op, Softmax) and not spatial):
        return None, jump
    if isinstance(op, Flatten):
        return size, jump
    if isinstance(op, (GlobalAvgPool, GlobalMaxPool, AdaptiveAvgPool, AdaptiveMaxPool)):
        # The widest adaptive window of n over L places.
        kernel = tuple(-(-length // n) for length, n in zip(spatial, node.shape[1:], strict=True))
        stride = tuple(max(1, length // n) for length, n in zip(spatial, node.shape[1:], strict=True))
        dilation = (1,) * len(kernel)
    else:
        window = op.window(node.input_shapes)
        if window is None:
            return size, jump
        kernel, stride, dilation = window.kernel, window.stride, window.dilation
    size = tuple(s + d * (k - 1) * j for s, d, k, j in zip(size, dilation, kernel, jump, strict=True))
    return size, tuple(j * s for j, s in zip(jump, stride, strict=True))


def memory(graph: Graph, batch: int) -> Memory:
    """Predicted bytes for a batch of ``batch`` examples, float32."""
    weights = graph.parameter_count * BYTES
    buffers = sum(elements(shape) for node in graph.nodes for shape in node.buffers.values()) * BYTES
    return Memory(
        batch=batch,
        weights=weights + buffers,
        inference=weights + buffers + batch * _largest_alive(graph),
        training=4 * weights + buffers + batch * (_kept(graph) + _largest_gradient(graph)),
    )


def _largest_alive(graph: Graph) -> int:
    """Bytes an example at the fullest moment of a forward pass that drops what has no reader left."""
    last_reader = {name: index for index, node in enumerate(graph.nodes) for name in node.inputs}
    alive = {INPUT: elements(graph.input) * BYTES}
    fullest = 0
    for index, node in enumerate(graph.nodes):
        alive[node.path] = elements(node.shape) * BYTES
        fullest = max(fullest, sum(alive.values()))
        for name in set(node.inputs):
            if last_reader[name] == index:
                alive.pop(name, None)
    return fullest


def _kept(graph: Graph) -> int:
    """Bytes an example that backward needs: values kept once however many read them, masks and indices."""
    sizes = {INPUT: elements(graph.input)} | {node.path: elements(node.shape) for node in graph.nodes}
    kept: set[str] = set()
    extra = 0
    for node in graph.nodes:
        if "input" in node.op.keeps:
            kept.update(node.inputs)
        if "output" in node.op.keeps:
            kept.add(node.path)
        extra += elements(node.shape) * (("mask" in node.op.keeps) + 8 * ("indices" in node.op.keeps))
    return sum(sizes[name] for name in kept) * BYTES + extra


def _largest_gradient(graph: Graph) -> int:
    """Bytes an example of the two gradients around the widest node."""
    return max((elements(node.shape) + sum(map(elements, node.input_shapes))) * BYTES for node in graph.nodes)
