"""Colours: ordered by lightness, apart under colour blindness, and exact at their ends."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from convscope.render.images.colormap import STOPS, enlarge, paint, png, rgb, table

BLINDNESS = {
    "none": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
"""G. Machado, M. Oliveira, L. Fernandes 2009, severity 1, of linear light."""
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(colours_N3: np.ndarray, seen_by: str = "none") -> np.ndarray:
    """CIELAB of sRGB colours, as someone sees them."""
    srgb = colours_N3 / 255
    light = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    light = (light @ np.array(BLINDNESS[seen_by]).T).clip(0, 1)
    x, y, z = np.moveaxis(light @ XYZ.T / np.array([0.9505, 1, 1.089]), -1, 0)
    x, y, z = (np.where(v > 0.008856, np.cbrt(v), 7.787 * v + 16 / 116) for v in (x, y, z))
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


@pytest.mark.parametrize("seen_by", BLINDNESS)
def test_lightness_follows_the_value(seen_by: str) -> None:
    for name in ("grey", "heat"):
        lightness = lab(table(name), seen_by)[:, 0]  # type: ignore[arg-type]
        assert (np.diff(lightness) > -0.05).all(), name
        assert lightness[-1] - lightness[0] > 80
    lightness = lab(table("signed"), seen_by)[:, 0]
    assert (np.diff(lightness[:128]) > -0.05).all()
    assert (np.diff(lightness[127:]) < 0.05).all()


@pytest.mark.parametrize("seen_by", BLINDNESS)
def test_below_and_above_zero_stay_apart(seen_by: str) -> None:
    colours = lab(table("signed"), seen_by)
    distances = np.linalg.norm(colours[127 - 25 :: -1][:103] - colours[127 + 25 :], axis=1)
    assert distances.min() > 15  # 2 is just seen


def test_zero_is_the_middle_whatever_the_range() -> None:
    middle = list(STOPS["signed"][3])
    for low, high in ((-1, 2), (-8, 0.5), (0, 3), (-3, 0)):
        values = np.array([[0, max(-low, high), -max(-low, high)]], np.float32)
        painted = paint(values, low, high, "signed")
        assert painted[0].tolist() == [middle, list(STOPS["signed"][-1]), list(STOPS["signed"][0])]


def test_ends_and_what_lies_beyond() -> None:
    painted = paint(np.array([[1, 3, 0, 9, np.nan, np.inf]], np.float32), 1, 3, "grey")
    assert painted[0, :, 0].tolist() == [0, 255, 0, 255, 128, 128]
    assert paint(np.full((2, 2), 7, np.float32), 7, 7, "grey").tolist() == [[[128] * 3] * 2] * 2


def test_enlarging_repeats_pixels() -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    large = enlarge(pixels, 3)
    assert large.shape == (6, 6, 3)
    assert (large[3:, :3] == pixels[1, 0]).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_png_is_what_was_painted(channels: int) -> None:
    pixels = rgb(np.random.default_rng(0).integers(0, 256, (5, 7, channels), np.uint8))
    read = Image.open(BytesIO(png(pixels)))
    assert read.format == "PNG"
    assert read.mode == ("L" if channels == 1 else "RGB")
    np.testing.assert_array_equal(np.asarray(read.convert("RGB")), pixels)
