"""Tables: every column has its side, Korean lines up, nothing of a cell is read as markup."""

import pytest
from rich.cells import cell_len

from convscope.tables import cell_width, html_table, markdown_table, text_lines, text_table

ROWS = [("class", "precision"), ("고양이", "91.2 %"), ("cat", "100 %")]


def test_columns_line_up_by_what_a_terminal_shows():
    lines = text_lines(ROWS, "<>")
    assert [cell_len(line) for line in lines] == [cell_len(lines[0])] * 3
    assert all(line.endswith(row[1]) for line, row in zip(lines, ROWS, strict=True))
    assert [line.index(row[0]) for line, row in zip(lines, ROWS, strict=True)] == [0, 0, 0]


def test_nothing_is_left_behind_the_last_word():
    assert text_table([("a", "long"), ("b", "")], "<<").splitlines() == ["a  long", "b"]


@pytest.mark.parametrize("rules", [(), (1,), (1, 2)])
def test_rules_are_as_wide_as_the_table_and_where_they_were_asked_for(rules):
    lines = text_lines(ROWS, "<>", rules)
    assert [line for line in lines if set(line) == {"-"}] == ["-" * 17] * len(rules)
    assert [at - n for n, at in enumerate(i for i, line in enumerate(lines) if set(line) == {"-"})] == list(rules)


def test_rows_of_other_lengths_are_refused():
    with pytest.raises(ValueError):
        text_table([("a", "b"), ("c",)], "<<")
    with pytest.raises(ValueError):
        text_table([("a", "b")], "<")
    assert text_table([], "") == ""


def test_the_width_of_a_text():
    assert [cell_width(text) for text in ("abc", "한국어", "e\u0301", "")] == [3, 6, 1, 0]


def test_markdown_and_html_say_the_same_sides():
    assert markdown_table(ROWS[0], ROWS[1:], "<>").splitlines()[1] == "| :-- | --: |"
    page = html_table(ROWS[0], [("<script>", "1")], "<>", total=("", "1"), caption="a & b")
    assert "<script>" not in page
    assert "a &amp; b" in page
    assert page.count("text-align:right") == page.count("text-align:left") == 3
