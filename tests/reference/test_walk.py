"""Any unit's terms and steps: they add up to the reference's number, and to the engine's."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
import torch
from sample_graphs import batch_of, loaded, random_graph, random_merge, random_op, random_shape, state_of, tensors_of

from convscope import ops
from convscope.network.graph import INPUT, Graph, Node
from convscope.ops import OPERATIONS, Op
from convscope.ops.opening import OPEN
from convscope.ops.walk import Walk
from convscope.reference.forward import forward, run
from convscope.reference.walk import walk

FUNCTIONS = {
    "exp": math.exp,
    "sqrt": math.sqrt,
    "erf": math.erf,
    "tanh": math.tanh,
    "log": math.log,
    "max": max,
    "min": min,
}


def check(opened: Walk) -> None:
    """What is shown adds up: products, their combination, every formula with its numbers put in."""
    terms, results = opened.terms, opened.terms.result_N
    if terms.weight_N is not None:
        assert np.allclose(results, terms.value_N * terms.weight_N, rtol=1e-15)
    combined = {"sum": results.sum, "product": results.prod, "max": results.max, "value": lambda: results[0]}
    assert opened.combined == pytest.approx(combined[opened.combine](), rel=1e-12, abs=1e-12)
    for step in opened.steps:
        names = {f"v{place}": operand.value for place, operand in enumerate(step.operands)}
        assert step.value == pytest.approx(eval(step.form.format(*names), {**FUNCTIONS, **names}), rel=1e-9, abs=1e-12)
    if opened.combine == "sum" and opened.steps and "sum" in [o.name for o in opened.steps[0].operands]:
        assert opened.steps[0].operands[0].value == opened.combined


def close(opened: Walk, expected: float) -> None:
    assert abs(opened.value - expected) <= 1e-10 * max(1.0, opened.scale, abs(expected)), (opened, expected)


def random_node(rng: random.Random, cls: type[Op]) -> Node:
    while True:
        shape = random_shape(rng, rng.choice([0, 1, 2, 2, 2, 3]))
        if cls.inputs == "several":
            shapes = tuple(random_merge(rng, cls, shape))
            return Node("n", cls(), tuple(f"i{k}" for k in range(len(shapes))), shapes, cls().shape(shapes))
        op = random_op(rng, cls, shape)
        if op is not None:
            return Node("n", op, (INPUT,), (shape,), op.shape([shape]))


def random_index(rng: random.Random, shape: ops.Shape) -> tuple[int, ...]:
    return tuple(rng.randrange(n) for n in shape)


def test_every_operation_can_be_opened() -> None:
    assert [cls.__name__ for cls in OPERATIONS.values() if OPEN.find(cls) is None] == []


@pytest.mark.parametrize("cls", OPERATIONS.values(), ids=OPERATIONS)
def test_many_units_of_each_operation(cls: type[Op], cases: int) -> None:
    rng, numbers = random.Random(f"walk {cls.word}"), np.random.default_rng(0)
    for _ in range(cases):
        node = random_node(rng, cls)
        inputs = [numbers.standard_normal(shape) for shape in node.input_shapes]
        tensors = tensors_of(node, numbers)
        parameters = {name: tensors[name] for name in node.parameters}
        buffers = {name: tensors[name] for name in node.buffers}
        expected = forward(node.op, [value[None] for value in inputs], parameters, buffers)[0]
        index = random_index(rng, node.shape)
        opened = walk(node.op, inputs, parameters, buffers, index)
        check(opened)
        close(opened, float(expected[index]))
        for term in opened.terms:
            if term.index is not None:
                assert term.value == inputs[term.operand][term.index]
            if term.weight_index is not None:
                assert term.weight == parameters["weight"][term.weight_index]


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_units_of_random_networks(rank: int) -> None:
    rng = random.Random(rank)
    for seed in range(30):
        graph = random_graph(seed, rank)
        state, batch = state_of(graph), batch_of(graph, 1)
        with torch.no_grad():
            engine = loaded(graph).forward_all(torch.from_numpy(batch))
        values = {INPUT: batch[0], **{path: value[0].numpy() for path, value in engine.items()}}
        reference = run(graph, state, batch)
        for _ in range(8):
            node = rng.choice(graph.nodes)
            index = random_index(rng, node.shape)
            parameters, buffers = (
                {name: state[f"{node.path}.{name}"] for name in names} for names in (node.parameters, node.buffers)
            )
            opened = walk(node.op, [values[path] for path in node.inputs], parameters, buffers, index)
            check(opened)
            close(opened, float(values[node.path][index]))
            close(opened, float(reference[node.path][0][index]))
            assert abs(opened.value - values[node.path][index]) <= opened.tolerance(2.0**-52)


def test_a_wrong_number_is_seen() -> None:
    """The tolerance is of rounding alone: a hundred-thousandth is more than float32 loses."""
    graph = Graph((3, 5, 5), (Node("conv1", ops.Conv(4, 3), ("input",), ((3, 5, 5),), (4, 3, 3)),))
    state, batch = state_of(graph), batch_of(graph, 1)
    opened = walk(graph.nodes[0].op, [batch[0]], {k[6:]: v for k, v in state.items()}, {}, (1, 2, 0))
    true = float(run(graph, state, batch)["conv1"][0, 1, 2, 0])
    assert abs(opened.value - true) <= opened.tolerance()
    assert abs(opened.value - true * 1.001) > opened.tolerance()


def test_a_place_outside_is_refused() -> None:
    for index in ((0, 3, 0), (0, 0), (-1, 0, 0)):
        with pytest.raises(IndexError, match="1x3x3"):
            walk(ops.Conv(1, 3, padding=1), [np.ones((1, 3, 3))], {"weight": np.ones((1, 1, 3, 3))}, {}, index)


def test_the_window_that_won() -> None:
    grid = np.array([[[1.0, 1, 2, 3], [4, 6, 6, 8], [3, 1, 1, 0], [1, 2, 2, 4]]])
    opened = walk(ops.MaxPool(2), [grid], {}, {}, (0, 0, 1))
    assert (opened.value, opened.terms[opened.winner].index) == (8.0, (0, 1, 3))


def test_padding_is_said() -> None:
    grid = np.arange(9.0).reshape(1, 3, 3)
    opened = walk(ops.Conv(1, 3, padding=1, bias=False), [grid], {"weight": np.ones((1, 1, 3, 3))}, {}, (0, 0, 0))
    assert [term.index for term in opened.terms].count(None) == 5
    assert opened.terms.largest_first(1)[0].index == (0, 1, 1)
    assert opened.value == 0 + 1 + 3 + 4
