"""Sheets of what was found: each heat over its picture, in words why, framed fields beside what is in them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from convscope.errors import UserError
from convscope.inspection.attribution.class_map import class_map
from convscope.inspection.attribution.integrated import integrated_gradients
from convscope.inspection.attribution.occlusion import occlusion
from convscope.inspection.look import Look
from convscope.inspection.top_activations import exciting
from convscope.model.folder import Model
from convscope.render.images.colormap import enlarge, rgb
from convscope.render.images.figures import attributions_sheet, excitation_sheet, factor_of, field_sheet, heat_pixels

NET = "input 1x8x8\nconv 4 3x3 > relu > globalavgpool > flatten > linear 3"


def holds(sheet: np.ndarray, pixels_HWC: np.ndarray) -> int:
    """How often a picture lies on a sheet, pixel by pixel."""
    high, wide = pixels_HWC.shape[:2]
    corners = (sheet[: sheet.shape[0] - high + 1, : sheet.shape[1] - wide + 1] == pixels_HWC[0, 0]).all(2)
    return sum(bool((sheet[y : y + high, x : x + wide] == pixels_HWC).all()) for y, x in np.argwhere(corners))


def test_every_attribution_is_on_the_sheet(seen: Callable[..., Look]) -> None:
    look = seen(NET)
    found = [class_map(look), occlusion(look, "class 1"), integrated_gradients(look, steps=8)]
    sheet = np.asarray(attributions_sheet(look, found))
    factor = factor_of(look.input)
    assert factor == 28
    assert holds(sheet, enlarge(rgb(look.input), factor)) == 1
    for one in found:
        assert holds(sheet, enlarge(heat_pixels(look, one), factor)) == 1


def test_an_empty_map_shows_the_picture_alone(seen: Callable[..., Look]) -> None:
    look = seen(NET)
    empty = class_map(look, layer="globalavgpool1")
    pixels = heat_pixels(look, empty)
    assert (pixels == pixels[:, :, :1]).all()
    assert np.corrcoef(pixels[:, :, 0].ravel(), look.input.ravel())[0, 1] > 0.999


def test_a_field_and_what_is_in_it(seen: Callable[..., Look]) -> None:
    look = seen(NET)
    sheet = np.asarray(field_sheet(look, "conv1[0,2,3]"))
    assert holds(sheet, enlarge(rgb(look.input[2:5, 3:6]), 74)) == 1  # three pixels in 224
    whole = np.asarray(field_sheet(look, "linear1[0]"))
    assert holds(whole, enlarge(rgb(look.input), 28)) == 2
    with pytest.raises(UserError, match="no such node"):
        field_sheet(look, "conv7[0,0,0]")


@pytest.mark.parametrize("least", [False, True])
def test_exciting_pictures_with_their_places(least: bool, untrained: Callable[..., Model]) -> None:
    found = exciting(untrained(NET), "digits", "conv1[1]", 3)
    sheet = np.asarray(excitation_sheet(found, least))
    for entry in found.least if least else found.most:
        (top, bottom), (left, right) = entry.field.spans
        assert holds(sheet, enlarge(rgb(entry.image_HWC[top:bottom, left:right]), 74)) >= 1
