"""Bytes of one operation: what it writes, what it keeps for its backward pass, what it needs only while it runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import prod
from typing import Literal

from convscope import ops
from convscope.network.graph import Node
from convscope.network.plan import PlanStep
from convscope.ops import elements
from convscope.ops.spec import padded_behind

Dtype = Literal["float32", "bfloat16"]

FLOAT = 4
"""Bytes of a float32, which weights, their gradients and the optimiser's values are in any case."""
SIZES: Mapping[Dtype, int] = {"float32": FLOAT, "bfloat16": 2}
PICTURE = 3
"""Dimensions of a picture, which is channels last in memory."""
INDEX = 8
"""Bytes of a maximum's place, which its backward pass needs."""


def kept_bytes(node: Node, dtype: Dtype = "float32") -> int:
    """Bytes an example that a node makes for its backward pass beside values that the network reads: masks, places
    of maxima, values in between, and an operand that was padded unevenly beforehand.
    """
    places, size = elements(node.shape), SIZES[dtype]
    keeps = Counter(node.op.traits.keeps)
    made = places * (size * (keeps["mask"] + keeps["value"]) + INDEX * keeps["indices"])
    return made + (keeps["partial"] * _partial(node.input_shapes) + _padded(node)) * size


def _partial(shapes: Sequence[ops.Shape]) -> int:
    """Elements of the results of the first two operands, the first three ..., all of them aside; ones are stretched."""
    return sum(prod(map(max, *shapes[:count])) for count in range(2, len(shapes)))


def _padded(node: Node) -> int:
    """Elements of the padded copy that torch needs where padding is uneven, or more than half of the window of a
    pooling; else 0.
    """
    window = node.op.window(node.input_shapes)
    # What keeps nothing of its operand keeps no copy of it either.
    if window is None or "input" not in node.op.traits.keeps:
        return 0
    most = [
        max(pair) if node.op.traits.product else kernel // 2
        for kernel, pair in zip(window.kernel, window.padding, strict=True)
    ]
    if all(before == after <= n for (before, after), n in zip(window.padding, most, strict=True)):
        return 0
    channels, *lengths = node.input_shapes[0]
    pads = padded_behind(window, lengths, node.shape[1:])
    return channels * prod(n + sum(pair) for n, pair in zip(lengths, pads, strict=True))


def cast_bytes(node: Node, dtype: Dtype) -> int:
    """Bytes of the weights that autocast makes a copy of."""
    if dtype == "float32" or not node.op.traits.product:
        return 0
    return sum(map(elements, node.parameters.values())) * SIZES[dtype]


def shares_memory(step: PlanStep) -> bool:
    """Whether the result lies in the memory of the operand."""
    op, shape = step.node.op, step.node.input_shapes[0]
    # A picture is channels last in memory, so making it flat copies it, unless its layout is both.
    aliases, one = op.traits.aliases, shape[0] == 1 or prod(shape[1:]) == 1
    view = aliases == "always" or (aliases == "vector" and (one or len(shape) != PICTURE))
    return step.in_place or view or (op.inputs == "several" and len(step.reads) == 1)


def passing_bytes(step: PlanStep, batch: int, dtype: Dtype) -> int:
    """Bytes that an operation needs only while it runs: weights in the order it wants, places of maxima."""
    op = step.node.op
    if isinstance(op, ops.Conv) and step.role != "bias":
        return (elements(step.node.parameters["weight"]) + batch * _padded(step.node)) * SIZES[dtype]
    if "indices" in op.traits.keeps:
        return batch * elements(step.node.shape) * INDEX
    return cast_bytes(step.node, dtype)


def written_elements(step: PlanStep) -> int:
    """Elements of what a step writes.

    Only an operation that keeps its operand's shape changes places with a pool, and then it mostly overwrites it.
    """
    return elements(step.node.shape)
