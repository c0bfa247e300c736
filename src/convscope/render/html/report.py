"""The report of a trained classifier: one HTML file that loads nothing, runs nothing and reads on a phone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convscope.data.dataset import Inputs
from convscope.evaluation.metrics import Evaluation, Probabilities
from convscope.evaluation.mistakes import cells
from convscope.evaluation.report import Account
from convscope.evaluation.robustness import Robustness
from convscope.files import write_atomically
from convscope.render import charts
from convscope.render.html import evaluation_sections as account_sections
from convscope.render.html import report_sections as sections
from convscope.render.html.markup import text
from convscope.render.html.robustness_section import robustness as robustness_section
from convscope.render.i18n import ENGLISH, Words
from convscope.render.wording import headline

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
"""What the page allows itself, enforced by the browser: its own styles and pictures, and no request at all."""


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
    account: Account | None = None,
    robustness: Robustness | None = None,
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
        labels_N=labels_N,
        probabilities_NK=probabilities_NK,
        names=names,
        history=history,
        network_html=network_html,
        facts=facts,
        account=account,
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
    account: Account | None = None,
    robustness: Robustness | None = None,
    words: Words = ENGLISH,
) -> str:
    """The report as one self-contained HTML page.

    Args:
        evaluation: of the pictures that follow.
        title: for people, e.g. ``"lenet5 on fashion-mnist"``.
        inputs_N: as they are stored; only the mistakes that are shown are read.
        labels_N: (N,) indices into the evaluation's classes.
        probabilities_NK: (N, K), as they were evaluated.
        names: N names of pictures.
        history: one mapping an epoch: ``epoch``, ``train_loss``, ``train_accuracy``, ``val_loss``, ``val_accuracy``,
            ``lr``; empty for a model whose training is not at hand.
        network_html: the network's drawing and table, trusted as they are (``network.drawing.beside_table``).
        facts: what to say of data, machine, seed and versions, in order; ``command`` is shown as the way to repeat it.
        account: what the numbers leave open; None: only what follows from these values is shown.
        robustness: on spoilt pictures, where that was measured.
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
    pictures = sections.Pictures(inputs_N, labels_N, probabilities_NK, names)
    found = cells(evaluation, probabilities_NK, labels_N, names) if account is None else account.cells
    side_by_side = len(evaluation.classes) <= charts.LARGEST_NUMBERED
    body = [
        sections.learning(history, words),
        f'<div class="{"halves" if side_by_side else "stack"}">',
        sections.confusion(evaluation, words, [cell.pair for cell in sections.shown_cells(found)]),
        account_sections.reliability(evaluation, account, words),
        "</div>",
        account_sections.sure(account, words),
        robustness_section(robustness, words),
        sections.confused_pairs(evaluation, pictures, found, words),
        sections.surest_mistakes(evaluation, pictures, words),
        sections.classes(evaluation, words),
        account_sections.sizes(account, words),
        sections.network(network_html, words),
        sections.facts(facts or {}, words),
    ]
    main = "\n".join(part for part in body if part)
    lede = [paragraph_of(headline(evaluation, words, account)), sections.key_numbers(evaluation, words, account)]
    return document(title, "\n".join(lede), main, words)


def paragraph_of(lede: str) -> str:
    """The sentences at a page's head."""
    return f'<p class="lede">{text(lede)}</p>'


def document(title: str, head: str, main: str, words: Words) -> str:
    """A whole page of sections, with links to them; it allows itself nothing but its own styles and pictures."""
    return f"""<!doctype html>
<html lang="{words["language"]}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{text(title)}</title>
<style>
{_style()}</style>
</head>
<body>
<header>
<p class="overline">{text(words["made by"])}</p>
<h1><bdi>{text(title)}</bdi></h1>
{head}
{_contents(main, words)}
</header>
<main>
{main}
</main>
<footer><p>{text(words["one file"])}</p></footer>
</body>
</html>
"""


def _contents(main: str, words: Words) -> str:
    """Links to the sections that are there."""
    titles = re.findall(r'<h2 id="([a-z]+)-title">(.*?)</h2>', main)
    links = "".join(f'<a href="#{key}">{title}</a>' for key, title in titles)
    return f'<nav aria-label="{text(words["sections"])}">{links}</nav>'


def _style() -> str:
    style = files("convscope.render.html").joinpath("report.css").read_text(encoding="utf-8")
    return style + chart_style()


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
