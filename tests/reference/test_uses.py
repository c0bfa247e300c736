"""A gradient opened: the uses of a unit or a weight sum to autograd's, every factor is what stands at its address."""

from __future__ import annotations

import random

import numpy as np
import pytest
from sample_gradients import Case

from convscope import ops
from convscope.ops import OPERATIONS, Op
from convscope.ops.arrays import Operands
from convscope.ops.uses import USES, WEIGHT_USES, Uses
from convscope.ops.walk import Walk
from convscope.reference.uses import uses_of_unit, uses_of_weight

WEIGHTED = (ops.Conv, ops.Linear, ops.BatchNorm, ops.LayerNorm, ops.GroupNorm, ops.Scale, ops.PReLU, ops.RMSNorm)


def operands(case: Case) -> Operands:
    return Operands(case.inputs, case.parameters, case.buffers, case.training)


def walk_of(case: Case, uses: Uses) -> Walk:
    return uses.walk(case.gradient[(uses.example_N, *uses.index_NR.T)])


def random_place(rng: random.Random, shape: ops.Shape) -> tuple[int, ...]:
    return tuple(rng.randrange(n) for n in shape)


def check(case: Case, found: Walk, expected: float) -> None:
    assert abs(found.value - expected) <= 1e-10 * max(1.0, found.scale), (case.node, found.value, expected)
    terms = list(found.terms)
    assert len({(term.example, term.index) for term in terms}) == len(terms), "a unit stands twice"
    for term in terms:
        assert term.value == case.gradient[(term.example, *(term.index or ()))]
        if term.weight_index is not None and term.weight_source == "weight":
            assert term.weight == case.parameters["weight"][term.weight_index]
        elif term.weight_index is not None:
            assert term.weight_source == 0
            met, kind = case.inputs[0][(term.example, *term.weight_index)], found.terms.becomes.weight
            assert (kind == "value" and term.weight == met) or kind == "standardised"


def test_every_operation_is_known() -> None:
    assert [cls.__name__ for cls in OPERATIONS.values() if USES.find(cls) is None] == []
    assert [cls.__name__ for cls in WEIGHTED if WEIGHT_USES.find(cls) is None] == []
    rng, numbers = random.Random(0), np.random.default_rng(0)
    weighted = [cls for cls in OPERATIONS.values() if Case(rng, numbers, cls).node.parameters]
    assert set(weighted) <= set(WEIGHTED)


@pytest.mark.parametrize("cls", OPERATIONS.values(), ids=OPERATIONS)
def test_many_units_of_each_operation(cls: type[Op], cases: int) -> None:
    rng, numbers = random.Random(f"units {cls.word}"), np.random.default_rng(5)
    for _ in range(cases):
        case = Case(rng, numbers, cls, training=cls is not ops.Dropout and rng.random() < 0.5)
        expected = case.autograd()
        operand = rng.randrange(len(case.inputs))
        example, index = rng.randrange(len(case.inputs[0])), random_place(rng, case.node.input_shapes[operand])
        uses = uses_of_unit(case.node.op, operands(case), operand, example, index)
        check(case, walk_of(case, uses), float(expected.inputs[operand][(example, *index)]))


@pytest.mark.parametrize("cls", WEIGHTED)
def test_many_weights_of_each_operation(cls: type[Op], cases: int) -> None:
    rng, numbers = random.Random(f"weights {cls.word}"), np.random.default_rng(6)
    done = 0
    while done < cases:
        case = Case(rng, numbers, cls, training=rng.random() < 0.5)
        expected = case.autograd().parameters
        for name in expected:
            index = random_place(rng, case.node.parameters[name])
            found = walk_of(case, uses_of_weight(case.node.op, operands(case), name, index))
            check(case, found, float(expected[name][index]))
            done += 1


def test_a_weight_of_a_convolution_meets_every_place_and_the_padding() -> None:
    picture = np.arange(9.0).reshape(1, 1, 3, 3)
    given = Operands([picture], {"weight": np.ones((1, 1, 3, 3))}, {}, False)
    op = ops.Conv(1, 3, padding=1, bias=False)
    uses = uses_of_weight(op, given, "weight", (0, 0, 0, 0))
    found = uses.walk(np.ones(9))
    assert [term.weight_index for term in found.terms].count(None) == 5
    assert (found.terms[8].weight_source, found.terms[8].weight_index) == (0, (0, 1, 1))
    assert [term.index for term in found.terms.largest_first(2)] == [(0, 2, 2), (0, 2, 1)]
    assert found.value == 0 + 1 + 3 + 4
    with pytest.raises(KeyError):
        uses_of_weight(op, given, "bias", (0,))


def test_the_losers_of_a_maximum_are_said() -> None:
    given = Operands([np.array([[[1.0, 5.0, 5.0, 2.0]]])], {}, {}, False)
    found = [uses_of_unit(ops.MaxPool(2, 1), given, 0, 0, (0, at)) for at in range(4)]
    assert [use.factor_N.tolist() for use in found] == [[0], [1, 1], [1, 0], [0]]
    assert [use.index_NR[:, 1].tolist() for use in found] == [[0], [1, 0], [2, 1], [2]]


def test_batch_norm_in_training_reads_across_examples() -> None:
    given = Operands([np.array([[1.0], [2.0], [6.0]])], {}, {"running_mean": np.zeros(1), "running_var": np.ones(1)},
                     True)  # fmt: skip
    uses = uses_of_unit(ops.BatchNorm(affine=False), given, 0, 1, (0,))
    assert uses.example_N.tolist() == [0, 1, 2]
    assert uses.factor_N.sum() == pytest.approx(0, abs=1e-12)
