"""The backward pass: NumPy equals autograd, and both the slope between two neighbouring points."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from sample_gradients import Case

from convscope import ops
from convscope.engine.module import GraphModule
from convscope.engine.module_operations import compute_of
from convscope.network.graph import Graph, Node
from convscope.ops import OPERATIONS, Op
from convscope.ops.arrays import BACKWARD, Gradients
from convscope.reference.backward import backward
from convscope.reference.forward import forward


def close(got: Gradients, expected: Gradients, tolerance: float = 1e-10) -> None:
    assert got.parameters.keys() == expected.parameters.keys()
    pairs = [*zip(got.inputs, expected.inputs, strict=True)]
    pairs += [(got.parameters[name], value) for name, value in expected.parameters.items()]
    for ours, theirs in pairs:
        assert ours.shape == theirs.shape
        assert ours.dtype == np.float64
        scale = max(1.0, float(np.abs(theirs).max(initial=0)))
        assert np.abs(ours - theirs).max(initial=0) <= tolerance * scale


def test_every_operation_has_one() -> None:
    assert [cls.__name__ for cls in OPERATIONS.values() if BACKWARD.find(cls) is None] == []

    class Unknown(ops.Op):
        pass

    assert BACKWARD.find(Unknown) is None


@pytest.mark.parametrize("cls", OPERATIONS.values(), ids=OPERATIONS)
def test_many_of_each_operation_equal_autograd(cls: type[Op], cases: int) -> None:
    rng, numbers = random.Random(f"backward {cls.word}"), np.random.default_rng(1)
    for _ in range(cases):
        case = Case(rng, numbers, cls, training=cls is not ops.Dropout and rng.random() < 0.5)
        close(case.numpy(), case.autograd())


def test_hardsigmoid_is_torchs_but_for_its_rounded_sixth() -> None:
    x = torch.tensor([-3.0, -2.9, 0.0, 2.9, 3.0], dtype=torch.float64, requires_grad=True)
    torch.nn.functional.hardsigmoid(x).sum().backward()
    assert x.grad is not None
    found = backward(ops.Hardsigmoid(), [x.detach().numpy()[None]], {}, {}, np.ones((1, 5))).inputs[0][0]
    assert found == pytest.approx(x.grad.numpy(), rel=1e-7)
    assert found[1] == 1 / 6


@pytest.mark.parametrize("cls", OPERATIONS.values(), ids=OPERATIONS)
def test_it_is_the_slope_between_two_neighbours(cls: type[Op]) -> None:
    """Central differences of the forward reference, which shares no line with the backward pass."""
    rng, numbers = random.Random(f"slope {cls.word}"), np.random.default_rng(2)
    step = 1e-6
    for _ in range(8):
        case = Case(rng, numbers, cls, training=cls is ops.BatchNorm and rng.random() < 0.7)
        # Away from kinks and ties: there is no slope at them.
        case.inputs = [np.rint(4 * value) + 0.3 + 0.4 * numbers.random(value.shape) for value in case.inputs]
        found = case.numpy()
        tensors = [*((value, found.inputs[n]) for n, value in enumerate(case.inputs))]
        tensors += [(value, found.parameters[name]) for name, value in case.parameters.items()]
        for tensor, gradient in tensors:
            for _ in range(3):
                at = tuple(rng.randrange(n) for n in tensor.shape)
                kept, sides = tensor[at], []
                for change in (step, -step):
                    tensor[at] = kept + change
                    out = forward(case.node.op, case.inputs, case.parameters, case.buffers, case.training)
                    sides.append(float((out * case.gradient).sum()))
                tensor[at] = kept
                numeric = (sides[0] - sides[1]) / (2 * step)
                assert numeric == pytest.approx(gradient[at], rel=1e-5, abs=1e-5 * (1 + abs(sides[0])))


def test_batch_norm_in_training_differs_from_evaluation() -> None:
    x, one = np.array([[1.0], [2.0], [4.0]]), np.array([[1.0], [0.0], [0.0]])
    buffers = {"running_mean": np.zeros(1), "running_var": np.ones(1)}
    op = ops.BatchNorm(affine=False)
    trained = backward(op, [x], {}, buffers, one, training=True).inputs[0]
    assert trained.sum() == pytest.approx(0, abs=1e-12)  # a shift of the whole batch changes nothing
    assert not np.allclose(trained, backward(op, [x], {}, buffers, one).inputs[0])


def test_dropout_in_training_is_refused() -> None:
    x = np.ones((1, 2))
    with pytest.raises(ValueError, match="random"):
        backward(ops.Dropout(0.5), [x], {}, {}, x, training=True)
    assert backward(ops.Dropout(0.5), [x], {}, {}, x).inputs[0].tolist() == [[1, 1]]
    assert backward(ops.Dropout(0.0), [x], {}, {}, x, training=True).inputs[0].tolist() == [[1, 1]]


def test_it_keeps_the_precision_and_changes_nothing() -> None:
    rng, numbers = random.Random(3), np.random.default_rng(3)
    for cls in OPERATIONS.values():
        case = Case(rng, numbers, cls)
        case.inputs = [value.astype(np.float32) for value in case.inputs]
        case.parameters = {name: value.astype(np.float32) for name, value in case.parameters.items()}
        case.buffers = {name: value.astype(np.float32) for name, value in case.buffers.items()}
        case.gradient = case.gradient.astype(np.float32)
        arrays = [*case.inputs, *case.parameters.values(), *case.buffers.values(), case.gradient]
        before = [value.copy() for value in arrays]
        found = case.numpy()
        assert {value.dtype for value in (*found.inputs, *found.parameters.values())} == {np.dtype(np.float32)}, cls
        assert all(np.array_equal(now, then) for now, then in zip(arrays, before, strict=True))


def test_four_dimensions_where_torch_has_three() -> None:
    """The same arithmetic in any rank: a volume seen as one of four dimensions, the last of length 1."""
    numbers = np.random.default_rng(4)
    x, weight = numbers.standard_normal((2, 3, 5, 4, 6)), numbers.standard_normal((2, 3, 2, 3, 2))
    three = ops.Conv(2, (2, 3, 2), stride=2, padding=1, bias=False)
    four = ops.Conv(2, (2, 3, 2, 1), stride=(2, 2, 2, 1), padding=(1, 1, 1, 0), bias=False)
    gradient = numbers.standard_normal((2, *three.shape([x.shape[1:]])))
    flat = backward(three, [x], {"weight": weight}, {}, gradient)
    deep = backward(four, [x[..., None]], {"weight": weight[..., None]}, {}, gradient[..., None])
    assert np.allclose(flat.inputs[0], deep.inputs[0][..., 0])
    assert np.allclose(flat.parameters["weight"], deep.parameters["weight"][..., 0])


def test_a_graph_module_of_one_node_is_what_is_compared() -> None:
    """The part that the comparison builds computes what the engine's module does."""
    node = Node("conv1", ops.Conv(2, 3), ("input",), ((1, 5, 5),), (2, 3, 3))
    module = GraphModule(Graph((1, 5, 5), (node,)))
    x = torch.randn(1, 1, 5, 5)
    assert torch.equal(module(x), compute_of(node)(module.get_submodule("conv1"), [x]))  # type: ignore[arg-type]
