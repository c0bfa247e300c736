"""Heat maps and receptive fields drawn on the picture they are of."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from convscope.network.receptive_field import Field
from convscope.render.images.colormap import Colours, Floats, Pixels, enlarge, paint, rgb

LUMA = np.array([0.299, 0.587, 0.114])
PALE = 0.75
"""How much of its contrast the picture keeps under heat, so that heat is seen on black and on white."""
COVER = 0.75
"""How much of the picture the strongest heat hides."""
AROUND = 0.5
"""How bright the picture stays outside of a box."""


def heat_over(image_HWC: Pixels, heat_HW: Floats, colours: Colours = "heat") -> Pixels:
    """A heat map over its picture, which is shown in pale grey; where there is no heat, the picture alone.

    Args:
        image_HWC: uint8, one channel or three.
        heat_HW: of the same size; from 0 for ``"heat"``, around 0 for ``"signed"``. Scaled by its largest value.
        colours: the table, see :mod:`convscope.render.images.colormap`.

    Returns:
        uint8 (H, W, 3).

    Example:
        >>> heat_over(np.full((1, 2, 1), 100, np.uint8), np.array([[0.0, 2.0]], np.float32)).tolist()
        [[[107, 107, 107], [216, 204, 139]]]
    """
    grey_HW = PALE * (rgb(image_HWC).astype(np.float64) @ LUMA) + (1 - PALE) * 127.5
    largest = float(np.abs(heat_HW).max()) or 1.0
    painted = paint(heat_HW, 0 if colours == "heat" else -largest, largest, colours)
    # Faint heat covers little, so that its dark colours do not hide the picture.
    cover = COVER * (np.abs(heat_HW) / largest)[:, :, None] ** 0.8
    blended: Pixels = np.rint(grey_HW[:, :, None] * (1 - cover) + painted * cover).astype(np.uint8)
    return blended


def clipped(values_HW: Floats, fraction: float = 0.99) -> Floats:
    """Values cut off where all but a fraction of them are closer to zero: a few pixels would pale the rest.

    Example:
        >>> clipped(np.array([[1.0, -2.0, 50.0]], np.float32), 0.5).tolist()
        [[1.0, -2.0, 2.0]]
    """
    most = np.quantile(np.abs(values_HW), fraction)
    return values_HW.clip(-most, most)


def with_box(image_HWC: Pixels, box: Field, factor: int = 1) -> Pixels:
    """A picture with a unit's receptive field in a frame and what lies around it darkened.

    Args:
        image_HWC: uint8, one channel or three.
        box: rows and columns, from :func:`convscope.network.receptive_field.field_of`.
        factor: how much the picture is enlarged.

    Returns:
        uint8 (factor H, factor W, 3).
    """
    large = enlarge(rgb(image_HWC), factor)
    (top, bottom), (left, right) = (tuple(factor * at for at in span) for span in box.spans)
    dark = np.rint(large * AROUND).astype(np.uint8)
    dark[top:bottom, left:right] = large[top:bottom, left:right]
    image = Image.fromarray(dark)
    if bottom > top and right > left:
        draw = ImageDraw.Draw(image)
        for grown, colour in ((2, (20, 20, 24)), (1, (255, 190, 60))):
            draw.rectangle(_around(left, top, right, bottom, grown, image.size), outline=colour)
    return np.asarray(image)


def cropped(image_HWC: Pixels, box: Field) -> Pixels:
    """What of a picture lies in a box, ``(rows, columns, channels)``; one pixel where the box is empty."""
    (top, bottom), (left, right) = box.spans
    return image_HWC[top : max(bottom, top + 1), left : max(right, left + 1)]


def _around(
    left: int, top: int, right: int, bottom: int, grown: int, size: tuple[int, int]
) -> tuple[int, int, int, int]:
    """The corners of a frame around a box, inside the picture."""
    wide, high = size
    return (
        max(0, left - grown),
        max(0, top - grown),
        min(wide - 1, right - 1 + grown),
        min(high - 1, bottom - 1 + grown),
    )
