"""The receptive field of a unit: outside of it nothing counts, and to its edges something does."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from sample_graphs import batch_of, build, loaded, random_graph, state_of

from convscope import ops
from convscope.network import zoo
from convscope.network.costs import receptive_fields
from convscope.network.graph import INPUT, Graph
from convscope.network.receptive_field import field_of, fields_of
from convscope.reference.forward import run


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_nothing_outside_of_it_counts(rank: int) -> None:
    rng, narrow = random.Random(rank), 0
    for seed in range(40):
        graph = random_graph(seed, rank)
        state, one = state_of(graph), batch_of(graph, 1)
        before = run(graph, state, one)
        for _ in range(4):
            node = rng.choice(graph.nodes)
            index = tuple(rng.randrange(n) for n in node.shape)
            box = tuple(slice(start, stop) for start, stop in field_of(graph, node.path, index).spans)
            other = np.random.default_rng(seed).standard_normal(one.shape)
            other[(slice(None), slice(None), *box)] = one[(slice(None), slice(None), *box)]
            narrow += not np.array_equal(other, one)
            after = run(graph, state, other)[node.path]
            assert after[0][index] == pytest.approx(before[node.path][0][index], rel=1e-9, abs=1e-9), node.path
    assert narrow > 20


def chain(*operations: ops.Op) -> Graph:
    return build((2, 40, 30), *[(f"n{k}", op) for k, op in enumerate(operations)])


@pytest.mark.parametrize(
    "graph",
    [
        chain(ops.Conv(3, 3, padding=1), ops.Conv(2, (5, 3), stride=2), ops.AvgPool(2)),
        chain(ops.Conv(3, 3, dilation=2, padding="same"), ops.AvgPool(3, stride=2, padding=1, ceil_mode=True)),
        chain(ops.AdaptiveAvgPool((7, 9)), ops.Conv(2, 3)),
        chain(ops.Conv(3, 4, stride=3, padding="same"), ops.Flatten(), ops.BatchNorm()),
    ],
)
def test_to_its_edges_something_counts(graph: Graph) -> None:
    module, rng = loaded(graph), random.Random(0)
    for _ in range(30):
        index = tuple(rng.randrange(n) for n in graph.output.shape)
        x = torch.from_numpy(batch_of(graph, 1)).requires_grad_()
        module(x)[(0, *index)].backward()  # type: ignore[no-untyped-call]
        seen = np.argwhere(x.grad.numpy()[0].any(0))  # type: ignore[union-attr]
        spans = tuple((int(a), int(b) + 1) for a, b in zip(seen.min(0), seen.max(0), strict=True))
        assert field_of(graph, graph.output.path, index).spans == spans


def test_its_size_is_the_tables() -> None:
    """In the middle of a large picture, where no edge cuts it, it is as large as describe says."""
    graph = zoo.known("resnet18").with_input((3, 512, 512)).graph()
    sizes = receptive_fields(graph.input, graph.nodes)
    for node in graph.nodes[:40]:
        if len(node.shape) == 3 and sizes[node.path] is not None and max(sizes[node.path] or ()) < 250:
            spans = field_of(graph, node.path, tuple(n // 2 for n in node.shape)).spans
            assert tuple(stop - start for start, stop in spans) == sizes[node.path], node.path


def test_boxes_of_every_node_on_the_way() -> None:
    graph = zoo.known("lenet5").graph()
    boxes = fields_of(graph, "conv2", (3, 4, 5))
    assert boxes["conv2"].spans == ((4, 5), (5, 6))
    assert boxes["avgpool1"].spans == ((4, 9), (5, 10))
    assert boxes[INPUT].spans == ((8, 22), (10, 24))
    assert not boxes[INPUT].whole
    assert field_of(graph, "linear1", (0,)).whole
    assert field_of(graph, "flatten1", (399,)).spans == ((16, 32), (16, 32))


def test_a_unit_of_padding_sees_nothing() -> None:
    graph = build((1, 4, 4), ("conv1", ops.Conv(1, 1, padding=3)))
    assert field_of(graph, "conv1", (0, 0, 0)).spans == ((0, 0), (0, 0))
