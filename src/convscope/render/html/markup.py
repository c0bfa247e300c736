"""What stands in a page beside its template: escaped text, charts as SVG, small pictures as data URIs."""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Mapping

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from convscope.printable import printable
from convscope.render import charts

THUMBNAIL = 128
"""Longest side of an embedded picture, in pixels."""
TINY = 64
"""Up to this side, a picture is kept to the pixel and shown enlarged; above, JPEG is a fifth of the size."""


def on_one_line(value: str) -> str:
    """Any string as it is shown: printable, a percent sign on the line of its number."""
    return printable(value).replace(" %", "\N{NO-BREAK SPACE}%")


def text(value: str) -> str:
    """Any string as text of the page.

    Example:
        >>> text("<b> & co")
        '&lt;b&gt; &amp; co'
    """
    return html.escape(on_one_line(value))


def text_lines(value: str) -> Markup:
    """Text of several lines, which stay lines."""
    return Markup("\n".join(text(line) for line in value.splitlines()))


def name(value: str) -> Markup:
    """A name of any script, set apart so that a right-to-left one does not reorder its neighbours."""
    return Markup(f"<bdi>{text(value)}</bdi>")


def figure(chart: charts.Chart, label: str) -> Markup:
    """A chart drawn into the page; ``label`` is what a screen reader says of it."""
    svg = charts.to_svg(chart)
    head = re.match(r"<svg[^>]*>", svg)
    width, height = re.findall(r'\b(?:width|height)="(\d+(?:\.\d+)?)"', head[0] if head else "")[:2]
    # A page's SVG needs no namespaces; its size is the column's, up to a little above that of the chart's texts.
    opening = (
        f'<svg viewBox="0 0 {width} {height}" style="max-width:{1.2 * float(width):.0f}px" font-family="inherit" '
        f'role="group" aria-label="{text(label)}">'
    )
    drawing = re.sub(r' font-family="[^"]*"', "", svg[head.end() if head else 0 :])
    return Markup(f'<figure class="chart">{opening}{drawing}</figure>')


def picture(image_HWC: NDArray[np.uint8], alt: str) -> Mapping[str, object]:
    """What the macro ``picture`` shows: uint8 (H, W, 1 or 3), at most :data:`THUMBNAIL` pixels a side."""
    return {"uri": picture_uri(image_HWC), "alt": alt, "pixelated": max(image_HWC.shape[:2]) <= TINY}


def picture_uri(image_HWC: NDArray[np.uint8]) -> str:
    """A picture as a data URI: PNG where it is tiny, else JPEG.

    Example:
        >>> picture_uri(np.zeros((8, 8, 1), dtype=np.uint8))[:22]
        'data:image/png;base64,'
    """
    array = np.ascontiguousarray(image_HWC)
    image = Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)
    tiny = max(image.size) <= TINY
    if not tiny:
        image.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    data = io.BytesIO()
    if tiny:
        image.save(data, "PNG", optimize=True)
    else:
        image.save(data, "JPEG", quality=80, optimize=True)
    return f"data:image/{'png' if tiny else 'jpeg'};base64,{base64.b64encode(data.getvalue()).decode('ascii')}"
