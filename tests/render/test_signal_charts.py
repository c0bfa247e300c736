"""The charts of initialisation and depth: valid, drawn alike every time, in the colours that a dark page replaces."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest

from convscope.inspection.signal import KINDS, DepthExperiment, Signal, depth_experiment, signal
from convscope.network.network import Network
from convscope.render import charts
from convscope.render.signal_charts import depth_chart, signal_chart

NET = "input 1x8x8\nconv 4 3x3 > sigmoid > flatten > linear 3"


@pytest.fixture(scope="module")
def experiment() -> DepthExperiment:
    return depth_experiment(6, tuple(KINDS), ["small", "lecun", "large"], width=20, examples=16)


def drawn(chart: charts.Chart) -> str:
    chart.to_dict()  # by the schema
    svg = charts.to_svg(chart)
    ElementTree.fromstring(svg)  # well formed
    known = {light for light, _ in charts.COLOURS.values()} | {"none", "transparent"}
    assert set(re.findall(r'(?:fill|stroke)="([^"]*)"', svg)) <= known
    assert svg == charts.to_svg(chart)
    assert "NaN" not in svg
    return svg


@pytest.mark.parametrize("what", ["std", "gradient_size", "weight_gradient_size"])
def test_a_panel_a_start_a_line_a_kind(experiment: DepthExperiment, what: str) -> None:
    svg = drawn(depth_chart(experiment, what))  # type: ignore[arg-type]
    for scheme in ("small: std 0.01 (gain 0.0", "lecun: std 1/√N (gain ", "large: std 1 (gain 4."):
        assert scheme in svg
    assert all(kind in svg for kind in experiment.kinds)
    lines = svg.count('aria-roledescription="line mark"') or len(re.findall(r'stroke-width="2.2"', svg))
    expected = (len(experiment.kinds) + (what == "gradient_size")) * 3
    assert lines == expected


def test_nodes_from_top_to_bottom() -> None:
    rows = signal(Network.parse(NET).graph())
    svg = drawn(signal_chart(rows))
    places = [svg.index(f">{row.path}<") for row in rows]
    assert places == sorted(places)


def test_korean(experiment: DepthExperiment) -> None:
    assert "relu + 배치 정규화" in drawn(depth_chart(experiment, "std", "ko"))
    assert "기울기: 크기 평균" in drawn(signal_chart(signal(Network.parse(NET).graph()), "ko"))


def test_what_a_logarithm_has_no_place_for_is_left_out() -> None:
    drawn(depth_chart(depth_experiment(60, ["relu"], ["large", "zeros"], width=10, examples=4)))
    drawn(depth_chart(depth_experiment(1, ["sigmoid"], ["lecun"], width=4, examples=2)))
    nothing = Signal("input", "input", 0.0, 0.0, 1.0, None, None, 0.0, 0.0, None, None, None)
    drawn(signal_chart([nothing]))
