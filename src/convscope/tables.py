"""Tables as text for a terminal, as Markdown, as HTML for a notebook, as CSV: one writer for everything with rows.

``sides`` says a column's side: ``<`` for words, set left, ``>`` for numbers, set right.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from convscope.printable import printable

Row = Sequence[str]


def cell_width(text: str) -> int:
    """The columns of a terminal that a text takes: two for most of Korean, none for a mark on the letter before it."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def text_lines(rows: Sequence[Row], sides: str, rules: Collection[int] = ()) -> list[str]:
    """Rows as lines, their columns two spaces apart.

    Args:
        rows: of equal length; the headings are one of them.
        sides: of each column.
        rules: before which rows a rule is drawn.

    Example:
        >>> text_lines([("a", "10"), ("bcd", "5")], "<>", rules=(1,))
        ['a    10', '-------', 'bcd   5']
    """
    if not rows:
        return []
    rows = [tuple(map(printable, row)) for row in rows]
    widths = [max(map(cell_width, column)) for column in zip(*rows, strict=True)]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    lines = []
    for at, row in enumerate(rows):
        lines += [rule] if at in rules else []
        cells = []
        for text, width, side in zip(row, widths, sides, strict=True):
            gap = " " * (width - cell_width(text))
            cells.append(text + gap if side == "<" else gap + text)
        lines.append("  ".join(cells).rstrip())
    return lines


def text_table(rows: Sequence[Row], sides: str, rules: Collection[int] = ()) -> str:
    """The lines of :func:`text_lines` as one text.

    Example:
        >>> print(text_table([("a", "10"), ("bcd", "5")], "<>"))
        a    10
        bcd   5
    """
    return "\n".join(text_lines(rows, sides, rules))


def markdown_table(headings: Row, rows: Iterable[Row], sides: str) -> str:
    """A table in Markdown.

    Example:
        >>> print(markdown_table(("node", "MACs"), [("conv1", "100")], "<>"))
        | node | MACs |
        | :-- | --: |
        | conv1 | 100 |
    """
    marks = [":--" if side == "<" else "--:" for side in sides]
    cells = [[printable(cell).replace("|", "\\|") for cell in line] for line in (headings, marks, *rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def html_table(headings: Row, rows: Iterable[Row], sides: str, *, total: Row, caption: str) -> str:
    """A table for a notebook, where no style sheet is at hand.

    Example:
        >>> html_table(("a",), [("<b>",)], "<", total=("",), caption="c")[:55]
        '<table><caption>c</caption><thead><tr><th style="text-a'
    """

    from html import escape

    def line(row: Row, tag: str) -> str:
        aligned = {"<": "left", ">": "right"}
        cells = zip(row, sides, strict=True)
        inside = "".join(
            f'<{tag} style="text-align:{aligned[side]}">{escape(printable(text))}</{tag}>' for text, side in cells
        )
        return f"<tr>{inside}</tr>"

    return (
        f"<table><caption>{escape(printable(caption))}</caption><thead>{line(headings, 'th')}</thead>"
        f"<tbody>{''.join(line(row, 'td') for row in rows)}</tbody><tfoot>{line(total, 'th')}</tfoot></table>"
    )


_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)


def csv_text(rows: Iterable[Row]) -> str:
    """Rows as CSV, no cell of which a spreadsheet takes for a formula.

    A cell that begins like one has an apostrophe before it, as OWASP has it; numbers stay numbers. A cell that begins
    so with apostrophes has one more, so that :func:`read_cell` gives every cell back.

    Example:
        >>> print(csv_text([("file", "value"), ("=1+1.png", "-1.5"), ("a,b", "+x")]), end="")
        file,value
        '=1+1.png,-1.5
        "a,b",'+x
    """
    import csv
    import io

    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([_cell(cell) for cell in row] for row in rows)
    return text.getvalue()


def _cell(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def read_cell(cell: str) -> str:
    """What a cell said before :func:`csv_text`; one without that apostrophe as it is.

    Example:
        >>> read_cell("'=1+1.png"), read_cell("=1+1.png"), read_cell("'80s")
        ('=1+1.png', '=1+1.png', "'80s")
    """
    return cell[1:] if cell.startswith("'") and _cell(cell[1:]) == cell else cell
