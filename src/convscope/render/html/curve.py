"""The graph of a function of one number and of its slope, with every value of a calculation on it."""

from __future__ import annotations

from collections.abc import Callable
from math import floor, log10

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from convscope.calculation.calculation import Calculation, compute
from convscope.render.html.numerals import shown
from convscope.render.html.template import macro

WIDE, HIGH, MARGIN = 640.0, 280.0, 30.0
POINTS = 241
MOST_DOTS = 400
"""Values that are drawn on the graph."""
AROUND = 6.0
"""The graph of an activation reaches at least so far on both sides of 0."""

Values = NDArray[np.float64]


def slopes(calculation: Calculation) -> Values | None:
    """The slope at every value of a function of one number; None of other operations.

    Example:
        >>> from convscope.calculation.calculation import calculate
        >>> from convscope import ops
        >>> slopes(calculate(ops.Sigmoid(), [np.array([0.0])]))
        array([0.25])
    """
    at = _slope(calculation)
    return None if at is None else at(calculation.inputs[0])


def _slope(calculation: Calculation) -> Callable[[Values], Values] | None:
    drawn = calculation.use.curve
    return None if drawn is None else lambda x: np.asarray(drawn.slope(calculation.op, x), np.float64)


def curve(calculation: Calculation) -> Markup:
    """The function and its slope as a drawing; empty for operations that are no function of one number."""
    of_slope = _slope(calculation)
    given = calculation.inputs[0].reshape(-1)
    if of_slope is None or not np.isfinite(given).all():
        return Markup("")
    low, high = _reach(calculation, given)
    x = np.linspace(low, high, POINTS)
    y = compute(calculation.op, [x], {}, {})
    # The slopes of odds and logit have no bounds, they would hide the function.
    steep = None if _of_probability(calculation) else of_slope(x)
    drawn = np.concatenate([[0.0], y, [] if steep is None else steep])
    bottom, top = float(drawn.min()), float(drawn.max())

    def across(value: float) -> float:
        return MARGIN + (value - low) / (high - low) * (WIDE - 2 * MARGIN)

    def down(value: float) -> float:
        return HIGH - MARGIN - (value - bottom) / (top - bottom) * (HIGH - 2 * MARGIN)

    def line(values: Values, name: str) -> str:
        points = " ".join(f"{across(a):.1f},{down(b):.1f}" for a, b in zip(x, values, strict=True))
        return f'<polyline class="{name}" points="{points}"/>'

    parts = []
    for value in _ticks(low, high):
        mark = f"{across(value):.1f}"
        parts.append(f'<path class="grid" d="M{mark} {MARGIN}V{HIGH - MARGIN}"/>')
        parts.append(f'<text x="{mark}" y="{HIGH - 9}" text-anchor="middle">{shown(value)}</text>')
    for value in _ticks(bottom, top):
        mark = f"{down(value):.1f}"
        parts.append(f'<path class="grid" d="M{MARGIN} {mark}H{WIDE - MARGIN}"/>')
        parts.append(f'<text x="{MARGIN - 6}" y="{down(value) + 4:.1f}" text-anchor="end">{shown(value)}</text>')
    parts.append(f'<path class="axis" d="M{MARGIN} {down(0):.1f}H{WIDE - MARGIN}"/>')
    if low < 0 < high:
        parts.append(f'<path class="axis" d="M{across(0):.1f} {MARGIN}V{HIGH - MARGIN}"/>')
    parts += [*([] if steep is None else [line(steep, "slope")]), line(y, "function")]
    outputs = calculation.output.reshape(-1)
    for at, (a, b) in enumerate(zip(given[:MOST_DOTS], outputs[:MOST_DOTS], strict=True)):
        if low <= a <= high and bottom <= b <= top:
            parts.append(f'<circle data-at="{at}" cx="{across(float(a)):.1f}" cy="{down(float(b)):.1f}" r="3.5"/>')
    # Computed geometry, all of it numbers.
    drawing = f'<svg class="graph" viewBox="0 0 {WIDE:.0f} {HIGH:.0f}" aria-hidden="true">{"".join(parts)}</svg>'
    return macro("curve.html", "curve")(Markup(drawing), steep is not None)


def _of_probability(calculation: Calculation) -> bool:
    drawn = calculation.use.curve
    return drawn is not None and drawn.probability


def _reach(calculation: Calculation, given: Values) -> tuple[float, float]:
    """From where to where the graph is drawn."""
    if _of_probability(calculation):
        # Both run away towards 1, the logit towards 0 too.
        return max(1e-3, min(0.02, float(given.min()))), min(0.999, max(0.9, float(given.max())))
    least, largest = min(-AROUND, float(given.min())), max(AROUND, float(given.max()))
    return least - 0.02 * (largest - least), largest + 0.02 * (largest - least)


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers between two others, about seven of them.

    Example:
        >>> _ticks(-6.2, 6.2), _ticks(0, 1.03)
        ([-6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0], [0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    """
    rough = (high - low) / 7
    size = 10.0 ** floor(log10(rough))
    step = next(size * n for n in (1, 2, 5, 10) if size * n >= rough)
    first = int(np.ceil(low / step - 1e-9))
    return [round(n * step, 12) for n in range(first, int(np.floor(high / step + 1e-9)) + 1)]
