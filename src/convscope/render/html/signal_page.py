"""What initialisation and depth do, as a page: the classroom experiment, and any network before it learns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import get_args

from markupsafe import Markup

from convscope.files import write_atomically
from convscope.inspection.signal import DepthExperiment, Signal
from convscope.render.charts import Chart
from convscope.render.html.languages import in_both, spoken
from convscope.render.html.markup import figure, text
from convscope.render.html.markup import name as isolated
from convscope.render.html.page import page
from convscope.render.html.report import chart_style
from convscope.render.html.report_sections import Values
from convscope.render.i18n import LANGUAGES, Lang, page_words
from convscope.render.signal_charts import SPREADS, Quantity, depth_chart, signal_chart
from convscope.render.text.signal import kind_name, short, verdict, word

Signals = Mapping[str, Sequence[Signal]]
"""A network's nodes by the scheme of initialisation."""


def write_signal_page(
    path: Path, experiment: DepthExperiment | None, signals: Signals, name: str = "", lang: Lang | None = None
) -> None:
    """Write the page that :func:`render_signal_page` renders; the old file or the whole new one is there at any time.

    Raises:
        UserError: the file cannot be written.
    """
    write_atomically(path, render_signal_page(experiment, signals, name, lang).encode("utf-8"))


def render_signal_page(
    experiment: DepthExperiment | None, signals: Signals, name: str = "", lang: Lang | None = None
) -> str:
    """What initialisation and depth do, as one HTML page that loads nothing.

    Args:
        experiment: the classroom experiment; None to leave it out.
        signals: what was measured of a network, by scheme.
        name: of that network, for people.
        lang: the language it opens in; None for the reader's browser's.

    Example:
        >>> from convscope.inspection.signal import depth_experiment
        >>> render_signal_page(depth_experiment(4, ["relu"], ["kaiming"], width=8), {})[:15]
        '<!doctype html>'
    """
    return page(
        "signal.html",
        page_words(lang or "en")["signal title"],
        {},
        ("page.js", "plain.js"),
        ("page.css", "signal.css"),
        lang,
        foot="one file alone",
        chart_style=Markup(chart_style()),
        depth=None if experiment is None else _depth(experiment),
        signals=[_signal(rows, scheme, name) for scheme, rows in signals.items()],
        columns=COLUMNS,
        word=lambda key: in_both({lang: text(word(key, lang)) for lang in LANGUAGES}),
    )


def _depth(experiment: DepthExperiment) -> Values:
    """The classroom experiment: three charts, and how much of the last layer's gradient arrives at the first."""
    rows = []
    for kind in experiment.kinds:
        carried = [experiment.carried(kind, scheme) for scheme in experiment.schemes]
        cells = [{"carried": short(value), "verdict": verdict(value)} for value in carried]
        rows.append({"kind": in_both({lang: text(kind_name(kind, lang)) for lang in LANGUAGES}), "cells": cells})
    charts = [_in_both(partial(_drawn, experiment, what), f"what {what}") for what in get_args(Quantity)]
    return {
        "layers": experiment.depth,
        "layer": Markup("<code>{}</code>").format(experiment.layer),
        "schemes": [(scheme, SPREADS.get(scheme, "")) for scheme in experiment.schemes],
        "rows": rows,
        "charts": charts,
    }


def _drawn(experiment: DepthExperiment, what: Quantity, lang: Lang) -> Chart:
    return depth_chart(experiment, what, lang)


def _signal(rows: Sequence[Signal], scheme: str, name: str) -> Values:
    """A network before it learns: a chart of its values and gradients, and a row a node."""
    table = []
    for row in rows:
        numbers = (
            *(row.mean, row.std, row.zeros, row.slope, row.saturated, row.gradient_size),
            *(row.weight_std, row.weight_gradient_size),
        )
        table.append({"path": row.path, "operation": row.operation, "numbers": list(map(short, numbers))})
    return {
        "key": f"signal-{''.join(c if c.isalnum() else '-' for c in scheme)}",
        "scheme": scheme,
        "name": Markup("<b>{}</b>").format(isolated(name)) if name else spoken("the network"),
        "chart": _in_both(lambda lang: signal_chart(rows, lang), "node"),
        "rows": table,
    }


COLUMNS = ("node", "operation", "mean", "std", "zeros", "slope", "saturated", "gradient", "weight", "weight gradient")


def _in_both(draw: Callable[[Lang], Chart], label: str) -> list[tuple[Lang, Markup]]:
    """A chart in every language; the page shows one."""
    return [(lang, figure(draw(lang), word(label, lang))) for lang in LANGUAGES]
