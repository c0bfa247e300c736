"""The receptive field of one unit: which part of the input, or of any node's output, its value can depend on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from convscope.network.graph import INPUT, Graph, Node
from convscope.ops import Shape

Span = tuple[int, int]
"""Rows or columns from the first to before the last."""


@dataclass(frozen=True)
class Field:
    """A box of places in each spatial dimension, clipped to what is there.

    Args:
        spans: (start, stop) a dimension; none for a vector, which is read whole.
        whole: whether the box is everything there is.
    """

    spans: tuple[Span, ...]
    whole: bool


def field_of(graph: Graph, path: str, index: tuple[int, ...]) -> Field:
    """Where in the input a unit looks.

    The padding is no part of it; of operations that read all places (linear, group norm) it is the whole input.

    Args:
        graph: the network.
        path: the unit's node, or ``"input"``.
        index: its place there.

    Example:
        >>> from convscope.network import zoo
        >>> field_of(zoo.known("lenet5").graph(), "avgpool1", (0, 0, 1)).spans
        ((0, 6), (2, 8))
    """
    return fields_of(graph, path, index)[INPUT]


def fields_of(graph: Graph, path: str, index: tuple[int, ...]) -> dict[str, Field]:
    """The boxes that a unit looks at in every node before it, and in the input; see :func:`field_of`."""
    shapes: dict[str, Shape] = {INPUT: graph.input, **{node.path: node.shape for node in graph.nodes}}
    boxes: dict[str, tuple[Span, ...]] = {path: tuple((at, at + 1) for at in index[1:])}
    single: dict[str, tuple[int, ...]] = {path: index}  # flatten leads one unit to one place, many to all
    for node in reversed(graph.nodes):
        if node.path not in boxes:
            continue
        for source, shape in zip(node.inputs, node.input_shapes, strict=True):
            place = _unflattened(node, single.get(node.path), shape)
            if place is not None:
                single.setdefault(source, place)
                box = tuple((at, at + 1) for at in place[1:])
            else:
                box = _read_by(node, boxes[node.path], shape)
            if source in boxes and boxes[source] != box:
                single.pop(source, None)
                box = _around(boxes[source], box)
            boxes[source] = box
    return {name: Field(box, _is_whole(box, shapes[name])) for name, box in boxes.items()} | _unseen(boxes, shapes)


def _unseen(boxes: Mapping[str, tuple[Span, ...]], shapes: Mapping[str, Shape]) -> dict[str, Field]:
    """A unit of nothing but padding's zeros sees nothing of the input."""
    return {} if INPUT in boxes else {INPUT: Field(tuple((0, 0) for _ in shapes[INPUT][1:]), False)}


def _is_whole(box: tuple[Span, ...], shape: Shape) -> bool:
    return all(start == 0 and stop == length for (start, stop), length in zip(box, shape[1:], strict=True))


def _around(one: tuple[Span, ...], other: tuple[Span, ...]) -> tuple[Span, ...]:
    return tuple((min(a, c), max(b, d)) for (a, b), (c, d) in zip(one, other, strict=True))


def _unflattened(node: Node, index: tuple[int, ...] | None, shape: Shape) -> tuple[int, ...] | None:
    """The one place that a unit of a vector comes from, where it is one."""
    if index is None or len(node.shape) > 1:
        return None
    if node.op.traits.aliases == "vector":
        place, rest = [], index[0]
        for length in reversed(shape):
            rest, at = divmod(rest, length)
            place.append(at)
        return tuple(reversed(place))
    return index if node.op.inputs == "one" and node.op.traits.reads == "element" else None


def _read_by(node: Node, box: tuple[Span, ...], shape: Shape) -> tuple[Span, ...]:
    """The box of an operand that a box of the output is computed from."""
    op, lengths = node.op, shape[1:]
    reads = op.traits.reads
    if len(node.shape) == 1 or reads in ("channels", "everything"):
        return tuple((0, length) for length in lengths)
    if reads == "box":
        return op.box(box, [shape])
    window = op.window(node.input_shapes)
    if window is None:
        # A merge may stretch a dimension of 1 over all places.
        return tuple((0, 1) if length == 1 else span for span, length in zip(box, lengths, strict=True))
    return tuple(
        _clipped(start * stride - before, (stop - 1) * stride - before + dilation * (kernel - 1) + 1, length)
        for (start, stop), length, kernel, stride, dilation, (before, _) in zip(
            box, lengths, window.kernel, window.stride, window.dilation, window.padding, strict=True
        )
    )


def _clipped(start: int, stop: int, length: int) -> Span:
    return (min(max(start, 0), length), min(max(stop, 0), length))
