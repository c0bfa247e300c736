"""Heat and boxes over pictures."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.network.receptive_field import Field
from convscope.render.images.overlay import clipped, cropped, heat_over, with_box

PICTURE = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("colours", ["heat", "signed"])
def test_without_heat_the_picture_is_shown_grey(channels: int, colours: str) -> None:
    picture = PICTURE[:, :, :channels]
    found = heat_over(picture, np.zeros((20, 30), np.float32), colours)  # type: ignore[arg-type]
    assert (found == found[:, :, :1]).all()
    grey = picture[:, :, 0] if channels == 1 else picture @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(found[:, :, 0], 0.75 * grey + 0.25 * 127.5, atol=0.51)


def test_heat_lies_where_it_is() -> None:
    heat_HW = np.zeros((20, 30), np.float32)
    heat_HW[4, 6], heat_HW[9, 3] = 2, 0.1
    changed = np.abs(heat_over(PICTURE, heat_HW).astype(int) - heat_over(PICTURE, 0 * heat_HW)).sum(2)
    assert (changed > 0).sum() == 2
    assert changed[4, 6] > changed[9, 3]


def test_signs_have_their_colours() -> None:
    heat_HW = np.zeros((20, 30), np.float32)
    heat_HW[1, 1], heat_HW[2, 2] = 1, -1
    found = heat_over(np.full((20, 30, 1), 128, np.uint8), heat_HW, "signed").astype(int)
    assert found[1, 1, 0] > found[1, 1, 2]  # orange
    assert found[2, 2, 2] > found[2, 2, 0]  # blue


def test_outliers_do_not_pale_the_rest() -> None:
    values = np.ones((10, 10), np.float32)
    values[0, 0] = -50
    assert np.abs(clipped(values, 0.98)).max() == 1
    assert clipped(values, 1).min() == -50


@pytest.mark.parametrize("factor", [1, 3])
def test_a_box_is_bright_and_framed(factor: int) -> None:
    box = Field(((5, 12), (0, 9)), False)
    found = with_box(PICTURE, box, factor)
    inside = found[5 * factor : 12 * factor, : 9 * factor]
    np.testing.assert_array_equal(
        inside[:, factor:],
        np.repeat(np.repeat(PICTURE, factor, 0), factor, 1)[5 * factor : 12 * factor, factor : 9 * factor],
    )
    assert found[15 * factor :, 12 * factor :].max() <= 0.5 * 255 + 1
    frame = (255, 190, 60)
    assert (found[5 * factor - 1, : 9 * factor] == frame).all()
    assert (found[12 * factor, : 9 * factor] == frame).all()
    assert (found[5 * factor : 12 * factor, 9 * factor] == frame).all()
    assert not (found[5 * factor : 12 * factor, 9 * factor + 1] == frame).all(1).any()


def test_boxes_at_the_edges_and_empty_ones() -> None:
    whole = with_box(PICTURE, Field(((0, 20), (0, 30)), True))
    assert whole.shape == PICTURE.shape
    assert (whole[3:-3, 3:-3] == PICTURE[3:-3, 3:-3]).all()
    nothing = Field(((0, 0), (0, 0)), False)
    assert with_box(PICTURE, nothing).max() <= 0.5 * 255 + 1
    assert cropped(PICTURE, nothing).shape == (1, 1, 3)
    np.testing.assert_array_equal(cropped(PICTURE, Field(((5, 12), (0, 9)), False)), PICTURE[5:12, :9])
