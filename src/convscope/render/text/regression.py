"""An evaluation of predicted numbers as plain text."""

from __future__ import annotations

from convscope.evaluation.regression import DEFINITIONS, DRAWS, RegressionEvaluation
from convscope.evaluation.report import LEARNT
from convscope.render.wording import printable
from convscope.tables import text_table

SHOWN = 5
"""Predictions that are farthest off, by name."""


def number_rows(found: RegressionEvaluation) -> list[tuple[str, str, str, str]]:
    """Name, value, 95 % interval and what it is to beat or what it is, as texts."""

    def interval(key: str) -> str:
        pair = found.intervals[key]
        return "-" if pair is None else f"{pair[0]:.4g} to {pair[1]:.4g}"

    mean = "always predicting the training mean"
    r2 = "-" if found.r2 is None else f"{found.r2:.4f}"
    return [
        ("R2", r2, interval("r2"), "always predicting the mean: 0"),
        ("MAE", f"{found.mae:.4g}", interval("mae"), f"{mean}: {found.baseline_mae:.4g}"),
        (
            "RMSE",
            f"{found.rmse:.4g}",
            interval("rmse"),
            f"{mean}: {found.baseline_rmse:.4g}",
        ),
    ]


def definitions() -> list[str]:
    """What the numbers are."""
    names = {"r2": "R2", "mae": "MAE", "rmse": "RMSE", "interval": "interval"}
    return [f"{names[key]}: {text.format(draws=DRAWS)}" for key, text in DEFINITIONS.items()]


def headline(found: RegressionEvaluation) -> str:
    """The evaluation in a sentence or two."""
    said = f"{found.target} is off by {found.mae:.4g} on average (MAE), on {found.count:,} rows."
    if found.part == LEARNT:
        said += " These are the rows that it was trained on: the numbers flatter."
    return said


def to_text(found: RegressionEvaluation) -> str:
    """An evaluation for a terminal."""
    rows = [("", "value", "95 % interval", "baseline"), *number_rows(found)]
    worst = [("farthest off", found.target, "predicted")]
    worst += [(printable(one.name), f"{one.target:g}", f"{one.predicted:.5g}") for one in found.worst[:SHOWN]]
    return "\n\n".join([headline(found), text_table(rows, "<><<"), text_table(worst, "<>>"), "\n".join(definitions())])
