"""An evaluation as plain text for a terminal: one sentence, the numbers, the classes, the confusions."""

from __future__ import annotations

from collections.abc import Mapping

from rich.cells import cell_len, set_cell_size

from convscope.data.image.corruption import SEVERITIES
from convscope.evaluation.binary import BinaryScores
from convscope.evaluation.metrics import Evaluation, most_confused
from convscope.evaluation.report import EvaluationReport
from convscope.evaluation.robustness import Robustness
from convscope.printable import printable
from convscope.render.i18n import ENGLISH, Words
from convscope.render.wording import (
    class_names,
    commonest,
    count_text,
    error_note,
    headline,
    percent,
    size_rows,
    sure_rows,
    sure_text,
)
from convscope.tables import text_table

MANY = 12
"""Up to so many classes, all are listed and the matrix is shown; above, the worst and the most confused."""
WORST = 10
BEHIND, FILES = 5, 3
"""Kinds of mistakes whose pictures are named, and pictures of each."""
LONGEST = 28
"""Terminal columns for a class name; longer ones end in an ellipsis."""


def to_text(evaluation: Evaluation, words: Words = ENGLISH, report: EvaluationReport | None = None) -> str:
    """The evaluation for a terminal, aligned by character cells so that Korean names line up too.

    Example:
        >>> import numpy as np
        >>> from convscope.evaluation.metrics import evaluate_probabilities
        >>> evaluation = evaluate_probabilities(np.eye(2)[[0, 1, 1, 1]], np.array([0, 1, 0, 1]), ("cat", "dog"))
        >>> print(to_text(evaluation).splitlines()[-1])
        2  dog  .  2
    """
    blocks = [headline(evaluation, words, report), _numbers(evaluation, words, report), _classes(evaluation, words)]
    blocks.append(_matrix(evaluation, words) if len(evaluation.classes) <= MANY else _pairs(evaluation, words))
    if report is not None:
        blocks += [_behind(evaluation, report, words), _sizes(report, words), _sure(report, words)]
    return "\n\n".join(block for block in blocks if block)


def _sure(report: EvaluationReport, words: Words) -> str:
    """What came of asking for a precision."""
    if not report.sure:
        return ""
    heading = tuple(words[key] for key in ("stated", "threshold", "kept", "answered"))
    return sure_text(report, words) + "\n" + text_table([heading, *sure_rows(report.sure, words)], ">>>>")


def _behind(evaluation: Evaluation, report: EvaluationReport, words: Words) -> str:
    """The surest pictures of the commonest mistakes, by name."""
    names = _names(evaluation)
    rows = []
    for cell in report.cells[:BEHIND]:
        files = [printable(one.name) for one in cell.pictures[:FILES]]
        more = len(cell.pictures) - len(files)
        listed = ", ".join(files) + (f", {words['more'].format(n=count_text(more))}" if more else "")
        rows.append((names[cell.pair.true], words["taken for"], names[cell.pair.predicted], listed))
    return words["behind"] + "\n" + text_table(rows, "<<<<") if rows else ""


def _sizes(report: EvaluationReport, words: Words) -> str:
    """Accuracy by the pictures' own size."""
    if not report.sizes:
        return ""
    heading = tuple(words[key] for key in ("size", "top1", "interval", "support"))
    return words["sizes text"] + "\n" + text_table([heading, *size_rows(report.sizes, words)], "<>>>")


def _numbers(evaluation: Evaluation, words: Words, report: EvaluationReport | None) -> str:
    low, high = (percent(end, "") for end in evaluation.interval)
    occurring = sum(1 for score in evaluation.per_class if score.support)
    rows = [
        (words["top1"], percent(evaluation.top1), words["top1 note"].format(low=low, high=high)),
        (words["top5"], percent(evaluation.top5), words["top5 note"]),
        (
            words["balanced"],
            percent(evaluation.balanced_accuracy),
            words["balanced note"].format(classes=count_text(occurring)),
        ),
        (
            words["macro f1"],
            percent(evaluation.macro_f1),
            words["macro f1 note"].format(classes=count_text(occurring)),
        ),
        (words["baseline"], percent(evaluation.baseline), words["baseline note"].format(name=commonest(evaluation))),
        (words["ece"], percent(evaluation.ece), error_note(evaluation, report, words)),
        (words["loss"], f"{evaluation.loss:.4f}", words["loss note"]),
    ]
    if len(evaluation.classes) <= 5:  # all right by definition, so it says nothing
        del rows[1]
    return text_table(rows, "<><")


def _classes(evaluation: Evaluation, words: Words) -> str:
    indices = list(range(len(evaluation.classes)))
    note = words["precision means"]
    if len(indices) > MANY:
        indices = worst_first(evaluation)[:WORST]
        note = words["worst classes"].format(n=len(indices), classes=count_text(len(evaluation.classes))) + "\n" + note
    heading = tuple(words[key] for key in ("class", "precision", "recall", "f1", "support"))
    names = _names(evaluation)
    rows = [
        (names[i], percent(s.precision), percent(s.recall), percent(s.f1), count_text(s.support))
        for i, s in ((i, evaluation.per_class[i]) for i in indices)
    ]
    return note + "\n" + text_table([heading, *rows], "<>>>>")


def _matrix(evaluation: Evaluation, words: Words) -> str:
    numbers = [str(index + 1) for index in range(len(evaluation.classes))]
    rows = [
        (number, name, *(count_text(count) if count else "." for count in counts))
        for number, name, counts in zip(numbers, _names(evaluation), evaluation.confusion, strict=True)
    ]
    return words["matrix"] + "\n" + text_table([("", "", *numbers), *rows], "><" + ">" * len(numbers))


def _pairs(evaluation: Evaluation, words: Words) -> str:
    names = _names(evaluation)
    rows = [
        (
            names[pair.true],
            words["taken for"],
            names[pair.predicted],
            words["count of"].format(
                count=count_text(pair.count), support=count_text(evaluation.per_class[pair.true].support)
            ),
        )
        for pair in most_confused(evaluation, WORST)
    ]
    return words["most confused"] + "\n" + text_table(rows, "<<<>") if rows else ""


def robustness_text(robustness: Robustness, words: Words = ENGLISH) -> str:
    """Accuracy on worse pictures: a row a kind, a column a severity."""
    heading = (words["spoilt"], words["untouched"], *map(str, SEVERITIES))
    rows = [
        (words[f"spoilt {kind}"], percent(robustness.clean), *map(percent, accuracies))
        for kind, accuracies in robustness.spoilt.items()
    ]
    table = text_table([heading, *rows], "<" + ">" * (len(heading) - 1))
    return f"{robustness_sentence(robustness, words)}\n{table}"


def robustness_sentence(robustness: Robustness, words: Words = ENGLISH) -> str:
    """What the numbers are, and which kind it minds most."""
    weakest = words["weakest"].format(kind=words[f"spoilt {robustness.weakest}"])
    return f"{words['robustness text'].format(count=count_text(robustness.count))} {weakest}"


BINARY: Mapping[str, str] = {
    "auc": "auc means",
    "precision": "precision of positive",
    "recall": "recall of positive",
    "f1": "f1 of positive",
    "brier": "brier means",
}
"""The numbers of the positive class: the key of each and of what it is."""


def binary_rows(scores: BinaryScores, words: Words = ENGLISH) -> list[tuple[str, str, str]]:
    """The numbers of the positive class: name, number, what it is."""
    rows = []
    for key, meaning in BINARY.items():
        value = getattr(scores, key)
        rows.append((words[key], "-" if value is None else f"{value:.4f}", words[meaning]))
    return rows


def binary_text(scores: BinaryScores, words: Words = ENGLISH) -> str:
    """The numbers of the positive class, each with what it is."""
    positives, count = count_text(scores.positives), count_text(scores.count)
    heading = words["positive"].format(name=printable(scores.positive), positives=positives, count=count)
    return heading + "\n" + text_table(binary_rows(scores, words), "<><")


def worst_first(evaluation: Evaluation) -> list[int]:
    """The classes' indices by F1, the worst first, those without pictures last."""
    scores = evaluation.per_class
    return sorted(range(len(scores)), key=lambda i: (scores[i].f1 is None, scores[i].f1 or 0.0, -scores[i].support))


def _names(evaluation: Evaluation) -> list[str]:
    return [
        name if cell_len(name) <= LONGEST else set_cell_size(name, LONGEST - 1).rstrip() + "…"
        for name in class_names(evaluation)
    ]
