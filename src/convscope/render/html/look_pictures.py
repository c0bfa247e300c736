"""The pictures of a look: feature maps as sheets of a few colours, kernels, heat over the picture."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convscope.inspection.look import Look
from convscope.inspection.maps import Kernels, Maps, feature_maps
from convscope.render.html.matrix import png_uri
from convscope.render.images.colormap import FINE, Colours, Pixels, table
from convscope.render.images.map_sheet import kernel_pixels

LONGEST = 56
"""Side of a map in the page; a longer one is averaged down to it."""
MOST_MAPS = (64, 48, 32, 24, 16, 8)
"""Of a node, in the order in which they are tried until all fit."""
MAPS_BYTES = 5_000_000
"""Of all maps, a byte a place, before they are compressed to about two thirds."""
ACROSS = 32
"""Units of a vector in a row."""
LARGEST_PICTURE = 448
TINY = 64
BLANK = (222, 223, 224)

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Sheet:
    """A node's maps on one sheet of equal tiles.

    Args:
        maps: what is drawn.
        channels: which maps, in the order of the tiles; of a vector the only one.
        rows, columns: places of a map; of a vector its units in rows of 32.
        across: tiles in a row of the sheet.
        factor: so many places of a map are one pixel a side.
        uri: the sheet as a PNG of at most 256 colours.
    """

    maps: Maps
    channels: tuple[int, ...]
    rows: int
    columns: int
    across: int
    factor: int
    uri: str


def sheets(look: Look, kept: Mapping[str, Sequence[int]] | None = None) -> dict[str, Sheet]:
    """Every node's maps, and the input's; fewer maps a node where they would be too many.

    Args:
        look: a model's run on a picture.
        kept: channels that are not left out, by node.
    """
    every = {path: feature_maps(look, path) for path in look.values}
    most = next((n for n in MOST_MAPS if _bytes(every, n) <= MAPS_BYTES), MOST_MAPS[-1])
    return {path: sheet(maps, _channels(maps, most, (kept or {}).get(path, ()))) for path, maps in every.items()}


def _bytes(every: Mapping[str, Maps], most: int) -> int:
    total = 0
    for maps in every.values():
        count, height, width = maps.maps_CHW.shape
        factor = _factor(maps)
        total += min(count, most) * -(-height // factor) * -(-width // factor)
    return total


def _factor(maps: Maps) -> int:
    return 1 if maps.is_vector else -(-max(maps.maps_CHW.shape[1:]) // LONGEST)


def _channels(maps: Maps, most: int, kept: Sequence[int]) -> tuple[int, ...]:
    """The maps with the widest range of values, and those that have to be there; in their order."""
    if maps.is_vector:
        return (0,)
    order = np.argsort(-(maps.high_C - maps.low_C), kind="stable")[:most]
    return tuple(sorted({*map(int, order), *kept}))


def sheet(maps: Maps, channels: Sequence[int]) -> Sheet:
    """Some maps of a node, each scaled by itself; values of both signs blue and orange, others grey.

    Example:
        >>> from convscope.inspection.maps import maps_of
        >>> drawn = sheet(maps_of("a", "relu", np.zeros((3, 4, 4), np.float32)), [0, 2])
        >>> drawn.rows, drawn.columns, drawn.uri[:22]
        (4, 4, 'data:image/png;base64,')
    """
    colours: Colours = "signed" if maps.signed else "grey"
    if maps.is_vector:
        flat = maps.maps_CHW.reshape(-1)
        columns = min(ACROSS, len(flat))
        rows = -(-len(flat) // columns)
        units_HW = np.full(rows * columns, np.nan, np.float32)
        units_HW[: len(flat)] = flat
        tiles = [_levels(units_HW.reshape(rows, columns), float(maps.low_C[0]), float(maps.high_C[0]), colours)]
        return Sheet(maps, (0,), rows, columns, 1, 1, _paletted(tiles[0], colours))
    factor = _factor(maps)
    tiles = []
    for channel in channels:
        if channel in maps.dead:
            small = _averaged(maps.maps_CHW[channel], factor)
            tiles.append(np.full(small.shape, FINE, np.uint8))
            continue
        low, high = float(maps.low_C[channel]), float(maps.high_C[channel])
        tiles.append(_levels(_averaged(maps.maps_CHW[channel], factor), low, high, colours))
    across = max(1, min(len(tiles), 8))
    filled = [*tiles, *([np.full_like(tiles[0], FINE)] * (-len(tiles) % across))]
    lines = [np.concatenate(filled[at : at + across], 1) for at in range(0, len(filled), across)]
    height, width = maps.maps_CHW.shape[1:]
    return Sheet(maps, tuple(channels), height, width, across, factor, _paletted(np.concatenate(lines), colours))


def _averaged(values_HW: Floats, factor: int) -> Floats:
    """The mean of blocks of places; of fewer at the ends."""
    if factor == 1:
        return values_HW
    rows, columns = (np.arange(0, length, factor) for length in values_HW.shape)
    sums = np.add.reduceat(np.add.reduceat(values_HW, rows, 0), columns, 1)
    counts = np.add.reduceat(np.add.reduceat(np.ones_like(values_HW), rows, 0), columns, 1)
    return (sums / counts).astype(np.float32)


def _levels(values_HW: Floats, low: float, high: float, colours: Colours) -> Pixels:
    """Each value's place in the table of colours; one past its end where there is no number."""
    if colours == "signed":
        high = max(abs(low), abs(high))
        low = -high
    fraction = (values_HW.astype(np.float64) - low) / (high - low) if high > low else np.full(values_HW.shape, 0.5)
    known = np.isfinite(fraction)
    found: Pixels = np.rint(np.clip(np.where(known, fraction, 0), 0, 1) * (FINE - 1)).astype(np.uint8)
    found[~known] = FINE
    return found


def _paletted(levels_HW: Pixels, colours: Colours) -> str:
    image = Image.fromarray(levels_HW, "P")
    image.putpalette([*map(int, table(colours).reshape(-1)), *BLANK])
    return png_uri(image)


def picture_uri(pixels_HWC: Pixels) -> str:
    """A picture inside the page: PNG where it is tiny, else JPEG; at most 448 pixels a side."""
    image = Image.fromarray(pixels_HWC[:, :, 0] if pixels_HWC.shape[2] == 1 else pixels_HWC)
    if max(image.size) <= TINY:
        return png_uri(image)
    image.thumbnail((LARGEST_PICTURE, LARGEST_PICTURE), Image.Resampling.LANCZOS)
    data = io.BytesIO()
    image.save(data, "JPEG", quality=88, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode('ascii')}"


def kernel_uri(kernels: Kernels, number: int, channel: int = 0) -> str:
    """One kernel as a PNG, a pixel a weight."""
    return png_uri(Image.fromarray(kernel_pixels(kernels, number, channel)))
