"""What initialisation and depth do, as a page: the classroom experiment, and any network before it learns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import get_args

from convscope.files import write_atomically
from convscope.inspection.signal import DepthExperiment, Signal
from convscope.render.charts import Chart
from convscope.render.html.markup import figure, text
from convscope.render.html.page import both, paragraph, render, section
from convscope.render.html.report import chart_style
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
    head = f"""<p class="overline">{both("made by look")}</p>
<h1>{both("signal title")}</h1>
<p class="lede">{both("signal lede")}</p>"""
    parts = [
        depth_section(experiment) if experiment is not None else "",
        *(signal_section(rows, scheme, name) for scheme, rows in signals.items()),
    ]
    return render(
        page_words(lang or "en")["signal title"],
        head,
        f"<style>{chart_style()}</style>\n" + "\n".join(part for part in parts if part),
        {},
        ("page.js", "plain.js"),
        ("page.css", "signal.css"),
        lang,
        foot="one file alone",
    )


def depth_section(experiment: DepthExperiment) -> str:
    """The classroom experiment: three charts, and how much of the gradient arrives."""
    depth = str(experiment.depth)
    charts = "".join(_both_charts(partial(_drawn, experiment, what), f"what {what}") for what in get_args(Quantity))
    return section(
        "depth",
        "depth title",
        paragraph("depth text", depth=depth, layer=f"<code>{text(experiment.layer)}</code>"),
        _carried(experiment),
        f'<p class="note">{both("carried text")}</p>',
        f'<div class="charts">{charts}</div>',
    )


def _drawn(experiment: DepthExperiment, what: Quantity, lang: Lang) -> Chart:
    return depth_chart(experiment, what, lang)


def _carried(experiment: DepthExperiment) -> str:
    """How much of the last layer's gradient arrives at the first, by kind of layer and initialisation."""
    heads = "".join(
        f'<th scope="col">{text(scheme)} <small>{text(SPREADS.get(scheme, ""))}</small></th>'
        for scheme in experiment.schemes
    )
    rows = []
    for kind in experiment.kinds:
        cells = []
        for scheme in experiment.schemes:
            carried = experiment.carried(kind, scheme)
            mark = verdict(carried)
            cells.append(f'<td><b>{text(short(carried))}</b><span class="verdict {mark}">{_said(mark)}</span></td>')
        name = "".join(f'<span class="{lang}" lang="{lang}">{text(kind_name(kind, lang))}</span>' for lang in LANGUAGES)
        rows.append(f'<tr><th scope="row">{name}</th>{"".join(cells)}</tr>')
    body = f"<thead><tr><th></th>{heads}</tr></thead><tbody>{''.join(rows)}</tbody>"
    return f'<div class="scroll carried"><table>{body}</table></div>'


def signal_section(rows: Sequence[Signal], scheme: str, name: str = "") -> str:
    """A network before it learns: a chart of its values and gradients, and a row a node."""
    keys = ("node", "operation", "mean", "std", "zeros", "slope", "saturated", "gradient", "weight", "weight gradient")
    heads = "".join(f'<th scope="col"{"" if n < 2 else NUMBER}>{_said(key)}</th>' for n, key in enumerate(keys))
    lines = []
    for row in rows:
        numbers = (
            *(row.mean, row.std, row.zeros, row.slope, row.saturated, row.gradient_size),
            *(row.weight_std, row.weight_gradient_size),
        )
        cells = "".join(f"<td{NUMBER}>{text(short(value))}</td>" for value in numbers)
        lines.append(f"<tr><td><code>{text(row.path)}</code></td><td>{text(row.operation)}</td>{cells}</tr>")
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    key = f"signal-{''.join(c if c.isalnum() else '-' for c in scheme)}"
    said = paragraph("signal text", name=f"<b>{text(name)}</b>" if name else both("the network"), scheme=text(scheme))
    return (
        f'<section id="{key}">\n<h2>{both("signal of", scheme=text(scheme))}</h2>\n{said}\n'
        f'<div class="charts">{_both_charts(lambda lang: signal_chart(rows, lang), "node")}</div>\n'
        f'<details><summary>{both("as a table")}</summary><p class="note">{_said("signal note")}</p>'
        f'<div class="scroll">{table}</div></details>\n</section>'
    )


NUMBER = ' class="number"'


def _said(key: str) -> str:
    """A word of the terminal's tables in every language."""
    return "".join(f'<span class="{lang}" lang="{lang}">{text(word(key, lang))}</span>' for lang in LANGUAGES)


def _both_charts(draw: Callable[[Lang], Chart], label: str) -> str:
    """A chart in every language; the page shows one."""
    drawn = [f'<div class="{lang}" lang="{lang}">{figure(draw(lang), word(label, lang))}</div>' for lang in LANGUAGES]
    return f'<div class="scroll">{"".join(drawn)}</div>'
