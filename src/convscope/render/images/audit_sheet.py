"""What a network sees of the pictures, by each way of bringing them to its size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convscope.data.audit import Checked
from convscope.data.dataset import Unreadable
from convscope.data.image.decode import Fit, ImagePreprocess, decode, fit_array, quiet
from convscope.data.sources import Source
from convscope.data.sources.source import FileSource

FITS: tuple[Fit, ...] = ("stretch", "letterbox", "crop")
ROWS = 8
LONGEST = 24


def write_sheet(source: Source, checked: Checked, size: int, file: Path) -> None:
    """Draw the sheet: the longest pictures, the widest, and some ordinary ones, a row each.

    Raises:
        UserError: the file cannot be written.
    """
    import io

    from convscope.files import write_atomically
    from convscope.render.images.contact_sheet import Tile, sheet

    tiles = []
    with seeing(source) as see:
        for index in _telling(checked):
            name = checked.files[index]
            high, wide = checked.sizes[index].tolist()
            for fit in FITS:
                pixels_HWC = see(name, ImagePreprocess(3, size, size, fit))
                if pixels_HWC is not None:
                    short = name if len(name) <= LONGEST else "..." + name[3 - LONGEST :]
                    title = f"{fit}" if fit != FITS[0] else f"{fit}  {wide} x {high}"
                    tiles.append(Tile(pixels_HWC, title, (short if fit == FITS[0] else "",)))
    remarks = ("a row a picture, as a network sees it by --fit stretch, letterbox and crop",)
    image = sheet(tiles, f"{checked.name} at {size} x {size}", remarks, columns=2 * len(FITS))
    data = io.BytesIO()
    image.save(data, "PNG")
    write_atomically(file, data.getvalue())


def _telling(checked: Checked) -> list[int]:
    """Pictures of the most different shapes."""
    if not len(checked.sizes):
        return []
    ratios = np.log(checked.sizes[:, 1] / np.maximum(1, checked.sizes[:, 0]))
    order = np.argsort(ratios, kind="stable")
    places = np.unique(np.linspace(0, len(order) - 1, min(2 * ROWS, len(order))).round().astype(int))
    return [int(order[place]) for place in places]


See = Callable[[str, ImagePreprocess], NDArray[np.uint8] | None]
"""From a picture's name to what a network would see of it; None where it cannot be read."""


@contextmanager
def seeing(source: Source) -> Iterator[See]:
    """Look at pictures of a source by their names; what they lie in is opened once."""
    places = {name: index for index, name in reversed(list(enumerate(source.names)))}
    if not isinstance(source, FileSource):

        def fitted(name: str, preprocess: ImagePreprocess) -> NDArray[np.uint8]:
            fitted: NDArray[np.uint8] = fit_array(source.take(np.array([places[name]], np.int64)), preprocess)[0]
            return fitted

        yield fitted
        return
    with quiet(), source.opening() as opener:

        def decoded(name: str, preprocess: ImagePreprocess) -> NDArray[np.uint8] | None:
            try:
                with opener(places[name]) as file:
                    return decode(file.read(), preprocess)
            except Unreadable:
                return None

        yield decoded
