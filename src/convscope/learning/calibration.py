"""Probabilities that mean what they say: one temperature for all scores, fitted on pictures that were not learnt."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.delivery.unknown import Curve
from convscope.learning.metrics import calibration_error, reliability_bins

LOWEST, HIGHEST = 0.02, 50.0
"""Of temperatures."""

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """What was fitted, on what.

    Args:
        temperature: what scores are divided by before softmax.
        before, after: the expected calibration error on these pictures, with temperature 1 and this one.
        curve: how many answers are right from each probability on.
    """

    temperature: float
    before: float
    after: float
    curve: Curve

    def to_dict(self) -> dict[str, Any]:
        """The entry ``calibration`` of ``model.json``."""
        return {"ece_before": self.before, "ece_after": self.after, "curve": self.curve.to_dict()}


def calibrate(scores_NK: Scores, labels_N: NDArray[np.int64], of: str) -> Calibration:
    """Fit a temperature (Guo et al. 2017, "On calibration of modern neural networks").

    Dividing by it never changes which class is the most probable.

    Args:
        scores_NK: before softmax, of pictures that were not learnt.
        labels_N: their classes.
        of: which pictures they are, in words.

    Example:
        >>> found = calibrate(np.array([[0.0, 9.0]] * 4), np.array([0, 1, 1, 1]), "validation pictures")
        >>> round(found.temperature, 2), round(found.before, 2), round(found.after, 2)
        (8.19, 0.25, 0.0)
    """
    temperature = best_temperature(scores_NK, labels_N)
    right_N = scores_NK.argmax(1) == labels_N
    before_N, after_N = (softmax(scores_NK / t).max(1) for t in (1.0, temperature))
    before, after = (calibration_error(reliability_bins(top_N, right_N)) for top_N in (before_N, after_N))
    return Calibration(temperature, before, after, Curve.measured(after_N, right_N, of))


def best_temperature(scores_NK: Scores, labels_N: NDArray[np.int64]) -> float:
    """What scores are divided by so that the labels are most probable, from 0.02 to 50 (Guo et al. 2017).

    Example:
        >>> round(best_temperature(np.array([[0.0, 9.0]] * 4), np.array([0, 1, 1, 1])), 2)
        8.19
    """
    low, high = math.log(LOWEST), math.log(HIGHEST)
    # The loss has one minimum in 1 / T, and so in log T: thirds are cut off until it is known to a ten-thousandth.
    while high - low > 1e-4:
        left, right = low + (high - low) / 3, high - (high - low) / 3
        at_left, at_right = (float(losses(scores_NK / math.exp(at), labels_N).mean()) for at in (left, right))
        low, high = (low, right) if at_left <= at_right else (left, high)
    return math.exp((low + high) / 2)


def losses(scores_NK: Scores, labels_N: NDArray[np.int64]) -> NDArray[np.float64]:
    """Cross entropy of each picture."""
    shifted_NK = scores_NK - scores_NK.max(1, keepdims=True)
    losses_N: NDArray[np.float64] = np.log(np.exp(shifted_NK).sum(1)) - shifted_NK[np.arange(len(labels_N)), labels_N]
    return losses_N


def softmax(scores_NK: Scores) -> Scores:
    """Probabilities (N, K) of scores."""
    powers_NK = np.exp(scores_NK - scores_NK.max(1, keepdims=True))
    probabilities_NK: Scores = powers_NK / powers_NK.sum(1, keepdims=True)
    return probabilities_NK
