"""Graphs for tests: a few by hand, many at random (the same seed, the same graph), and modules made of them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import numpy as np
import torch

from convscope import ops
from convscope.engine.module import GraphModule, load_state
from convscope.network.graph import INPUT, Graph, Node
from convscope.ops import OPERATIONS, Misfit, Op, Shape

Rng = random.Random


def _size(rng: Rng, rank: int, low: int, high: int) -> int | tuple[int, ...]:
    """A number for all dimensions, or one each."""
    if rng.random() < 0.5:
        return rng.randint(low, high)
    return tuple(rng.randint(low, high) for _ in range(rank))


def _two_sided(rng: Rng, rank: int, high: int) -> tuple[int, ...]:
    """Padding before each dimension, then behind each."""
    return tuple(rng.randint(0, high) for _ in range(2 * rank))


def _divisor(rng: Rng, value: int) -> int:
    return rng.choice([d for d in range(1, value + 1) if value % d == 0])


def _conv(rng: Rng, shape: Shape) -> Op:
    rank, groups = len(shape) - 1, _divisor(rng, shape[0]) if rng.random() < 0.5 else 1
    more = ["causal"] if rank == 1 else []
    padding = rng.choice([0, "same", "same", "valid", _size(rng, rank, 0, 3), _two_sided(rng, rank, 3), *more])
    return ops.Conv(
        out_channels=groups * rng.randint(1, 3),
        kernel_size=_size(rng, rank, 1, 4),
        stride=_size(rng, rank, 1, 3),
        padding=padding,
        dilation=_size(rng, rank, 1, 3) if rng.random() < 0.4 else 1,
        groups=groups,
        bias=rng.random() < 0.7,
    )


def _max_pool(rng: Rng, shape: Shape) -> Op:
    rank = len(shape) - 1
    return ops.MaxPool(
        kernel_size=_size(rng, rank, 1, 4),
        stride=rng.choice([None, _size(rng, rank, 1, 4)]),
        padding=rng.choice([0, "same", "valid", _size(rng, rank, 0, 2), _two_sided(rng, rank, 3)]),
        dilation=_size(rng, rank, 1, 3) if rng.random() < 0.4 else 1,
        ceil_mode=rng.random() < 0.5,
    )


def _avg_pool(rng: Rng, shape: Shape) -> Op:
    rank = len(shape) - 1
    largest = 4 if rank < 3 else min(shape[1:])  # torch's avg_pool3d refuses a window larger than the input
    return ops.AvgPool(
        kernel_size=_size(rng, rank, 1, largest),
        stride=rng.choice([None, _size(rng, rank, 1, 4)]),
        padding=rng.choice([_size(rng, rank, 0, 2), "same", "valid", _two_sided(rng, rank, 3)]),
        dilation=_size(rng, rank, 1, 3) if rng.random() < 0.2 else 1,
        ceil_mode=rng.random() < 0.5,
        count_include_pad=rng.random() < 0.5,
        divisor_override=rng.choice([None, None, None, 1, 3, 16]),
    )


def _group_norm(rng: Rng, shape: Shape) -> Op:
    groups = _divisor(rng, shape[0])
    if ops.elements(shape) == groups:  # torch's float32 variance of a single value is noise, blown up by 1/sqrt(eps)
        raise Misfit("groups of one value")
    return ops.GroupNorm(groups, eps=rng.choice([1e-5, 1e-2]), affine=rng.random() < 0.7)


_ARGUMENTS: dict[type[Op], Callable[[Rng, Shape], Op]] = {
    ops.Conv: _conv,
    ops.MaxPool: _max_pool,
    ops.AvgPool: _avg_pool,
    ops.AdaptiveAvgPool: lambda rng, shape: ops.AdaptiveAvgPool(_size(rng, len(shape) - 1, 1, 7)),
    ops.AdaptiveMaxPool: lambda rng, shape: ops.AdaptiveMaxPool(_size(rng, len(shape) - 1, 1, 7)),
    ops.Linear: lambda rng, shape: ops.Linear(rng.randint(1, 8), bias=rng.random() < 0.7),
    ops.Dropout: lambda rng, shape: ops.Dropout(rng.choice([0.0, 0.1, 0.5])),
    ops.BatchNorm: lambda rng, shape: ops.BatchNorm(eps=rng.choice([1e-5, 1e-2]), affine=rng.random() < 0.7),
    ops.LayerNorm: lambda rng, shape: ops.LayerNorm(
        eps=rng.choice([1e-5, 1e-2]), over=rng.choice(["channels", "all"]), affine=rng.random() < 0.7
    ),
    ops.GroupNorm: _group_norm,
    ops.RMSNorm: lambda rng, shape: ops.RMSNorm(
        eps=rng.choice([1e-5, 1e-2]), over=rng.choice(["channels", "all"]), affine=rng.random() < 0.7
    ),
    ops.LocalResponseNorm: lambda rng, shape: ops.LocalResponseNorm(
        rng.randint(1, 6), alpha=rng.choice([1e-4, 0.5]), beta=rng.choice([0.75, 1.5]), k=rng.choice([1.0, 2.0])
    ),
    ops.Scale: lambda rng, shape: ops.Scale(init=rng.choice([1.0, 1e-6]), bias=rng.random() < 0.5),
    ops.Pad: lambda rng, shape: ops.Pad(_size(rng, len(shape) - 1, 0, 2), _size(rng, len(shape) - 1, 0, 2)),
    ops.ChannelSplit: lambda rng, shape: ops.ChannelSplit(
        start := rng.randrange(shape[0]), rng.randint(start + 1, shape[0])
    ),
    ops.ChannelShuffle: lambda rng, shape: ops.ChannelShuffle(_divisor(rng, shape[0])),
    ops.PadChannels: lambda rng, shape: ops.PadChannels(rng.randint(0, 3), rng.randint(0, 3)),
    ops.ELU: lambda rng, shape: ops.ELU(rng.choice([1.0, 0.5, 2.0])),
    ops.Softplus: lambda rng, shape: ops.Softplus(rng.choice([1.0, 0.5, 3.0])),
    ops.PReLU: lambda rng, shape: ops.PReLU(rng.choice([1, shape[0]]), init=rng.choice([0.25, 0.5])),
    ops.Clip: lambda rng, shape: ops.Clip(*rng.choice([(-1.0, 1.0), (0.0, 4.0), (-0.5, 2.0)])),
    ops.Hardsigmoid: lambda rng, shape: ops.Hardsigmoid(
        *rng.choice([(1 / 6, 0.5), (1 / 6, 0.5), (0.25, 0.5), (0.5, 0.25)])
    ),
    ops.LeakyReLU: lambda rng, shape: ops.LeakyReLU(rng.choice([0.01, 0.2])),
    ops.GELU: lambda rng, shape: ops.GELU(rng.choice(["none", "tanh"])),
}


def random_shape(rng: Rng, rank: int) -> Shape:
    """``(channels, *spatial)`` with so many spatial dimensions, none for a vector."""
    return (rng.randint(1, 6), *(rng.randint(1, 11 if rank < 3 else 6) for _ in range(rank)))


def random_op(rng: Rng, cls: type[Op], shape: Shape) -> Op | None:
    """An operation of this class that takes the shape, or None where none of a few tries does."""
    for _ in range(20):
        try:
            op = _ARGUMENTS[cls](rng, shape) if cls in _ARGUMENTS else cls()
            op.shape([shape])
        except Misfit:
            continue
        return op
    return None


def random_merge(rng: Rng, cls: type[Op], shape: Shape) -> list[Shape]:
    """Shapes that a merge takes."""
    count = rng.randint(1, 3)
    if cls is ops.Concat:
        return [(rng.randint(1, 4), *shape[1:]) for _ in range(count)]
    if cls in (ops.Add, ops.Mul):
        return [tuple(rng.choice([1, n, n]) for n in shape) for _ in range(count)]
    return [shape] * count


def tensors_of(node: Node, numbers: np.random.Generator) -> dict[str, np.ndarray]:
    """Random float64 tensors for a node by name, sized so that outputs stay near 1."""
    found = {}
    for name, shape in {**node.parameters, **node.buffers}.items():
        value = numbers.standard_normal(shape)
        if name == "weight" and isinstance(node.op, (ops.Conv, ops.Linear)):
            value /= np.sqrt(max(1, np.prod(shape[1:])))
        found[name] = np.abs(value) + 0.5 if name == "running_var" else value
    return found


def state_of(graph: Graph, seed: int = 0) -> dict[str, np.ndarray]:
    """Random float64 tensors for a whole graph, as ``path.name``."""
    numbers = np.random.default_rng(seed)
    return {f"{n.path}.{k}": v for n in graph.nodes for k, v in tensors_of(n, numbers).items()}


def batch_of(graph: Graph, size: int = 3, seed: int = 0) -> np.ndarray:
    """A random float64 batch for a graph, of other numbers than its tensors: no value is the mean it is compared to."""
    return np.random.default_rng([seed, 1]).standard_normal((size, *graph.input))


class _Builder:
    def __init__(self, rng: Rng, shape: Shape) -> None:
        self.rng, self.input = rng, shape
        self.shapes: dict[str, Shape] = {INPUT: shape}
        self.nodes: list[Node] = []
        self.counts: Counter[str] = Counter()

    def name(self, prefix: str, op: Op) -> str:
        self.counts[prefix + op.word] += 1
        return f"{prefix}{op.word}{self.counts[prefix + op.word]}"

    def add(self, op: Op, *inputs: str, prefix: str = "", path: str = "") -> str:
        shapes = tuple(self.shapes[p] for p in inputs)
        path = path or self.name(prefix, op)
        self.nodes.append(Node(path, op, inputs, shapes, op.shape(shapes)))
        self.shapes[path] = self.nodes[-1].shape
        return path

    def chain(self, source: str, length: int, prefix: str = "", keeps_shape: bool = False) -> str:
        for _ in range(length):
            cls = self.rng.choice([c for c in OPERATIONS.values() if c.inputs == "one" and c is not ops.Softmax])
            op = random_op(self.rng, cls, self.shapes[source])
            if op is None or (keeps_shape and op.shape([self.shapes[source]]) != self.shapes[source]):
                continue
            if isinstance(op, ops.Flatten) and self.rng.random() < 0.8:
                continue  # else hardly anything would happen before it
            source = self.add(op, source, prefix=prefix)
        return source

    def merge(self, source: str, prefix: str = "") -> str:
        cls = self.rng.choice([ops.Add, ops.Mul, ops.Concat])
        path = self.name(prefix, cls())
        ends = []
        for letter in "abc"[: self.rng.randint(1, 3)]:
            inside = f"{path}.{letter}."
            end = self.chain(source, self.rng.randint(0, 3), inside, keeps_shape=True)
            if cls is ops.Concat and len(self.shapes[end]) > 1:
                end = self.add(ops.Conv(self.rng.randint(1, 3), 1), end, prefix=inside)
            if cls is ops.Mul and len(self.shapes[end]) > 1 and letter != "a":
                end = self.add(ops.Sigmoid(), self.add(ops.GlobalAvgPool(), end, prefix=inside), prefix=inside)
            if self.rng.random() < 0.2 and len(ends) == 0 and prefix.count(".") < 2:
                end = self.merge(end, inside) if cls is ops.Concat else end
            ends.append(end if end != source else self.add(ops.Identity(), source, prefix=inside))
        return self.add(cls(), *ends, path=path)


def random_graph(seed: int, rank: int = 2) -> Graph:
    """A graph with branches, merges and a head, of every operation sooner or later.

    Args:
        seed: the same seed, the same graph.
        rank: spatial dimensions of the input, 1 to 3.
    """
    rng = Rng(f"{seed} {rank}")
    shape = (rng.randint(1, 6), *(rng.randint(4, 10 if rank < 3 else 6) for _ in range(rank)))
    builder = _Builder(rng, shape)
    end = builder.chain(INPUT, rng.randint(1, 4))
    for _ in range(rng.randint(0, 2)):
        end = builder.chain(builder.merge(end), rng.randint(1, 3))
    if rng.random() < 0.3 and len(builder.shapes[end]) > 1:  # what the plan turns round
        relu = builder.add(rng.choice([ops.ReLU(), ops.ReLU6()]), builder.add(ops.Conv(3, 1), end))
        end = builder.add(ops.AdaptiveMaxPool(2), relu) if rng.random() < 0.5 else builder.add(ops.MaxPool(1), relu)
    if rng.random() < 0.8:
        end = builder.add(ops.Linear(rng.randint(2, 5)), builder.add(ops.Flatten(), end))
        if rng.random() < 0.5:
            end = builder.add(ops.Softmax(), end)
    builder.add(ops.Identity(), end)  # so that there is always a last node, also of an empty chain
    if isinstance(builder.nodes[-2].op if len(builder.nodes) > 1 else None, ops.Softmax):
        del builder.nodes[-1]
    return Graph(shape, tuple(builder.nodes))


def build(input_shape: Shape, *lines: tuple[str, Op, tuple[str, ...]] | tuple[str, Op]) -> Graph:
    """A graph from (path, operation) or (path, operation, inputs); without inputs, the node before is read."""
    shapes, nodes, last = {"input": input_shape}, [], "input"
    for path, op, *given in lines:
        inputs = given[0] if given else (last,)
        in_shapes = tuple(shapes[name] for name in inputs)
        nodes.append(Node(path, op, inputs, in_shapes, op.shape(in_shapes)))
        shapes[path], last = nodes[-1].shape, path
    return Graph(input_shape, tuple(nodes))


def loaded(graph: Graph, dtype: torch.dtype = torch.float64, **kwargs: str) -> GraphModule:
    module = GraphModule(graph, **kwargs).eval()
    load_state(module, {name: torch.from_numpy(value) for name, value in state_of(graph).items()})
    # Again after the cast, since loading into float32 rounded the numbers.
    module = module.to(dtype)
    load_state(module, {name: torch.from_numpy(value) for name, value in state_of(graph).items()})
    return module


def assert_close(got: torch.Tensor, expected: np.ndarray | torch.Tensor, tolerance: float) -> None:
    want = torch.as_tensor(expected)
    assert got.shape == want.shape
    scale = max(1.0, want.abs().max().item()) if want.numel() else 1.0
    assert ((got.double() - want.double()).abs() <= tolerance * scale).all()


SMALL = build(
    (1, 12, 12),
    ("conv1", ops.Conv(8, 3, padding=1)),
    ("relu1", ops.ReLU()),
    ("maxpool1", ops.MaxPool(2)),
    ("conv2", ops.Conv(8, 3, padding="same", stride=2)),
    ("batchnorm1", ops.BatchNorm()),
    ("relu2", ops.ReLU()),
    ("flatten1", ops.Flatten()),
    ("dropout1", ops.Dropout(0.5)),
    ("linear1", ops.Linear(10)),
    ("softmax1", ops.Softmax()),
)

RESIDUAL = build(
    (4, 8, 8),
    ("basic1.add1.a.conv1", ops.Conv(4, 3, padding=1, bias=False), ("input",)),
    ("basic1.add1.a.batchnorm1", ops.BatchNorm()),
    ("basic1.add1.b.identity1", ops.Identity(), ("input",)),
    ("basic1.add1", ops.Add(), ("basic1.add1.a.batchnorm1", "basic1.add1.b.identity1")),
    ("basic1.relu1", ops.ReLU()),
)
