"""The report of a trained classifier: one HTML file that loads nothing, runs nothing and reads on a phone.

A section is an entry of :data:`ROWS`: its key, the key of its title, a function from the report to the values of its
template ``templates/report/KEY.html``, None where there is nothing to show.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from convscope.data.dataset import Inputs
from convscope.evaluation.metrics import Evaluation, Probabilities
from convscope.evaluation.mistakes import cells
from convscope.evaluation.report import EvaluationReport
from convscope.evaluation.robustness import Robustness
from convscope.files import write_atomically
from convscope.render import charts
from convscope.render.html import report_sections as sections
from convscope.render.html.report_sections import Report, Values
from convscope.render.html.template import fill, own_file
from convscope.render.i18n import ENGLISH, Words
from convscope.render.wording import headline


@dataclass(frozen=True)
class Part:
    """A section of the report.

    Args:
        key: of its link and its template.
        title: the key of its heading in the words.
        values: of its template; None leaves it out.
    """

    key: str
    title: str
    values: Callable[[Report], Values | None]


ROWS: Sequence[Sequence[Part]] = (
    (Part("curves", "curves", sections.curves),),
    (
        Part("confusion", "confusion", sections.confusion),
        Part("reliability", "reliability", sections.reliability),
    ),
    (Part("binary", "binary", sections.binary),),
    (Part("sure", "sure", sections.sure),),
    (Part("robustness", "robustness", sections.robustness),),
    (Part("pairs", "pairs", sections.pairs),),
    (Part("surest", "sure mistakes", sections.surest),),
    (Part("classes", "classes", sections.classes),),
    (Part("sizes", "sizes", sections.sizes),),
    (Part("network", "network", sections.network),),
    (Part("facts", "facts", sections.facts),),
)
"""The sections in their order; those of a row stand beside each other where there is room."""


@dataclass(frozen=True)
class Section:
    """A section of a document: its link, its heading, its template and what that shows."""

    key: str
    title: str
    template: str
    values: Values


@dataclass(frozen=True)
class Row:
    """Sections of a document, with the class of the frame in which several stand beside each other."""

    sections: Sequence[Section]
    side_by_side: str = ""


def write_report(
    path: Path,
    evaluation: Evaluation,
    *,
    title: str,
    inputs_N: Inputs,
    labels_N: NDArray[np.int64],
    probabilities_NK: Probabilities,
    names: Sequence[str],
    history: charts.History = (),
    network_html: str = "",
    facts: Mapping[str, str] | None = None,
    evaluation_report: EvaluationReport | None = None,
    robustness: Robustness | None = None,
    columns: Sequence[str] = (),
    words: Words = ENGLISH,
) -> None:
    """Write the report that :func:`render_report` renders; the old file or the whole new one is there at any time.

    Raises:
        UserError: the file cannot be written.
    """
    page = render_report(
        evaluation,
        title=title,
        inputs_N=inputs_N,
        columns=columns,
        labels_N=labels_N,
        probabilities_NK=probabilities_NK,
        names=names,
        history=history,
        network_html=network_html,
        facts=facts,
        evaluation_report=evaluation_report,
        robustness=robustness,
        words=words,
    )
    write_atomically(path, page.encode("utf-8"))


def render_report(
    evaluation: Evaluation,
    *,
    title: str,
    inputs_N: Inputs,
    labels_N: NDArray[np.int64],
    probabilities_NK: Probabilities,
    names: Sequence[str],
    history: charts.History = (),
    network_html: str = "",
    facts: Mapping[str, str] | None = None,
    evaluation_report: EvaluationReport | None = None,
    robustness: Robustness | None = None,
    columns: Sequence[str] = (),
    words: Words = ENGLISH,
) -> str:
    """The report as one self-contained HTML page.

    Args:
        evaluation: of the pictures that follow.
        title: for people, e.g. ``"lenet5 on fashion-mnist"``.
        inputs_N: as they are stored: pictures, rows; only the mistakes that are shown are read.
        labels_N: (N,) indices into the evaluation's classes.
        probabilities_NK: (N, K), as they were evaluated.
        names: N names of pictures.
        history: one mapping an epoch: ``epoch``, ``train_loss``, ``train_accuracy``, ``val_loss``, ``val_accuracy``,
            ``lr``; empty for a model whose training is not at hand.
        network_html: the network's drawing and table, trusted as they are (``network.drawing.beside_table``).
        facts: what to say of data, machine, seed and versions, in order; ``command`` is shown as the way to repeat it.
        evaluation_report: what the numbers leave open; None: only what follows from these values is shown.
        robustness: on spoilt pictures, where that was measured.
        columns: of rows, the names of their numbers.
        words: the page's texts.

    Raises:
        ValueError: the pictures, labels, probabilities and names are not of the evaluation's number.

    Example:
        >>> from convscope.evaluation.metrics import evaluate_probabilities
        >>> answers, labels = np.eye(2)[[0, 1, 1]], np.array([0, 1, 0])
        >>> page = render_report(
        ...     evaluate_probabilities(answers, labels, ("cat", "dog")), title="cats and dogs",
        ...     inputs_N=np.zeros((3, 8, 8, 1), np.uint8), labels_N=labels, probabilities_NK=answers, names="abc",
        ... )
        >>> page.startswith("<!doctype html>")
        True
    """
    lengths = {len(part) for part in (inputs_N, labels_N, probabilities_NK, names)}
    if lengths != {evaluation.count}:
        raise ValueError(f"{sorted(lengths)} pictures, labels, probabilities, names; {evaluation.count} evaluated")
    report = Report(
        evaluation,
        evaluation_report,
        cells(evaluation, probabilities_NK, labels_N, names) if evaluation_report is None else evaluation_report.cells,
        inputs_N,
        labels_N,
        probabilities_NK,
        names,
        history,
        robustness,
        network_html,
        facts or {},
        words,
        columns,
    )
    few = len(evaluation.classes) <= charts.LARGEST_NUMBERED
    rows = [Row(_sections(parts, report), ("halves" if few else "stack") * (len(parts) > 1)) for parts in ROWS]
    return document(
        "report.html",
        title,
        rows,
        words,
        lede=headline(evaluation, words, evaluation_report),
        numbers=sections.key_numbers(report),
    )


def _sections(parts: Sequence[Part], report: Report) -> list[Section]:
    made = [(part, part.values(report)) for part in parts]
    return [
        Section(part.key, report.words[part.title], f"report/{part.key}.html", values)
        for part, values in made
        if values is not None
    ]


def document(
    template: str, title: str, rows: Sequence[Row], words: Words, *, made_by: str = "", **values: object
) -> str:
    """A whole page of sections, with links to them; it allows itself nothing but its own styles and pictures.

    Args:
        template: one that extends ``document.html``.
        title: of the page, plain text.
        rows: the sections.
        words: the page's texts.
        made_by: which command the page is of; as the words have it where it is empty.
        values: what else the template shows.
    """
    style = own_file("report.css") + Markup(chart_style())
    shown = {"title": title, "rows": rows, "words": words, "made_by": made_by or words["made by"], "style": style}
    return str(fill(template, **shown, **values))


def chart_style() -> str:
    """The charts' colours for a light and a dark page, as style rules.

    A chart carries light colours as attributes, which any rule of the page overrides.
    """
    slugs = {role: "chart-" + role.replace(" ", "-") for role in charts.COLOURS}

    def variables(dark: bool) -> str:
        return "".join(f"--{slugs[role]}:{pair[dark]};" for role, pair in charts.COLOURS.items())

    rules = [
        f":root{{{variables(False)}}}",
        f"@media screen and (prefers-color-scheme:dark){{:root{{{variables(True)}}}}}",
    ]
    rules += [
        f'.chart [{attribute}="{light}"]{{{attribute}:var(--{slugs[role]})}}'
        for role, (light, _) in charts.COLOURS.items()
        for attribute in ("fill", "stroke")
    ]
    return "\n".join(rules) + "\n"
