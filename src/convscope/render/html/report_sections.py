"""The sections of the report, each a function from values to HTML; an empty text where there is nothing to show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convscope.data.dataset import Inputs
from convscope.evaluation.metrics import ConfusedPair, Evaluation, Probabilities, most_confused
from convscope.evaluation.metrics import surest_mistakes as surest_mistakes_of
from convscope.evaluation.mistakes import Cell
from convscope.evaluation.report import Account
from convscope.render import charts
from convscope.render.html.markup import TINY, figure, name, paragraph, picture, section, table, text
from convscope.render.i18n import Words
from convscope.render.text.evaluation import worst_first
from convscope.render.wording import class_names, commonest, count_text, error_note, percent, sureness

PAIRS, PICTURES_A_PAIR = 8, 6
"""Kinds of mistakes that are open, and pictures of each."""
MOST_PICTURES, PICTURES_A_FOLDED = 96, 3
"""Of the kinds that are folded in: pictures in all, and of each."""
SUREST = 24
LISTED = 20
"""Pairs without pictures, where the matrix would be too large."""
OPEN_CLASSES = 30
"""Rows of the table of classes; the others are folded in."""


@dataclass(frozen=True)
class Pictures:
    """What was evaluated: uint8 NHWC pictures, labels, names and the probabilities given to them."""

    inputs_N: Inputs
    labels_N: NDArray[np.int64]
    probabilities_NK: Probabilities
    names: Sequence[str]


def key_numbers(evaluation: Evaluation, words: Words, account: Account | None = None) -> str:
    """The numbers as tiles; the first shows its interval and the number it has to beat on a scale."""
    low, high = evaluation.interval
    scale = (
        '<span class="scale" aria-hidden="true">'
        f'<i class="span" style="left:{100 * low:.2f}%;width:{100 * (high - low):.2f}%"></i>'
        f'<i class="tick" style="left:{100 * evaluation.baseline:.2f}%"></i></span>'
    )
    occurring = sum(1 for score in evaluation.per_class if score.support)
    note = words["top1 note"].format(low=percent(low, ""), high=percent(high, ""))
    tiles = [
        (words["top1"], percent(evaluation.top1), note, scale),
        (
            words["baseline"],
            percent(evaluation.baseline),
            f"{words['baseline note'].format(name=commonest(evaluation))}; {words['baseline tick']}",
            "",
        ),
        (words["ece"], percent(evaluation.ece), error_note(evaluation, account, words), ""),
        (
            words["balanced"],
            percent(evaluation.balanced_accuracy),
            words["balanced note"].format(classes=count_text(occurring)),
            "",
        ),
        (words["loss"], f"{evaluation.loss:.3f}", words["loss note"], ""),
    ]
    if len(evaluation.classes) > 5:  # else all right by definition
        tiles.insert(4, (words["top5"], percent(evaluation.top5), words["top5 note"], ""))
    items = "\n".join(
        f"<div><dt>{text(label)}</dt><dd><b>{text(value)}</b>{extra}<small>{text(note)}</small></dd></div>"
        for label, value, note, extra in tiles
    )
    return f'<dl class="tiles" aria-label="{text(words["key numbers"])}">\n{items}\n</dl>'


def learning(history: charts.History, words: Words) -> str:
    """Loss, accuracy and learning rate by epoch."""
    if not history:
        return ""
    curves = [
        (charts.curve(history, "loss", words), words["loss axis"]),
        (charts.curve(history, "accuracy", words), words["accuracy axis"]),
        (charts.learning_rate(history, words, charts.HEIGHT), words["rate axis"]),
    ]
    undrawn = charts.undrawn(history)
    return section(
        "curves",
        words["curves"],
        paragraph(
            words["curves text"].format(epochs=count_text(len(history))),
            words["curves unfinished"].format(n=undrawn) if undrawn else "",
        ),
        '<div class="columns">',
        *(figure(chart, words["curves alt"].format(what=what)) for chart, what in curves),
        "</div>",
    )


def confusion(evaluation: Evaluation, words: Words, shown: Sequence[ConfusedPair] = ()) -> str:
    """The confusion matrix, or where it would be too large the commonest mistakes as a list.

    Args:
        evaluation: the numbers.
        words: the page's texts.
        shown: the pairs whose pictures are on the page.
    """
    names = class_names(evaluation)
    classes = len(names)
    if classes > charts.LARGEST_MATRIX:
        rows = [
            (
                name(names[pair.true]),
                name(names[pair.predicted]),
                text(pair_count(evaluation, pair, words)),
            )
            for pair in most_confused(evaluation, LISTED)
        ]
        listed = table((words["true axis"], words["predicted axis"], words["support"]), rows, left=2) if rows else ""
        explained = words["confusion too wide"].format(classes=count_text(classes)) if rows else words["no mistakes"]
        return section("confusion", words["confusion"], paragraph(explained), listed)
    links = {(pair.true, pair.predicted): f"#{pair_key(pair)}" for pair in shown}
    chart = charts.confusion(evaluation, words, links)
    return section(
        "confusion",
        words["confusion"],
        paragraph(words["confusion text"], words["confusion linked"] if links else ""),
        f'<div class="scroll">{figure(chart, words["confusion alt"].format(classes=classes))}</div>',
    )


def pair_key(pair: ConfusedPair) -> str:
    """What links to the pictures of a pair name."""
    return f"pair-{pair.true}-{pair.predicted}"


def pair_count(evaluation: Evaluation, pair: ConfusedPair, words: Words) -> str:
    """How often, of how many, and the share."""
    return words["pair of"].format(
        count=count_text(pair.count),
        support=count_text(evaluation.per_class[pair.true].support),
        share=percent(pair.share),
    )


def shown_cells(found: Sequence[Cell]) -> tuple[Cell, ...]:
    """Those whose pictures a page has room for: the commonest, and of the others as many as there is room for."""
    room, shown = MOST_PICTURES, len(found[:PAIRS])
    for cell in found[PAIRS:]:
        room -= min(len(cell.pictures), PICTURES_A_FOLDED)
        if room < 0:
            break
        shown += 1
    return tuple(found[:shown])


def confused_pairs(evaluation: Evaluation, pictures: Pictures, found: Sequence[Cell], words: Words) -> str:
    """The mistakes with the pictures behind them, the surest first: the commonest kinds open, the others folded."""
    if not found:
        return section("pairs", words["pairs"], paragraph(words["no mistakes"]))
    shown = shown_cells(found)
    cards = [_card(evaluation, pictures, cell, PICTURES_A_PAIR, words) for cell in shown[:PAIRS]]
    parts = [f'<div class="pairs">{"".join(cards)}</div>']
    folded = [_card(evaluation, pictures, cell, PICTURES_A_FOLDED, words) for cell in shown[PAIRS:]]
    left = len(found) - len(shown)
    if folded:
        summary = text(words["pairs more"].format(kinds=count_text(len(folded))))
        inside = f'<div class="pairs">{"".join(folded)}</div>'
        parts.append(f"<details><summary>{summary}</summary>{inside}</details>")
    if left:
        parts.append(f'<p class="note">{text(words["pairs left"].format(kinds=count_text(left)))}</p>')
    return section("pairs", words["pairs"], paragraph(words["pairs text"]), *parts)


def _card(evaluation: Evaluation, pictures: Pictures, cell: Cell, most: int, words: Words) -> str:
    """One kind of mistake: what was taken for what, how often, its surest pictures."""
    names, pair = class_names(evaluation), cell.pair
    photographs = "" if max(pictures.inputs_N.shape[1:3]) <= TINY else " photographs"
    shots = "".join(_shot(names, pictures, one.index, words, brief=True) for one in cell.pictures[:most])
    more = len(cell.pictures) - most
    rest = f'<p class="note">{text(words["more"].format(n=count_text(more)))}</p>' if more > 0 else ""
    return (
        f'<article class="pair" id="{pair_key(pair)}"><h3>{name(names[pair.true])} '
        f"<em>{text(words['taken for'])}</em> {name(names[pair.predicted])}</h3>"
        f'<p class="note">{text(pair_count(evaluation, pair, words))}</p>'
        f'<div class="shots{photographs}">{shots}</div>{rest}</article>'
    )


def surest_mistakes(evaluation: Evaluation, pictures: Pictures, words: Words) -> str:
    """A gallery of what it was surest of and wrong about."""
    indices = surest_mistakes_of(pictures.probabilities_NK, pictures.labels_N, SUREST)
    if not len(indices):
        return ""
    names = class_names(evaluation)
    shots = "".join(_shot(names, pictures, int(index), words, brief=False) for index in indices)
    explained = paragraph(words["sure mistakes text"])
    return section("surest", words["sure mistakes"], explained, f'<div class="shots wide">{shots}</div>')


def _shot(names: Sequence[str], pictures: Pictures, index: int, words: Words, brief: bool) -> str:
    """A picture and what was said of it: only the probability where the heading names the classes."""
    label, row_K = int(pictures.labels_N[index]), pictures.probabilities_NK[index]
    predicted = int(row_K.argmax())
    true_name, said_name = names[label], names[predicted]
    alt = words["picture alt"].format(name=pictures.names[index], true=true_name, predicted=said_name)
    said, own = sureness(float(row_K[predicted])), sureness(float(row_K[label]))
    caption = f"<b>{text(said)}</b>"
    if not brief:
        caption = (
            f'<span>{text(words["said"])} <strong class="wrong">{name(said_name)}</strong> {text(said)}</span>'
            f'<span>{text(words["is"])} <strong class="right">{name(true_name)}</strong> {text(own)}</span>'
            f"<small>{name(pictures.names[index])}</small>"
        )
    return f'<figure class="shot">{picture(pictures.inputs_N[index], alt)}<figcaption>{caption}</figcaption></figure>'


def classes(evaluation: Evaluation, words: Words) -> str:
    """Scores by class, the worst first; many are folded in."""
    headings = [words[key] for key in ("class", "f1", "precision", "recall", "support")]

    names = class_names(evaluation)

    def row(index: int) -> tuple[str, ...]:
        score = evaluation.per_class[index]
        bar = f'<i class="bar" style="--share:{100 * (score.f1 or 0):.1f}%"></i>'
        f1 = f"{bar}{text(percent(score.f1))}"
        rest = (percent(score.precision), percent(score.recall), count_text(score.support))
        return name(names[index]), f1, *map(text, rest)

    order = worst_first(evaluation)
    undefined = any(score.precision is None for score in evaluation.per_class)
    parts = [table(headings, map(row, order[:OPEN_CLASSES]))]
    if len(order) > OPEN_CLASSES:
        summary = words["all classes"].format(n=count_text(len(order) - OPEN_CLASSES))
        folded = table(headings, map(row, order[OPEN_CLASSES:]))
        parts.append(f"<details><summary>{text(summary)}</summary>{folded}</details>")
    explained = paragraph(words["classes text"], words["absent classes"] if undefined else "")
    return section("classes", words["classes"], explained, *parts)


def network(network_html: str, words: Words) -> str:
    """The network's drawing and table."""
    return section("network", words["network"], f'<div class="scroll">{network_html}</div>') if network_html else ""


def facts(values: Mapping[str, str], words: Words) -> str:
    """Where the numbers come from; the value under ``command`` is how to get them again."""
    command = values.get("command", "")
    rows = "\n".join(
        f"<div><dt>{text(key)}</dt><dd>{text(value)}</dd></div>" for key, value in values.items() if key != "command"
    )
    again = f"<h3>{text(words['again'])}</h3><pre><code>{text(command)}</code></pre>" if command else ""
    return section("facts", words["facts"], f'<dl class="facts">\n{rows}\n</dl>', again) if values else ""
