"""What it costs to be sure: how many of some pictures a model answers, and how many rightly, at stated precisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.evaluation.metrics import Probabilities
from convscope.intervals import wilson_interval
from convscope.model.risk_coverage import RiskCoverageCurve

LEVELS = (0.9, 0.95, 0.99)
"""Precisions that are always told."""


@dataclass(frozen=True)
class SelectiveResult:
    """What was asked for and what came of it, on pictures that the threshold was not chosen on.

    Args:
        stated: the precision that was asked for.
        threshold: the probability below which the answer is ``unknown``; None: the pictures that were measured before
            could not vouch for so much.
        answered, right, count: pictures with an answer, with a right one, and all.
        interval: 95 % Wilson interval of the precision; None where nothing was answered.
    """

    stated: float
    threshold: float | None
    answered: int
    right: int
    count: int
    interval: tuple[float, float] | None

    @property
    def precision(self) -> float | None:
        """The fraction of the answers that is right."""
        return self.right / self.answered if self.answered else None

    @property
    def coverage(self) -> float:
        """The fraction of the inputs that is answered."""
        return self.answered / self.count

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        interval = None if self.interval is None else list(self.interval)
        return {**vars(self), "interval": interval, "precision": self.precision, "coverage": self.coverage}


def selective_results(
    curve: RiskCoverageCurve | None,
    probabilities_NK: Probabilities,
    labels_N: NDArray[np.int64],
    levels: Sequence[float] = LEVELS,
) -> tuple[SelectiveResult, ...]:
    """For each level, the threshold by the curve, and what it gives on these pictures; empty without a curve.

    Example:
        >>> curve = RiskCoverageCurve.measured(np.linspace(0.5, 1, 500), np.ones(500, bool))
        >>> found = selective_results(curve, np.array([[0.9, 0.1], [0.4, 0.6]]), np.array([0, 0]), [0.9])
        >>> found[0].answered, found[0].right, found[0].precision
        (2, 1, 0.5)
    """
    if curve is None:
        return ()
    top_N, right_N = probabilities_NK.max(1), probabilities_NK.argmax(1) == labels_N
    found = []
    for level in levels:
        threshold = curve.threshold(level)
        sure_N = np.zeros(len(top_N), bool) if threshold is None else top_N >= threshold.probability
        answered, right = int(sure_N.sum()), int(right_N[sure_N].sum())
        interval = wilson_interval(right, answered) if answered else None
        least = None if threshold is None else threshold.probability
        found.append(SelectiveResult(level, least, answered, right, len(top_N), interval))
    return tuple(found)
