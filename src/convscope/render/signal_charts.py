"""Charts of what initialisation and depth do: layer by layer, on a logarithmic scale.

In the style of :mod:`convscope.render.charts`, whose colours they use and which draws them as SVG.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Literal

import altair as alt

from convscope.inspection.signal import Depth, DepthExperiment, Signal
from convscope.network.graph import INPUT
from convscope.render.charts import COLOURS, Chart
from convscope.render.i18n import Lang
from convscope.render.text.signal import kind_name, short, word

Quantity = Literal["std", "gradient_size", "weight_gradient_size"]

LINES: Mapping[str, tuple[str, tuple[int, ...]]] = {
    "sigmoid": ("wrong", (1, 0)),
    "tanh": ("train", (7, 3)),
    "relu": ("accent", (1, 0)),
    "relu + residual": ("ink", (2, 2)),
    "relu + batch norm": ("accent", (7, 3)),
    "relu + batch norm + residual": ("ink", (7, 3, 2, 3)),
}
"""How each kind of layer is drawn: a colour's role and a dash, so that the lines differ without colour too."""

SPREADS: Mapping[str, str] = {
    "small": "0.01",
    "lecun": "1/√N",
    "kaiming": "√(2/N)",
    "large": "1",
    "xavier": "√(2/(N+M))",
    "pytorch": "1/√(3N)",
}
"""The standard deviation of each scheme's weights; of N values that a unit sums and M that it has a part in."""

_POWER = "replace(replace(format(datum.value, '~e'), '+', ''), /e0$/, '')"
"""``1e-9``, ``1``, ``1e9``."""

_WIDTH, _HEIGHT = 270, 170
_ROW = 15
"""Pixels of a node."""
_OTHER = ("muted", (1, 0))


def depth_chart(experiment: DepthExperiment, what: Quantity = "gradient_size", lang: Lang = "en") -> Chart:
    """One quantity by layer: a chart an initialisation, a line a kind of layer; one scale for all, logarithmic.

    Args:
        experiment: the classroom experiment.
        what: the values going forward (``"std"``), the gradients coming back (``"gradient_size"``) or what the
            weights learn from (``"weight_gradient_size"``).
        lang: the language.
    """
    titles = {scheme: _start(experiment, scheme, lang) for scheme in experiment.schemes}
    drawn = [(kind_name(row.kind, lang), row.scheme, row.layer, _value(row, what)) for row in experiment.rows]
    lines = {kind_name(kind, lang): LINES.get(kind, _OTHER) for kind in experiment.kinds}
    if what == "gradient_size" and "sigmoid" in experiment.kinds:
        name = word("bound", lang)
        lines[name] = ("muted", (1, 3))
        drawn += [(name, *rest) for rest in _bound(experiment)]
    values = [
        {"layer": layer, "value": value, "kind": kind, "start": titles[scheme]}
        for kind, scheme, layer, value in drawn
        if _drawable(value)
    ]
    colours = alt.Scale(domain=list(lines), range=[COLOURS[role][0] for role, _ in lines.values()])
    dashes = alt.Scale(domain=list(lines), range=[list(dash) for _, dash in lines.values()])
    # Above the charts: the lines end anywhere, and leave no corner free in all of them.
    legend = alt.Legend(orient="top", title=None, symbolType="stroke", symbolStrokeWidth=2.5, symbolSize=500, columns=3)
    ticks, y_scale = _log_scale([value for *_, value in drawn if _drawable(value)])
    x_axis = alt.Axis(values=_layers(experiment.depth), format="d", grid=False, labelFlush=False)
    one = (
        _chart(values)
        .mark_line(strokeWidth=2.2, point=experiment.depth == 1)
        .encode(
            x=alt.X(
                "layer:Q",
                scale=alt.Scale(domain=[1, max(2, experiment.depth)], nice=False),
                axis=x_axis,
                title=word("layer axis", lang),
            ),
            y=alt.Y("value:Q", scale=y_scale, title=None, axis=alt.Axis(labelExpr=_POWER, values=ticks, minExtent=42)),
            color=alt.Color("kind:N", scale=colours, legend=legend),
            strokeDash=alt.StrokeDash("kind:N", scale=dashes, legend=legend),
        )
        .properties(width=_WIDTH, height=_HEIGHT)
    )
    header = alt.Header(title=None, labelFontSize=12, labelAnchor="start", labelColor=COLOURS["ink"][0], labelPadding=6)
    faceted: Chart = one.facet(
        facet=alt.Facet("start:N", sort=list(titles.values()), header=header, title=None),
        columns=2,
        spacing={"row": 18, "column": 22},
    ).properties(title=word(f"what {what}", lang))
    return faceted


def signal_chart(rows: Sequence[Signal], lang: Lang = "en") -> Chart:
    """A network's nodes from top to bottom: the size of the values, of the gradients, of the weights' gradients.

    Args:
        rows: what :func:`convscope.inspection.signal.signal` measured.
        lang: the language.
    """
    order = [row.path for row in rows]
    names = {
        "values": word("values axis", lang),
        "gradients": word("gradients axis", lang),
        "weight gradients": word("weight gradients axis", lang),
    }
    roles = {"values": "accent", "gradients": "wrong", "weight gradients": "train"}
    found: list[tuple[str, float, str]] = []
    for row in rows:
        found.append((row.path, row.std, names["values"]))
        if row.path != INPUT:  # nothing is changed by the input's gradient
            found.append((row.path, row.gradient_size, names["gradients"]))
        if row.weight_gradient_size is not None:
            found.append((row.path, row.weight_gradient_size, names["weight gradients"]))
    found = [one for one in found if _drawable(one[1])]
    values = [{"node": node, "value": value, "what": what} for node, value, what in found]
    colours = alt.Scale(domain=list(names.values()), range=[COLOURS[role][0] for role in roles.values()])
    shapes = alt.Scale(domain=list(names.values()), range=["circle", "square", "triangle-right"])
    legend = alt.Legend(orient="top", title=None, symbolSize=60)
    ticks, scale = _log_scale([value for _, value, _ in found])
    base = _chart(values).encode(
        y=alt.Y("node:N", sort=order, title=None, axis=alt.Axis(grid=True, ticks=False, labelLimit=220)),
        x=alt.X("value:Q", scale=scale, title=None, axis=alt.Axis(labelExpr=_POWER, values=ticks, orient="top")),
        color=alt.Color("what:N", scale=colours, legend=legend),
        shape=alt.Shape("what:N", scale=shapes, legend=legend),
    )
    chart: Chart = base.mark_point(filled=True, size=42, opacity=1).properties(width=360, height=_ROW * len(rows))
    return chart


def _start(experiment: DepthExperiment, scheme: str, lang: Lang) -> str:
    """The title of one chart: the scheme, its standard deviation, and what such weights multiply by."""
    gains = sorted(experiment.network(kind, scheme)[0].gain for kind in experiment.kinds)
    gain = "–".join(dict.fromkeys([short(gains[0]), short(gains[-1])]))
    spread = f": {word('std', lang)} {SPREADS[scheme]}" if scheme in SPREADS else ""
    return f"{scheme}{spread} ({word('gain', lang)} {gain})"


def _bound(experiment: DepthExperiment) -> list[tuple[str, int, float]]:
    """What a slope of 0.25 at every layer alone leaves of the last layer's gradient: scheme, layer, value."""
    found = []
    for scheme in experiment.schemes:
        last = experiment.network("sigmoid", scheme)[-1].gradient_size
        layers = range(1, experiment.depth + 1)
        found += [(scheme, layer, last * 0.25 ** (experiment.depth - layer)) for layer in layers]
    return found


def _value(row: Depth, what: Quantity) -> float:
    found: float = getattr(row, what)
    return found


def _drawable(value: float) -> bool:
    """A logarithmic scale has no place for 0, nor a picture for what overflowed."""
    return isfinite(value) and value > 0


def _log_scale(values: Sequence[float]) -> tuple[list[float], alt.Scale]:
    """Ticks and a logarithmic scale that hold all values."""
    ticks = _ticks(min(values, default=1.0), max(values, default=1.0))
    return ticks, alt.Scale(type="log", domain=[min([*ticks, *values]), max([*ticks, *values])], nice=False)


def _ticks(low: float, high: float) -> list[float]:
    """Powers of ten around all values, at most about seven.

    Example:
        >>> _ticks(2e-3, 50.0)
        [0.001, 0.01, 0.1, 1.0, 10.0, 100.0]
    """
    first, last = _power(low, down=True), _power(high, down=False)
    every = max(1, -(-(last - first) // 6))
    first = first // every * every  # so that 1 is among them
    return [float(f"1e{power}") for power in range(first, last + every, every) if power <= 300]


def _power(value: float, down: bool) -> int:
    digits, _, exponent = f"{value:e}".partition("e")
    return int(exponent) + (0 if down or float(digits) == 1 else 1)


def _layers(depth: int) -> list[int]:
    """Layers with a number: the first and even steps.

    Example:
        >>> _layers(20), _layers(4)
        ([1, 5, 10, 15, 20], [1, 2, 3, 4])
    """
    every = next(step for step in (1, 2, 5, 10, 20, 50, 100, 200) if depth / step <= 8)
    return [1, *range(every, depth + 1, every)] if every > 1 else list(range(1, depth + 1))


def _chart(values: list[dict[str, Any]]) -> alt.Chart:
    return alt.Chart(alt.Data(values=values))  # type: ignore[no-untyped-call]
