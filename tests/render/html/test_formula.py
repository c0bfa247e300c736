from convscope.ops.step import Operand, Step
from convscope.render.html.formula import names, numbers, steps_list

STEP = Step(
    "standardised", "({0} - {1}) / sqrt({2})", (Operand("x", -1.0), Operand("mean", -0.5), Operand("size", 4.0)), -0.25
)


def test_negative_numbers_are_bracketed_where_a_sign_would_be_misread():
    assert numbers(STEP) == "(−1 − (−0.5)) / √(4)"
    assert numbers(Step("value", "{0} ** 2", (Operand("x", -3.0),), 9.0)) == "(−3)^2"


def test_names_are_in_every_language():
    assert "평균" in names(STEP)
    assert "mean" in names(STEP)


def test_an_unknown_name_stands_as_it_is_escaped():
    assert "&lt;b&gt;" in names(Step("value", "{0}", (Operand("<b>", 1.0),), 1.0))


def test_channels_of_an_operand_are_numbered():
    assert "입력 2의 채널" in names(Step("channels", "{0}", (Operand("channels of 2", 1.0),), 1.0))


def test_a_step_says_name_formula_numbers_and_result():
    listed = steps_list([STEP])
    assert "정규화" in listed
    assert listed.endswith("<b>−0.25</b></span></li></ol>")


def test_a_formula_that_is_a_number_is_not_said_twice():
    assert steps_list([Step("slope where x > 0", "1", (), 1.0)]).endswith('class="formula"><b>1</b></span></li></ol>')
