"""Hypothesis strategies for graphs from elsewhere: any acyclic one, with any names."""

from __future__ import annotations

from hypothesis import strategies as st

from convscope import ops
from convscope.network.graph import INPUT, AuxiliaryHead, Graph, Node
from convscope.ops import Op, Shape

ONE = [
    ops.ReLU(), ops.Tanh(), ops.BatchNorm(), ops.BatchNorm(eps=0.01, affine=False), ops.Identity(), ops.Dropout(0.25),
    ops.Conv(2, 3, padding=1), ops.Conv(4, (3, 1), padding=(1, 0), bias=False), ops.Conv(2, 1, groups=2),
    ops.Conv(4, 3, padding="same", dilation=2), ops.MaxPool(3, stride=1, padding=1), ops.GELU(approximate="tanh"),
    ops.AvgPool(3, stride=1, padding=1, count_include_pad=False), ops.Scale(bias=True), ops.LeakyReLU(0.2),
    ops.LayerNorm(over="all"), ops.GlobalAvgPool(),
]  # fmt: skip
MANY = [ops.Add(), ops.Mul(), ops.Concat()]
WORDS = ["stem", "relu1", "conv2", "r", "add1", "a", "layer1", "0", "x_9"]


@st.composite
def paths(draw: st.DrawFn, word: str, count: int, taken: set[str]) -> str:
    """A path as ours would be, or as another tool's; none is taken, and none is that of a tensor."""
    kind = draw(st.integers(0, 5))
    if kind <= 1:
        path = f"{word}{count}"
    elif kind == 2:
        path = f"{draw(st.sampled_from(['add1', 'concat2', 'mul1', 'block1']))}.{draw(st.sampled_from('abc'))}.{word}1"
    elif kind == 3 and taken:
        path = f"{draw(st.sampled_from(sorted(taken)))}.{draw(st.sampled_from(['a', 'b', '1']))}.{word}1"
    else:
        path = ".".join(draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=4)))
    if path[0].isdigit() or path in taken or path == INPUT or len(path) > 250:
        path = f"n{len(taken)}"
    return path


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """A graph in which every node reads any earlier values: chains and branches as often as not."""
    start: Shape = draw(st.sampled_from([(2, 4, 4), (4, 3, 5), (2, 1, 1)]))
    shapes: dict[str, Shape] = {INPUT: start}
    taken: set[str] = set()
    nodes = draw(_nodes(shapes, taken, draw(st.integers(1, 14)), ""))
    heads: list[AuxiliaryHead] = []
    body, last = nodes[:-1], nodes[-1]
    for index in range(draw(st.sampled_from([0, 0, 1, 2])) if body else 0):
        seen = {INPUT: start} | {node.path: node.shape for node in body}
        side = f"aux{index + 1}" if draw(st.booleans()) else f"head.{index}"
        inside = draw(_nodes(seen, taken, draw(st.integers(1, 4)), f"{side}."))
        if side not in taken:
            heads.append(AuxiliaryHead(draw(st.sampled_from([0.3, 1.0])), tuple(inside)))
    return Graph(start, (*body, last), tuple(heads))


@st.composite
def _nodes(draw: st.DrawFn, shapes: dict[str, Shape], taken: set[str], count: int, prefix: str) -> list[Node]:
    made: list[Node] = []
    for number in range(count):
        names = list(shapes)
        last = made[-1].path if made else draw(st.sampled_from(names))
        first = last if draw(st.integers(0, 2)) else draw(st.sampled_from(names))
        op: Op = draw(st.sampled_from(ONE))
        inputs = [first]
        if draw(st.integers(0, 2)) == 0:
            op = draw(st.sampled_from(MANY))
            same = [
                n
                for n in names
                if shapes[n][isinstance(op, ops.Concat) :] == shapes[first][isinstance(op, ops.Concat) :]
            ]
            inputs = [*inputs, *draw(st.lists(st.sampled_from(same), min_size=1, max_size=3))]
            inputs = draw(st.permutations(inputs))
        elif isinstance(op, ops.Conv) and shapes[first][0] % op.groups:
            op = ops.ReLU()
        path = prefix + draw(paths(op.word, sum(n.op.word == op.word for n in made) + 1, taken))
        if path in taken:
            path = f"{prefix}m{number}"
        taken.add(path)
        seen = tuple(shapes[name] for name in inputs)
        shapes[path] = op.shape(seen)
        if shapes[path][0] > 64:
            op, inputs, seen = ops.ReLU(), [first], (shapes[first],)
            shapes[path] = shapes[first]
        made.append(Node(path, op, tuple(inputs), seen, shapes[path]))
    return made
