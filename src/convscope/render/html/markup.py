"""The report's building blocks: escaped text, sections, tables, charts and small pictures as HTML."""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convscope.render import charts
from convscope.render.wording import printable

THUMBNAIL = 128
"""Longest side of an embedded picture, in pixels."""
TINY = 64
"""Up to this side, a picture is kept to the pixel and shown enlarged; above, JPEG is a fifth of the size."""


def text(value: str) -> str:
    """Any string as text of the page; a percent sign stays on the line of its number.

    Example:
        >>> text("<b> & co")
        '&lt;b&gt; &amp; co'
    """
    return html.escape(printable(value)).replace(" %", "\N{NO-BREAK SPACE}%")


def name(value: str) -> str:
    """A name of any script, set apart so that a right-to-left one does not reorder its neighbours."""
    return f"<bdi>{text(value)}</bdi>"


def section(key: str, title: str, *parts: str) -> str:
    """A section with its heading; ``key`` is what links to it name."""
    inside = "\n".join(part for part in parts if part)
    heading = f'<h2 id="{key}-title">{text(title)}</h2>'
    return f'<section id="{key}" aria-labelledby="{key}-title">\n{heading}\n{inside}\n</section>'


def paragraph(*sentences: str) -> str:
    """Sentences of plain text as a paragraph; nothing for none."""
    joined = " ".join(sentence for sentence in sentences if sentence)
    return f"<p>{text(joined)}</p>" if joined else ""


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """A table that scrolls by itself where it is too wide.

    Args:
        headings: plain texts.
        rows: HTML of each cell.
        left: how many columns are set left; the others are numbers, set right.
    """

    def line(cells: Sequence[str], tag: str) -> str:
        marks = ("", ' class="number"')
        return "<tr>" + "".join(f"<{tag}{marks[i >= left]}>{cell}</{tag}>" for i, cell in enumerate(cells)) + "</tr>"

    head = line([text(heading) for heading in headings], 'th scope="col"').replace('</th scope="col">', "</th>")
    body = "\n".join(line(row, "td") for row in rows)
    return f'<div class="scroll"><table><thead>{head}</thead><tbody>\n{body}\n</tbody></table></div>'


def figure(chart: charts.Chart, label: str, title: str = "") -> str:
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
    caption = f"<figcaption>{text(title)}</figcaption>" if title else ""
    return f'<figure class="chart">{caption}{opening}{drawing}</figure>'


def picture(image_HWC: NDArray[np.uint8], alt: str) -> str:
    """A picture inside the page: uint8 (H, W, 1 or 3), at most :data:`THUMBNAIL` pixels a side."""
    pixelated = ' class="pixels"' if max(image_HWC.shape[:2]) <= TINY else ""
    return f'<img src="{picture_uri(image_HWC)}" alt="{text(alt)}" title="{text(alt)}"{pixelated}>'


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
