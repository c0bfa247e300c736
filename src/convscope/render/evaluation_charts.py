"""Charts of how far a model may be believed: its risk-coverage curve, and its accuracy on worse pictures."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor
from typing import Any

import altair as alt

from convscope.evaluation.report import EvaluationReport
from convscope.evaluation.robustness import Robustness
from convscope.evaluation.selective_prediction import SelectiveResult
from convscope.intervals import wilson_interval
from convscope.model.risk_coverage import RiskCoverageCurve
from convscope.render.charts import COLOURS, Chart
from convscope.render.i18n import ENGLISH, Words

WIDTH, HEIGHT = 420, 230
FEWEST = 10
"""Answers, below which the accuracy is left undrawn: it would lie anywhere."""


def coverage(report: EvaluationReport, words: Words = ENGLISH) -> Chart:
    """Accuracy over coverage: these pictures with their interval, and those that thresholds were chosen on.

    A mark is what came of asking for a precision, with what was asked for.
    """
    here = _points(report.curve)
    asked = _asked(report.sure)
    others = _points(report.vouching) if report.vouching is not None else []
    # Where few are answered the interval is wide: it may leave the chart, the lines may not.
    least = min([here[0]["low"]] + [point["right"] for point in here + others])
    floored = max(0.0, floor(20 * min(least, 0.999)) / 20)
    x = alt.X(
        "answered:Q",
        scale=alt.Scale(domain=[0, 1], nice=False),
        axis=alt.Axis(format="~%", tickCount=5, grid=False),
        title=words["coverage axis"],
    )
    height = alt.Scale(domain=[floored, 1], nice=False, clamp=True)

    def y(field: str) -> alt.Y:
        axis = alt.Axis(format="~%", tickCount=5)
        return alt.Y(f"{field}:Q", scale=height, axis=axis, title=words["kept axis"])

    layers: list[Any] = [
        _of(here).mark_area(color=COLOURS["accent"][0], opacity=0.16).encode(x=x, y=y("low"), y2="high:Q"),
        _of(_drawn(here, words["these pictures"]) + _drawn(others, words["vouching"]))
        .mark_line(strokeWidth=2)
        .encode(
            x=x,
            y=y("right"),
            color=alt.Color(
                "of:N",
                scale=alt.Scale(
                    domain=[words["these pictures"], *([words["vouching"]] if others else [])],
                    range=[COLOURS["accent"][0], *([COLOURS["train"][0]] if others else [])],
                ),
                legend=alt.Legend(
                    orient="bottom", title=None, symbolType="stroke", symbolStrokeWidth=3, direction="vertical",
                    labelLimit=400,
                ),
            ),
        ),
    ]  # fmt: skip
    if asked:
        marks = _of(asked).encode(x=x, y=y("right"))
        layers.append(marks.mark_point(filled=True, size=55, color=COLOURS["ink"][0], opacity=1))
        layers.append(
            marks.mark_text(align="right", dx=-7, dy=11, fontSize=12, color=COLOURS["ink"][0]).encode(text="stated:N")
        )
    drawn: Chart = alt.layer(*layers).properties(width=WIDTH, height=HEIGHT)
    return drawn


def _asked(sure: Sequence[SelectiveResult]) -> list[dict[str, Any]]:
    """A mark for each accuracy that was asked for; one for those that came to the same."""
    found: dict[tuple[float, float], list[str]] = {}
    for one in sure:
        if one.answered >= FEWEST and one.precision is not None:
            found.setdefault((one.coverage, one.precision), []).append(f"{100 * one.stated:g}")
    return [{"answered": x, "right": y, "stated": f"{', '.join(stated)} %"} for (x, y), stated in found.items()]


def _points(curve: RiskCoverageCurve) -> list[dict[str, float]]:
    points = []
    for answered, right in zip(curve.answered, curve.right, strict=True):
        if answered >= FEWEST or answered == curve.count:
            low, high = wilson_interval(right, answered)
            points.append({"answered": answered / curve.count, "right": right / answered, "low": low, "high": high})
    return points


def _drawn(points: list[dict[str, float]], of: str) -> list[dict[str, Any]]:
    return [{"answered": point["answered"], "right": point["right"], "of": of} for point in points]


def _of(values: list[dict[str, Any]] | list[dict[str, float]]) -> alt.Chart:
    return alt.Chart(alt.Data(values=values))  # type: ignore[no-untyped-call]


def robustness(measured: Robustness, words: Words = ENGLISH) -> Chart:
    """Accuracy by severity, a small chart a kind; 0 is the picture as it is."""
    small = []
    for kind, accuracies in measured.spoilt.items():
        values = [{"severity": i, "right": right} for i, right in enumerate((measured.clean, *accuracies))]
        x = alt.X("severity:O", axis=alt.Axis(labelAngle=0), title=None)
        y = alt.Y("right:Q", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="~%", tickCount=3), title=None)
        line = (
            alt.Chart(alt.InlineData(values=values))
            .mark_line(color=COLOURS["accent"][0], point=True, strokeWidth=2)
            .encode(x=x, y=y)
        )
        small.append(line.properties(width=150, height=90, title=words[f"spoilt {kind}"]))
    rows = [alt.hconcat(*small[start : start + 3]) for start in range(0, len(small), 3)]
    drawn: Chart = alt.vconcat(*rows)
    return drawn
