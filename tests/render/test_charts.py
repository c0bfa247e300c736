import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from convscope.evaluation.metrics import Bin, evaluate_probabilities
from convscope.render import charts


def epochs(count, **replaced):
    return [
        {"epoch": n, "train_loss": 2 / n, "train_accuracy": 1 - 0.5 / n, "val_loss": 2.1 / n,
         "val_accuracy": 1 - 0.6 / n, "lr": 0.01 / n, "seconds": 1.0, "images_per_second": 100.0} | replaced
        for n in range(1, count + 1)
    ]  # fmt: skip


def evaluated(classes, names=None, count=200):
    generator = np.random.default_rng(classes)
    weights = generator.random((count, classes)) ** 4 + 1e-9
    labels = generator.integers(0, classes, count)
    names = names or tuple(f"class {index}" for index in range(classes))
    return evaluate_probabilities(weights / weights.sum(axis=1, keepdims=True), labels, names)


def drawn(svg):
    ElementTree.fromstring(svg)  # well formed
    return svg


@pytest.mark.parametrize("history", [[], epochs(1), epochs(300), epochs(3, val_loss=None, val_accuracy=None)])
def test_curves_of_any_length(history):
    svg = drawn(charts.curves_svg(history))
    assert "Learning rate" in svg
    assert 'fill="white"' in svg
    assert ("validation" in svg) == any(epoch["val_loss"] is not None for epoch in history)


def test_what_is_not_a_number_is_left_out_and_counted():
    history = epochs(2) + epochs(1, train_loss=float("nan"), val_loss=float("inf"))
    assert charts.undrawn(history) == 2
    assert "NaN" not in drawn(charts.curves_svg(history))


def test_a_chart_is_drawn_the_same_every_time():
    chart = charts.reliability(evaluated(3))
    assert charts.to_svg(chart) == charts.to_svg(chart)


def test_a_chart_uses_no_colour_that_a_dark_page_could_not_replace():
    history, evaluation = epochs(5), evaluated(4)
    known = {light for light, _ in charts.COLOURS.values()} | {"none", "transparent"}
    for chart in (
        charts.curve(history, "loss"), charts.curve(history, "accuracy"), charts.learning_rate(history),
        charts.reliability(evaluation), charts.confusion(evaluation, links={(0, 1): "#x"}),
        charts.reliability(evaluation, before=evaluation.bins),
    ):  # fmt: skip
        chart.to_dict()  # by the schema
        svg = drawn(charts.to_svg(chart))
        assert set(re.findall(r'(?:fill|stroke)="([^"]*)"', svg)) <= known


def test_before_calibration_is_drawn_as_circles_but_not_of_bins_with_hardly_a_picture():
    few = Bin(0.4, 0.5, 1, 0.45, 1.0)
    many = Bin(0.9, 1.0, 40, 0.95, 0.8)
    plain, one = (charts.to_svg(charts.reliability(evaluated(3), before=bins)) for bins in ((few,), (few, many)))
    assert charts.to_svg(charts.reliability(evaluated(3))).count("<path") + 1 == one.count("<path")
    assert plain.count("<path") < one.count("<path")


def test_the_matrix_numbers_its_cells_and_leads_to_the_pictures():
    evaluation = evaluated(3)
    svg = drawn(charts.to_svg(charts.confusion(evaluation, links={(0, 1): "#pair-0-1"})))
    assert re.findall(r'<a [^>]*href="([^"]*)"', svg) == ["#pair-0-1"]
    for row in evaluation.confusion:
        assert all(f">{count}</text>" in svg for count in row if count)


def test_a_large_matrix_stays_small():
    assert len(drawn(charts.to_svg(charts.confusion(evaluated(40, count=4000))))) < 600_000


def test_hostile_names_are_only_text():
    names = ("<script>alert(1)</script>", 'a"b&c', "\x00\udcff", "고양이", "", "")
    svg = drawn(charts.to_svg(charts.confusion(evaluated(6, names))))
    assert "<script" not in svg
