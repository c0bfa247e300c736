"""One operation on numbers at hand: shape rules, unfolded windows and functions against PyTorch's."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
import torch
from sample_graphs import random_op, random_shape, tensors_of
from torch.nn import functional

from convscope import ops
from convscope.calculation.calculation import Calculation, calculate
from convscope.calculation.im2col import Im2col
from convscope.calculation.losses import BinaryCrossEntropy, CrossEntropy
from convscope.calculation.one_hot import OneHot
from convscope.calculation.probabilities import Logit, Odds
from convscope.network.graph import INPUT, Node
from convscope.ops import Misfit, Op
from convscope.ops.activation.calculate import RowSoftmax
from convscope.ops.calculate import shape_rules
from convscope.ops.normalisation.calculate import batch_statistics
from convscope.ops.regularisation.calculate import DropoutDrawn
from convscope.ops.shape_rules import dimension_names
from convscope.ops.step import Step

FORMULA = {
    **{name: getattr(math, name) for name in ("exp", "log", "sqrt", "erf", "tanh", "floor", "ceil")},
    "max": max,
    "min": min,
    "abs": abs,
}


def worth(step: Step) -> float:
    """What a formula gives with its numbers put in."""
    names = {f"v{place}": operand.value for place, operand in enumerate(step.operands)}
    return float(eval(step.form.format(*names), {**FORMULA, **names}))


def random_calculation(rng: random.Random, cls: type[Op], rank: int = 2) -> Calculation:
    """An operation with random arguments on random numbers."""
    while True:
        shape = random_shape(rng, rank)
        op = random_op(rng, cls, shape)
        if op is None:
            continue
        numbers = np.random.default_rng(rng.randrange(2**32))
        tensors = tensors_of(Node("n", op, (INPUT,), (shape,), op.shape([shape])), numbers)
        given = {name.removeprefix("n."): value for name, value in tensors.items()}
        parameters = {name: given[name] for name in op.parameters([shape])}
        buffers = {name: given[name] for name in op.buffers([shape])}
        return calculate(op, [numbers.normal(size=shape)], parameters, buffers)


@pytest.mark.parametrize("cls", [ops.Conv, ops.MaxPool, ops.AvgPool, ops.AdaptiveAvgPool, ops.Flatten])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_the_rule_of_the_shape_is_true(cls: type[Op], rank: int) -> None:
    rng = random.Random(f"rule {cls.__name__} {rank}")
    for _ in range(60):
        done = random_calculation(rng, cls, rank)
        assert [rule.step.value for rule in done.rules] == list(done.output.shape[-len(done.rules) :])
        for rule in done.rules:
            assert worth(rule.step) == rule.step.value, rule
        if cls is not ops.Flatten:
            assert [rule.step.name for rule in done.rules] == list(dimension_names(rank))


def test_the_rule_says_how_same_pads_and_where_ceil_mode_drops_a_place() -> None:
    same = shape_rules(ops.Conv(1, 3, padding="same", stride=2), [(1, 4, 5)])
    assert [(rule.step.symbols(), rule.padding) for rule in same] == [
        ("ceil(rows / stride)", (0, 1)),
        ("ceil(columns / stride)", (1, 1)),
    ]
    (kept,) = shape_rules(ops.MaxPool(2, ceil_mode=True), [(1, 5)])
    (dropped,) = shape_rules(ops.MaxPool(2, stride=3, padding=1, ceil_mode=True), [(1, 5)])
    assert (kept.step.value, kept.shortened, dropped.step.value, dropped.shortened) == (3, False, 2, True)
    assert dropped.step.form.endswith("+ 1 - 1")


def test_the_unfolded_matrix_is_torchs_and_knows_where_it_comes_from() -> None:
    rng, seen = random.Random(5), 0
    while seen < 40:
        done = random_calculation(rng, ops.Conv)
        columns, image = done.columns, done.inputs[0]
        assert columns is not None
        product = columns.weight_FR @ columns.matrix_RP
        bias = done.parameters.get("bias", np.zeros(len(product)))
        assert np.allclose((product + bias[:, None]).reshape(done.output.shape), done.output, atol=1e-12)
        op, window = done.op, done.window
        assert window is not None
        assert isinstance(op, ops.Conv)
        for row, column in np.ndindex(columns.matrix_RP.shape):
            place = tuple(columns.index_RPI[row, column])
            assert columns.matrix_RP[row, column] == (0 if -1 in place else image[place])
        for filter_, row in np.ndindex(columns.weight_FR.shape):
            met = columns.weight_index(filter_, row)
            assert columns.weight_FR[filter_, row] == (0 if met is None else done.parameters["weight"][met])
        # The terms of an output are the cells of its column.
        filter_, column = rng.randrange(op.out_channels), rng.randrange(len(columns.places))
        terms = done.walk((filter_, *columns.places[column])).terms
        rows = [row for row in range(len(columns.rows)) if columns.weight_index(filter_, row) is not None]
        assert np.array_equal(terms.value_N, columns.matrix_RP[rows, column])
        assert np.array_equal(terms.index_NR, columns.index_RPI[rows, column])
        if any(before != after for before, after in window.padding):
            continue  # torch unfolds with the same padding on both sides
        unfolded = functional.unfold(
            torch.from_numpy(image)[None],
            window.kernel,
            window.dilation,
            tuple(before for before, _ in window.padding),
            window.stride,
        )
        assert np.array_equal(columns.matrix_RP, unfolded[0].numpy())
        seen += 1


def test_im2col_opens_each_cell() -> None:
    done = calculate(Im2col(2, padding=1), [np.arange(1.0, 10).reshape(1, 3, 3)])
    assert done.output.shape == (4, 16)
    for index in done.indices:
        walk = done.walk(index)
        assert walk.value == done.output[index]
        assert walk.terms[0].index == (None if walk.value == 0 else (0, *divmod(int(walk.value) - 1, 3)))


def test_the_winners_are_torchs_indices() -> None:
    rng = random.Random(9)
    for _ in range(20):
        done = random_calculation(rng, ops.MaxPool)
        assert isinstance(done.op, ops.MaxPool)
        if done.op.padding in ("same", "valid"):
            continue
        window = done.window
        assert window is not None
        _, expected = functional.max_pool2d(
            torch.from_numpy(done.inputs[0]),
            window.kernel,
            window.stride,
            tuple(before for before, _ in window.padding),
            window.dilation,
            done.op.ceil_mode,
            return_indices=True,
        )
        assert np.array_equal(done.winners(), expected.numpy())
    for rank in (1, 2):
        adaptive = random_calculation(rng, ops.AdaptiveMaxPool, rank)
        assert isinstance(adaptive.op, ops.AdaptiveMaxPool)
        function = functional.adaptive_max_pool2d if rank == 2 else functional.adaptive_max_pool1d
        _, expected = function(torch.from_numpy(adaptive.inputs[0]), adaptive.output.shape[1:], return_indices=True)
        assert np.array_equal(adaptive.winners(), expected.numpy())
    overall = random_calculation(rng, ops.GlobalMaxPool)
    assert overall.winners()[0, 0, 0] == overall.inputs[0][0].argmax()
    tied = calculate(ops.MaxPool(2), [np.ones((1, 2, 2))])
    assert tied.winners().tolist() == [[[0]]]
    assert calculate(ops.ReLU(), [np.zeros(2)]).winners() is None


def test_walks_come_in_the_order_of_the_window_and_give_the_output() -> None:
    done = random_calculation(random.Random(2), ops.Conv)
    walks = list(done.walks())
    assert [walk.index for walk in walks] == list(np.ndindex(done.output.shape))
    assert np.allclose([walk.value for walk in walks], done.output.reshape(-1), atol=1e-12)
    with pytest.raises(IndexError):
        done.walk((99, 0, 0))
    with pytest.raises(IndexError):
        done.walk((-1, 0, 0))


def test_what_it_costs() -> None:
    done = calculate(
        ops.Conv(7, 3, padding="same"), [np.zeros((3, 4, 4))], {"weight": np.ones((7, 3, 3, 3)), "bias": np.ones(7)}
    )
    assert (done.weights, done.biases, done.macs, done.output.shape) == (189, 7, 189 * 16, (7, 4, 4))


# Functions

NUMBERS = np.random.default_rng(4)
SCORES = NUMBERS.normal(size=(5, 4)) * 5
LABELS = np.array([0.0, 3, 1, 1, 2])
SURE = np.array([[1000.0, 0, -1000], [-1000, 0, 1000]])
PROBABILITIES = NUMBERS.uniform(size=6)


def tensor(values: Any) -> torch.Tensor:
    return torch.from_numpy(np.asarray(values, np.float64))


FUNCTIONS: list[tuple[Op, list[Any], Any]] = [
    (CrossEntropy(), [SCORES, LABELS],
     functional.cross_entropy(tensor(SCORES), tensor(LABELS).long(), reduction="none")),
    (CrossEntropy(), [SURE, np.zeros(2)], [0.0, 2000.0]),
    (BinaryCrossEntropy(), [PROBABILITIES, np.array([0.0, 1, 1, 0, 0.25, 0.5])],
     functional.binary_cross_entropy(tensor(PROBABILITIES), tensor([0, 1, 1, 0, 0.25, 0.5]), reduction="none")),
    (BinaryCrossEntropy(), [np.array([0.0, 1, 0, 1, 0, 1]), np.array([0.0, 1, 1, 0, 0.25, 0.25])],
     functional.binary_cross_entropy(tensor([0, 1, 0, 1, 0, 1]), tensor([0, 1, 1, 0, 0.25, 0.25]), reduction="none")),
    (BinaryCrossEntropy(logits=True), [SCORES[0], np.array([0.0, 1, 0.5, 1])],
     functional.binary_cross_entropy_with_logits(tensor(SCORES[0]), tensor([0, 1, 0.5, 1]), reduction="none")),
    (BinaryCrossEntropy(logits=True), [SURE[0], np.array([0.0, 1, 0.5])], [1000.0, math.log(2), 500.0]),
    (RowSoftmax(), [SCORES], functional.softmax(tensor(SCORES), 1)),
    (Odds(), [PROBABILITIES], tensor(PROBABILITIES) / (1 - tensor(PROBABILITIES))),
    (Logit(), [PROBABILITIES], torch.logit(tensor(PROBABILITIES))),
    (OneHot(4), [LABELS], functional.one_hot(tensor(LABELS).long(), 4)),
    (Im2col(2), [SCORES.reshape(1, 5, 4)], functional.unfold(tensor(SCORES)[None, None], 2)[0]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("op", "inputs", "expected"), FUNCTIONS, ids=[f"{op.word} {n}" for n, (op, *_) in enumerate(FUNCTIONS)]
)
def test_a_function_is_torchs_and_its_steps_give_it(op: Op, inputs: list[Any], expected: Any) -> None:
    done = calculate(op, inputs)
    assert np.allclose(done.output, np.asarray(expected), rtol=1e-10, atol=1e-12)
    assert op.shape(done.shapes) == done.output.shape
    for walk in done.walks():
        assert walk.value == pytest.approx(done.output[walk.index], rel=1e-9, abs=1e-12)
        for term in walk.terms:
            assert term.index is None or term.value == inputs[term.operand][term.index]
        for step in walk.steps:
            assert worth(step) == pytest.approx(step.value, rel=1e-7, abs=1e-9), step


def test_dropout_in_training_keeps_the_mean() -> None:
    mask = np.array([1.0, 0, 1, 1])
    done = calculate(DropoutDrawn(0.25), [np.array([3.0, 3, 6, 9])], {}, {"mask": mask})
    assert done.output.tolist() == [4, 0, 8, 12]
    assert [walk.value for walk in done.walks()] == [4, 0, 8, 12]


def test_several_losses_have_a_mean() -> None:
    (step,) = calculate(CrossEntropy(), [SCORES, LABELS]).after
    assert step.value == pytest.approx(float(functional.cross_entropy(tensor(SCORES), tensor(LABELS).long())))
    assert worth(step) == pytest.approx(step.value)
    assert calculate(CrossEntropy(), [SCORES[:1], LABELS[:1]]).after == ()


def test_batch_statistics_are_those_of_training() -> None:
    image = NUMBERS.normal(size=(3, 4, 5)) * 2 + 1
    buffers, steps = batch_statistics(image)
    done = calculate(ops.BatchNorm(affine=False), [image], {}, buffers, steps)
    expected = functional.batch_norm(tensor(image)[None], None, None, training=True)[0]
    assert np.allclose(done.output, expected.numpy(), atol=1e-12)
    assert [worth(step) for step in done.before] == pytest.approx([step.value for step in steps])
    assert [step.name for step in steps][:2] == ["mean of channel 0", "variance of channel 0"]


@pytest.mark.parametrize(
    ("op", "inputs", "parameters", "told"),
    [
        (ops.Conv(1, 3), [np.zeros((1, 3, 3))], {}, "lacks its parameter weight"),
        (ops.Conv(1, 3, bias=False), [np.zeros((1, 3, 3))], {"weight": np.zeros((1, 3, 3))}, "weight of 1x3x3"),
        (ops.Conv(1, 4, bias=False), [np.zeros((1, 3, 3))], {"weight": np.zeros((1, 1, 4, 4))}, "does not fit"),
        (ops.BatchNorm(affine=False), [np.zeros((1, 3, 3))], {}, "buffer running_mean"),
        (CrossEntropy(), [np.zeros((2, 3)), np.zeros(3)], {}, "2 examples and 3 labels"),
        (CrossEntropy(), [np.zeros((2, 3))], {}, "1 inputs"),
        (Im2col(300), [np.zeros((1, 1000, 1000))], {}, "under all windows"),
    ],
)
def test_what_does_not_fit_is_refused(op: Op, inputs: list[Any], parameters: Any, told: str) -> None:
    with pytest.raises(Misfit) as refused:
        calculate(op, inputs, parameters)
    assert told in refused.value.got
