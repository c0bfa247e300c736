"""Any gradient of a network opened: terms sum to autograd's, addresses exist, the chain multiplies to its end."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from sample_gradients import exact_hardsigmoid, random_step
from sample_graphs import SMALL, batch_of, build, state_of

from convscope import ops
from convscope.errors import UserError
from convscope.network.address import Address, parse_address
from convscope.network.graph import INPUT
from convscope.ops.step import Step
from convscope.ops.tensors import COMPUTE
from convscope.reference.backpropagation import Backpropagation, backpropagate
from convscope.reference.gradient_walk import Chain, GradientWalk, chain, open_gradient

FUNCTIONS = {
    "exp": math.exp,
    "sqrt": math.sqrt,
    "erf": math.erf,
    "tanh": math.tanh,
    "log": math.log,
    "min": min,
    "max": max,
}


@pytest.fixture(autouse=True)
def _exact_sixth(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = lambda op, place: lambda part, inputs: exact_hardsigmoid(op, inputs[0])  # noqa: E731
    monkeypatch.setitem(COMPUTE._known, ops.Hardsigmoid, exact)


def adds_up(step: Step) -> None:
    names = {f"v{place}": operand.value for place, operand in enumerate(step.operands)}
    shown = eval(step.form.format(*(f"({name})" for name in names)), {**FUNCTIONS, **names})
    assert step.value == pytest.approx(shown, rel=1e-9, abs=1e-12), step


def check(step: Backpropagation, opened: GradientWalk, expected: float) -> None:
    assert abs(opened.value - expected) <= opened.tolerance(2.0**-52), (opened.address, opened.value, expected)
    for part in opened.parts:
        assert part.value == pytest.approx(sum(term.result for term in part.terms), rel=1e-9, abs=1e-12)
        for term in [*part.terms[:3], *part.terms.largest_first(3)]:
            unit, at = opened.unit(term), opened.factor_at(term)
            parse_address(step.graph, str(unit))
            assert term.value == step.gradients[unit.path][(term.example, *unit.index)]
            if at is not None:
                parse_address(step.graph, str(at))
                held = step.values if not at.tensor else {at.path: step.state[f"{at.path}.{at.tensor}"]}
                place = at.index if at.tensor else (term.example, *at.index)
                assert term.weight == held[at.path][place] or part.terms.becomes.weight == "standardised"


def check_chain(step: Backpropagation, way: Chain) -> None:
    product, before = 1.0, way.start
    for link in way.links:
        product *= link.factor
        assert link.running == pytest.approx(product, rel=1e-12)
        node = step.graph.by_path[link.unit.path]
        assert before.path in node.inputs or (before.tensor and before.path == node.path)
        assert link.value == step.values[node.path][(link.example, *link.unit.index)]
        assert 0 <= link.share <= 1 + 1e-12
        for one in link.steps:
            adds_up(one)
        if link.steps:
            assert link.steps[-1].value == pytest.approx(link.factor, rel=1e-9, abs=1e-12), (node, link)
        before = link.unit
    if way.loss is not None:
        assert before.path == step.scores
        assert way.last_step is not None
        adds_up(way.last_step)
        assert way.along == pytest.approx(product * way.last)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("networks", [12, pytest.param(30, marks=pytest.mark.slow)])
def test_any_number_of_random_networks(rank: int, training: bool, networks: int) -> None:
    rng, ended = random.Random(rank), 0
    for seed in range(networks):
        _, step = random_step(seed, rank, training)
        places = [INPUT, *(path for path in step.values if path != INPUT)]
        for _ in range(6):
            path, example = rng.choice(places), rng.randrange(step.examples)
            index = tuple(rng.randrange(n) for n in step.values[path].shape[1:])
            check(step, open_gradient(step, Address(path, index), example),
                  float(step.gradients[path][(example, *index)]))  # fmt: skip
            way = chain(step, Address(path, index), example)
            check_chain(step, way)
            ended += way.loss is not None
        for name, gradient in step.parameters.items():
            path, _, tensor = name.rpartition(".")
            if path in step.values:
                index = tuple(rng.randrange(n) for n in gradient.shape)
                check(step, open_gradient(step, Address(path, index, tensor)), float(gradient[index]))
                check_chain(step, chain(step, Address(path, index, tensor)))
    assert ended > networks * 6 * 0.55


@pytest.mark.parametrize("word", [w for w, c in ops.OPERATIONS.items() if c.inputs == "one"])
def test_the_steps_of_each_operation_give_its_slope(word: str) -> None:
    """Between a convolution and scores, so that the chain leads through every operation."""
    arguments = {
        **dict.fromkeys(("maxpool", "avgpool", "adaptiveavgpool", "adaptivemaxpool", "groupnorm"), (2,)),
        "conv": (3, 3),
        "localresponsenorm": (3, 0.5),
        "padchannels": (1, 2),
        "pad": (1, 2),
        "channelsplit": (1, 3),
        "channelshuffle": (2,),
        "dropout": (0.0,),
    }
    op = ops.OPERATIONS[word](*arguments.get(word, ())) if word != "linear" else ops.Linear(5)
    middle = [("flatten1", ops.Flatten())] if word == "linear" else []
    for shape in ((4, 6, 6), (4, 7)):
        graph = build(
            shape, ("conv1", ops.Conv(4, 3)), *middle, ("it", op), ("flatten2", ops.Flatten()), ("l", ops.Linear(3))
        )
        state, numbers = state_of(graph), np.random.default_rng(3)
        for training in (False, True):
            step = backpropagate(graph, state, 2 * numbers.standard_normal((2, *shape)), [0, 2], training)
            for _ in range(10):
                index = tuple(int(numbers.integers(n)) for n in graph.by_path["conv1"].shape)
                way = chain(step, Address("conv1", index), int(numbers.integers(2)))
                check_chain(step, way)
                if way.links:
                    link = next(link for link in way.links if link.unit.path == "it")
                    told = bool(link.steps) or link.factor_at is not None or link.kind in ("copy", "winner")
                    assert told, link


def test_the_way_of_a_whole_network_ends_at_the_loss() -> None:
    masks = {"dropout1": 2.0 * (np.random.default_rng(1).random((3, 72)) < 0.5)}
    graph = build((1, 12, 12), ("conv1", ops.Conv(8, 3)), ("sigmoid1", ops.Sigmoid()), ("maxpool1", ops.MaxPool(2)),
                  ("conv2", ops.Conv(8, 3)), ("batchnorm1", ops.BatchNorm()), ("flatten1", ops.Flatten()),
                  ("dropout1", ops.Dropout(0.5)), ("linear1", ops.Linear(10)), ("softmax1", ops.Softmax()))  # fmt: skip
    step = backpropagate(graph, state_of(graph), batch_of(graph), [1, 5, 9], masks=masks)
    way = chain(step, Address("conv1", (2, 0, 1, 1), "weight"))
    assert [link.unit.path for link in way.links] == [node.path for node in graph.nodes[:-1]]
    kinds = [link.kind for link in way.links]
    assert kinds == ["value", "slope", "winner", "weight", "slope", "copy", "mask", "weight"]
    assert way.loss is not None
    assert way.loss.label == [1, 5, 9][way.links[-1].example]
    assert way.gradient == pytest.approx(float(step.parameters["conv1.weight"][2, 0, 1, 1]))
    assert 0 < way.links[1].steps[-1].value <= 0.25


def test_what_the_loss_does_not_depend_on() -> None:
    step = backpropagate(SMALL, state_of(SMALL), batch_of(SMALL, 2), [0, 1], training=False)
    for told, at in (("the scores, linear1", Address("softmax1", (0,))),
                     ("is not trained", Address("batchnorm1", (0,), "running_mean"))):  # fmt: skip
        with pytest.raises(UserError) as error:
            open_gradient(step, at)
        assert told in str(error.value)
    with pytest.raises(UserError, match="the batch has 2"):
        open_gradient(step, Address("conv1", (0, 0, 0)), 2)


def test_a_unit_that_nobody_reads_has_no_way() -> None:
    graph = build((1, 5), ("maxpool1", ops.MaxPool(2)), ("flatten1", ops.Flatten()), ("linear1", ops.Linear(2)))
    step = backpropagate(graph, state_of(graph), batch_of(graph, 1), [0])
    assert open_gradient(step, Address("input", (0, 4))).value == 0
    way = chain(step, Address("input", (0, 4)))
    assert (way.links, way.loss, way.along, way.gradient) == ((), None, 0.0, 0)


def test_a_dead_way_shows_what_killed_it() -> None:
    graph = build((1,), ("linear1", ops.Linear(1, bias=False)), ("relu1", ops.ReLU()), ("linear2", ops.Linear(2)))
    state = {**state_of(graph), "linear1.weight": np.array([[-1.0]])}
    way = chain(backpropagate(graph, state, np.array([[2.0]]), [0]), Address("linear1", (0, 0), "weight"))
    assert [link.factor for link in way.links][:2] == [2.0, 0.0]
    assert way.links[1].steps[0].name == "slope where x <= 0"
    assert (way.gradient, way.along) == (0, 0)
