import re

import pytest

from convscope.inspection.signal import depth_experiment, signal
from convscope.network import zoo
from convscope.render.html.signal_page import render_signal_page, write_signal_page
from convscope.render.text.signal import short


@pytest.fixture(scope="module")
def experiment():
    return depth_experiment(6, ["sigmoid", "relu + residual"], ["small", "kaiming"], width=16, examples=8)


@pytest.fixture(scope="module")
def html(experiment):
    return render_signal_page(
        experiment, {"small": signal(zoo.known("lenet5").graph(), "small", examples=2)}, "<lenet>"
    )


def test_every_network_says_what_arrives_at_its_first_layer(experiment, html):
    table = html.split('class="scroll carried"')[1].split("</table>")[0]
    said = re.findall(r"<td><b>([^<]+)</b>", table)
    expected = [short(experiment.carried(kind, scheme)) for kind in experiment.kinds for scheme in experiment.schemes]
    assert said == expected
    assert "relu + 잔차 연결" in table


def test_charts_are_there_in_both_languages(html):
    assert html.count("<svg viewBox") == 2 * 3 + 2
    assert "Values going forward" in html
    assert "순전파되는 값" in html


def test_a_row_a_node(html):
    table = html.split('<section id="signal-small"')[1].split("<table>")[1].split("</table>")[0]
    assert table.count("<tr>") == 1 + 13
    assert "&lt;lenet&gt;" in html


def test_each_part_can_be_left_out(experiment):
    assert 'id="depth"' not in render_signal_page(None, {})
    assert 'id="signal' not in render_signal_page(experiment, {})


def test_the_file_is_written_whole(experiment, tmp_path):
    write_signal_page(tmp_path / "signal.html", experiment, {})
    assert (tmp_path / "signal.html").read_text(encoding="utf-8").endswith("</html>\n")


@pytest.mark.browser
def test_it_reads_on_a_phone_in_korean(opened, html):
    page = opened(html, width=360, locale="ko-KR", color_scheme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.locator("h1").inner_text() == "초기화와 깊이가 하는 일"
    assert page.locator(".chart:visible").count() == 4
    page.locator("#language").click()
    assert page.locator("#depth-title").inner_text().startswith("The same deep network")
