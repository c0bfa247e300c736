"""Kernels and feature maps as one picture, ready for a PNG file: ``png(maps_sheet(maps))``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from convscope.inspection.maps import Kernels, Maps
from convscope.ops import spell_shape
from convscope.render.images.colormap import Colours, Floats, Pixels, enlarge, paint
from convscope.render.images.contact_sheet import MARGIN, PAPER, WIDTH, Tile, sheet, short, spread

SIDE, SMALL_SIDE = 66, 26
"""Pixels that a map or kernel has at least; the smaller where a kernel's input channels lie beside each other."""
MOST, MOST_KERNELS = 256, 32
"""Tiles on a sheet unless others are asked for; kernels that take a row each."""
UNITS = 64
"""Of a vector in a row."""
BLANK = 238


def maps_sheet(maps: Maps, channels: Sequence[int] | None = None) -> Image.Image:
    """A node's maps side by side, each scaled by itself, with its number and its range; dead ones are crossed.

    Values of both signs are blue and orange, others grey; see :mod:`convscope.render.images.colormap`. A vector is
    drawn as rows of units with one scale.

    Args:
        maps: of a node.
        channels: which, in this order; None: the first 256.
    """
    if maps.is_vector:
        return _vector_sheet(maps)
    count, height, width = maps.maps_CHW.shape
    shown = range(min(count, MOST)) if channels is None else channels
    factor = max(1, -(-SIDE // max(height, width)))
    tiles = [_map_tile(maps, channel, factor) for channel in shown]
    each = "each map by itself"
    remarks = [
        f"{each}: 0 nearly white, the value furthest from 0 darkest" if maps.signed else f"{each}, with its range",
        _enlarged(f"{height} x {width} places", factor),
        _found(len(maps.dead), count, "maps that are one value everywhere"),
        *([f"{len(shown)} of {count} maps"] if len(shown) < count else []),
    ]
    return sheet(tiles, _heading(maps), remarks, "signed" if maps.signed else "grey")


def map_pixels(maps: Maps, channel: int, factor: int = 1) -> Pixels:
    """One map as pixels ``(factor H, factor W, 3)``, scaled by itself; a dead one is blank."""
    if channel in maps.dead:
        return np.full((maps.maps_CHW.shape[1] * factor, maps.maps_CHW.shape[2] * factor, 3), BLANK, np.uint8)
    colours: Colours = "signed" if maps.signed else "grey"
    painted = paint(maps.maps_CHW[channel], float(maps.low_C[channel]), float(maps.high_C[channel]), colours)
    return enlarge(painted, factor)


def _map_tile(maps: Maps, channel: int, factor: int) -> Tile:
    low, high = float(maps.low_C[channel]), float(maps.high_C[channel])
    line = "zero" if channel in maps.zero else f"only {short(low)}" if channel in maps.constant else spread(low, high)
    return Tile(map_pixels(maps, channel, factor), str(channel), (line,), channel in maps.dead)


def _vector_sheet(maps: Maps) -> Image.Image:
    values = maps.maps_CHW.reshape(-1)
    across = min(len(values), UNITS)
    padded = np.full(-(-len(values) // across) * across, np.nan, np.float32)
    padded[: len(values)] = values
    units_HW = padded.reshape(-1, across)
    factor = max(4, min(24, (WIDTH - 2 * MARGIN) // across))
    low, high = float(maps.low_C[0]), float(maps.high_C[0])
    painted = paint(units_HW, low, high, "signed" if maps.signed else "grey")
    painted[np.isnan(units_HW)] = PAPER
    scale = "0 nearly white" if maps.signed else f"black {short(low)}, white {short(high)}"
    remarks = [
        f"units 0 to {len(values) - 1}, {across} a row, one scale for all: {scale}",
        _found(len(maps.zero), len(values), "units that are zero"),
    ]
    tile = Tile(enlarge(painted, factor), "", (spread(low, high),))
    return sheet([tile], _heading(maps), remarks, "signed" if maps.signed else "grey")


def kernels_sheet(kernels: Kernels) -> Image.Image:
    """A convolution's kernels, each output channel scaled by itself, with its number and its range.

    Kernels that read a picture's colours are shown in colour, zero a middle grey. Of others that read several
    channels, a row holds those of one output channel, an input channel beside the next.
    """
    count, channels, height, width = kernels.weights_OIHW.shape
    alone = channels == 1 or kernels.reads_colours
    factor = max(1, -(-(SIDE if alone else SMALL_SIDE) // max(height, width)))
    columns = max(1, min(channels, (WIDTH - 2 * MARGIN) // (factor * width + 2)))
    shown = range(min(count, MOST if alone else MOST_KERNELS))
    tiles = []
    for number in shown:
        low, high, dead = float(kernels.low_O[number]), float(kernels.high_O[number]), number in kernels.dead
        row = [kernel_pixels(kernels, number, channel, factor) for channel in range(1 if alone else columns)]
        line = "zero" if dead else spread(low, high)
        pixels_HWC = row[0] if alone else _beside(row)
        tiles.append(
            Tile(pixels_HWC, str(number), (line,), dead) if alone else Tile(pixels_HWC, f"{number}   {line}", (), dead)
        )
    each = "each output channel by itself"
    remarks = [
        f"{each}: red, green and blue weights as a colour, 0 in the middle of black and white"
        if kernels.reads_colours
        else f"{each}: 0 nearly white, the weight furthest from 0 darkest",
        _enlarged(f"{height} x {width} weights", factor),
        _found(len(kernels.dead), count, "kernels of zeros"),
        *([f"{len(shown)} of {count} output channels"] if len(shown) < count else []),
        *([f"in a row {columns} of {channels} input channels"] if not alone else []),
    ]
    colours: Colours | None = None if kernels.reads_colours else "signed"
    return sheet(tiles, f"{kernels.path}   {kernels.operation}", remarks, colours)


def kernel_pixels(kernels: Kernels, number: int, channel: int = 0, factor: int = 1) -> Pixels:
    """The kernel of an output channel for an input channel as pixels ``(factor H, factor W, 3)``; one that reads
    colours as a colour, all three channels at once.
    """
    weights_IHW: Floats = kernels.weights_OIHW[number]
    low, high = float(kernels.low_O[number]), float(kernels.high_O[number])
    if not kernels.reads_colours:
        return enlarge(paint(weights_IHW[channel], low, high, "signed"), factor)
    largest = max(abs(low), abs(high)) or 1.0
    return enlarge(np.rint(127.5 + 127.5 * weights_IHW.transpose(1, 2, 0) / largest).astype(np.uint8), factor)


def _beside(row: Sequence[Pixels]) -> Pixels:
    paper = np.full((row[0].shape[0], 2, 3), 255, np.uint8)
    return np.concatenate([part for pixels in row for part in (pixels, paper)][:-1], 1)


def _heading(maps: Maps) -> str:
    return f"{maps.path}   {maps.operation}   {spell_shape(maps.shape)}"


def _enlarged(what: str, factor: int) -> str:
    return f"{what}, each drawn {factor} x {factor} pixels" if factor > 1 else f"{what}, each a pixel"


def _found(count: int, of: int, what: str) -> str:
    return f"{what}: {count} of {of}" if count else f"no {what}"
