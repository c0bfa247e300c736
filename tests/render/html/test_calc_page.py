import re

import numpy as np
import pytest
from gated_units import gru_tensors, gru_unit

from convscope import ops
from convscope.calculation.calculation import Calculation, calculate, default_gradient, gradients
from convscope.calculation.im2col import Im2col
from convscope.calculation.losses import CrossEntropy
from convscope.render.html.calc_page import render_calc_page, write_calc_page
from convscope.render.html.numerals import shown

PICTURE = np.array([
    [60, 113, 56, 139, 85], [73, 121, 54, 84, 128], [131, 99, 70, 129, 127], [80, 57, 115, 69, 134],
    [104, 126, 123, 95, 130],
], float)[None]  # fmt: skip
SHARPEN = np.array([[[[0, -1, 0], [-1, 5, -1], [0, -1, 0]]]], float)


def drawn(shape, seed=0):
    return np.random.default_rng(seed).integers(-3, 4, shape).astype(float)


def sharpened():
    """The notes' picture: its first output is 114."""
    return calculate(ops.Conv(1, 3, padding=1, bias=False), [PICTURE], {"weight": SHARPEN})


def several():
    """Two groups of two channels, four filters."""
    op = ops.Conv(4, 3, padding=1, stride=2, groups=2)
    return calculate(op, [drawn((4, 5, 5))], {"weight": drawn((4, 2, 3, 3), 1), "bias": np.array([0.5, 0, -1, 2])})


def batchnorm():
    op, x = ops.BatchNorm(), drawn((2, 3, 3))
    parameters = {"weight": np.array([1.5, 0.5]), "bias": np.array([0.0, 0.1])}
    return calculate(op, [x], parameters, {"running_mean": np.array([0.1, -0.2]), "running_var": np.array([1.1, 0.9])})


CASES = {
    "conv": sharpened,
    "groups": several,
    "signal": lambda: calculate(ops.Conv(2, 3), [drawn((2, 6))], {"weight": drawn((2, 2, 3)), "bias": drawn((2,))}),
    "maxpool": lambda: calculate(ops.MaxPool(2, padding=1), [drawn((2, 5, 5))]),
    "avgpool": lambda: calculate(ops.AvgPool(3, stride=2, ceil_mode=True), [drawn((1, 6, 6))]),
    "linear": lambda: calculate(ops.Linear(3), [drawn((4,))], {"weight": drawn((3, 4)), "bias": drawn((3,))}),
    "sigmoid": lambda: calculate(ops.Sigmoid(), [drawn((1, 2, 3))]),
    "softmax": lambda: calculate(ops.Softmax(), [drawn((4,))]),
    "batchnorm": batchnorm,
    "add": lambda: calculate(ops.Add(), [drawn((2, 2, 2)), drawn((2, 2, 2), 1)]),
    "flatten": lambda: calculate(ops.Flatten(), [drawn((2, 2, 2))]),
    "loss": lambda: calculate(CrossEntropy(), [drawn((2, 3)), np.array([0.0, 2.0])]),
}


def test_the_page_stands_without_a_script():
    html = render_calc_page(sharpened(), "ko")
    assert '<html lang="ko">' in html
    assert "60*5 + 113*(-1)" in html
    assert ">−135<" in html
    assert "5 + 2 × 1 − 1 × (3 − 1) − 1" in html
    assert html.count('<tr><th scope="row">0,') == 9  # im2col: a row a weight


def test_gradients_are_shown_where_they_are_asked_for():
    calculation = sharpened()
    found = gradients(calculation)
    html = render_calc_page(calculation, "en", (default_gradient(calculation), found))
    part = html.split('<section id="gradients"')[1].split("</section>")[0]
    cells = [float(text.replace("−", "-")) for text in re.findall(r"<td[^>]*>([^<]+)</td>", part)]
    expected = [np.ones(25), found.inputs[0].reshape(-1), found.parameters["weight"].reshape(-1)]
    assert cells == pytest.approx(np.concatenate(expected), rel=1e-3)
    assert 'id="gradients"' not in render_calc_page(calculation)


def test_labels_have_no_gradient():
    calculation = CASES["loss"]()
    html = render_calc_page(calculation, "en", (default_gradient(calculation), gradients(calculation)))
    assert html.split('<section id="gradients"')[1].count('<figure class="plane"') == 2


def test_what_is_not_there_is_left_out():
    html = render_calc_page(calculate(ops.ReLU(), [drawn((2, 2, 2))]))
    assert 'id="im2col"' not in html
    assert "multiply-adds<" not in html


def test_large_ones_stay_small_pages():
    large = calculate(ops.Conv(8, 3, padding=1, bias=False), [drawn((1, 60, 60))], {"weight": drawn((8, 1, 3, 3))})
    assert len(render_calc_page(large)) < 1_500_000


def test_the_file_is_written_whole(tmp_path):
    write_calc_page(tmp_path / "a" / "calc.html", sharpened())
    assert (tmp_path / "a" / "calc.html").read_text(encoding="utf-8").endswith("</html>\n")


def number(text):
    return float(text.strip().replace("−", "-").replace("∞", "inf"))


SLIDE = """
at => {
  const slider = document.getElementById("slider");
  slider.value = at;
  slider.dispatchEvent(new Event("input"));
  const bold = [...document.querySelectorAll("#arithmetic b")];
  const cell = [...document.querySelectorAll('[data-of="output"] td.now')].find((one) => one.offsetParent);
  return [document.querySelector("#where b").textContent, document.querySelector("#where b.result").textContent,
    bold[bold.length - 1].textContent, cell.textContent];
}
"""


@pytest.mark.browser
def test_every_output_is_numpys(opened):
    page = None
    for name, case in CASES.items():
        calculation = case()
        page = opened(render_calc_page(calculation, "en"), page=page)
        for at, index in enumerate(calculation.indices):
            where, value, last, cell = page.evaluate(SLIDE, at)
            assert where == f"[{','.join(map(str, index))}]", name
            assert value == shown(float(calculation.output[index]), 5)
            # The last number of the arithmetic is the output, and so is that of the marked cell.
            assert number(last) == pytest.approx(calculation.output[index], rel=1e-5, abs=1e-12), (name, index)
            assert number(cell) == pytest.approx(calculation.output[index], rel=1e-3, abs=1e-12), (name, index)


@pytest.mark.browser
def test_the_terms_are_the_windows_and_add_up(opened):
    calculation = several()
    page = opened(render_calc_page(calculation, "en"))
    for index in ((0, 0, 0), (1, 2, 1), (3, 1, 1)):
        page.evaluate(SLIDE, int(np.ravel_multi_index(index, calculation.output.shape)))
        walk = calculation.walk(index)
        products = [number(text) for text in page.locator(".small.product td").all_inner_texts()]
        assert products == pytest.approx([term.result for term in walk.terms])
        sums = [number(text.replace("Σ", "")) for text in page.locator(".window-row .sum").all_inner_texts()]
        assert sum(sums) == pytest.approx(walk.combined)
        equation = page.locator(".equation").inner_text()
        assert len(re.findall("×", equation)) == len(walk.terms)
        # Only the channels of its group are shown, with their padding under the window.
        shown_channels = page.locator('[data-of="input"]:visible').count()
        assert shown_channels == 2
        assert page.locator('[data-of="input"]:visible td.in').count() == 18


@pytest.mark.browser
def test_taps_keys_and_tabs_move_the_window(opened):
    page = opened(render_calc_page(several(), "en"), has_touch=True)
    where = page.locator("#where b").first

    def cell(of, row, column):
        return page.locator(f'[data-of="{of}"]:visible').first.locator("tr").nth(row).locator("td").nth(column)

    cell("output", 1, 2).tap()
    assert where.inner_text() == "[0,1,2]"
    cell("input", 6, 6).click()  # the last corner, of the padding
    assert where.inner_text() == "[0,2,2]"
    page.keyboard.press("ArrowRight")
    assert where.inner_text() == "[1,0,0]"
    page.keyboard.press("ArrowDown")
    assert where.inner_text() == "[1,1,0]"
    page.keyboard.press("End")
    assert where.inner_text() == "[3,2,2]"
    page.keyboard.press("ArrowRight")
    assert where.inner_text() == "[3,2,2]"
    page.locator('[data-tab="2"]').click()
    assert where.inner_text() == "[2,2,2]"
    page.keyboard.press("Home")
    page.locator("#next").click()
    page.locator("#next").click()
    page.locator("#previous").click()
    assert where.inner_text() == "[0,0,1]"


@pytest.mark.browser
def test_it_plays_and_pauses(opened):
    page = opened(render_calc_page(sharpened(), "en"))
    page.keyboard.press("Space")
    assert page.locator("#play").get_attribute("aria-label") == "Pause"
    page.locator("#where b", has_text="[0,0,2]").wait_for()
    page.keyboard.press("Space")
    assert page.locator("#play").get_attribute("aria-label") == "Play"


@pytest.mark.browser
def test_a_column_of_the_matrix_is_its_window(opened):
    calculation = sharpened()
    page = opened(render_calc_page(calculation, "en"))
    page.locator('#unfolded thead [data-place="13"]').click()
    assert page.locator("#where b").first.inner_text() == "[0,2,3]"
    values = [number(text) for text in page.locator("#unfolded tbody td.in").all_inner_texts()]
    assert values == calculation.columns.matrix_RP[:, 13].tolist()
    below = [number(text) for text in page.locator("#unfolded tfoot td.result").all_inner_texts()]
    assert below == calculation.output.reshape(-1).tolist()


@pytest.mark.browser
def test_im2col_steps_from_window_to_window(opened):
    page = opened(render_calc_page(calculate(Im2col(3, padding=1), [PICTURE]), "en"))
    page.keyboard.press("ArrowRight")
    assert page.locator("#where b").first.inner_text() == "[0,1]"
    assert page.locator("[data-of=input] td.in").count() == 9


@pytest.mark.browser
def test_the_language_switches_and_the_browsers_is_taken(opened):
    page = opened(render_calc_page(sharpened()), locale="ko-KR")
    assert page.locator("#stage-title").inner_text() == "윈도우가 움직이는 모습"
    assert page.locator("#play").get_attribute("aria-label") == "재생"
    page.locator("#language").click()
    assert page.locator("#stage-title").inner_text() == "The sliding window"
    assert page.locator("#play").get_attribute("aria-label") == "Play"
    assert "편향" not in page.locator("body").inner_text()


@pytest.mark.browser
def test_a_phone_never_scrolls_sideways(opened):
    page = None
    for name in CASES:
        page = opened(render_calc_page(CASES[name](), "ko"), page=page, width=360, color_scheme="dark")
        for _ in range(3):
            page.locator("#next").evaluate("button => button.click()")
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, name


@pytest.mark.browser
def test_without_a_script_numbers_and_arithmetic_are_there(opened):
    page = opened(render_calc_page(sharpened(), "en"), java_script_enabled=False)
    assert "60*5 + 113*(-1)" in page.locator("#arithmetic").inner_text()
    assert page.locator("#language").is_hidden()
    assert page.locator("#slider").is_hidden()


def test_arithmetic_of_several_lines_keeps_them_where_no_script_runs():
    page = render_calc_page(calculate(ops.Softmax(), [np.array([1.0, 2.0, 3.0])]))
    lines = re.search(r'<div id="arithmetic"[^>]*><pre>(.*?)</pre>', page, re.DOTALL)[1].split("\n")
    assert len(lines) == 3
    assert "\ufffd" not in page


class GatedUnits(Calculation):
    """A gated recurrent unit put together by hand: the input, the state before."""

    def walk(self, index):
        return gru_unit(*self.inputs, self.parameters, index[0])


@pytest.mark.browser
def test_the_gates_of_a_unit_are_drawn_with_their_own_arithmetic(opened):
    inputs, tensors = (np.array([1.0, -0.5, 2.0]), np.array([0.25, -0.75])), gru_tensors(3, 2)
    output = np.array([gru_unit(*inputs, tensors, channel).value for channel in range(2)])
    page = opened(render_calc_page(GatedUnits(ops.Add(), inputs, tensors, {}, output), "en"))
    for channel in range(2):
        page.evaluate(SLIDE, channel)
        walk = gru_unit(*inputs, tensors, channel)
        gates = page.locator("#arithmetic > .parts > .part")
        heads = [text.split(" = ") for text in gates.locator("> summary").all_inner_texts()]
        assert [name for name, _ in heads] == ["update gate", "candidate"]
        assert [number(value) for _, value in heads] == pytest.approx([part.value for part in walk.parts], rel=1e-5)
        assert gates.nth(1).locator("> .parts > .part").count() == 3
        kept = gates.nth(0).locator("> .parts > .part").nth(1).locator(".equation").inner_text()
        assert number(kept.split("=")[-1]) == pytest.approx(walk.part("update gate").part("from the state").combined)
        assert number(page.locator("#arithmetic > .steps b").last.inner_text()) == pytest.approx(walk.value, rel=1e-5)
