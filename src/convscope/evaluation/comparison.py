"""Two models on the same pictures: whether one is better, or chance has been kind to it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.errors import UserError
from convscope.evaluation.evaluate import evaluate
from convscope.intervals import wilson_interval
from convscope.model.folder import Model


@dataclass(frozen=True)
class PairedComparison:
    """Two models, paired picture by picture.

    Args:
        one, other: what the models are called.
        of: which pictures, in words.
        both, only_one, only_other, neither: pictures that they named rightly.
        interval: 95 % interval of the difference of the accuracies, other minus one.
        p: of McNemar's test: how often chance alone would make as large a difference.
        names_one, names_other: of the pictures that only the one, only the other named rightly.
    """

    one: str
    other: str
    of: str
    both: int
    only_one: int
    only_other: int
    neither: int
    interval: tuple[float, float]
    p: float
    names_one: tuple[str, ...]
    names_other: tuple[str, ...]
    many: str = "pictures"

    @property
    def count(self) -> int:
        """All pictures."""
        return self.both + self.only_one + self.only_other + self.neither

    @property
    def top1(self) -> tuple[float, float]:
        """The accuracy of each."""
        return (self.both + self.only_one) / self.count, (self.both + self.only_other) / self.count

    @property
    def differ(self) -> bool:
        """Whether the difference is more than chance would make in one case of twenty."""
        return self.p < 0.05

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        accuracies = self.top1
        return {
            "models": [self.one, self.other],
            "of": self.of,
            "count": self.count,
            "top1": list(accuracies),
            "intervals": [list(wilson_interval(round(accuracy * self.count), self.count)) for accuracy in accuracies],
            "both": self.both,
            "only": [self.only_one, self.only_other],
            "neither": self.neither,
            "difference": accuracies[1] - accuracies[0],
            "difference_interval": list(self.interval),
            "p": self.p,
            "pictures": [list(self.names_one), list(self.names_other)],
        }


def compare(
    one: Model, other: Model, data: str | os.PathLike[str], names: tuple[str, str], split: str | None = None
) -> PairedComparison:
    """Measure two models on the same labelled pictures.

    Args:
        one, other: their classes are matched by name; the order does not matter.
        data: labelled pictures.
        names: what the models are called.
        split: as for :func:`convscope.evaluation.evaluate.evaluate`.

    Raises:
        UserError: the models do not know the same classes, or the data cannot be read.
    """
    if not one.classes or not other.classes:
        raise UserError("convscope compare", "a model that predicts a number", "models of classes", "evaluate says R2")
    if set(one.classes) != set(other.classes):
        strangers = sorted(set(one.classes) ^ set(other.classes))
        got = f"{names[0]} and {names[1]} do not know the same classes: {', '.join(strangers[:6])}"
        raise UserError("convscope compare", got, "models of the same classes")
    evaluated = [evaluate(model, data, split) for model in (one, other)]
    right = [
        dict(zip(done.split.names, (done.probabilities_NK.argmax(1) == done.split.labels_N).tolist(), strict=True))
        for done in evaluated
    ]
    shared = [name for name in evaluated[0].split.names if name in right[1]]
    if not shared:
        got = f"the two models were given no {one.modality.one} in common"
        raise UserError(str(data), got, f"{one.modality.many} that both can read")
    answers_N2 = np.array([[side[name] for side in right] for name in shared])
    return paired_comparison(answers_N2, shared, names, evaluated[0].of, one.modality.many)


def paired_comparison(
    right_N2: NDArray[np.bool_],
    pictures: Sequence[str],
    names: tuple[str, str] = ("A", "B"),
    of: str = "pictures",
    many: str = "pictures",
) -> PairedComparison:
    """The comparison of two rows of answers.

    Args:
        right_N2: whether each of the two named each picture rightly.
        pictures: their names.
        names: what the two are called.
        of: which data.
        many: what they are.

    Example:
        >>> right_N2 = np.array([[True, True]] * 80 + [[True, False]] * 5 + [[False, True]] * 15)
        >>> result = paired_comparison(right_N2, [str(i) for i in range(100)])
        >>> result.only_one, result.only_other, round(result.p, 3)
        (5, 15, 0.041)
    """
    one_N, other_N = right_N2.T
    only_one, only_other = np.flatnonzero(one_N & ~other_N), np.flatnonzero(other_N & ~one_N)
    count, b, c = len(right_N2), len(only_one), len(only_other)
    difference = (c - b) / count
    # Wald's interval of a paired difference, with half a picture added to each side (Agresti and Min 2005).
    b_, c_, n_ = b + 0.5, c + 0.5, count + 2
    half = NormalDist().inv_cdf(0.975) * sqrt(b_ + c_ - (c_ - b_) ** 2 / n_) / n_
    return PairedComparison(
        *names,
        of,
        int((one_N & other_N).sum()),
        b,
        c,
        int((~one_N & ~other_N).sum()),
        (max(-1.0, difference - half), min(1.0, difference + half)),
        mcnemar(b, c),
        tuple(pictures[i] for i in only_one.tolist()),
        tuple(pictures[i] for i in only_other.tolist()),
        many,
    )


def mcnemar(only_one: int, only_other: int) -> float:
    """The p-value of McNemar's exact test (1947): how often chance alone would make as large a difference.

    Where the two answers differ, each is as likely to be the right one: a two-sided binomial test with probability
    one half.

    Example:
        >>> mcnemar(0, 6), mcnemar(5, 5), round(mcnemar(900, 1000), 3)
        (0.03125, 1.0, 0.023)
    """
    from scipy.stats import binomtest

    differing = only_one + only_other
    return float(binomtest(only_one, differing).pvalue) if differing else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """The same after Holm's correction for having looked so often (1979).

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    corrected, most = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        most = max(most, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = most
    return corrected
