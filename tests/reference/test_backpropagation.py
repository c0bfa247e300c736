"""A whole step by the chain rule: every gradient of random networks equals autograd's, and the loss's own slope."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from sample_gradients import exact_hardsigmoid, random_step, with_scores
from sample_graphs import RESIDUAL, SMALL, batch_of, build, loaded, state_of

from convscope import ops
from convscope.errors import UserError
from convscope.inspection.autograd import engine_step
from convscope.network.address import Address
from convscope.network.graph import INPUT
from convscope.ops.tensors import COMPUTE
from convscope.reference.backpropagation import Backpropagation, Update, backpropagate


@pytest.fixture(autouse=True)
def _exact_sixth(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = lambda op, place: lambda part, inputs: exact_hardsigmoid(op, inputs[0])  # noqa: E731
    monkeypatch.setitem(COMPUTE._known, ops.Hardsigmoid, exact)


def close(ours: Backpropagation, theirs: Backpropagation, tolerance: float = 1e-10) -> None:
    assert ours.loss.value == pytest.approx(theirs.loss.value, rel=tolerance, abs=tolerance)
    for found, expected in (
        (ours.values, theirs.values), (ours.gradients, theirs.gradients), (ours.parameters, theirs.parameters),
    ):  # fmt: skip
        assert found.keys() == expected.keys()
        for name, value in found.items():
            assert value.shape == expected[name].shape, name
            scale = max(1.0, float(np.abs(expected[name]).max(initial=0)))
            assert np.abs(value - expected[name]).max(initial=0) <= tolerance * scale, name


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_random_networks_equal_autograd(rank: int, training: bool) -> None:
    for seed in range(40):
        close(*random_step(seed, rank, training))


def test_its_gradients_are_the_slopes_of_its_loss() -> None:
    rng, step = random.Random(0), 1e-6
    for graph in (SMALL, with_scores(RESIDUAL)):
        state, batch, labels = state_of(graph), batch_of(graph, 2), [1, 0]
        masks = {}
        if graph is SMALL:
            masks["dropout1"] = 2.0 * (np.random.default_rng(1).random((2, *graph.by_path["dropout1"].shape)) < 0.5)
        found = backpropagate(graph, state, batch, labels, masks=masks)
        for name in found.parameters:
            at = tuple(rng.randrange(n) for n in state[name].shape)
            sides = []
            for change in (step, -step):
                moved = {**state, name: state[name].copy()}
                moved[name][at] += change
                sides.append(backpropagate(graph, moved, batch, labels, masks=masks).loss.value)
            assert found.parameters[name][at] == pytest.approx((sides[0] - sides[1]) / (2 * step), rel=1e-4, abs=1e-7)


def test_the_engine_step_leaves_the_module_as_it_was() -> None:
    module = loaded(SMALL).float()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    first = engine_step(module, torch.ones(2, 1, 12, 12), [0, 1], seed=1)
    again, other = (engine_step(module, torch.ones(2, 1, 12, 12), [0, 1], seed=seed) for seed in (1, 2))
    assert not module.training
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert first.loss.value == again.loss.value != other.loss.value
    assert (first.eps, first.values[INPUT].dtype) == (2.0**-23, np.float32)


def test_frozen_weights_have_gradients_too() -> None:
    module = loaded(SMALL)
    module.requires_grad_(False)
    step = engine_step(module, torch.ones(2, 1, 12, 12, dtype=torch.float64), [0, 1])
    assert np.abs(step.parameters["conv1.weight"]).max() > 0


def test_a_unit_that_passes_on_has_its_own_gradient() -> None:
    """Identity hands the same tensor on; what only the other reader does must not count as its."""
    graph = build(
        (2,),
        ("a", ops.Identity()),
        ("b", ops.Linear(2, bias=False), ("input",)),
        ("add1", ops.Add(), ("a", "b")),
    )
    state = {"b.weight": np.array([[5.0, 0.0], [0.0, 5.0]])}
    module = loaded(graph)
    module.load_state_dict({"b.weight": torch.from_numpy(state["b.weight"])})
    batch = np.array([[1.0, 2.0]])
    ours, theirs = backpropagate(graph, state, batch, [0]), engine_step(module, torch.from_numpy(batch), [0])
    close(ours, theirs)
    assert theirs.gradients["input"] == pytest.approx(6 * theirs.gradients["a"])


def test_the_step_of_sgd() -> None:
    graph, state = with_scores(RESIDUAL), state_of(with_scores(RESIDUAL))
    batch, labels = batch_of(graph, 4), [0, 1, 2, 0]
    step = backpropagate(graph, state, batch, labels)
    after = step.updated(0.01)
    assert after.keys() == state.keys()
    assert np.array_equal(
        after["basic1.add1.a.batchnorm1.running_mean"], state["basic1.add1.a.batchnorm1.running_mean"]
    )
    weight = Address("head.linear1", (1, 3), "weight")
    update = step.update(weight, 0.01)
    assert update.after == after["head.linear1.weight"][1, 3] == update.step.value
    assert update.before == state["head.linear1.weight"][1, 3]
    module = loaded(graph)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.01)
    module.train()
    torch.nn.functional.cross_entropy(module.scores(torch.from_numpy(batch)), torch.tensor(labels)).backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    for name, value in module.named_parameters():
        assert after[name] == pytest.approx(value.detach().numpy(), rel=1e-10, abs=1e-12)
    assert backpropagate(graph, after, batch, labels).loss.value < step.loss.value
    assert Update(weight, 1.0, 2.0, 0.0).after == 1.0


def test_mistakes_are_told_in_words() -> None:
    state, batch = state_of(SMALL), batch_of(SMALL, 2)
    for told, call in (
        ("a mask of 0 and", lambda: backpropagate(SMALL, state, batch, [0, 1])),
        ("a mask of 3", lambda: backpropagate(SMALL, state, batch, [0, 1], masks={"dropout1": np.ones(3)})),
        ("N x 1x12x12", lambda: backpropagate(SMALL, state, batch[:, :, :5], [0, 1])),
        ("a batch of 0x1x12x12", lambda: backpropagate(SMALL, state, batch[:0], [])),
        ("label of 10", lambda: backpropagate(SMALL, state, batch, [0, 10], training=False)),
        ("no tensor", lambda: backpropagate(SMALL, {}, batch, [0, 1], training=False)),
        ("N x 1x12x12", lambda: engine_step(loaded(SMALL), torch.zeros(2, 1, 5, 12), [0, 1])),
        ("label of 10", lambda: engine_step(loaded(SMALL), torch.zeros(2, 1, 12, 12), [0, 10])),
        ("one an example: 2", lambda: engine_step(loaded(SMALL), torch.zeros(2, 1, 12, 12), [0])),
        ("scores of 4x8x8", lambda: engine_step(loaded(RESIDUAL), torch.zeros(1, 4, 8, 8), [0])),
        ("scores of 4x8x8", lambda: backpropagate(RESIDUAL, state_of(RESIDUAL), batch_of(RESIDUAL), [0])),
    ):
        with pytest.raises(UserError) as error:
            call()
        assert told in str(error.value)
