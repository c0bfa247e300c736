"""Sheets: every value's colour at its place, labels that fit, dead ones crossed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from convscope.inspection.look import Look
from convscope.inspection.maps import Kernels, feature_maps, kernels, maps_of
from convscope.model.folder import Model
from convscope.render.images.colormap import enlarge, paint
from convscope.render.images.contact_sheet import ACCENT, WIDTH
from convscope.render.images.map_sheet import BLANK, kernel_pixels, kernels_sheet, map_pixels, maps_sheet


def holds(sheet: np.ndarray, pixels_HWC: np.ndarray) -> bool:
    """Whether a picture lies somewhere on a sheet, pixel by pixel."""
    high, wide = pixels_HWC.shape[:2]
    corners = (sheet[: sheet.shape[0] - high + 1, : sheet.shape[1] - wide + 1] == pixels_HWC[0, 0]).all(2)
    return any((sheet[y : y + high, x : x + wide] == pixels_HWC).all() for y, x in np.argwhere(corners))


def test_every_map_is_on_the_sheet_scaled_by_itself() -> None:
    values = (
        np.random.default_rng(0).normal(size=(5, 9, 9)).astype(np.float32) * np.array([1, 10, 0.1, 3, 7])[:, None, None]
    )
    maps = maps_of("conv1", "conv 5 3x3", values.astype(np.float32))
    sheet = np.asarray(maps_sheet(maps))
    for channel in range(5):
        low, high = maps.low_C[channel], maps.high_C[channel]
        painted = paint(maps.maps_CHW[channel], low, high, "signed")
        assert (painted == map_pixels(maps, channel)).all()
        assert holds(sheet, enlarge(painted, 8))  # 9 places in at least 66 pixels


def test_one_signed_maps_are_grey_and_dead_ones_crossed() -> None:
    values = np.random.default_rng(0).uniform(size=(3, 70, 70)).astype(np.float32)
    values[1] = 0
    maps = maps_of("relu1", "relu", values)
    pixels = map_pixels(maps, 0)
    assert pixels.min() == 0
    assert pixels.max() == 255
    assert (pixels == pixels[:, :, :1]).all()
    assert (map_pixels(maps, 1, 2) == BLANK).all()
    sheet = np.asarray(maps_sheet(maps))
    assert (sheet == ACCENT).all(2).sum() > 100
    alive = np.asarray(maps_sheet(maps, [0, 2]))
    assert not (alive == ACCENT).all(2).any()


@pytest.mark.parametrize("path", ["input", "conv1", "tanh1", "avgpool2", "flatten1", "linear1", "linear3"])
def test_every_node_has_a_sheet(path: str, seen: Callable[..., Look]) -> None:
    sheet = maps_sheet(feature_maps(seen("lenet5"), path))
    assert sheet.width <= WIDTH
    assert len(sheet.getcolors(2**24) or ()) > 10


def test_many_maps_are_cut_and_said() -> None:
    maps = maps_of("conv1", "conv 300 1x1", np.random.default_rng(0).normal(size=(300, 4, 4)).astype(np.float32))
    all_of_them = maps_sheet(maps, range(300))
    assert maps_sheet(maps).height < all_of_them.height
    assert maps_sheet(maps, [3]).height < 250


def test_kernels_that_read_colours_are_in_colour() -> None:
    weights = np.zeros((2, 3, 1, 2), np.float32)
    weights[0, 0, 0, 0], weights[0, 2, 0, 1] = 0.5, -0.25
    found = Kernels("conv1", "conv 2 1x2", weights, weights.min((1, 2, 3)), weights.max((1, 2, 3)), (1,), True)
    assert kernel_pixels(found, 0).tolist() == [[[255, 128, 128], [128, 128, 64]]]
    assert holds(np.asarray(kernels_sheet(found)), kernel_pixels(found, 0, factor=33))


def test_other_kernels_are_a_row_of_input_channels(untrained: Callable[..., Model]) -> None:
    found = kernels(untrained("input 3x10x10\nconv 6 3x3 > conv 40 3x3 > flatten > linear 2"), "conv2")
    sheet = np.asarray(kernels_sheet(found))
    for channel in range(6):
        weights = found.weights_OIHW[31, channel]
        painted = enlarge(paint(weights, found.low_O[31], found.high_O[31], "signed"), 9)
        assert holds(sheet, painted)
    assert not holds(sheet, kernel_pixels(found, 32, 0, 9))  # 32 of 40
