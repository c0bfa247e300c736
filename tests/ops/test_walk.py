"""The value of an opened number: what its fields say is true, parts stand where steps name them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from gated_units import gru_tensors, gru_unit, squeezed_unit

from convscope.ops.opening import make_step
from convscope.ops.terms import ITSELF, PRODUCT, SQUARE, TermFunction, Terms, exponential
from convscope.ops.walk import Operand, Step, Walk

FUNCTIONS = {"exp": math.exp, "sqrt": math.sqrt, "erf": math.erf, "tanh": math.tanh, "max": max, "min": min}
VALUES, PLACES = np.array([2.0, -1.0, 0.5]), np.array([[0], [1], [2]])


def evaluated(form: str, numbers: list[float]) -> float:
    """A formula with numbers put in."""
    names = {f"v{at}": number for at, number in enumerate(numbers)}
    return float(eval(form.format(*names), {**FUNCTIONS, **names}))


def walks(walk: Walk) -> Iterator[Walk]:
    """A walk and all walks in it."""
    yield walk
    for part in walk.parts:
        yield from walks(part)


GATED = [
    gru_unit(np.array([1.0, -0.5, 2.0]), np.array([0.25, -0.75]), gru_tensors(3, 2), 1),
    squeezed_unit(np.arange(12.0).reshape(3, 2, 2) - 5, 0.5, -0.25, (1, 0, 1)),
]


@pytest.mark.parametrize(
    "terms",
    [
        Terms.of(VALUES, PLACES),
        Terms.of(VALUES, PLACES).squared(),
        Terms.of(VALUES, PLACES).exponentials(2.0),
        Terms.of(VALUES, PLACES).times(np.array([3.0, -2.0, 0.0])),
        Terms.of(VALUES, PLACES).becoming(TermFunction("own", "sqrt({0} ** 2 + {1})", operands=(Operand("b", 4.0),)),
                                          np.sqrt(VALUES**2 + 4)),
    ],
    ids=lambda terms: terms.becomes.name,
)  # fmt: skip
def test_the_formula_of_a_term_gives_its_result(terms: Terms) -> None:
    for term in terms:
        assert evaluated(terms.becomes.form, terms.becomes.numbers(term)) == pytest.approx(term.result, rel=1e-15)
    assert len(terms.becomes.numbers(terms[0])) == terms.becomes.form.count("{")


def test_the_formula_of_a_term_in_names() -> None:
    known = [ITSELF, PRODUCT, SQUARE, exponential(3.0)]
    assert [one.symbols() for one in known] == ["x", "x * weight", "x ** 2", "exp(x - largest)"]


def test_weights_and_the_formula_that_has_none_are_refused() -> None:
    with pytest.raises(ValueError, match="terms with weights become x"):
        Terms(np.zeros(3, np.int64), PLACES, VALUES, VALUES, weight_N=VALUES)
    with pytest.raises(ValueError, match="terms without weights become x"):
        Terms.of(VALUES, PLACES).becoming(PRODUCT, VALUES)


def test_a_computed_weight_stands_nowhere() -> None:
    term = Terms.of(VALUES, PLACES).times(np.array([1.0, 0.5, 0.25]), weight="cosine")[1]
    assert (term.weight, term.weight_index, term.weight_source, term.result) == (0.5, None, None, -0.5)


def test_the_largest_terms_first() -> None:
    terms = Terms.of(VALUES, PLACES).times(np.array([0.0, 5.0, 4.0]), PLACES, "weight").ordered()
    assert [(term.index, term.weight_index, term.result) for term in terms] == [
        ((1,), (1,), -5.0),
        ((2,), (2,), 2.0),
        ((0,), (0,), 0.0),
    ]


def test_two_operands_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two operands of one name in sum"):
        Step("sum", "{0} + {1}", (Operand("x", 1.0), Operand("x", 2.0)), 3.0)


# Walks that hold walks


@pytest.mark.parametrize("walk", GATED, ids=lambda walk: walk.operation)
def test_all_that_a_gated_unit_shows_is_true(walk: Walk) -> None:
    for one in walks(walk):
        for term in one.terms:
            form = one.terms.becomes.form
            assert evaluated(form, one.terms.becomes.numbers(term)) == pytest.approx(term.result, rel=1e-15)
        assert one.combined == pytest.approx(float(one.terms.result_N.sum()))
        for step in one.steps:
            numbers = [operand.value for operand in step.operands]
            assert evaluated(step.form, numbers) == pytest.approx(step.value, rel=1e-12)
        for part in one.parts:
            stands = [o.value for step in one.steps for o in step.operands if o.name == part.name]
            assert set(stands) == {part.value}


def test_a_gru_by_hand_is_torchs() -> None:
    tensors = gru_tensors(4, 3, seed=2)
    cell = torch.nn.GRUCell(4, 3).double()
    cell.load_state_dict({name: torch.from_numpy(value) for name, value in tensors.items()})
    x, state = np.random.default_rng(1).normal(size=4), np.random.default_rng(5).normal(size=3)
    with torch.no_grad():
        expected = cell(torch.from_numpy(x), torch.from_numpy(state)).numpy()
    opened = [gru_unit(x, state, tensors, channel) for channel in range(3)]
    assert [walk.value for walk in opened] == pytest.approx(expected, rel=1e-12)
    assert opened[0].count == 1 + 3 * (4 + 3)
    candidate = opened[2].part("candidate")
    kept = candidate.part("from the state").terms[0]
    assert (kept.operand, kept.weight_source, kept.weight_index) == (1, "weight_hh", (8, 0))
    assert kept.weight == tensors["weight_hh"][8, 0]


def part(value: float, name: str) -> Walk:
    return Walk("relu", (0,), Terms.of(np.array([value]), np.array([[0]])), "value", value, (), 1.0, name=name)


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ([part(1.0, "")], "need names of their own"),
        ([part(1.0, "gate"), part(1.0, "gate")], "need names of their own"),
        ([part(1.0, "gate"), part(2.0, "other")], "no step's operand is the part 'other'"),
        ([part(1.5, "gate")], "gate is 1.5 and stands in a step as"),
    ],
)
def test_a_part_that_no_step_names_is_refused(parts: list[Walk], told: str) -> None:
    steps = (make_step("value", "{0}", 1.0, gate=1.0),)
    with pytest.raises(ValueError, match=told):
        Walk("own", (0,), Terms.none(), "sum", 0.0, steps, 1.0, tuple(parts))


def test_a_part_that_is_no_number_may_stand_in_a_step() -> None:
    steps = (make_step("value", "{0}", math.nan, gate=math.nan),)
    walk = Walk("own", (0,), Terms.none(), "sum", 0.0, steps, 1.0, (part(math.nan, "gate"),))
    assert math.isnan(walk.part("gate").value)
