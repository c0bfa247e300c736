"""The report of a model that predicts a number; see :mod:`convscope.render.html.report` for that of a classifier."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from markupsafe import Markup

from convscope.evaluation.regression import RegressionEvaluation
from convscope.files import write_atomically
from convscope.render import charts
from convscope.render.html.markup import figure
from convscope.render.html.report import Row, Section, document
from convscope.render.i18n import ENGLISH, Words
from convscope.render.text.regression import definitions, headline, number_rows


def write_regression_report(
    path: Path,
    evaluation: RegressionEvaluation,
    *,
    title: str,
    history: charts.History = (),
    network_html: str = "",
    facts: Mapping[str, str] | None = None,
    words: Words = ENGLISH,
) -> None:
    """Write the report; the old file or the whole new one is there at any time.

    Args:
        path: of the file.
        evaluation: the numbers.
        title: of the page.
        history: one mapping an epoch; empty for a model whose training is not at hand.
        network_html: the network's drawing and table.
        facts: what to say of data, machine, seed and versions, in order.
        words: the page's texts.

    Raises:
        UserError: the file cannot be written.
    """
    worst = [(one.name, f"{one.target:g}", f"{one.predicted:.5g}") for one in evaluation.worst]
    sections = [
        Section(
            "numbers",
            words["key numbers"],
            "report/numbers.html",
            {
                "headings": ("", words["number value"], words["number interval"], words["baseline"]),
                "rows": number_rows(evaluation, words),
                "definitions": definitions(words),
                "worst_headings": (words["farthest off"], evaluation.target, words["said"]),
                "worst": worst,
            },
        )
    ]
    if history:
        chart = figure(charts.curve(history, "loss", words), words["curves alt"].format(what=words["loss axis"]))
        text = words["curves text"].format(epochs=f"{len(history):,}")
        sections.append(Section("curves", words["curves"], "report/loss.html", {"text": text, "chart": chart}))
    if network_html:
        network = {"html": Markup(network_html)}
        sections.append(Section("network", words["network"], "report/drawing.html", network))
    sections.append(Section("facts", words["facts"], "report/listed.html", {"rows": list((facts or {}).items())}))
    rows = [Row((section,), "") for section in sections]
    page = document("numbers.html", title, rows, words, lede=headline(evaluation, words))
    write_atomically(path, page.encode("utf-8"))
