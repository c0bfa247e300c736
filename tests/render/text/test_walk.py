"""A unit's arithmetic as text: what is printed adds up to what is printed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from gated_units import gru_tensors, gru_unit, squeezed_unit
from numpy.typing import NDArray

from convscope import ops
from convscope.ops.step import Operand
from convscope.ops.terms import TermFunction, Terms
from convscope.ops.walk import Walk
from convscope.reference.walk import walk
from convscope.render.text.walk import WIDTH, put_in, spell_number, walk_text

FUNCTIONS = {"exp": math.exp, "sqrt": math.sqrt, "erf": math.erf, "tanh": math.tanh, "max": max, "min": min}
PICTURE = np.array([[[1.5, 2, -3, 4], [0, -1, 5, 2], [1, 0, 2, -7], [0.25, 3, 1, 1]], [[1, 2, 3, 4]] * 4])
VECTOR = np.array([1.0, -2.0, 0.5])


def opened(op: ops.Op, index: tuple[int, ...], *inputs: NDArray[Any]) -> Walk:
    """A unit with random tensors."""
    rng = np.random.default_rng(3)
    shapes = [value.shape for value in inputs]
    tensors = {name: rng.normal(size=shape).round(2) for name, shape in op.parameters(shapes).items()}
    buffers = {name: rng.uniform(0.5, 2, size=shape).round(2) for name, shape in op.buffers(shapes).items()}
    return walk(op, inputs, tensors, buffers, index)


OPENED = [
    opened(ops.Conv(3, 3, padding=1, stride=2), (1, 0, 1), PICTURE),
    opened(ops.Conv(2, 3, bias=False), (1, 1, 1), PICTURE),
    opened(ops.MaxPool(3, padding=1), (0, 0, 0), PICTURE),
    opened(ops.AvgPool(3, padding=1), (1, 0, 0), PICTURE),
    opened(ops.Linear(4), (2,), VECTOR),
    opened(ops.BatchNorm(), (1, 2, 2), PICTURE),
    opened(ops.LayerNorm(), (0, 1, 1), PICTURE),
    opened(ops.LocalResponseNorm(2), (1, 0, 2), PICTURE),
    opened(ops.Softmax(), (1,), VECTOR),
    opened(ops.Sigmoid(), (1,), VECTOR),
    opened(ops.GELU(), (1,), VECTOR),
    opened(ops.GELU(approximate="tanh"), (1,), VECTOR),
    opened(ops.LeakyReLU(), (1,), VECTOR),
    opened(ops.Hardswish(), (1,), VECTOR),
    opened(ops.Add(), (1,), VECTOR, VECTOR),
    opened(ops.Mul(), (1,), VECTOR, VECTOR),
    opened(ops.Flatten(), (6,), PICTURE),
    opened(ops.Scale(bias=True), (1, 2, 2), PICTURE),
]


@pytest.mark.parametrize("unit", OPENED, ids=lambda unit: unit.operation)
def test_every_formula_printed_is_true(unit: Walk) -> None:
    lines = walk_text(unit, digits=12)
    text = " ".join(line.strip() for line in lines if ": " not in line)
    found = [text] * bool(text) + [line.split(": ", 1)[1] for line in lines if ": " in line]
    for equation in found:
        *_, left, right = equation.split(" = ")
        if left == "value":
            continue
        if any(name in left for name in ("x", "sum")) and equation.count(" = ") == 1 and "(" not in left:
            continue  # only names
        assert eval(left, FUNCTIONS) == pytest.approx(float(right), rel=1e-9, abs=1e-12), equation
    assert lines[-1].endswith(f"= {spell_number(unit.value, 12)}")
    assert all(len(line) <= WIDTH for line in walk_text(unit) if ": " not in line)


def test_long_sums_are_wrapped() -> None:
    lines = walk_text(opened(ops.Conv(1, 3, bias=False), (0, 0, 0), PICTURE))
    assert len(lines) > 1
    assert all(line.startswith(("  + ", "  = ")) for line in lines[1:])


def test_what_is_left_out_is_said_and_adds_up() -> None:
    unit = opened(ops.Linear(4, bias=False), (0,), np.arange(100.0))
    (line,) = walk_text(unit, most=3, largest_first=True, width=200)
    left, right = line.replace("97 more: ", "").split(" = ")
    assert eval(left) == pytest.approx(float(right), rel=1e-5)
    assert left.startswith(f"{int(unit.terms.largest_first(1)[0].value)}*")
    table = walk_text(unit, lambda term: f"x{list(term.index or ())}", most=3)
    assert "97 more terms" in table[-2]
    products = [float(row.split()[2]) for row in table[1:4]] + [float(table[-2].split()[-1])]
    assert sum(products) == pytest.approx(unit.value, rel=1e-5)
    assert table[1].endswith("x[0]")


def test_a_maximum_names_its_winner() -> None:
    unit = opened(ops.MaxPool(2), (0, 0, 0), np.array([[[1.0, 6, 6, 8], [4, 6, 6, 8]]]))
    assert walk_text(unit) == ["max(1, 6, 4, 6) = 6"]
    marked = [row for row in walk_text(unit, lambda term: f"x{list(term.index or ())}") if "the largest" in row]
    assert marked == ["     6  x[0, 0, 1]  <- the largest"]
    assert walk_text(unit, most=2) == ["max(1, 6, 2 more) = 6"]


def test_padding_is_named() -> None:
    def never_padding(term: Any) -> str:
        assert term.index is not None
        return "x"

    table = walk_text(opened(ops.Conv(1, 3, padding=1), (0, 0, 0), PICTURE), never_padding)
    assert sum(line.endswith("padding") for line in table) == 10  # five of a window of nine, two channels


@pytest.mark.parametrize(
    ("value", "text"),
    [(8.0, "8"), (-0.0, "0"), (1e14, "1" + "0" * 14), (1e20, "1e+20"), (math.inf, "inf"), (math.nan, "nan"),
     (-math.inf, "-inf"), (0.1 + 0.2, "0.3"), (1 / 3, "0.333333"), (1e-5, "1e-05"), (2.9999999999, "3")],
)  # fmt: skip
def test_numbers_are_spelled_for_people(value: float, text: str) -> None:
    assert spell_number(value) == text


def test_a_power_of_a_negative_number_is_in_brackets() -> None:
    assert put_in("{0} ** 3", [-2.0]) == "(-2) ** 3"


def test_parts_are_told_before_the_steps_that_they_stand_in() -> None:
    unit = squeezed_unit(np.arange(4.0).reshape(1, 2, 2), 2.0, -3.0, (0, 1, 1))
    assert walk_text(unit) == [
        "gate:",
        "  squeezed:",
        "    0 + 1 + 2 + 3 = 6",
        "    mean: sum / count = 6 / 4 = 1.5",
        "  with bias: squeezed * weight + bias = 1.5 * 2 + (-3) = 0",
        "  value: 1 / (1 + exp(-with bias)) = 1 / (1 + exp(-0)) = 0.5",
        "value: x * gate = 3 * 0.5 = 1.5",
    ]
    table = walk_text(unit, lambda term: f"x{list(term.index or ())}")
    assert table[0].startswith("x = 3")
    assert "      3  x[0, 1, 1]" in "\n".join(table)


def test_a_gated_recurrent_unit_is_told_whole() -> None:
    unit = gru_unit(np.array([1.0, -0.5]), np.array([0.25]), gru_tensors(2, 1), 0)
    lines = walk_text(unit)
    assert [line for line in lines if line.endswith(":") and not line.startswith(" ")] == ["update gate:", "candidate:"]
    assert [line.strip() for line in lines if line.startswith("  ") and line.endswith(":")] == [
        *("from the input:", "from the state:"),
        *("reset gate:", "from the input:", "from the state:", "from the input:", "from the state:"),
    ]
    assert lines[-1].startswith("value: (1 - update gate) * candidate + update gate * state = ")


def test_a_formula_of_an_operations_own_is_put_in() -> None:
    half = TermFunction("own", "({0} + {1}) / 2", operands=(Operand("shift", 1.0),))
    plain = TermFunction("own", "{0} + {1}", operands=(Operand("shift", 1.0),))
    for becomes, results, told in ((half, [1.0, 0.0], "(1 + 1) / 2 + (-1 + 1) / 2 = 1"),
                                   (plain, [2.0, 0.0], "(1 + 1) + (-1 + 1) = 2")):  # fmt: skip
        terms = Terms.of(np.array([1.0, -1.0]), np.array([[0], [1]])).becoming(becomes, np.array(results))
        walk_of_it = Walk("own", (0,), terms, "sum", sum(results), (), 2.0)
        assert walk_text(walk_of_it) == [told]
        assert becomes.symbols() in walk_text(walk_of_it, lambda term: "x")[0]
