"""The charts of a run, each defined once as an Altair chart, for the report, the page and a notebook.

Colours are the light half of :data:`COLOURS`; a page that knows dark replaces them by attribute (see report.py).
Backgrounds are transparent, texts are a legible size at the chart's own width, and nothing is loaded from anywhere.
Importing this module imports Altair (0.4 s); the first chart drawn starts vl-convert (another 0.6 s).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite, sqrt
from typing import Any, Literal

import altair as alt
import vl_convert

from convscope.evaluation.metrics import Bin, Evaluation
from convscope.intervals import wilson_interval
from convscope.render.i18n import ENGLISH, Words
from convscope.render.wording import class_names

COLOURS: Mapping[str, tuple[str, str]] = {
    "ink": ("#24292e", "#dfe3e8"),
    "muted": ("#68717a", "#98a2ac"),
    "line": ("#d9dde1", "#363c43"),
    "train": ("#9a8466", "#bda683"),
    "accent": ("#2265a5", "#6db1f2"),
    "right": ("#2a6fb0", "#3b82c4"),
    "wrong": ("#c0442c", "#d65f45"),
    "on fill": ("#fffefd", "#fffefd"),
}
"""Of the charts, by role: on a light and on a dark page."""
LARGEST_MATRIX = 40
"""Classes; with more, cells are too small to be told apart."""
LARGEST_NUMBERED = 12
"""Classes; with more, a cell has no room for its number."""
HEIGHT = 190
"""Of a learning curve."""
_WIDTH = 300
_PART_COLOURS = {"train": COLOURS["train"][0], "val": COLOURS["accent"][0]}
_MARKED = 30
"""Epochs; with more, points on a line run together."""

_LINK = re.compile(r'xlink:href="[^"#]*#')
"""Vega-lite's writer puts an address of its own before a link within the page."""

Chart = alt.Chart | alt.LayerChart | alt.FacetChart | alt.VConcatChart
History = Sequence[Mapping[str, Any]]


def curve(history: History, what: str, words: Words = ENGLISH) -> Chart:
    """``"loss"`` or ``"accuracy"`` by epoch, training and validation; values that are not numbers are left out.

    Args:
        history: one mapping an epoch with ``epoch``, ``train_<what>`` and ``val_<what>`` (None without validation).
        what: which of the two.
        words: the words of axes and legend.
    """
    names = {"train": words["train"], "val": words["validation"]}
    values = [
        {"epoch": epoch["epoch"], "value": epoch[f"{part}_{what}"], "part": name}
        for part, name in names.items()
        for epoch in history
        if is_number(epoch.get(f"{part}_{what}"))
    ]
    drawn = {value["part"] for value in values}
    domain = {names[part]: colour for part, colour in _PART_COLOURS.items() if names[part] in drawn}
    colours = alt.Scale(domain=list(domain), range=list(domain.values()))
    # Inside the plot, in the corner that learning leaves empty.
    corner: Literal["bottom-right", "top-right"] = "bottom-right" if what == "accuracy" else "top-right"
    legend = alt.Legend(orient=corner, title=None, symbolType="stroke", symbolStrokeWidth=3, padding=4)
    chart: Chart = (
        _chart(values)
        .mark_line(point=_point(history), strokeWidth=2)
        .encode(
            x=_epoch_axis(history, words),
            y=alt.Y(
                "value:Q",
                axis=_value_axis("~%" if what == "accuracy" else "~g"),
                title=None,
                scale=alt.Scale(zero=False),
            ),
            color=alt.Color("part:N", scale=colours, legend=legend),
        )
        .properties(width=_WIDTH, height=HEIGHT, title=words[f"{what} axis"])
    )
    return chart


def learning_rate(history: History, words: Words = ENGLISH, height: int = 70) -> Chart:
    """The learning rate by epoch."""
    values = [{"epoch": e["epoch"], "value": e["lr"]} for e in history if is_number(e.get("lr"))]
    chart: Chart = (
        _chart(values)
        .mark_line(point=_point(history), strokeWidth=2, color=COLOURS["muted"][0])
        .encode(
            x=_epoch_axis(history, words),
            y=alt.Y("value:Q", axis=_value_axis("~g"), title=None),
        )
        .properties(width=_WIDTH, height=height, title=words["rate axis"])
    )
    return chart


def learning_curves(history: History, words: Words = ENGLISH) -> Chart:
    """Loss, accuracy and learning rate, one below the other."""
    charts = (curve(history, "loss", words), curve(history, "accuracy", words), learning_rate(history, words))
    column: Chart = alt.vconcat(*charts, spacing=22)
    return column


def curves_svg(history: History, words: Words = ENGLISH) -> str:
    """:func:`learning_curves` as one SVG file on white, for a run's folder.

    Example:
        >>> curves_svg([{"epoch": 1, "train_loss": 0.5, "val_loss": 0.6, "lr": 0.1}]).startswith("<svg")
        True
    """
    return to_svg(learning_curves(history, words), background="white")


def reliability(evaluation: Evaluation, words: Words = ENGLISH, before: Sequence[Bin] = ()) -> Chart:
    """Accuracy by confidence with 95 % intervals, and below it how many pictures there are.

    Args:
        evaluation: with calibrated probabilities.
        words: the words of axes and legend.
        before: the bins before calibration, drawn as open circles at their mean probability; empty: none are.
    """
    values = []
    for b in evaluation.bins:
        if b.accuracy is not None:
            low, high = wilson_interval(round(b.accuracy * b.count), b.count)
            values.append({"lower": b.lower, "upper": b.upper, "right": b.accuracy, "low": low, "high": high,
                           "middle": (b.lower + b.upper) / 2, "share": b.count / evaluation.count})  # fmt: skip
    unit = alt.Scale(domain=[0, 1], nice=False)
    percent = alt.Axis(format="~%", tickCount=5)
    x = alt.X("lower:Q", scale=unit, axis=percent, title=words["confidence axis"])
    bars = (
        _chart(values)
        .mark_bar(color=COLOURS["accent"][0], opacity=0.45)
        .encode(
            x=x,
            x2="upper:Q",
            y=alt.Y("right:Q", scale=unit, axis=percent, title=words["reliability axis"]),
            y2=alt.Y2Datum(0),
        )
    )
    intervals = (
        _chart(values)
        .mark_rule(color=COLOURS["ink"][0], strokeWidth=1.2)
        .encode(x=alt.X("middle:Q", scale=unit), y=alt.Y("low:Q", scale=unit), y2="high:Q")
    )
    ideal = (
        _chart([{"p": 0}, {"p": 1}])
        .mark_line(color=COLOURS["muted"][0], strokeDash=[5, 4], strokeWidth=1.5)
        .encode(x=alt.X("p:Q", scale=unit), y=alt.Y("p:Q", scale=unit))
    )
    counts = (
        _chart(values)
        .mark_bar(color=COLOURS["muted"][0], opacity=0.55)
        .encode(
            x=alt.X("lower:Q", scale=unit, axis=alt.Axis(labels=False, ticks=False), title=None),
            x2="upper:Q",
            y2=alt.Y2Datum(0),
            y=alt.Y("share:Q", scale=unit, axis=alt.Axis(format="~%", values=[0, 0.5, 1]), title=words["count axis"]),
        )
        .properties(width=_WIDTH, height=46)
    )
    marks = bars + ideal + intervals
    if before:
        marks += _before(before, evaluation.count)
    diagram = marks.properties(width=_WIDTH, height=240)
    return alt.vconcat(diagram, counts, spacing=12)


def _before(before: Sequence[Bin], count: int) -> alt.Chart:
    """Open circles; of bins with next to no pictures none, for those lie anywhere."""
    least = max(2, count // 500)
    values = [{"p": b.confidence, "right": b.accuracy} for b in before if b.count >= least]
    unit = alt.Scale(domain=[0, 1], nice=False)
    circles: alt.Chart = (
        _chart(values)
        .mark_point(filled=False, size=38, strokeWidth=1.8, color=COLOURS["wrong"][0], opacity=1)
        .encode(x=alt.X("p:Q", scale=unit), y=alt.Y("right:Q", scale=unit))
    )
    return circles


def confusion(
    evaluation: Evaluation, words: Words = ENGLISH, links: Mapping[tuple[int, int], str] | None = None
) -> Chart:
    """The confusion matrix as a heat map: rows true, columns predicted, depth by the square root of the row's share.

    Args:
        evaluation: of at most :data:`LARGEST_MATRIX` classes to be readable.
        words: the words of the axes.
        links: where a cell (true, predicted) leads, e.g. ``{(3, 6): "#pair-3-6"}``; it is framed.
    """
    names = class_names(evaluation)
    values = [
        {
            "true": names[true],
            "predicted": names[predicted],
            "count": count,
            "depth": 0.07 + 0.93 * sqrt(count / max(1, sum(row))),
            "kind": "right" if true == predicted else "wrong",
            "link": (links or {}).get((true, predicted)),
        }
        for true, row in enumerate(evaluation.confusion)
        for predicted, count in enumerate(row)
        if count  # most cells of a good classifier are empty
    ]
    numbered = len(names) <= LARGEST_NUMBERED
    step = max(30, 84 - 9 * len(names)) if numbered else max(11, 480 // len(names))
    size = step * len(names)

    def axis(title: str, **more: Any) -> alt.Axis:
        return alt.Axis(
            title=title,
            grid=True,
            bandPosition=0,
            ticks=False,
            domain=False,
            labelLimit=110,
            labelOverlap=False,
            **more,
        )

    x_axis = axis(words["predicted axis"], orient="top", labelAngle=-45, labelAlign="left", labelPadding=6)
    base = _chart(values).encode(
        x=alt.X("predicted:O", sort=names, scale=alt.Scale(domain=names), axis=x_axis),
        y=alt.Y(
            "true:O",
            sort=names,
            scale=alt.Scale(domain=names),
            axis=axis(words["true axis"], labelPadding=6, titlePadding=12),
        ),
    )
    kinds = alt.Scale(domain=["right", "wrong"], range=[COLOURS["right"][0], COLOURS["wrong"][0]])
    layers = [
        base.mark_rect(cornerRadius=2).encode(
            color=alt.Color("kind:N", scale=kinds, legend=None),
            opacity=alt.Opacity("depth:Q", scale=None),
        )
    ]
    if numbered:
        text_colour = alt.condition(
            "datum.depth > 0.62", alt.value(COLOURS["on fill"][0]), alt.value(COLOURS["ink"][0])
        )
        layers.append(base.mark_text(fontSize=11).encode(text=alt.Text("count:Q", format=",d"), color=text_colour))
    if links:
        framed = base.transform_filter("datum.link")
        red = COLOURS["wrong"][0]
        # Filled, though not to be seen: the whole cell takes the click, not its border alone.
        frame = framed.mark_rect(stroke=red, strokeWidth=1.5, cornerRadius=2, fill=red, fillOpacity=0)
        layers.append(frame.encode(href="link:N"))
    matrix: Chart = alt.layer(*layers).properties(
        width=size, height=size, view=alt.ViewBackground(stroke=COLOURS["line"][0])
    )
    return matrix


def to_svg(chart: Chart, background: str = "transparent") -> str:
    """A chart as SVG text, with sans-serif type; the same chart gives the same text."""
    dressed = chart.configure(
        background=background,
        font="sans-serif",
        aria=False,  # a label on each mark would double the size; who shows the chart describes it
        padding=6,
        axis=alt.AxisConfig(
            labelFontSize=11, titleFontSize=11, titleFontWeight="normal", labelColor=COLOURS["ink"][0],
            titleColor=COLOURS["muted"][0], gridColor=COLOURS["line"][0], tickColor=COLOURS["line"][0],
            domainColor=COLOURS["line"][0], labelOverlap=True,
        ),
        legend=alt.LegendConfig(labelFontSize=12, labelColor=COLOURS["ink"][0]),
        title=alt.TitleConfig(anchor="start", frame="group", fontSize=12, fontWeight="normal", offset=8,
                              color=COLOURS["ink"][0]),
        view=alt.ViewConfig(stroke=None),
    )  # fmt: skip
    # Without Altair's check against the schema, a third of the time; the tests check every chart.
    version = ".".join(alt.SCHEMA_VERSION.split(".")[:2])
    drawn = vl_convert.vegalite_to_svg(dressed.to_dict(validate=False), vl_version=version, allowed_base_urls=[])
    svg = _LINK.sub('href="#', drawn)
    # Vega draws empty paths where a group has no background; they are a tenth of the file.
    return re.sub(r'<path class="(?:back|fore)ground"[^>]* d="(?:M0,0h0v0h0Z)?"[^>]*/>', "", svg)


def undrawn(history: History) -> int:
    """How many values of the curves are there but not numbers: after a training that diverged."""
    keys = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
    return sum(epoch.get(key) is not None and not is_number(epoch[key]) for epoch in history for key in keys)


def is_number(value: Any) -> bool:
    """Whether a value of the history can be drawn."""
    return isinstance(value, (int, float)) and isfinite(value)


def _value_axis(number_format: str) -> alt.Axis:
    # The same room for the labels of every curve keeps their plots equally wide.
    return alt.Axis(format=number_format, tickCount=4, minExtent=42)


def _epoch_axis(history: History, words: Words) -> alt.X:
    last = max((epoch["epoch"] for epoch in history), default=1)
    first = min((epoch["epoch"] for epoch in history), default=1)
    # A single epoch has no extent to draw along.
    scale = alt.Scale(domain=[first, last] if last > first else [first - 1, first + 1], nice=False)
    ticks: Iterable[int] = range(first, last + 1, max(1, -(-(last - first) // 8)))
    return alt.X(
        "epoch:Q",
        scale=scale,
        axis=alt.Axis(values=list(ticks), format="d", grid=False, labelFlush=False),
        title=words["epoch axis"],
    )


def _point(history: History) -> bool | alt.OverlayMarkDef:
    # The colour is for a line without a legend; an encoded colour goes before it.
    return alt.OverlayMarkDef(size=22, filled=True, color=COLOURS["muted"][0]) if len(history) <= _MARKED else False


def _chart(values: list[dict[str, Any]]) -> alt.Chart:
    return alt.Chart(alt.Data(values=values))  # type: ignore[no-untyped-call]
