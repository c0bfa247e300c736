"""Numbers and names as people read them, and an evaluation in a few plain sentences."""

from __future__ import annotations

from collections.abc import Sequence

from convscope.evaluation.by_size import SizeScore
from convscope.evaluation.metrics import Evaluation, most_confused
from convscope.evaluation.report import JUDGED, LEARNT, NEW, EvaluationReport
from convscope.evaluation.selective_prediction import SelectiveResult
from convscope.printable import printable
from convscope.render.i18n import ENGLISH, Words

FEW = 100
"""Below so many pictures "in 100" would claim more than was seen."""


def count_text(count: int) -> str:
    """A count for people.

    Example:
        >>> count_text(10000)
        '10,000'
    """
    return f"{count:,}"


def pictures_text(count: int, words: Words = ENGLISH) -> str:
    """So many pictures, singular for one."""
    return words["one picture"] if count == 1 else words["pictures"].format(count=count_text(count))


def percent(fraction: float | None, sign: str = " %") -> str:
    """A fraction as a percentage; never rounded to a 0 or a 100 that it is not; a dash for None.

    Example:
        >>> percent(0.919), percent(0.99996), percent(1.0), percent(None)
        ('91.9 %', '99.996 %', '100 %', '-')
    """
    if fraction is None:
        return "-"
    if fraction in (0.0, 1.0):
        return f"{100 * fraction:.0f}{sign}"
    for digits in range(1, 7):
        text = f"{100 * fraction:.{digits}f}"
        if float(text) not in (0.0, 100.0):
            break
    return text + sign


def confidence_text(probability: float) -> str:
    """A probability beside a picture: short, for there it is the tenth of a percent that counts.

    Example:
        >>> confidence_text(0.99996), confidence_text(0.5), confidence_text(1e-9)
        ('>99.9 %', '50.0 %', '<0.1 %')
    """
    if probability > 0.9995:
        return ">99.9 %"
    return "<0.1 %" if probability < 0.0005 else f"{100 * probability:.1f} %"


def class_names(evaluation: Evaluation) -> list[str]:
    """The class names as they are shown: printable, told apart, and the blank ones numbered."""
    shown: dict[str, None] = {}
    for index, name in enumerate(map(printable, evaluation.classes)):
        while not name.strip() or name in shown:
            name = f"{name.strip()} ({index})".strip()
        shown[name] = None
    return list(shown)


def sure_rows(sure: Sequence[SelectiveResult], words: Words) -> list[tuple[str, ...]]:
    """Stated precision, threshold, accuracy when it answers with its interval, and coverage, as texts."""
    rows: list[tuple[str, ...]] = []
    for one in sure:
        if one.threshold is None:
            rows.append((f"{100 * one.stated:g} %", "-", words["not vouched"], "-"))
            continue
        low, high = (percent(end, "") for end in one.interval or (0.0, 1.0))
        kept = f"{percent(one.precision)} ({low}-{high})" if one.answered else "-"
        answered = f"{percent(one.coverage)} ({count_text(one.answered)})"
        rows.append((f"{100 * one.stated:g} %", percent(one.threshold), kept, answered))
    return rows


def sure_text(report: EvaluationReport, words: Words) -> str:
    """What the table of :func:`sure_rows` is, and where its thresholds are from."""
    origin = words["sure elsewhere"] if report.part == NEW else ""
    return f"{words['sure text']} {origin} {words['sure here']}".replace("  ", " ")


def size_rows(sizes: Sequence[SizeScore], words: Words) -> list[tuple[str, ...]]:
    """From which to which size, the accuracy, its interval and the number of pictures, as texts."""
    rows: list[tuple[str, ...]] = []
    for one in sizes:
        least, most = (f"{width:,} x {height:,}" for height, width in (one.smallest, one.largest))
        size = least if least == most else words["size range"].format(least=least, most=most)
        low, high = (percent(end, "") for end in one.interval)
        rows.append((size, percent(one.share), f"{low}-{high}", count_text(one.count)))
    return rows


def error_note(evaluation: Evaluation, report: EvaluationReport | None, words: Words) -> str:
    """What stands beside the calibration error: whether it is too sure, and what the error was before."""
    said = judgement(evaluation, words)
    if report is None or report.temperature == 1:
        return said
    return f"{said}; {words['ece before'].format(before=percent(report.ece_before))}"


def headline(evaluation: Evaluation, words: Words = ENGLISH, report: EvaluationReport | None = None) -> str:
    """The evaluation in a few plain sentences; with a report, what came of asking it to be sure is one of them.

    Example:
        >>> import numpy as np
        >>> from convscope.evaluation.metrics import evaluate_probabilities
        >>> answers, labels = np.eye(2)[[0, 1, 1, 0, 1] * 50], np.array([0, 1, 1, 0, 0] * 50)
        >>> evaluation = evaluate_probabilities(answers, labels, ("cat", "dog"))
        >>> print(headline(evaluation).replace(". ", ".\\n"))
        About 80 in 100 right: accuracy 80.0 % (74.6 to 84.5 with 95 % confidence) on 250 pictures.
        It most often mistakes cat for dog (50 of 150).
    """
    fields = {
        "correct": count_text(evaluation.correct),
        "count": count_text(evaluation.count),
        "pictures": pictures_text(evaluation.count, words),
        "top1": percent(evaluation.top1),
        "low": percent(evaluation.interval[0], ""),
        "high": percent(evaluation.interval[1], ""),
    }
    if evaluation.correct in (0, evaluation.count):
        sentences = [words["all" if evaluation.correct else "none"].format(**fields)]
    elif evaluation.count < FEW:
        sentences = [words["of few"].format(**fields)]
    else:
        part, whole = _in_a_hundred(evaluation.top1)
        sentences = [words["about"].format(share=count_text(part), whole=count_text(whole), **fields)]
    names = class_names(evaluation)
    mistakes = evaluation.count - evaluation.correct
    for pair in most_confused(evaluation, 1):
        if pair.count == 1 < mistakes:
            continue  # no two mistakes are alike: none is the commonest
        sentences.append(
            words["one mistake" if mistakes == 1 else "confuses"].format(
                true=names[pair.true],
                predicted=names[pair.predicted],
                count=count_text(pair.count),
                support=count_text(evaluation.per_class[pair.true].support),
            )
        )
    if len(evaluation.classes) > 1 and evaluation.interval[0] <= evaluation.baseline and evaluation.top1 < 1:
        name, baseline = commonest(evaluation), percent(evaluation.baseline)
        sentences.append(words["no better"].format(name=name, baseline=baseline))
    if evaluation.guessing is not None:
        sentences.append(words["guessing"].format(probability=percent(evaluation.guessing)))
    if report is not None:
        sentences += _of_report(report, words)
    return " ".join(sentences)


def _of_report(report: EvaluationReport, words: Words) -> list[str]:
    """What came of the precision that was asked for, and whether the pictures are new to the model."""
    sentences = []
    asked = report.asked
    if asked is not None:
        stated = f"{100 * asked.stated:g} %"
        if asked.threshold is None:
            sentences.append(words["asked in vain"].format(stated=stated))
        elif asked.interval is None:
            sentences.append(words["answers none"].format(stated=stated))
        else:
            low, high = (percent(end, "") for end in asked.interval)
            sentences.append(
                words["asked"].format(
                    stated=stated, coverage=percent(asked.coverage), kept=percent(asked.precision), low=low, high=high
                )
            )
    if report.part in (LEARNT, JUDGED):
        sentences.append(words[report.part])
    return sentences


def _in_a_hundred(fraction: float) -> tuple[int, int]:
    """The fraction in 100, or in 1,000 and more where 100 would round it to none or all."""
    whole = 100
    while round(fraction * whole) in (0, whole):
        whole *= 10
    return round(fraction * whole), whole


def commonest(evaluation: Evaluation) -> str:
    """The name of the class with the most pictures."""
    supports = [score.support for score in evaluation.per_class]
    return class_names(evaluation)[supports.index(max(supports))]


def judgement(evaluation: Evaluation, words: Words = ENGLISH) -> str:
    """Whether it is too sure of itself, in words."""
    points = 100 * evaluation.overconfidence
    if abs(points) < 0.5:
        return words["well judged"]
    return words["too sure" if points > 0 else "too modest"].format(points=f"{abs(points):.1f}")
