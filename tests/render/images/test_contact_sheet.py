"""Tiles in rows: nothing overlaps, nothing is cut off."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.render.images.contact_sheet import ACCENT, MARGIN, PAPER, WIDTH, Tile, sheet


def shade(number: int, high: int = 30, wide: int = 50) -> np.ndarray:
    return np.full((high, wide, 3), (number, 200, 255 - number), np.uint8)


@pytest.mark.parametrize("count", [1, 7, 40])
@pytest.mark.parametrize("columns", [None, 3])
def test_every_tile_is_there_whole(count: int, columns: int | None) -> None:
    tiles = [Tile(shade(n), str(n), (f"{n} .. {n + 0.123}", "more")) for n in range(count)]
    found = np.asarray(sheet(tiles, "conv1", ["a remark"], "signed", columns))
    for number in range(count):
        assert (found == (number, 200, 255 - number)).all(2).sum() == 30 * 50
    assert found.shape[1] <= WIDTH


def test_nothing_is_written_over_the_margin() -> None:
    tiles = [
        Tile(shade(5), "a title that is longer than its picture", ("a line that is longer still: 1.23e-05",), True)
    ] * 9
    for some in (tiles, [Tile(shade(5), "0", ("0 .. 1",), True)]):
        found = np.asarray(sheet(some, "a heading " * 8, ["a remark " * 12], "heat"))
        for edge in (found[: MARGIN - 5], found[-MARGIN // 2 :], found[:, : MARGIN - 2], found[:, -MARGIN // 2 :]):
            assert (edge == PAPER).all()
    assert (found == ACCENT).all(2).any()


def test_a_tile_wider_than_the_sheet_makes_it_wider() -> None:
    assert sheet([Tile(shade(1, 10, 2000), "wide")]).width == 2000 + 2 * MARGIN


def test_no_tiles_leave_the_heading() -> None:
    assert sheet([], "nothing").height > 2 * MARGIN
