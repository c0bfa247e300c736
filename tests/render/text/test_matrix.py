"""Matrices as text: aligned, the window in brackets, large ones around it only."""

from __future__ import annotations

import re

import numpy as np
import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from convscope.render.text.matrix import (
    MOST_COLUMNS,
    MOST_ROWS,
    PART_COLUMNS,
    PART_ROWS,
    WIDTH,
    Block,
    Frame,
    beside,
    draw_matrix,
    flow,
    spell_cells,
)

SIDE = st.integers(1, 30)


@given(SIDE, SIDE, st.data())
@settings(max_examples=examples(150), deadline=None)
def test_every_number_stands_in_its_column_and_the_window_in_brackets(
    rows: int, columns: int, data: st.DataObject
) -> None:
    values = np.arange(1.0, rows * columns + 1).reshape(rows, columns)
    row, column = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, columns - 1))
    high, wide = (data.draw(st.integers(1, 3)) for _ in range(2))
    marked = {(r, c) for r in range(row, min(rows, row + high)) for c in range(column, min(columns, column + wide))}
    drawn = draw_matrix(values, marked)
    assert len({len(line) for line in drawn.lines}) <= 2  # only the last bracket or its blank may be missing
    shown = np.array([line.replace("[", " ").replace("]", " ").split() for line in drawn.lines])
    bracketed = {int(n) for line in drawn.lines for part in re.findall(r"\[([^\]]*)\]", line) for n in part.split()}
    assert bracketed == {int(values[place]) for place in marked}
    if rows <= MOST_ROWS and columns <= MOST_COLUMNS:
        assert np.array_equal(shown.astype(float), values)
        assert drawn.caption == ""
    else:
        assert shown.shape[0] <= PART_ROWS + 2
        assert shown.shape[1] <= PART_COLUMNS + 2
        assert bool(drawn.caption) == (rows > PART_ROWS or columns > PART_COLUMNS)


def test_padding_and_what_lies_beyond() -> None:
    drawn = draw_matrix(np.ones((1, 2)), {(0, 1), (0, 2), (0, 3)}, Frame((0, 1), (0, 1), (0, 1)))
    assert drawn.lines == (" .  1 [1  .  ]",)


def test_unknown_numbers_are_hidden() -> None:
    assert draw_matrix(np.array([[7.0, 8.0]]), known={(0, 0)}).lines == ("7 ?",)


def test_a_window_at_the_end_is_shown_with_what_stands_before_it() -> None:
    assert draw_matrix(np.zeros((90, 3)), {(88, 0), (89, 0)}).caption == f"rows {90 - PART_ROWS} to 89"


def test_a_wide_matrix_is_cut_where_the_terminal_ends() -> None:
    drawn = draw_matrix(np.full((2, MOST_COLUMNS), -1234.5678))
    assert drawn.width <= WIDTH
    assert drawn.caption == f"columns 0 to {PART_COLUMNS - 1}"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1.0, 2.0], ["1", "2"]),
        ([1 / 3, 1.0], ["0.3333", "1.0000"]),
        ([-0.0, 0.5], ["0.0", "0.5"]),
        ([float("inf"), 1.0], ["inf", "1"]),
        ([1e-9, 1e9], ["1e-09", "1e+09"]),
        ([-0.00004, 0.25], ["-4e-05", "0.25"]),
    ],
)
def test_numbers_of_a_matrix_have_one_style(values: list[float], words: list[str]) -> None:
    assert spell_cells(values) == words


def test_blocks_beside_each_other_and_below() -> None:
    small = Block("a", ("1 2", "3 4"))
    lines = beside([small, "->", Block("", ("5",))])
    assert lines is not None
    assert [line.split() for line in lines] == [["a"], ["1", "2", "->", "5"], ["3", "4"]]
    assert beside([Block("a", ("x" * 60,)), Block("b", ("x" * 60,))]) is None
    assert len(flow([Block("c", ("1" * 60,))] * 2)) == 5  # two rows of two lines and a blank one
    assert flow([small, small]) == ["a     a", "1 2   1 2", "3 4   3 4"]
