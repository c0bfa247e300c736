import pytest

from convscope.render.html.numerals import shown

NUMBERS = [0.0, -0.0, 114.0, -3.0, 0.5, -0.123456, 12345.678, 999999.0, 1e6, -2.5e7, 1.5e-7, 0.00012345, 1 / 3, 1e300,
           float("inf"), float("-inf"), float("nan"), 0.99996, 9.9996, 123456.7]  # fmt: skip


@pytest.mark.parametrize(
    ("x", "text"), [(0.0, "0"), (-0.0, "0"), (-3.0, "−3"), (12345.678, "12346"), (1.5e-7, "1.5e−7"), (0.5, "0.5")]
)
def test_numbers_for_people(x, text):
    assert shown(x) == text


@pytest.mark.browser
def test_the_script_writes_the_same(opened):
    from convscope.render.html.page import page as whole_page

    page = opened(whole_page("page.html", "t", {}, ("page.js",), (), "en"))
    source = page.locator('script[type="module"]').text_content()
    for digits in (3, 4, 6):
        said = page.evaluate(
            "([source, digits]) => { const made = new Function(source + '; return shown');"
            " const given = [0, -0, 114, -3, 0.5, -0.123456, 12345.678, 999999, 1e6, -2.5e7, 1.5e-7, 0.00012345, 1 / 3,"
            " 1e300, Infinity, -Infinity, NaN, 0.99996, 9.9996, 123456.7];"
            " return given.map((x) => made()(x, digits)); }",
            [source, digits],
        )
        assert said == [shown(x, digits) for x in NUMBERS]
