"""What being surer costs, as a chart: by the schema, in colours that a dark page replaces, marks where they belong."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest

from convscope.evaluation.metrics import evaluate_probabilities
from convscope.evaluation.report import EvaluationReport, evaluation_report
from convscope.model.risk_coverage import RiskCoverageCurve
from convscope.render import charts
from convscope.render.evaluation_charts import coverage


def _report(count: int, right: float, vouching: bool = True) -> EvaluationReport:
    rng = np.random.default_rng(0)
    labels_N = rng.integers(0, 3, count)
    called_N = np.where(rng.random(count) < right, labels_N, (labels_N + 1) % 3)
    answers_NK = rng.random((count, 3)) / 2
    answers_NK[np.arange(count), called_N] += 1
    answers_NK /= answers_NK.sum(1, keepdims=True)
    evaluation = evaluate_probabilities(answers_NK, labels_N, ("a", "b", "c"))
    curve = RiskCoverageCurve.measured(answers_NK.max(1), called_N == labels_N) if vouching else None
    model = SimpleNamespace(temperature=1.0, facts={}, curve=curve)
    return evaluation_report(model, evaluation, answers_NK, labels_N, [""] * count, sure=0.8)  # type: ignore[arg-type]


@pytest.mark.parametrize(("count", "right"), [(1, 1.0), (5, 0.0), (500, 0.85), (500, 1.0), (500, 0.0)])
@pytest.mark.parametrize("vouching", [True, False])
def test_it_is_drawn_whatever_there_is(count: int, right: float, vouching: bool) -> None:
    chart = coverage(_report(count, right, vouching))
    chart.to_dict()  # by the schema
    svg = charts.to_svg(chart)
    known = {light for light, _ in charts.COLOURS.values()} | {"none", "transparent"}
    assert set(re.findall(r'(?:fill|stroke)="([^"]*)"', svg)) <= known
    assert "NaN" not in svg
    assert ("thresholds were chosen on" in svg) == vouching


def test_what_was_asked_for_is_marked_and_marks_in_one_place_are_one() -> None:
    told = _report(500, 0.85)
    had = sorted({(one.coverage, one.precision) for one in told.sure if one.answered})
    labels = re.findall(r">([\d., ]+ %)</text>", charts.to_svg(coverage(told)))
    assert len(labels) == len(had) > 0
    everything = _report(500, 1.0)
    assert ">80, 90, 95, 99 %</text>" in charts.to_svg(coverage(everything))
