"""A calculation as text: the window in brackets, the rule, the terms; large ones abbreviated."""

from __future__ import annotations

import random
import re
from typing import Any

import numpy as np
import pytest

from convscope import ops
from convscope.calculation.build import build_calculation
from convscope.calculation.calculation import Calculation
from convscope.calculation.numbers import Reading
from convscope.render.text.calc import (
    calculation_text,
    column_lines,
    cost_text,
    covered,
    rule_lines,
    stage_lines,
    unit_lines,
)


def made(word: str, *words: str, **options: Any) -> Calculation:
    return build_calculation(word, words, options, Reading())


def text(word: str, *words: str, **options: Any) -> str:
    done = made(word, *words, **options)
    return "\n".join(calculation_text(done, (0,) * done.output.ndim))


def test_the_notes_window() -> None:
    shown = text("conv", "1 2 3 / 0 1 5 / 1 0 2", "1 0 1 / 0 1 0 / 1 0 1")
    assert shown.splitlines() == [
        "conv 1 3x3 bias=no: slides a kernel over the input; at each place, products with the window are summed",
        "",
        "input 1x3x3      kernel 1x3x3      output 1x1x1",
        "[1  2  3]        1 0 1             [8]",
        "[0  1  5]     *  0 1 0          =",
        "[1  0  2]        1 0 1",
        "",
        "output rows and columns = floor((rows + 2*padding - dilation*(kernel - 1) - 1) / stride) + 1",
        "                        = floor((3 + 2*0 - 1*(3 - 1) - 1) / 1) + 1 = 1",
        "",
        "output[0,0,0] = 1*1 + 2*0 + 3*1 + 0*0 + 1*1 + 5*0 + 1*1 + 0*0 + 2*1 = 8",
        "",
        "9 multiply-adds, 9 weights, no bias",
    ]


def test_the_brackets_are_the_terms_of_the_output() -> None:
    rng = random.Random(1)
    for _ in range(60):
        options: dict[str, Any] = {"stride": str(rng.randint(1, 2)), "padding": str(rng.randint(0, 1))}
        word = rng.choice(["conv", "maxpool", "avgpool"])
        groups = rng.randint(1, 2)
        second = f"random 2x{2 // groups}x2x2" if word == "conv" else "2"
        options |= {"groups": groups} if word == "conv" else {}
        options |= {"dilation": "2"} if word != "avgpool" and rng.random() < 0.3 else {}
        options |= {"ceil_mode": True} if word != "conv" and rng.random() < 0.5 else {}
        done = made(word, f"random 2x{rng.randint(3, 5)}x{rng.randint(3, 5)}", second, **options)
        index = tuple(rng.randrange(n) for n in done.output.shape)
        inside = {
            place
            for place in covered(done, index)[0]
            if all(0 <= at < n for at, n in zip(place, done.shapes[0], strict=True))
        }
        assert inside == {term.index for term in done.walk(index).terms if term.index is not None}


def test_every_use_marks_what_it_reads_and_where() -> None:
    pooled = stage_lines(made("maxpool", "1 1 2 3 / 4 6 6 8 / 3 1 1 0 / 1 2 2 4", "2"), (0, 1, 0))
    assert [line.rstrip() for line in pooled[1:]] == [
        " 1  1  2  3        6  8",
        " 4  6  6  8   ->  [3] 4",
        "[3  1] 1  0",
        "[1  2] 2  4",
    ]
    losses = "\n".join(stage_lines(made("crossentropy", "2 1 0.1 / 0 3 1", "0 2"), (1,)))
    assert "[0.0  3.0  1.0]" in losses
    assert "0 [2]" in losses
    strided = stage_lines(made("conv", "1 2 3 4 5", "1 1", dilation="2"), (0, 1))
    assert " 1 [2] 3 [4] 5" in strided[1]


def test_what_is_not_computed_yet_has_a_question_mark() -> None:
    done = made("relu", "1 2 3")
    assert stage_lines(done, (1,), {(0,), (1,)})[1].endswith("1 [2] ?")


@pytest.mark.parametrize(
    ("word", "words", "options", "told"),
    [
        ("conv", ("count 1x5x5", "ones 3x3"), {"padding": "same", "stride": "2"}, "ceil(5 / 2) = 3   (same: zeros 1"),
        ("conv", ("count 1x4x5", "ones 3x3"), {"padding": "same", "stride": "2"}, "(same: zeros 0 before, 1 behind)"),
        ("maxpool", ("1 2 3 4 5", "2"), {"ceil_mode": True}, "= ceil((5 + 2*0 - 1*(2 - 1) - 1) / 2) + 1 = 3"),
        ("maxpool", ("1 2 3 4 5", "2"), {"ceil_mode": True, "stride": "3", "padding": "1"}, "the last window"),
        ("adaptiveavgpool", ("count 1x5x5", "3"), {}, "output rows and columns = output_size = 3"),
        ("flatten", ("count 2x3x4",), {}, "= 2 * 3 * 4 = 24"),
        ("relu", ("1",), {}, ""),
    ],
)  # fmt: skip
def test_the_rule_of_the_shape_has_its_numbers(word: str, words: Any, options: dict[str, Any], told: str) -> None:
    lines = rule_lines(made(word, *words, **options).rules)
    assert told in "\n".join(lines)
    assert bool(lines) == bool(told)


def test_costs_in_words() -> None:
    kernels = made("conv", "zeros 3x4x4", "ones 7x3x3x3", padding="same", bias="zeros 7")
    assert cost_text(kernels) == "3,024 multiply-adds, 189 weights + 7 biases"
    assert cost_text(made("conv", "1", "1", bias="1")) == "1 multiply-add, 1 weight + 1 bias"
    assert cost_text(made("maxpool", "1 2", "2")) == "no weights"
    assert cost_text(made("relu", "1")) == ""


def test_units_in_one_line_where_they_fit() -> None:
    assert unit_lines(made("relu", "-2"), (0,)) == ["output[0] = max(0, x) = max(0, -2) = 0"]
    assert unit_lines(made("maxpool", "1 5", "2"), (0, 0)) == ["output[0,0] = max(1, 5) = 5, found at input[0,1]"]
    assert unit_lines(made("onehot", "1"), (0, 1)) == ["output[0,1]: label 1, class 1: 1"]
    assert unit_lines(made("odds", "0.8"), (0,)) == ["output[0] = p / (1 - p) = 0.8 / (1 - 0.8) = 4"]
    long = unit_lines(made("conv", "random 3x9x9", "random 1x3x5x5"), (0, 0, 0))
    assert long[0].endswith("the largest terms first")
    assert "63 more" in " ".join(long)


def test_the_unfolded_matrix_is_tied_to_its_windows() -> None:
    done = made("im2col", "1 2 3 / 0 1 5 / 1 0 2", "1 0 / 0 1", "2 2 / 2 2")
    assert done.columns is not None
    lines = [line.split() for line in column_lines(done.columns, 3)]
    assert ["0,1,0", "0", "2", "0", "1", "1", "0"] in lines
    assert ["product", "0", "2", "7", "0", "3"] in lines
    assert ["product", "1", "8", "22", "4", "16"] in lines
    assert lines[-1][-4:] == ["[0,1,1]", "[0,1,2]", "[0,2,1]", "[0,2,2]"]
    grouped = made("im2col", "1 2 | 3 4", "1 1", "2 2", groups=2)
    assert grouped.columns is not None
    assert ["1,0", "2", "3"] in [line.split() for line in column_lines(grouped.columns, 0)]  # the other has no weight


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("conv", ("random 3x200x300", "random 64x3x7x7")),
        ("maxpool", ("random 64x28x28", "2")),
        ("linear", ("random 300", "random 100x300")),
        ("im2col", ("random 3x50x50", "random 9x3x3x3")),
        ("softmax", ("random 1000",)),
        ("batchnorm", ("random 50x20x20",)),
        ("onehot", ("zeros 500",)),
        ("layernorm", ("random 3x99x99",)),
        ("crossentropy", ("random 200x1000", "zeros 200")),
    ],
)
def test_large_ones_are_no_wall_of_numbers(word: str, words: tuple[str, ...]) -> None:
    lines = text(word, *words).splitlines()
    assert len(lines) < 90
    assert max(map(len, lines)) <= 120
    assert len(re.findall(r"-?\d+\.?\d*", " ".join(lines))) < 1100


def test_statistics_of_the_input_are_those_of_the_channel() -> None:
    done = made("batchnorm", "1 2 3 | 10 20 60")
    assert "  mean of channel 1: sum / count = 90 / 3 = 30" in calculation_text(done, (1, 0))
    assert "mean of channel 0" not in " ".join(calculation_text(done, (1, 0)))
    assert np.isclose(done.walk((1, 0)).value, done.output[1, 0])
    assert isinstance(done.op, ops.BatchNorm)
