"""``unknown`` as an answer: from which probability on enough answers are right, and what is lost by asking for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.errors import UserError
from convscope.intervals import score_interval

DEVIATIONS = 1.0
"""Standard errors that a share is taken to be worse than it looks."""
STEPS = 400
"""Probabilities at which a curve is kept."""


@dataclass(frozen=True)
class Threshold:
    """Below ``probability`` the answer is ``unknown``; then ``precision`` of the others are right, as was asked for.

    ``answered`` of ``count`` pictures that the model had not learnt were answered, and ``right`` of them rightly.
    """

    precision: float
    probability: float
    answered: int
    right: int
    count: int


@dataclass(frozen=True)
class RiskCoverageCurve:
    """How many of some pictures are answered, and how many rightly, from each probability on.

    Args:
        probabilities: ascending; answers from there on count.
        answered, right: pictures.
        count: of all pictures.
        of: which pictures, in words.
    """

    probabilities: tuple[float, ...]
    answered: tuple[int, ...]
    right: tuple[int, ...]
    count: int
    of: str = ""

    @classmethod
    def measured(cls, top_N: NDArray[np.floating[Any]], right_N: NDArray[np.bool_], of: str = "") -> RiskCoverageCurve:
        """Of the probabilities of the answers to some pictures, and whether they are right.

        Example:
            >>> curve = RiskCoverageCurve.measured(np.array([0.9, 0.5, 0.7]), np.array([True, False, True]))
            >>> curve.probabilities, curve.answered, curve.right
            ((0.5, 0.7, 0.9), (3, 2, 1), (2, 2, 1))
        """
        order = np.argsort(top_N, kind="stable")
        sure, correct = top_N[order].astype(np.float64), right_N[order]
        # The places where mistakes are left behind are all that matters; of many, some.
        starts = np.unique(np.concatenate([[0], np.flatnonzero(~correct) + 1, np.linspace(0, len(sure) - 1, 50)]))
        starts = starts.astype(np.int64)[starts < len(sure)]
        if len(starts) > STEPS:
            starts = np.unique(starts[np.linspace(0, len(starts) - 1, STEPS).round().astype(np.int64)])
        from_here = np.cumsum(correct[::-1])[::-1]
        # Equal probabilities stand or fall together.
        starts = np.unique(np.searchsorted(sure, sure[starts], side="left"))
        return cls(
            tuple(sure[starts].tolist()),
            tuple((len(sure) - starts).tolist()),
            tuple(from_here[starts].tolist()),
            len(sure),
            of,
        )

    def threshold(self, precision: float) -> Threshold | None:
        """The lowest probability from which on a share of ``precision`` of the answers is right, or None.

        Chance is reckoned with: the share must reach the precision even at the lower end of its interval, which is one
        standard error wide (Wilson 1927), so that other pictures keep it in five cases of six. Without a mistake 99
        answers are needed for 99 %.

        Example:
            >>> curve = RiskCoverageCurve.measured(np.linspace(0.01, 1, 100), np.arange(100) >= 20)
            >>> found = curve.threshold(0.9)
            >>> round(found.probability, 2), found.answered, found.right
            (0.16, 85, 80)
        """
        for probability, answered, right in zip(self.probabilities, self.answered, self.right, strict=True):
            if _at_least(right, answered) >= precision - 1e-9:
                return Threshold(precision, probability, answered, right, self.count)
        return None

    @property
    def best(self) -> float:
        """The highest precision that these pictures can vouch for."""
        return max((_at_least(r, a) for a, r in zip(self.answered, self.right, strict=True)), default=0.0)

    def to_dict(self) -> dict[str, Any]:
        """As ``model.json`` holds it."""
        points = zip(self.probabilities, self.answered, self.right, strict=True)
        return {"of": self.of, "count": self.count, "from": [[round(p, 6), a, r] for p, a, r in points]}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> RiskCoverageCurve:
        """What :meth:`to_dict` gave.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        points: Sequence[Sequence[float]] = document["from"]
        columns = list(zip(*points, strict=True)) or [(), (), ()]
        probabilities, answered, right = columns
        return cls(
            tuple(map(float, probabilities)),
            tuple(map(int, answered)),
            tuple(map(int, right)),
            int(document["count"]),
            str(document.get("of", "")),
        )


def _at_least(right: int, answered: int) -> float:
    """What the share right is at least, if chance was as kind as it is in five cases of six."""
    return score_interval(right, answered, DEVIATIONS)[0]


def chosen(curve: RiskCoverageCurve, precision: float, where: str = "--sure") -> Threshold:
    """The threshold for a stated precision.

    Raises:
        UserError: no fraction above 0 and below 1, or one that the pictures that were measured cannot support.
    """
    if not 0 < precision < 1:
        raise UserError(where, f"{precision:g}", "an accuracy such as 99% or 0.99, below 100 %")
    found = curve.threshold(precision)
    if found is None:
        got = f"{100 * precision:g} % cannot be supported by {curve.count:,} {curve.of or 'examples'}"
        hint = "a larger validation set, or a better model, supports more"
        raise UserError(where, got, f"at most {int(1000 * curve.best) / 10:g} %", hint)
    return found
