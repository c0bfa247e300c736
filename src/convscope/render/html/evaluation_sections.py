"""The sections of the report that say how far a model may be believed: its certainty, ``unknown``, sizes."""

from __future__ import annotations

import re

from convscope.evaluation.metrics import Evaluation
from convscope.evaluation.report import Account
from convscope.render import charts
from convscope.render.evaluation_charts import coverage
from convscope.render.html.markup import figure, paragraph, section, table, text
from convscope.render.i18n import Words
from convscope.render.wording import judgement, percent, size_rows, sure_rows, sure_text


def reliability(evaluation: Evaluation, account: Account | None, words: Words) -> str:
    """The reliability diagram, before and after calibration, and what it says."""
    before = () if account is None or account.temperature == 1 else account.bins_before
    said = words["reliability text"].format(judgement=judgement(evaluation, words), ece=percent(evaluation.ece))
    sentences = []
    if account is not None:
        if before:
            temperature = f"{account.temperature:.2f}"
            error = percent(account.ece_before)
            sentences.append(words["reliability before"].format(temperature=temperature, before=error))
        sentences.append(words["chance"].format(chance=percent(account.chance)))
    chart = figure(charts.reliability(evaluation, words, before), words["reliability alt"])
    return section("reliability", words["reliability"], paragraph(said), paragraph(*sentences), chart)


def sure(account: Account | None, words: Words) -> str:
    """What came of asking for a precision, by answering ``unknown`` where it is less sure."""
    if account is None or not account.sure:
        return ""
    headings = [words[key] for key in ("stated", "threshold", "kept", "answered")]
    rows = [tuple(map(text, row)) for row in sure_rows(account.sure, words)]
    said = re.sub(r"`(\w+)`", r"<code>\1</code>", text(sure_text(account, words)))
    return section(
        "sure",
        words["sure"],
        f"<p>{said}</p>",
        '<div class="beside">',
        figure(coverage(account, words), words["coverage alt"]),
        table(headings, rows),
        "</div>",
    )


def sizes(account: Account | None, words: Words) -> str:
    """The share right by the pictures' own size; nothing where they are alike."""
    if account is None or not account.sizes:
        return ""
    headings = [words[key] for key in ("size", "top1", "interval", "support")]
    rows = []
    for group, (size, share, *rest) in zip(account.sizes, size_rows(account.sizes, words), strict=True):
        bar = f'<i class="bar" style="--share:{100 * group.share:.1f}%"></i>'
        rows.append((text(size), f"{bar}{text(share)}", *map(text, rest)))
    return section("sizes", words["sizes"], paragraph(words["sizes text"]), table(headings, rows))
