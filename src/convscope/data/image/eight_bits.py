"""Pictures of any kind of pixel (16 bits, floats, palettes, transparency, Lab) as 8 bits, grey or RGB."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from convscope.data.dataset import Unreadable

#: A picture of more pixels is converted strip by strip, so that its 8 bits are the only copy.
STRIP_PIXELS = 1_000_000

GREY = frozenset({"1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"})
_DEEP = frozenset({"I", "F", "I;16", "I;16B", "I;16L", "I;16N"})

_Scale = Callable[[NDArray[Any]], NDArray[np.uint8]]


def mode_of(image: Image.Image, channels: int) -> str:
    """What :func:`eight_bits` makes of a picture; a grey one may stay ``L`` where RGB is asked."""
    clear = image.mode in ("LA", "La") or ("transparency" in image.info and image.mode not in _DEEP)
    return "L" if channels == 1 or (image.mode in GREY and not clear) else "RGB"


def eight_bits(image: Image.Image, channels: int) -> Image.Image:
    """The picture as ``L`` or ``RGB``; a grey one may stay ``L`` where RGB is asked: its channel is repeated later."""
    mode = mode_of(image, channels)
    if image.mode == mode and "transparency" not in image.info:
        return image
    scale = _scaling(image) if image.mode in _DEEP else None
    strips = _strips(image)
    if len(strips) == 1:
        return _converted(image, mode, scale)
    plain = Image.new(mode, image.size)
    for top, bottom in strips:
        strip = image.crop((0, top, image.width, bottom))
        plain.paste(_converted(strip, mode, scale), (0, top))
    return plain


def _strips(image: Image.Image) -> list[tuple[int, int]]:
    rows = max(1, STRIP_PIXELS // image.width)
    return [(top, min(image.height, top + rows)) for top in range(0, image.height, rows)]


def _converted(image: Image.Image, mode: str, scale: _Scale | None) -> Image.Image:
    """A picture, or a strip of one, as ``mode``: every pixel by itself."""
    if scale is not None:
        plain = Image.fromarray(scale(np.asarray(image)))
    elif image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        if image.mode == "La":
            image = image.convert("LA")
        image = image.convert("RGBA")
        plain = Image.new("RGB", image.size, (255, 255, 255))
        plain.paste(image, mask=image.getchannel("A"))
    elif image.mode == "LAB":
        lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, lab, rgb, outputMode="RGB")
        plain = cast("Image.Image", converted)
    else:
        plain = image.convert("L" if image.mode in GREY else "RGB")
    return plain.convert(mode) if plain.mode != mode else plain


def _scaling(image: Image.Image) -> _Scale:
    """How deep grey values become 8 bits; clipping them, as a plain conversion does, would leave a white picture."""
    if image.mode.startswith("I;16"):
        return lambda values_HW: ((values_HW.astype(np.uint32) + 128) // 257).astype(np.uint8)
    low, high = np.inf, -np.inf
    for top, bottom in _strips(image):
        values_HW = np.asarray(image.crop((0, top, image.width, bottom)))
        if not np.isfinite(values_HW).all():
            raise Unreadable("holds values that are no numbers (NaN or infinite)")
        low, high = min(low, float(values_HW.min())), max(high, float(values_HW.max()))
    if image.mode == "F" and low >= 0 and high <= 1:
        factor, offset = 255.0, 0.0
    elif low >= 0 and high <= 255 and image.format == "TIFF":
        factor, offset = 1.0, 0.0
    elif image.mode == "I" and low >= 0 and high <= 65535:
        return lambda values_HW: np.rint(values_HW.astype(np.float64) / 257).astype(np.uint8)
    else:
        factor, offset = 255 / max(high - low, 1e-300), low
    return lambda values_HW: np.rint((values_HW.astype(np.float64) - offset) * factor).astype(np.uint8)
