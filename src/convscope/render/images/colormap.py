"""Numbers as colours: three small tables, made for this project, whose lightness says as much as their hue.

- ``grey``: one-signed values, black the least, white the largest.
- ``signed``: below zero blue, zero nearly white, above zero orange; the further from zero, the darker. Blue and orange
  stay apart under every common colour blindness, which red and green do not; a test simulates them.
- ``heat``: from nearly black over violet and orange to pale yellow, always lighter: where more is.
"""

from __future__ import annotations

from io import BytesIO
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Colours = Literal["grey", "signed", "heat"]
Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

STOPS: dict[Colours, tuple[tuple[int, int, int], ...]] = {
    "grey": ((0, 0, 0), (255, 255, 255)),
    "signed": (
        (8, 38, 92), (44, 104, 172), (140, 184, 222), (246, 246, 244), (244, 178, 112), (206, 96, 24), (106, 38, 4),
    ),
    "heat": ((10, 6, 30), (70, 16, 104), (152, 38, 106), (222, 80, 62), (250, 152, 36), (252, 236, 150)),
}  # fmt: skip
"""Red, green, blue at equal distances from the least value to the largest; between them by straight lines."""

FINE = 255
"""Colours of a table: an odd number has a middle one, which is zero's."""


def table(colours: Colours) -> Pixels:
    """The colours from the least value to the largest, ``(255, 3)``.

    Example:
        >>> table("grey")[[0, 127, 254]].tolist()
        [[0, 0, 0], [128, 128, 128], [255, 255, 255]]
    """
    stops = np.array(STOPS[colours], np.float64)
    at = np.linspace(0, len(stops) - 1, FINE)
    channels = [np.interp(at, np.arange(len(stops)), stops[:, channel]) for channel in range(3)]
    return np.rint(np.stack(channels, 1)).astype(np.uint8)


def paint(values_HW: Floats, low: float, high: float, colours: Colours) -> Pixels:
    """Numbers as pixels ``(H, W, 3)``: ``low`` gets the first colour, ``high`` the last; what is no number is grey.

    Of ``signed`` values the middle colour is zero, so both ends are as far from it as the further one.

    Example:
        >>> paint(np.array([[-1.0, 0.0, 2.0]], np.float32), -1, 2, "signed").tolist()
        [[[93, 145, 198], [246, 246, 244], [106, 38, 4]]]
    """
    if colours == "signed":
        high = max(abs(low), abs(high))
        low = -high
    width = high - low
    fraction = (values_HW.astype(np.float64) - low) / width if width > 0 else np.full(values_HW.shape, 0.5)
    known = np.isfinite(fraction)
    at = np.rint(np.clip(np.where(known, fraction, 0), 0, 1) * (FINE - 1)).astype(np.int64)
    painted: Pixels = table(colours)[at]
    painted[~known] = (128, 128, 128)
    return painted


def enlarge(pixels_HWC: Pixels, factor: int) -> Pixels:
    """Every pixel as a square of ``factor`` by ``factor``: nothing is smoothed that the network does not smooth."""
    return pixels_HWC.repeat(factor, 0).repeat(factor, 1)


def rgb(image_HWC: Pixels) -> Pixels:
    """A grey picture ``(H, W, 1)`` with three equal channels; one in colour as it is."""
    return image_HWC.repeat(3, 2) if image_HWC.shape[2] == 1 else image_HWC


def png(pixels_HWC: Pixels | Image.Image) -> bytes:
    """A picture as the bytes of a PNG file; one whose channels are equal is written as grey, which is smaller.

    Example:
        >>> png(np.zeros((2, 2, 3), np.uint8))[1:4]
        b'PNG'
    """
    image = pixels_HWC if isinstance(pixels_HWC, Image.Image) else Image.fromarray(pixels_HWC)
    pixels = np.asarray(image)
    if pixels.ndim == 3 and pixels.shape[2] == 3 and (pixels == pixels[:, :, :1]).all():
        image = Image.fromarray(np.ascontiguousarray(pixels[:, :, 0]))
    file = BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()
