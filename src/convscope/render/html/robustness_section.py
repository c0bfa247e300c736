"""What a model is worth on worse pictures, as a table, a chart and a section of the report."""

from __future__ import annotations

import altair as alt

from convscope.evaluation.robustness import SEVERITIES, Robustness
from convscope.render import charts
from convscope.render.html.markup import figure, paragraph, section
from convscope.render.i18n import Words
from convscope.render.wording import percent
from convscope.tables import text_table


def to_text(found: Robustness, words: Words) -> str:
    """A table: a row a kind, a column a severity."""
    heading = (words["spoilt"], words["untouched"], *map(str, SEVERITIES))
    rows = [
        (words[f"spoilt {kind}"], percent(found.clean), *(percent(share) for share in shares))
        for kind, shares in found.spoilt.items()
    ]
    return _told(found, words) + "\n" + text_table([heading, *rows], "<" + ">" * (len(heading) - 1))


def _told(found: Robustness, words: Words) -> str:
    weakest = words["weakest"].format(kind=words[f"spoilt {found.weakest}"])
    return f"{words['robustness text'].format(count=f'{found.count:,}')} {weakest}"


def chart(found: Robustness, words: Words) -> charts.Chart:
    """The share right by severity, a small chart a kind; 0 is the picture as it is."""
    panels = []
    for kind, shares in found.spoilt.items():
        values = [{"severity": i, "right": share} for i, share in enumerate((found.clean, *shares))]
        x = alt.X("severity:O", axis=alt.Axis(labelAngle=0), title=None)
        y = alt.Y("right:Q", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="~%", tickCount=3), title=None)
        line = (
            alt.Chart(alt.InlineData(values=values))
            .mark_line(color=charts.COLOURS["accent"][0], point=True, strokeWidth=2)
            .encode(x=x, y=y)
        )
        panels.append(line.properties(width=150, height=90, title=words[f"spoilt {kind}"]))
    rows = [alt.hconcat(*panels[start : start + 3]) for start in range(0, len(panels), 3)]
    drawn: charts.Chart = alt.vconcat(*rows)
    return drawn


def robustness(found: Robustness | None, words: Words) -> str:
    """The section of the report; nothing where it was not measured."""
    if found is None:
        return ""
    drawing = figure(chart(found, words), words["robustness alt"])
    return section("robustness", words["robustness"], paragraph(_told(found, words)), drawing)
