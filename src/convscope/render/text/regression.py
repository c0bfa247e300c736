"""An evaluation of predicted numbers as plain text."""

from __future__ import annotations

from convscope.evaluation.regression import DRAWS, RegressionEvaluation
from convscope.evaluation.report import LEARNT
from convscope.printable import printable
from convscope.render.i18n import ENGLISH, Words
from convscope.tables import text_table

SHOWN = 5
"""Predictions that are farthest off, by name."""


def number_rows(found: RegressionEvaluation, words: Words = ENGLISH) -> list[tuple[str, str, str, str]]:
    """Name, value, 95 % interval and what it is to beat, as texts."""

    def interval(key: str) -> str:
        pair = found.intervals[key]
        return "-" if pair is None else words["from to"].format(low=f"{pair[0]:.4g}", high=f"{pair[1]:.4g}")

    mae, rmse = (words["mean of training"].format(value=f"{v:.4g}") for v in (found.baseline_mae, found.baseline_rmse))
    r2 = "-" if found.r2 is None else f"{found.r2:.4f}"
    return [
        ("R2", r2, interval("r2"), words["mean of these"]),
        ("MAE", f"{found.mae:.4g}", interval("mae"), mae),
        ("RMSE", f"{found.rmse:.4g}", interval("rmse"), rmse),
    ]


def definitions(words: Words = ENGLISH) -> list[str]:
    """What the numbers are."""
    return [words[f"{key} means"].format(draws=f"{DRAWS:,}") for key in ("r2", "mae", "rmse", "interval")]


def headline(found: RegressionEvaluation, words: Words = ENGLISH) -> str:
    """The evaluation in a sentence or two."""
    said = words["number headline"].format(target=found.target, mae=f"{found.mae:.4g}", count=f"{found.count:,}")
    return f"{said} {words['number learnt']}" if found.part == LEARNT else said


def to_text(found: RegressionEvaluation, words: Words = ENGLISH) -> str:
    """An evaluation for a terminal."""
    rows = [("", words["number value"], words["number interval"], words["baseline"]), *number_rows(found, words)]
    worst = [(words["farthest off"], found.target, words["said"])]
    worst += [(printable(one.name), f"{one.target:g}", f"{one.predicted:.5g}") for one in found.worst[:SHOWN]]
    blocks = [headline(found, words), text_table(rows, "<><<"), text_table(worst, "<>>"), "\n".join(definitions(words))]
    return "\n\n".join(blocks)
