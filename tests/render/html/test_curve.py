import re

import numpy as np
import pytest

from convscope import ops
from convscope.calculation.calculation import calculate
from convscope.calculation.probabilities import Logit, Odds
from convscope.render.html.curve import curve, slopes


def dots(html):
    found = re.findall(r'<circle data-at="(\d+)" cx="([\d.]+)" cy="([\d.]+)"', html)
    return {int(at): (float(x), float(y)) for at, x, y in found}


def test_every_value_stands_on_the_graph():
    html = curve(calculate(ops.Sigmoid(), [np.array([[-6.0, 0.0, 6.0]])]))
    placed = dots(html)
    assert len(placed) == 3
    assert placed[0][0] < placed[1][0] < placed[2][0]
    # Half way up, y grows downwards.
    assert placed[1][1] == pytest.approx((placed[0][1] + placed[2][1]) / 2, abs=0.2)
    line = re.search(r'class="function" points="([^"]+)"', html)[1].split()
    nearest = min((tuple(map(float, point.split(","))) for point in line), key=lambda p: abs(p[0] - placed[1][0]))
    assert nearest == pytest.approx(placed[1], abs=2)


def test_slopes_are_the_derivatives():
    assert slopes(calculate(ops.Tanh(), [np.array([0.0])])).tolist() == [1.0]
    assert slopes(calculate(Logit(), [np.array([0.5])])).tolist() == [4.0]
    assert slopes(calculate(ops.Softmax(), [np.array([0.5, 1.0])])) is None


def test_odds_of_certainty_are_not_drawn():
    with np.errstate(divide="ignore"):
        html = curve(calculate(Odds(), [np.array([0.5, 0.999999])]))
    assert list(dots(html)) == [0]
    assert 'class="slope"' not in html


@pytest.mark.parametrize("op", [ops.MaxPool(2), ops.GlobalAvgPool(), ops.BatchNorm(affine=False)])
def test_what_is_no_function_of_one_number_has_no_graph(op):
    shapes = op.buffers([(1, 2, 2)])
    calculation = calculate(op, [np.ones((1, 2, 2))], {}, {name: np.ones(shape) for name, shape in shapes.items()})
    assert curve(calculation) == ""


def test_values_far_away_are_reached():
    placed = dots(curve(calculate(ops.ReLU(), [np.array([-900.0, 900.0])])))
    assert len(placed) == 2
