import numpy as np

from convscope import ops
from convscope.calculation.calculation import calculate
from convscope.render.html import calc_sections as sections
from convscope.render.html.calc_page import render_calc_page

IMAGE = np.arange(25.0).reshape(1, 5, 5)


def test_a_matrix_too_large_to_read_is_left_out():
    small = calculate(ops.Conv(1, 3, bias=False), [IMAGE], {"weight": np.ones((1, 1, 3, 3))})
    rows = sections.unfolded(small)["rows"]
    assert [len(row["cells"]) for row in rows] == [9] * 9
    large = calculate(ops.Conv(1, 3, bias=False), [np.ones((1, 40, 40))], {"weight": np.ones((1, 1, 3, 3))})
    assert sections.unfolded(large) is None
    assert sections.unfolded(calculate(ops.MaxPool(2), [IMAGE])) is None


def test_the_rule_of_the_shape_has_its_numbers():
    html = render_calc_page(calculate(ops.MaxPool(2, stride=2, ceil_mode=True), [IMAGE]))
    assert "ceil((5 + 2 × 0 − 1 × (2 − 1) − 1) / 2) + 1 = <b>3</b>" in html
    assert "has the shape of the input: 1x5x5" in render_calc_page(calculate(ops.ReLU(), [IMAGE]))


def test_the_largest_number_is_one_that_is_there():
    assert sections.largest(np.array([1.0, -3.0, np.inf, np.nan])) == 3
    assert sections.largest(np.array([np.nan])) == 1


def test_gradients_of_many_matrices_say_how_many_are_left_out():
    calculation = calculate(ops.ReLU(), [np.ones((20, 2, 2))])
    from convscope.calculation.calculation import default_gradient, gradients

    outward = default_gradient(calculation)
    blocks = sections.gradients(calculation, outward, gradients(calculation))
    assert [(len(block["planes"]), block["omitted"]) for block in blocks] == [(16, 4)] * 2
    assert render_calc_page(calculation, None, (outward, gradients(calculation))).count("and 4 more") == 2
