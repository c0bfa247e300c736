"""Matrices of a page: small ones as tables of numbers, large ones as pictures; both with a frame for the window."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from convscope.ops import Shape
from convscope.render.html.numerals import shown
from convscope.render.html.template import macro

NUMBERED, WIDEST = 420, 32
"""Cells and columns up to which a matrix is shown as numbers."""

FLATTEST = 5.0
"""Width to height of a matrix as a picture."""

Padding = tuple[tuple[int, int], tuple[int, int]]
UNPADDED: Padding = ((0, 0), (0, 0))


def plane_shape(shape: Shape) -> tuple[int, int, int]:
    """A tensor as matrices: how many, their rows and columns. Channels of a signal are the rows of one, and a vector
    that is too long for a line stands in several.

    Example:
        >>> plane_shape((3, 5, 7)), plane_shape((4, 9)), plane_shape((10,)), plane_shape((70,))
        ((3, 5, 7), (1, 4, 9), (1, 1, 10), (1, 3, 32))
    """
    if len(shape) == 1:
        return 1, -(-shape[0] // WIDEST), min(shape[0], WIDEST)
    *leading, rows, columns = shape
    return int(np.prod(leading, dtype=int)), rows, columns


def planes(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """A tensor as matrices (planes, rows, columns), NaN where a vector's last line is not full; see plane_shape."""
    shape = plane_shape(values.shape)
    missing = int(np.prod(shape)) - values.size
    return np.pad(values.reshape(-1), (0, missing), constant_values=np.nan).reshape(shape)


def plane(
    values_RC: NDArray[np.float64],
    caption: str,
    marks: Mapping[str, str | int],
    *,
    padding: Padding = UNPADDED,
    largest: float | None = None,
    kind: str = "value",
) -> Markup:
    """One matrix of a page.

    Args:
        values_RC: rows by columns.
        caption: text, or Markup.
        marks: what the script finds it by, as ``data-`` attributes.
        padding: rows before and after, columns before and after: shown as zeros of their own kind.
        largest: the size that is shaded fully; None for the matrix's own.
        kind: ``value``, ``weight`` or ``result``: its colour.
    """
    rows, columns = (length + sum(pad) for length, pad in zip(values_RC.shape, padding, strict=True))
    top, left = padding[0][0], padding[1][0]
    data = {**marks, "top": top, "left": left, "rows": rows, "columns": columns}
    peak = float(np.nanmax(np.abs(values_RC), initial=0.0)) if largest is None else largest
    if rows * columns <= NUMBERED and columns <= WIDEST:
        inside = _table(values_RC, padding, peak or 1.0, kind)
    else:
        inside = _picture(values_RC, padding, kind)
    return macro("plane.html", "plane")(data, caption, inside)


def _table(values_RC: NDArray[np.float64], padding: Padding, peak: float, kind: str) -> Markup:
    padded = np.pad(values_RC, padding)
    inside = np.pad(np.ones(values_RC.shape, bool), padding)
    digits = 3 if kind == "weight" else 4
    texts = [[shown(float(x), digits) for x in row] for row in padded]
    widest = max(2, *(len(text) for row in texts for text in row))
    rows = [
        [_cell(float(x), bool(within), text, peak) for x, within, text in zip(row, marks, said, strict=True)]
        for row, marks, said in zip(padded, inside, texts, strict=True)
    ]
    return macro("plane.html", "cells")(rows, kind, widest)


def _cell(x: float, within: bool, text: str, peak: float) -> Mapping[str, object]:
    if not within:
        return {"kind": "pad"}
    if np.isnan(x):
        return {"kind": "empty"}
    fraction = min(1.0, abs(x) / peak) if np.isfinite(x) else 0.0
    # The root, so that small numbers differ too.
    return {"kind": "number", "text": text, "negative": x < 0, "shade": round(100 * fraction**0.7)}


def _picture(values_RC: NDArray[np.float64], padding: Padding, kind: str) -> Markup:
    padded = np.pad(values_RC, padding, constant_values=np.nan)
    rows, columns = padded.shape
    # A matrix of a few long rows is stretched, so that a row can be told from the next.
    return macro("plane.html", "picture")(grey_png(padded), kind, f"{min(columns / rows, FLATTEST):.4f}")


def grey_png(values_HW: NDArray[np.float64]) -> str:
    """Numbers as grey levels from the least (black) to the largest (white), as a PNG; NaN is see-through.

    Example:
        >>> grey_png(np.array([[0.0, 1.0]]))[:22]
        'data:image/png;base64,'
    """
    inside = np.isfinite(values_HW)
    low, high = (float(f(values_HW[inside])) if inside.any() else 0.0 for f in (np.min, np.max))
    scaled = (values_HW - low) / (high - low) if high > low else np.zeros_like(values_HW)
    levels = np.where(inside, 1 + np.round(np.nan_to_num(scaled) * 254), 0).astype(np.uint8)
    image = Image.fromarray(levels, "P")
    image.putpalette([channel for level in range(256) for channel in (max(0, level - 1),) * 3])
    return png_uri(image, transparency=0 if not inside.all() else None)


def png_uri(image: Image.Image, transparency: int | bytes | None = None) -> str:
    """A picture as a PNG inside the page."""
    data = io.BytesIO()
    options = {} if transparency is None else {"transparency": transparency}
    image.save(data, "PNG", optimize=True, **options)
    return f"data:image/png;base64,{base64.b64encode(data.getvalue()).decode('ascii')}"
