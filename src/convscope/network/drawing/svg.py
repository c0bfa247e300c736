"""A plan as SVG: one picture that loads nothing, runs nothing, names no identifiers and says its numbers in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from convscope.network.drawing.columns import Plan
from convscope.network.drawing.layout import Box, Edge, Frame, Point
from convscope.network.drawing.text import FIGURES, FOLLOWING, FONTS, OPERATION
from convscope.printable import printable_lines

INK, MUTED, FLOW, PAPER = "#1d2227", "#59636c", "#7b858e", "#ffffff"
EMPTY, OUTLINE = "#ffffff", "#b4bcc3"
RAMP = ((255, 247, 226), (250, 200, 110), (224, 122, 43), (142, 42, 20))
"""Cheap to dear. Every step is darker than the one before, so that it reads without colours too."""
ON_LIGHT = "#0b0d0f"
"""Of texts on a colour; darker than other texts, so that no colour is hard to read on."""
_EVEN = 0.19
"""Luminance (0 to 1) on which black and white texts read alike."""
CORNER = 5.0


def number(value: float) -> str:
    """A coordinate, a tenth of a pixel exact."""
    return f"{value:.1f}".removesuffix(".0").replace("-0", "0" if abs(value) < 0.05 else "-0")


def colour(fraction: float) -> str:
    """The colour of a fraction of the most expensive box, from 0 to 1; the root of it, so that small ones differ too.

    Example:
        >>> colour(1.0), colour(0.0)
        ('#8e2a14', '#fff7e2')
    """
    return "#" + "".join(f"{round(part):02x}" for part in _mixed(fraction))


def _mixed(fraction: float) -> tuple[float, ...]:
    place = min(1.0, max(0.0, fraction)) ** 0.5 * (len(RAMP) - 1)
    index = min(int(place), len(RAMP) - 2)
    return tuple(a + (b - a) * (place - index) for a, b in zip(RAMP[index], RAMP[index + 1], strict=True))


def ink(fraction: float) -> str:
    """The colour of texts on the colour of a fraction: the one with more contrast (WCAG 2's luminance)."""
    linear = [(part / 255 / 12.92 if part < 10 else ((part / 255 + 0.055) / 1.055) ** 2.4) for part in _mixed(fraction)]
    return PAPER if 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] < _EVEN else ON_LIGHT


def text(x: float, y: float, said: str, size: float, *, fill: str = "", bold: bool = False, anchor: str = "") -> str:
    """One line of text, its base line at ``y``."""
    given = f' fill="{fill}"' if fill else ""
    given += ' font-weight="bold"' if bold else ""
    given += f' text-anchor="{anchor}"' if anchor else ""
    return f'<text x="{number(x)}" y="{number(y)}" font-size="{number(size)}"{given}>{safe(said)}</text>'


def safe(said: str) -> str:
    """Any string as text of XML, which has no control characters."""
    return escape(printable_lines(said), quote=True)


def page(wide: float, high: float, title: str, description: str, parts: Iterable[str]) -> str:
    """The whole picture on white."""
    inside = "\n".join(parts)
    w, h = number(wide), number(high)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {w} {h}" role="img" '
        f'font-family="{FONTS}" fill="{INK}">\n<title>{safe(title)}</title>\n<desc>{safe(description)}</desc>\n'
        f'<rect width="{w}" height="{h}" fill="{PAPER}"/>\n{inside}\n</svg>\n'
    )


def drawn(
    plan: Plan, fractions: Mapping[str, float], ranks: Mapping[str, int], tooltips: Mapping[str, str]
) -> list[str]:
    """The parts of a plan, from back to front.

    Args:
        plan: where everything is.
        fractions: of each box that has a colour, its cost over that of the most expensive; by key.
        ranks: of the most expensive boxes, from 1.
        tooltips: of each box.
    """
    return [
        *map(_frame, plan.frames),
        f'<g fill="none" stroke="{FLOW}" stroke-width="1.4">',
        *dict.fromkeys(map(_line, plan.edges)),
        "</g>",
        f'<g fill="{FLOW}">',
        *dict.fromkeys(_arrow(edge.points[-1]) for edge in plan.edges if edge.arrow),
        "</g>",
        *(_box(box, fractions.get(box.key), tooltips.get(box.key, "")) for box in plan.boxes),
        *(text(label.x, label.y - 1, label.text, FOLLOWING.size, fill=MUTED) for label in plan.labels),
        *(mark(box.x + box.width - 1, box.y + 10, ranks[box.key]) for box in plan.boxes if box.key in ranks),
    ]


def mark(x: float, y: float, rank: int) -> str:
    """The number of a box among the most expensive."""
    circle = f'<circle cx="{number(x)}" cy="{number(y)}" r="7.5" fill="{INK}" stroke="{PAPER}" stroke-width="1.5"/>'
    return circle + text(x, y + 3.4, str(rank), 9.5, fill=PAPER, bold=True, anchor="middle")


def _frame(frame: Frame) -> str:
    dashed = ' stroke-dasharray="5 4"' if frame.aside else ""
    fill = PAPER if frame.aside else "#5b7590"
    opacity = "" if frame.aside else ' fill-opacity="0.08"'
    x, y = number(frame.x), number(frame.y)
    size = f'width="{number(frame.width)}" height="{number(frame.height)}" rx="9"'
    said = text(frame.x + 9, frame.y + 14, frame.name, FOLLOWING.size, fill="#36485a", bold=True)
    if frame.note:
        said += text(frame.x + frame.width - 9, frame.y + 14, frame.note, FIGURES.size, fill=MUTED, anchor="end")
    return f'<rect x="{x}" y="{y}" {size} fill="{fill}"{opacity} stroke="#a9b6c3"{dashed}/>{said}'


def _line(edge: Edge) -> str:
    dashed = ' stroke-dasharray="5 4"' if edge.aside else ""
    points = list(edge.points)
    if edge.arrow:  # the arrow's tip stays sharp
        points[-1] = (points[-1][0], points[-1][1] - 3)
    return f'<path d="{rounded(points)}"{dashed}/>'


def rounded(points: Sequence[Point]) -> str:
    """A line with its corners rounded, as the ``d`` of a path."""
    parts = [f"M{number(points[0][0])} {number(points[0][1])}"]
    for before, here, after in zip(points, points[1:], points[2:], strict=False):
        radius = min(CORNER, _distance(before, here) / 2, _distance(here, after) / 2)
        a, b = _towards(here, before, radius), _towards(here, after, radius)
        parts.append(f"L{_pair(a)}Q{_pair(here)} {_pair(b)}")
    return "".join([*parts, f"L{_pair(points[-1])}"])


def _pair(point: Point) -> str:
    return f"{number(point[0])} {number(point[1])}"


def _distance(a: Point, b: Point) -> float:
    return abs(a[0] - b[0]) + abs(a[1] - b[1])  # lines are level or upright


def _towards(here: Point, there: Point, by: float) -> Point:
    length = _distance(here, there) or 1
    return here[0] + (there[0] - here[0]) * by / length, here[1] + (there[1] - here[1]) * by / length


def _arrow(tip: Point) -> str:
    x, y = tip
    return f'<path d="M{number(x)} {number(y)}l-3.6 -6.5h7.2z"/>'


def _box(box: Box, fraction: float | None, tooltip: str) -> str:
    title = f"<title>{safe(tooltip)}</title>" if tooltip else ""
    place = f'x="{number(box.x)}" y="{number(box.y)}" width="{number(box.width)}" height="{number(box.height)}"'
    if box.kind == "wire":
        middle = number(box.x + box.width / 2)
        line = f'<path d="M{middle} {number(box.y - 1)}v{number(box.height + 2)}" stroke="{FLOW}" stroke-width="1.4"/>'
        return f'<g>{title}<rect {place} fill="{PAPER}" fill-opacity="0"/>{line}</g>'
    fill = EMPTY if fraction is None else colour(fraction)
    edge = OUTLINE if fraction is None else colour(min(1.0, fraction + 0.35))
    round_ends = {"run": 4.0, "merge": box.height / 2, "input": box.height / 2}[box.kind]
    dashed = ' stroke-dasharray="4 3"' if box.aside else ""
    if box.kind == "input":
        fill, edge = "#e9edf1", OUTLINE
    parts = [f'<rect {place} rx="{number(min(round_ends, 13))}" fill="{fill}" stroke="{edge}"{dashed}/>']
    y = box.y + (box.height - sum(line.style.height for line in box.lines)) / 2
    for said in box.lines:
        y += said.style.height
        quiet = "" if said.style is OPERATION else MUTED
        shade = quiet if fraction is None else ink(fraction)
        base = y - (said.style.height - said.style.size) / 2 - said.style.size * 0.15
        parts.append(
            text(
                box.x + box.width / 2,
                base,
                said.text,
                said.style.size,
                fill=shade,
                bold=said.style.bold,
                anchor="middle",
            )
        )
    return f"<g>{title}{''.join(parts)}</g>"
