"""What each section of the report shows: a function from the report to the values of its template, None for nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from convscope.data.dataset import Inputs
from convscope.evaluation.metrics import ConfusedPair, Evaluation, Probabilities, most_confused, surest_mistakes
from convscope.evaluation.mistakes import Cell
from convscope.evaluation.report import EvaluationReport
from convscope.evaluation.robustness import Robustness
from convscope.render import charts, evaluation_charts
from convscope.render.html.markup import TINY, figure, name, picture
from convscope.render.i18n import Words
from convscope.render.text.evaluation import binary_rows, robustness_sentence, worst_first
from convscope.render.wording import (
    class_names,
    commonest,
    confidence_text,
    count_text,
    error_note,
    judgement,
    percent,
    size_rows,
    sure_rows,
    sure_text,
)

PAIRS, PICTURES_A_PAIR = 8, 6
"""Kinds of mistakes that are open, and pictures of each."""
MOST_PICTURES, PICTURES_A_FOLDED = 96, 3
"""Of the kinds that are folded in: pictures in all, and of each."""
SUREST = 24
MOST_COLUMNS = 6
"""Numbers of a row that are shown beside a mistake."""
LISTED = 20
"""Pairs without pictures, where the matrix would be too large."""
OPEN_CLASSES = 30
"""Rows of the table of classes; the others are folded in."""

Values = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Report:
    """What a report is made of; see :func:`convscope.render.html.report.render_report`."""

    evaluation: Evaluation
    evaluation_report: EvaluationReport | None
    mistakes: Sequence[Cell]
    inputs_N: Inputs
    labels_N: NDArray[np.int64]
    probabilities_NK: Probabilities
    names: Sequence[str]
    history: charts.History
    robustness: Robustness | None
    network_html: str
    facts: Mapping[str, str]
    words: Words
    columns: Sequence[str] = ()


def key_numbers(report: Report) -> list[Values]:
    """The numbers at the head; the first has its interval, with the baseline that it has to beat."""
    evaluation, words = report.evaluation, report.words
    low, high = evaluation.interval
    occurring = sum(1 for score in evaluation.per_class if score.support)
    numbers = [
        ("top1", percent(evaluation.top1), words["top1 note"].format(low=percent(low, ""), high=percent(high, ""))),
        (
            "baseline",
            percent(evaluation.baseline),
            f"{words['baseline note'].format(name=commonest(evaluation))}; {words['baseline tick']}",
        ),
        ("ece", percent(evaluation.ece), error_note(evaluation, report.evaluation_report, words)),
        (
            "balanced",
            percent(evaluation.balanced_accuracy),
            words["balanced note"].format(classes=count_text(occurring)),
        ),
        (
            "macro f1",
            percent(evaluation.macro_f1),
            words["macro f1 note"].format(classes=count_text(occurring)),
        ),
        ("loss", f"{evaluation.loss:.3f}", words["loss note"]),
    ]
    if len(evaluation.classes) > 5:  # else all right by definition
        numbers.insert(5, ("top5", percent(evaluation.top5), words["top5 note"]))
    return [
        {
            "label": words[key],
            "value": value,
            "note": note,
            "interval": evaluation.interval if key == "top1" else None,
            "to_beat": evaluation.baseline,
        }
        for key, value, note in numbers
    ]


def curves(report: Report) -> Values | None:
    """Loss, accuracy and learning rate by epoch."""
    history, words = report.history, report.words
    if not history:
        return None
    drawn = [
        (charts.curve(history, "loss", words), words["loss axis"]),
        (charts.curve(history, "accuracy", words), words["accuracy axis"]),
        (charts.learning_rate(history, words, charts.HEIGHT), words["rate axis"]),
    ]
    return {
        "epochs": len(history),
        "undrawn": charts.undrawn(history),
        "charts": [figure(chart, words["curves alt"].format(what=what)) for chart, what in drawn],
    }


def confusion(report: Report) -> Values:
    """The confusion matrix, or where it would be too large the commonest mistakes as a list."""
    evaluation, words = report.evaluation, report.words
    names = class_names(evaluation)
    classes = len(names)
    if classes > charts.LARGEST_MATRIX:
        pairs = [
            (name(names[pair.true]), name(names[pair.predicted]), pair_count(evaluation, pair, words))
            for pair in most_confused(evaluation, LISTED)
        ]
        return {"chart": None, "classes": classes, "pairs": pairs}
    shown = [mistake.pair for mistake in with_pictures(report.mistakes)]
    links = {(pair.true, pair.predicted): f"#{pair_key(pair)}" for pair in shown}
    chart = charts.confusion(evaluation, words, links)
    return {"chart": figure(chart, words["confusion alt"].format(classes=classes)), "linked": bool(links)}


def reliability(report: Report) -> Values:
    """The reliability diagram, before and after calibration, and what it says."""
    evaluation, details, words = report.evaluation, report.evaluation_report, report.words
    before = () if details is None or details.temperature == 1 else details.bins_before
    sentences = []
    if details is not None and before:
        temperature, error = f"{details.temperature:.2f}", percent(details.ece_before)
        sentences.append(words["reliability before"].format(temperature=temperature, before=error))
    if details is not None:
        sentences.append(words["chance"].format(chance=percent(details.chance)))
    return {
        "judgement": judgement(evaluation, words),
        "ece": evaluation.ece,
        "sentences": sentences,
        "chart": figure(charts.reliability(evaluation, words, before), words["reliability alt"]),
    }


def sure(report: Report) -> Values | None:
    """What came of asking for a precision, by answering ``unknown`` where it is less sure."""
    details, words = report.evaluation_report, report.words
    if details is None or not details.sure:
        return None
    return {
        "said": sure_text(details, words),
        "chart": figure(evaluation_charts.coverage(details, words), words["coverage alt"]),
        "rows": sure_rows(details.sure, words),
    }


def robustness(report: Report) -> Values | None:
    """Accuracy on worse pictures; None where it was not measured."""
    if report.robustness is None:
        return None
    chart = evaluation_charts.robustness(report.robustness, report.words)
    return {
        "said": robustness_sentence(report.robustness, report.words),
        "chart": figure(chart, report.words["robustness alt"]),
    }


def sizes(report: Report) -> Values | None:
    """Accuracy by the pictures' own size; None where they are alike."""
    details = report.evaluation_report
    if details is None or not details.sizes:
        return None
    return {"rows": size_rows(details.sizes, report.words), "bars": [group.share for group in details.sizes]}


def pair_key(pair: ConfusedPair) -> str:
    """What links to the pictures of a pair name."""
    return f"pair-{pair.true}-{pair.predicted}"


def pair_count(evaluation: Evaluation, pair: ConfusedPair, words: Words) -> str:
    """How often, of how many, and the fraction."""
    return words["pair of"].format(
        count=count_text(pair.count),
        support=count_text(evaluation.per_class[pair.true].support),
        share=percent(pair.share),
    )


def with_pictures(mistakes: Sequence[Cell]) -> Sequence[Cell]:
    """Those whose pictures a page has room for: the commonest, and of the others as many as there is room for."""
    room, shown = MOST_PICTURES, len(mistakes[:PAIRS])
    for mistake in mistakes[PAIRS:]:
        room -= min(len(mistake.pictures), PICTURES_A_FOLDED)
        if room < 0:
            break
        shown += 1
    return mistakes[:shown]


def pairs(report: Report) -> Values:
    """The mistakes with the pictures behind them, the surest first: the commonest kinds open, the others folded."""
    shown = with_pictures(report.mistakes)
    return {
        "open": [_pair(report, mistake, PICTURES_A_PAIR) for mistake in shown[:PAIRS]],
        "folded": [_pair(report, mistake, PICTURES_A_FOLDED) for mistake in shown[PAIRS:]],
        "left": len(report.mistakes) - len(shown),
    }


def _pair(report: Report, mistake: Cell, most: int) -> Values:
    """One kind of mistake: what was taken for what, how often, its surest pictures."""
    names, pair = class_names(report.evaluation), mistake.pair
    return {
        "key": pair_key(pair),
        "true": names[pair.true],
        "predicted": names[pair.predicted],
        "count": pair_count(report.evaluation, pair, report.words),
        "photographs": report.inputs_N.ndim == 4 and max(report.inputs_N.shape[1:3]) > TINY,
        "shots": [_shot(report, names, one.index) for one in mistake.pictures[:most]],
        "more": max(0, len(mistake.pictures) - most),
    }


def surest(report: Report) -> Values | None:
    """A gallery of what it was surest of and wrong about."""
    indices = surest_mistakes(report.probabilities_NK, report.labels_N, SUREST)
    names = class_names(report.evaluation)
    return {"shots": [_shot(report, names, int(index)) for index in indices]} if len(indices) else None


def _shot(report: Report, names: Sequence[str], index: int) -> Values:
    """A picture, what was said of it and what it is."""
    label, row_K = int(report.labels_N[index]), report.probabilities_NK[index]
    predicted = int(row_K.argmax())
    fields = {"name": report.names[index], "true": names[label], "predicted": names[predicted]}
    alt = report.words["picture alt"].format(**fields)
    chances = {"said": confidence_text(float(row_K[predicted])), "own": confidence_text(float(row_K[label]))}
    return {**fields, **chances, "picture": _seen(report, index, alt)}


def _seen(report: Report, index: int, alt: str) -> Values:
    """An input as a person sees it: a picture, or a row's first numbers."""
    stored = report.inputs_N[index]
    if stored.ndim == 3:
        return picture(stored, alt)
    named = zip(report.columns or map(str, range(stored.size)), stored.tolist(), strict=True)
    values = [f"{column} {value:.4g}" for column, value in named]
    return {"values": values[:MOST_COLUMNS], "more": max(0, len(values) - MOST_COLUMNS)}


def binary(report: Report) -> Values | None:
    """The numbers of the positive class, each with what it is; None where no single output scores one."""
    scores, words = report.evaluation.binary, report.words
    if scores is None:
        return None
    counts = {"positives": count_text(scores.positives), "n": count_text(scores.count)}
    rows = [(name, meaning, number) for name, number, meaning in binary_rows(scores, words)]
    return {"said": words["binary text"].format(name=scores.positive, **counts), "rows": rows}


def classes(report: Report) -> Values:
    """Scores by class, the worst first; many are folded in."""
    evaluation = report.evaluation
    names = class_names(evaluation)

    def table(indices: Sequence[int]) -> Values:
        scores = [(name(names[index]), evaluation.per_class[index]) for index in indices]
        rows = [(n, percent(s.f1), percent(s.precision), percent(s.recall), count_text(s.support)) for n, s in scores]
        return {"rows": rows, "bars": [score.f1 or 0.0 for _, score in scores]}

    order = worst_first(evaluation)
    return {
        "undefined": any(score.precision is None for score in evaluation.per_class),
        "open": table(order[:OPEN_CLASSES]),
        "folded": table(order[OPEN_CLASSES:]),
    }


def network(report: Report) -> Values | None:
    """The network's drawing and table."""
    return {"drawing": Markup(report.network_html)} if report.network_html else None


def facts(report: Report) -> Values | None:
    """Where the numbers come from; the value under ``command`` is how to get them again."""
    rest = {key: value for key, value in report.facts.items() if key != "command"}
    return {"facts": rest, "command": report.facts.get("command", "")} if report.facts else None
