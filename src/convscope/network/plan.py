"""The order in which a graph is executed: which steps, on which values, and when each value may be forgotten.

A plan changes no result, rounding apart. It says how it comes with less work: only what is asked for is computed, a
value is dropped once its last reader ran, and a bias or a ReLU moves to where it has the least work.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

from convscope import ops
from convscope.errors import UserError, did_you_mean
from convscope.network.graph import INPUT, Graph, Node

Role = Literal["all", "product", "bias"]
"""What a step does of its node: everything, a convolution without its bias, or adding that bias."""


def rectifies_exactly(op: ops.Op) -> bool:
    """Never decreasing, of each value alone and computed without rounding: it and a maximum give the same bits in
    either order, and its result may stand where its operand stood.

    The gradients agree too: it goes to the first of the largest values, and where several values become equal (all
    negative ones 0, all above 6 one 6) the slope there is 0.
    """
    traits = op.traits
    return traits.reads == "element" and traits.monotone == "exact" and traits.nonlinearity != "none"


def is_maximum(op: ops.Op) -> bool:
    """The largest value of each window; every window holds a value that is not padding, as the shape rules see to."""
    return op.traits.pools == "maximum"


@dataclass(frozen=True)
class PlanStep:
    """One operation on named values.

    Args:
        node: whose operation it is.
        reads: the names of its operands.
        writes: the name of its result; the node's own path except where something changed places with a maximum.
        in_place: the result may overwrite the operand.
        frees: the names of values that no later step reads.
        role: what of the operation is done here.
    """

    node: Node
    reads: tuple[str, ...]
    writes: str
    in_place: bool = False
    frees: tuple[str, ...] = ()
    role: Role = "all"


def plan(graph: Graph, wanted: Collection[str]) -> tuple[PlanStep, ...]:
    """The steps that compute the wanted nodes' outputs.

    Args:
        graph: the network.
        wanted: paths of nodes, or ``"input"``.

    Raises:
        UserError: a path that the graph does not have.

    Example:
        >>> conv = Node("conv1", ops.Conv(8, 3, bias=False), ("input",), ((1, 8, 8),), (8, 6, 6))
        >>> relu = Node("relu1", ops.ReLU(), ("conv1",), ((8, 6, 6),), (8, 6, 6))
        >>> pool = Node("maxpool1", ops.MaxPool(2), ("relu1",), ((8, 6, 6),), (8, 3, 3))
        >>> steps = plan(Graph((1, 8, 8), (conv, relu, pool)), ["maxpool1"])
        >>> [(step.node.path, step.reads, step.writes) for step in steps]
        [('conv1', ('input',), 'conv1'), ('maxpool1', ('conv1',), 'relu1'), ('relu1', ('relu1',), 'maxpool1')]
    """
    needed = needed_nodes(graph, wanted)
    steps = [PlanStep(node, node.inputs, node.path) for node in graph.nodes if node.path in needed]
    return _with_lifetimes(_bias_last(_relu_last(steps, wanted), wanted), wanted)


def needed_input(graph: Graph, wanted: Collection[str]) -> tuple[int, ...]:
    """How much of each spatial dimension of the input, from its beginning, the wanted outputs depend on.

    A pool that rounds down leaves the last rows of its input unread: what made them need not be computed, and their
    gradient is zero. Where that reaches back to the input, the input is cut, and nothing else changes.

    Example:
        >>> conv = Node("conv1", ops.Conv(8, 3), ("input",), ((1, 9, 9),), (8, 7, 7))
        >>> pool = Node("maxpool1", ops.MaxPool(2), ("conv1",), ((8, 7, 7),), (8, 3, 3))
        >>> needed_input(Graph((1, 9, 9), (conv, pool)), ["maxpool1"])
        (8, 8)
    """
    needed = {path: graph.by_path[path].shape[1:] for path in wanted if path != INPUT}
    found = graph.input[1:] if INPUT in wanted else (0,) * (len(graph.input) - 1)
    for node in reversed(graph.nodes):
        if node.path not in needed:
            continue
        for path, shape in zip(node.inputs, node.input_shapes, strict=True):
            reach = _reach(node, needed[node.path], shape)
            if path == INPUT:
                found = tuple(map(max, found, reach))
            else:
                needed[path] = tuple(map(max, needed.get(path, (0,) * len(reach)), reach))
    return found


def _reach(node: Node, extent: tuple[int, ...], shape: ops.Shape) -> tuple[int, ...]:
    """How much of one operand the first ``extent`` places of a node's output read."""
    op = node.op
    if op.traits.reads == "element" and op.traits.nonlinearity != "none":
        return extent
    if op.traits.reads == "window" and not getattr(op, "ceil_mode", False):
        window = op.window(node.input_shapes)
        if window is not None and not any(map(any, window.padding)):
            sides = zip(extent, window.kernel, window.stride, window.dilation, strict=True)
            return tuple((n - 1) * stride + dilation * (kernel - 1) + 1 for n, kernel, stride, dilation in sides)
    # Padding ends where the input ends, and a normalisation or a linear product reads all there is.
    return shape[1:]


def scores_path(graph: Graph) -> str:
    """The node whose output is the scores: the last, or what a last softmax reads, or a last sigmoid of one output.

    Cross entropy takes the scores: softmax and logarithm in one are exact where one after the other overflow.
    """
    last = graph.output
    probability = isinstance(last.op, ops.Softmax) or (isinstance(last.op, ops.Sigmoid) and last.shape == (1,))
    return last.inputs[0] if probability else last.path


def needed_nodes(graph: Graph, wanted: Collection[str]) -> set[str]:
    """The paths of all that some nodes' outputs depend on, themselves included.

    Raises:
        UserError: a path that the graph does not have.

    Example:
        >>> relu = Node("relu1", ops.ReLU(), ("input",), ((3,),), (3,))
        >>> last = Node("relu2", ops.ReLU(), ("relu1",), ((3,),), (3,))
        >>> sorted(needed_nodes(Graph((3,), (relu, last)), ["relu1"]))
        ['input', 'relu1']
    """
    for path in wanted:
        if path not in graph.by_path and path != INPUT:
            raise UserError(path, "no such node", hint=did_you_mean(path, graph.by_path))
    needed = set(wanted)
    for node in reversed(graph.nodes):
        if node.path in needed:
            needed.update(node.inputs)
    return needed


def _relu_last(steps: list[PlanStep], wanted: Collection[str]) -> list[PlanStep]:
    """Let a ReLU that only a maximum reads change places with it: it then has a quarter of the work, or less.

    Not with a flatten, though that too would change nothing: the backward pass of a maximum over a channels-last
    picture copies whole pictures when its gradient comes in another layout, which the ReLU between puts right.
    """
    readers = Counter(path for step in steps for path in step.reads)
    order, at = list(steps), 0
    while at < len(order):
        relu = order[at]
        moves = rectifies_exactly(relu.node.op) and readers[relu.writes] == 1 and relu.writes not in wanted
        later = next(n for n, step in enumerate(order) if relu.writes in step.reads) if moves else at
        if moves and is_maximum(order[later].node.op):
            # The value between the two takes the ReLU's name, so that what the others read keeps its own.
            first = PlanStep(order[later].node, relu.reads, relu.writes)
            second = PlanStep(relu.node, (relu.writes,), order[later].writes)
            order[later : later + 1] = [first, second]
            del order[at]
        else:
            at += 1
    return order


def _bias_last(steps: list[PlanStep], wanted: Collection[str]) -> list[PlanStep]:
    """Add a convolution's bias after the maximum that alone reads it: there are fewer values to add it to, and its
    gradient is a sum over those, where the convolution's own would read all that it wrote once more.
    """
    readers = Counter(path for step in steps for path in step.reads)
    order = list(steps)
    for conv in steps:
        path = conv.writes
        if not (isinstance(conv.node.op, ops.Conv) and conv.node.op.bias and readers[path] == 1 and path not in wanted):
            continue
        later = next(n for n, step in enumerate(order) if path in step.reads)
        pool = order[later]
        if is_maximum(pool.node.op) and ops.elements(pool.node.shape) < ops.elements(conv.node.shape):
            product = f"{path} without bias"
            order[order.index(conv)] = replace(conv, writes=product, role="product")
            added = PlanStep(conv.node, (path,), pool.writes, role="bias")
            order[later : later + 1] = [replace(pool, reads=(product,), writes=path), added]
    return order


def _with_lifetimes(steps: list[PlanStep], wanted: Collection[str]) -> tuple[PlanStep, ...]:
    readers = Counter(path for step in steps for path in step.reads)
    fresh: set[str] = set()
    last_reader = {path: index for index, step in enumerate(steps) for path in step.reads}
    out = []
    for index, step in enumerate(steps):
        op, source = step.node.op, step.reads[0]
        alone = source in fresh and readers[source] == 1 and source not in wanted
        # An add of one branch passes its operand on and makes nothing new.
        if op.traits.overwritable and (op.inputs == "one" or len(step.reads) > 1):
            fresh.add(step.writes)
        overwrites = alone and (rectifies_exactly(op) or step.role == "bias")
        frees = tuple(path for path in dict.fromkeys(step.reads) if last_reader[path] == index and path not in wanted)
        out.append(replace(step, in_place=overwrites, frees=frees))
    return tuple(out)
