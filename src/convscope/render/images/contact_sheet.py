"""Small pictures with labels in rows on one sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from convscope.printable import printable
from convscope.render.images.colormap import Colours, Pixels, table

WIDTH = 1040
"""Pixels that a sheet is wide at most, unless a single tile is wider."""
MARGIN, GAP, LINE, BAR = 14, 8, 14, 160
PAPER, INK, FAINT, FRAME, ACCENT = (255, 255, 255), (25, 25, 28), (108, 108, 114), (205, 205, 210), (190, 58, 10)
ENDS: dict[Colours, tuple[str, str]] = {
    "grey": ("least", "largest"),
    "signed": ("below 0", "above 0"),
    "heat": ("none", "most"),
}
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True, eq=False)
class Tile:
    """One picture of a sheet.

    Args:
        pixels_HWC: uint8, three channels.
        title: above it.
        lines: below it.
        crossed: whether it is struck out, with its lines in another colour.
    """

    pixels_HWC: Pixels
    title: str
    lines: tuple[str, ...] = ()
    crossed: bool = False


def sheet(
    tiles: Sequence[Tile],
    heading: str = "",
    remarks: Sequence[str] = (),
    colours: Colours | None = None,
    columns: int | None = None,
) -> Image.Image:
    """Tiles in rows below a heading, with a bar that says what the colours mean.

    Args:
        tiles: pictures of any size; a column is as wide as the widest, its label included.
        heading, remarks: lines above them.
        colours: the table that the tiles were painted by, if it was one.
        columns: how many tiles a row has; None: as many as fit.

    Example:
        >>> tile = Tile(np.zeros((20, 60, 3), np.uint8), "0", ("0 .. 1",))
        >>> sheet([tile] * 3, "conv1").size
        (224, 102)
    """
    tiles = [replace(one, title=printable(one.title), lines=tuple(map(printable, one.lines))) for one in tiles]
    heading, remarks = printable(heading), list(map(printable, remarks))
    large, small = ImageFont.load_default(15), ImageFont.load_default(11)
    tall = max((tile.pixels_HWC.shape[0] for tile in tiles), default=0)
    wide = max((max(tile.pixels_HWC.shape[1], _label(tile, small)) for tile in tiles), default=0)
    deep = tall + LINE * (1 + max((len(tile.lines) for tile in tiles), default=0)) + GAP
    fit = max(1, (WIDTH - 2 * MARGIN + GAP) // (wide + GAP)) if columns is None else columns
    across = max(1, min(fit, len(tiles)))
    rows = -(-len(tiles) // across)
    above = (heading != "") * 22 + len(remarks) * (LINE + 1) + (colours is not None) * 24
    words = max([large.getlength(heading), *(small.getlength(remark) for remark in remarks)])
    inner = max(across * (wide + GAP) - GAP, int(words) + 1, BAR + 120 if colours else 0)
    canvas = Image.new("RGB", (inner + 2 * MARGIN, above + rows * deep - GAP + 2 * MARGIN + 4), PAPER)
    draw, y = ImageDraw.Draw(canvas), MARGIN
    if heading:
        draw.text((MARGIN, y - 4), heading, INK, large)
        y += 22
    for remark in remarks:
        draw.text((MARGIN, y - 2), remark, FAINT, small)
        y += LINE + 1
    if colours:
        _bar(canvas, (MARGIN, y), colours, small)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, across)
        _put(canvas, tile, (MARGIN + column * (wide + GAP), MARGIN + above + 2 + row * deep), small)
    return canvas


def short(value: float) -> str:
    """A number in at most three digits, for labels.

    Example:
        >>> [short(value) for value in (-0.0, 0.31249, -12.03, 1234567, 2e-9)]
        ['0', '0.312', '-12', '1.23e+06', '2e-09']
    """
    return f"{value + 0.0:.3g}"


def spread(low: float, high: float) -> str:
    """A range of values, for labels.

    Example:
        >>> spread(-1.5, 0.25)
        '-1.5 .. 0.25'
    """
    return f"{short(low)} .. {short(high)}"


def _label(tile: Tile, font: Font) -> int:
    return int(max(font.getlength(line) for line in (tile.title, *tile.lines))) + 1


def _put(canvas: Image.Image, tile: Tile, corner: tuple[int, int], font: Font) -> None:
    draw, (x, y) = ImageDraw.Draw(canvas), corner
    high, wide = tile.pixels_HWC.shape[:2]
    draw.text((x, y - 2), tile.title, INK, font)
    y += LINE
    draw.rectangle((x - 1, y - 1, x + wide, y + high), outline=FRAME)
    canvas.paste(Image.fromarray(tile.pixels_HWC), (x, y))
    if tile.crossed:
        draw.line((x, y, x + wide - 1, y + high - 1), fill=ACCENT)
        draw.line((x, y + high - 1, x + wide - 1, y), fill=ACCENT)
    for number, line in enumerate(tile.lines):
        draw.text((x, y + high + number * LINE), line, ACCENT if tile.crossed else FAINT, font)


def _bar(canvas: Image.Image, corner: tuple[int, int], colours: Colours, font: Font) -> None:
    draw, (x, y) = ImageDraw.Draw(canvas), corner
    least, largest = ENDS[colours]
    draw.text((x, y - 1), least, FAINT, font)
    x += int(font.getlength(least)) + 8
    colours_N3 = table(colours)
    strip_N3 = colours_N3[np.linspace(0, len(colours_N3) - 1, BAR).round().astype(int)]
    canvas.paste(Image.fromarray(np.ascontiguousarray(np.broadcast_to(strip_N3, (12, BAR, 3)))), (x, y))
    draw.rectangle((x - 1, y - 1, x + BAR, y + 12), outline=FRAME)
    draw.text((x + BAR + 8, y - 1), largest, FAINT, font)
