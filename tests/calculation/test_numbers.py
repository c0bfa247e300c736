"""Numbers as people type them, tables and pictures: read exactly, or refused with the place and a mend."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from examples import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from convscope.calculation.numbers import LARGEST, Reading, parse_numbers, read_numbers
from convscope.errors import UserError

NUMBERS = st.one_of(
    st.integers(-(10**9), 10**9).map(float),
    st.floats(-LARGEST, LARGEST, allow_nan=False),
)
ROWS = st.sampled_from([" / ", "/", ";", "; ", "\n", "\n\n"])
BETWEEN = st.sampled_from([" ", ",", ", ", "   ", " , ", "\t", "\u3000", "，"])


@st.composite
def typed(draw: st.DrawFn) -> tuple[np.ndarray, str]:
    """An array, and one of the ways of typing it."""
    shape = draw(st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4)))
    values = np.array(draw(st.lists(NUMBERS, min_size=math.prod(shape), max_size=math.prod(shape)))).reshape(shape)

    def number(value: float) -> str:
        return draw(st.sampled_from([repr, lambda v: f"{v:+.17g}", lambda v: f"{v:.17e}"]))(float(value))

    channels = []
    for channel in values:
        rows = [draw(BETWEEN).join(map(number, row)) for row in channel]
        text = rows[0]
        for row in rows[1:]:
            text += draw(ROWS) + row
        channels.append(text)
    text = draw(st.sampled_from(["|", " | ", "\n|\n"])).join(channels)
    return values, draw(st.sampled_from(["", " "])) + text + draw(st.sampled_from(["", "\n", "  "]))


@given(typed())
@settings(max_examples=examples(300), deadline=None)
def test_what_is_typed_is_what_is_read(case: tuple[np.ndarray, str]) -> None:
    values, text = case
    assert np.array_equal(parse_numbers(text), values)


@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.booleans())
@settings(deadline=None, max_examples=examples(60))
def test_pythons_and_numpys_brackets_are_read(channels: int, rows: int, columns: int, numpys: bool) -> None:
    values = np.arange(1.0, channels * rows * columns + 1).reshape(channels, rows, columns) / 2
    assert np.array_equal(parse_numbers(str(values) if numpys else str(values.tolist())), values)
    assert np.array_equal(parse_numbers(str(values[0]) if numpys else str(values[0].tolist())), values[:1])


@given(st.text(max_size=60) | st.text("0123456789 ./|,;-+e[]\n", max_size=60))
@settings(max_examples=examples(600), deadline=None)
@example("\x00")
@example("a" * 300)
@example("]" * 5)
@example("[[1 2]")
def test_whatever_is_typed_gives_numbers_or_a_mistake_of_the_users(text: str) -> None:
    try:
        values = read_numbers(text, "input")
    except UserError as refused:
        mistake = refused
    else:
        mistake = None
    if mistake is not None:
        assert mistake.got
        assert mistake.where.startswith("input")
        return
    assert values.ndim in (3, 4)
    assert values.size
    assert np.isfinite(values).all()


@pytest.mark.parametrize(
    ("text", "where", "got", "mend"),
    [
        ("1 2 3 / 4 5", "input", "row 2 has 2 numbers, row 1 has 3 numbers", "row 2 is 4 5"),
        ("1 2 / 3 1o", "input, row 2, column 2", "'1o' is no number", "did you mean 10?"),
        ("l2", "input, row 1, column 1", "'l2' is no number", "did you mean 12?"),
        ("1 2 / 3 4px", "input, row 2, column 2", "'4px' is no number", "did you mean 4?"),
        ("1 --2", "input, row 1, column 2", "'--2' is no number", "did you mean -2?"),
        ("1 2.3.4", "input, row 1, column 2", "'2.3.4' is no number", "one decimal point a number"),
        ("1 2 \\ 3 4", "input, row 1, column 3", "'\\\\' is no number", "rows are separated by /, channels by |"),
        ("1x2", "input, row 1, column 1", "'1x2' is no number", "numbers are separated by spaces: 1 2"),
        ("1,,2", "input, row 1, column 2", "nothing stands there", "a comma too many"),
        ("1 2 / / 3 4", "input, row 2", "the row is empty", "a / too many"),
        ("1 2 /", "input, row 2", "the row is empty", "a / too many"),
        ("1 | | 2", "input, channel 2", "nothing stands there", "a | too many"),
        ("1 2 | 3 x", "input, channel 2, row 1, column 2", "'x' is no number", "a file is a table"),
        ("1 2 | 3", "input", "channel 2 is 1x1, channel 1 is 1x2", ""),
        ("", "input", "no numbers", ""),
        ("nan 1", "input, row 1, column 1", "'nan' is no number", ""),
        ("1e999", "input, row 1, column 1", "1e999 is too large", ""),
        ("1_000", "input, row 1, column 1", "'1_000' is no number", "did you mean 1000?"),
        ("[[1, 2], [3, 4]", "input", "brackets that do not match", ""),
        ("random 9999x9999", "input", "random 9999x9999", ""),
        ("zeros 0x3", "input", "zeros 0x3", ""),
    ],
)
def test_a_mistake_names_its_place_and_mend(text: str, where: str, got: str, mend: str) -> None:
    with pytest.raises(UserError) as mistake:
        read_numbers(text, "input")
    assert (mistake.value.where, mistake.value.got) == (where, got)
    assert mend in mistake.value.hint
    assert bool(mend) <= bool(mistake.value.hint)


@pytest.mark.parametrize(("text", "expected"), [("１ ２", [1, 2]), ("−1 –2", [-1, -2]), (".5 -.5", [0.5, -0.5])])
def test_keyboards_of_others(text: str, expected: list[float]) -> None:
    assert parse_numbers(text)[0, 0].tolist() == expected


def test_tensorflows_layout() -> None:
    channels_last = Reading(channels_last=True)
    assert read_numbers("1 10 / 2 20 | 3 30 / 4 40", "input", channels_last).tolist() == [
        [[1, 2], [3, 4]],
        [[10, 20], [30, 40]],
    ]
    assert read_numbers("zeros 5x4x3", "input", channels_last).shape == (3, 5, 4)


def test_made_up_numbers() -> None:
    assert read_numbers("count 2x2", "input").tolist() == [[[1, 2], [3, 4]]]
    assert read_numbers("ones 7x3x3x3", "kernel").shape == (7, 3, 3, 3)
    first, again = (read_numbers("random 1x4x4", "input", Reading(seed=seed)) for seed in (1, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, read_numbers("random 1x4x4", "input", Reading(seed=2)))
    assert not np.array_equal(first, read_numbers("random 1x4x4", "kernel", Reading(seed=1)))


@pytest.mark.parametrize(
    "text",
    ["1,2.5,-3\n4,5,6\n",  "1;2.5;-3\r\n4;5;6", "1\t2.5\t-3\n4\t5\t6\n", "\ufeff1, 2.5, -3,\n\n4, 5, 6,\n",
     "1 2.5 -3\n4 5 6"],
)  # fmt: skip
def test_tables(tmp_path: Path, text: str) -> None:
    path = tmp_path / "numbers.csv"
    path.write_bytes(text.encode())
    assert read_numbers(str(path), "input").tolist() == [[[1, 2.5, -3], [4, 5, 6]]]


@pytest.mark.parametrize(
    ("data", "where", "got", "mend"),
    [
        (b"1,2\n3\n", "", "row 2 has 1 number, row 1 has 2 numbers", ""),
        (b"1,2\n3,x4\n", ", row 2, column 2", "'x4' is no number", "did you mean 4?"),
        (b"a,b\n1,2\n", ", row 1, column 1", "'a' is no number", "a heading?"),
        (b"", "", "no numbers", ""),
        (b"\xff\xfe\x00\x01", "", "neither a picture nor text", ""),
    ],
)
def test_a_broken_table_names_the_place(tmp_path: Path, data: bytes, where: str, got: str, mend: str) -> None:
    path = tmp_path / "numbers.csv"
    path.write_bytes(data)
    with pytest.raises(UserError) as mistake:
        read_numbers(str(path), "input")
    assert mistake.value.where == f"input, {path}{where}"
    assert mistake.value.got == got
    assert mend in mistake.value.hint


@given(data=st.binary(max_size=80))
@settings(max_examples=examples(100), deadline=None)
def test_whatever_stands_in_a_file_is_numbers_or_a_mistake(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.csv"
    path.write_bytes(data)
    try:
        values = read_numbers(str(path), "input")
    except UserError:
        return
    assert values.ndim == 3
    assert np.isfinite(values).all()


def test_pictures(tmp_path: Path) -> None:
    rgb_HWC = np.arange(60, dtype=np.uint8).reshape(4, 5, 3) * 4
    Image.fromarray(rgb_HWC).save(tmp_path / "rgb.png")
    Image.fromarray(rgb_HWC[:, :, 0]).save(tmp_path / "grey.png")
    read = read_numbers(str(tmp_path / "rgb.png"), "input")
    assert np.array_equal(read, rgb_HWC.transpose(2, 0, 1))
    assert np.array_equal(read_numbers(str(tmp_path / "grey.png"), "input"), rgb_HWC[None, :, :, 0])
    options = Reading(grey=True, scale=True, resize=(2, 3))
    small = read_numbers(str(tmp_path / "rgb.png"), "input", options)
    assert small.shape == (1, 2, 3)
    assert 0 <= small.min() <= small.max() <= 1
    (tmp_path / "text.png").write_text("no picture")
    for name, told in (("text.png", "not a picture but text"), ("rgbb.png", "no file")):
        with pytest.raises(UserError) as mistake:
            read_numbers(str(tmp_path / name), "input")
        assert told in mistake.value.got
    assert mistake.value.hint == "did you mean rgb.png?"


def test_a_large_picture_is_to_be_resized(tmp_path: Path) -> None:
    Image.new("RGB", (2000, 1500)).save(tmp_path / "large.png")
    with pytest.raises(UserError) as mistake:
        read_numbers(str(tmp_path / "large.png"), "input")
    assert mistake.value.hint == "--resize 224x224"
    assert read_numbers(str(tmp_path / "large.png"), "input", Reading(resize=(8, 8))).shape == (3, 8, 8)
