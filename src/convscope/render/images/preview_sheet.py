"""A sheet of training pictures: as they come, as they are fitted to the network, and as several epochs show them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convscope.data.dataset import Unreadable
from convscope.data.image.decode import ImagePreprocess, decode, measure, of_pictures, quiet
from convscope.data.sources import Source, open_source
from convscope.data.sources.source import FileSource
from convscope.files import write_atomically
from convscope.learning.preview import Preview, preview
from convscope.learning.setup import RunSetup
from convscope.render.images.contact_sheet import Tile, sheet

SIDE = 96
"""Pixels that a tile has at least down its shorter side, enlarged by whole factors."""
WIDEST = 2.2
"""How much wider than tall a picture is drawn at most as it comes; longer ones are drawn less tall."""
LONGEST = 22


def write_preview(setup: RunSetup, file: Path) -> Preview:
    """Draw what a run will see; returns what was drawn.

    Raises:
        UserError: the file cannot be written.
    """
    found = preview(setup)
    data = io.BytesIO()
    draw(setup, found).save(data, "PNG")
    write_atomically(file, data.getvalue())
    return found


def draw(setup: RunSetup, found: Preview) -> Image.Image:
    """The sheet, a row a picture."""
    source = open_source(setup.settings.source)
    pre = of_pictures(setup.dataset.preprocess, "--preview")
    tiles = []
    for row in found.rows:
        drawn = [
            Tile(_as_it_comes(source, row.name, pre.channels), _short(row.name), (_short(row.label),)),
            Tile(_large(row.unvaried), pre.fit, (f"{pre.width} x {pre.height}",)),
        ]
        for epoch, seen in enumerate(row.epochs, 1):
            if seen is None:
                drawn.append(Tile(np.full((SIDE, SIDE, 3), 235, np.uint8), f"epoch {epoch}", ("not drawn",)))
            else:
                lines = [] if seen.asked_for == row.label else seen.asked_for.split(", ")
                drawn.append(Tile(_large(seen.input), f"epoch {epoch}", tuple(_short(line) for line in lines)))
        tiles += drawn
    columns = 2 + max((len(row.epochs) for row in found.rows), default=0)
    remarks = (
        f"as they come; by --fit {pre.fit} at {pre.width} x {pre.height}; and as the first epochs show them",
        f"varied: {found.augmentation.words()}",
    )
    return sheet(tiles, f"{setup.dataset.name}: what the network will see", remarks, columns=columns)


def _large(pixels_HWC: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Three channels, enlarged by a whole factor so that single pixels can be seen."""
    factor = max(1, round(SIDE / min(pixels_HWC.shape[:2])))
    enlarged = pixels_HWC.repeat(factor, 0).repeat(factor, 1)
    return np.ascontiguousarray(np.broadcast_to(enlarged, (*enlarged.shape[:2], 3)))


def _as_it_comes(source: Source, name: str, channels: int) -> NDArray[np.uint8]:
    """The picture whole, in its own proportions."""
    index = source.names.index(name)
    if not isinstance(source, FileSource):
        return _large(source.take(np.array([index], np.int64))[0])
    try:
        with quiet(), source.opening() as opener:
            with opener(index) as file:
                _, height, width = measure(file)
            high = min(SIDE, round(SIDE * WIDEST * height / width))
            wide = round(high * width / height)
            with opener(index) as file:
                return _large_as_is(decode(file.read(), ImagePreprocess(channels, max(1, high), max(1, wide))))
    except Unreadable:
        return np.full((SIDE, SIDE, 3), 235, np.uint8)


def _large_as_is(pixels_HWC: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.broadcast_to(pixels_HWC, (*pixels_HWC.shape[:2], 3)))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else "..." + text[3 - LONGEST :]
