"""Probabilities that mean what they say: one temperature for all scores, fitted on pictures that were not learnt."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.evaluation.metrics import BINS, Probabilities, bin_of, calibration_error, reliability_bins
from convscope.model.risk_coverage import RiskCoverageCurve

LOWEST, HIGHEST = 0.02, 50.0
"""Of temperatures."""
FEWEST = 75
"""Examples below which no temperature is fitted: the worst tenth of fits then do more harm than leaving it at 1.

Drawn from the scores of twelve small networks on MNIST and Fashion-MNIST (300, 2,000 and 10,000 pictures learnt, labels
smoothed by 0.1 or not), the calibration error of other pictures in percent, on average and in brackets of the worst
tenth of fits. Without a temperature it is 6.7 with ten classes, 4.9 with two of them.

======== ============ ============
examples ten classes  two classes
======== ============ ============
6        12.9 (20.9)  12.4 (19.0)
20       5.3 (9.3)    5.9 (8.9)
30       4.2 (7.1)    4.8 (7.3)
50       3.2 (5.5)    3.9 (5.8)
75       2.6 (4.2)    3.0 (4.3)
100      2.5 (4.2)    2.9 (3.8)
300      1.9 (2.7)    2.2 (2.7)
======== ============ ============
"""
DRAWS = 200
"""Times that labels are drawn to learn what chance does to a calibration error."""

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """What was fitted, on what.

    Args:
        temperature: what scores are divided by before softmax.
        before, after: the expected calibration error on these pictures, with temperature 1 and this one.
        curve: how many answers are right from each probability on.
        fitted: whether the temperature was fitted; False where there were fewer than :data:`FEWEST` examples.
    """

    temperature: float
    before: float
    after: float
    curve: RiskCoverageCurve
    fitted: bool = True

    def to_dict(self) -> dict[str, Any]:
        """The entry ``calibration`` of ``model.json``."""
        found = {"ece_before": self.before, "ece_after": self.after, "curve": self.curve.to_dict()}
        return {**found, "fitted": self.fitted, "fewest": FEWEST}


def calibrate(scores_NK: Scores, labels_N: NDArray[np.int64], of: str) -> Calibration:
    """Fit a temperature (Guo et al. 2017, "On calibration of modern neural networks"): :func:`answer_temperature`.

    Dividing by it never changes which class is the most probable. Of fewer than :data:`FEWEST` examples it stays 1.

    Args:
        scores_NK: before softmax, of pictures that were not learnt.
        labels_N: their classes.
        of: which pictures they are, in words.

    Example:
        >>> found = calibrate(np.array([[0.0, 9.0]] * 80), np.array([0, 1, 1, 1] * 20), "validation pictures")
        >>> round(found.temperature, 1), round(found.before, 2), round(found.after, 2)
        (8.2, 0.25, 0.0)
    """
    right_N = scores_NK.argmax(1) == labels_N
    fitted = len(labels_N) >= FEWEST
    temperature = answer_temperature(scores_NK, right_N) if fitted else 1.0
    before_N, after_N = (softmax(scores_NK / t).max(1) for t in (1.0, temperature))
    before, after = (calibration_error(reliability_bins(top_N, right_N)) for top_N in (before_N, after_N))
    return Calibration(temperature, before, after, RiskCoverageCurve.measured(after_N, right_N, of), fitted)


def answer_temperature(scores_NK: Scores, right_N: NDArray[np.bool_]) -> float:
    """What scores are divided by so that the probability of the answer is best believed, from 0.02 to 50.

    The loss is that of "is the answer right?" (Le Coz et al. 2024, "Confidence calibration of classifiers with many
    classes"), not of all classes: where a training with smoothed labels has bent the scores no temperature is right
    for all of them, and the answer's is the one that is shown and that decides on ``unknown``. As in Platt 1999,
    right and wrong are a little less than certain, by how many were seen of them: without that, pictures that are all
    named rightly would make it as certain as it can be.

    Args:
        scores_NK: before softmax.
        right_N: whether the largest one is that of the picture's class.

    Example:
        >>> round(answer_temperature(np.array([[0.0, 9.0]] * 100), np.ones(100, bool)), 2)  # 101 of 102 sure
        1.95
    """
    count, right = len(right_N), int(right_N.sum())
    target_N = np.where(right_N, (right + 1) / (right + 2), 1 / (count - right + 2))
    margins_NK = scores_NK - scores_NK.max(1, keepdims=True)
    best_N = margins_NK.argmax(1)
    others_NK = margins_NK.copy()
    others_NK[np.arange(count), best_N] = -np.inf

    def loss(at: float) -> float:
        # log(others) is how much less probable all other classes are, together, than the answer.
        others_N = _log_sum(others_NK / math.exp(at))
        return float((np.logaddexp(0.0, others_N) - (1 - target_N) * others_N).mean())

    # Not surely of one minimum: the best of a grid, then the least around it.
    grid = np.linspace(math.log(LOWEST), math.log(HIGHEST), 25).tolist()
    best = int(np.argmin([loss(at) for at in grid]))
    return math.exp(_least(loss, grid[max(0, best - 1)], grid[min(len(grid) - 1, best + 1)]))


def best_temperature(scores_NK: Scores, labels_N: NDArray[np.int64]) -> float:
    """What scores are divided by so that the labels are most probable, from 0.02 to 50 (Guo et al. 2017).

    Example:
        >>> round(best_temperature(np.array([[0.0, 9.0]] * 4), np.array([0, 1, 1, 1])), 2)
        8.19
    """
    # The loss has one minimum in 1 / T, and so in log T.
    found = _least(
        lambda at: float(losses(scores_NK / math.exp(at), labels_N).mean()), math.log(LOWEST), math.log(HIGHEST)
    )
    return math.exp(found)


def _least(loss: Callable[[float], float], low: float, high: float) -> float:
    """Where a function of one minimum is least, to a millionth."""
    from scipy.optimize import minimize_scalar

    return float(minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-6}).x)


def _log_sum(values_NK: Scores) -> NDArray[np.float64]:
    """log(sum(exp)) of each row; of a row without a class, minus infinity."""
    most_N1 = np.maximum(values_NK.max(1, keepdims=True), -1e300)
    with np.errstate(divide="ignore"):
        sums_N: NDArray[np.float64] = np.log(np.exp(values_NK - most_N1).sum(1)) + most_N1[:, 0]
    return sums_N


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


def uncalibrated(probabilities_NK: Probabilities, temperature: float) -> Scores:
    """The probabilities (N, K) that there were before scores were divided by a temperature.

    Example:
        >>> scores_NK = np.array([[0.0, 1.0, 5.0]])
        >>> np.allclose(uncalibrated(softmax(scores_NK / 3), 3), softmax(scores_NK))
        True
    """
    with np.errstate(divide="ignore"):  # a probability that is too small for a number was so before
        return softmax(temperature * np.log(probabilities_NK.astype(np.float64)))


def chance_error(top_N: Probabilities, draws: int = DRAWS, seed: int = 0) -> float:
    """The calibration error that probabilities show on so few pictures even where every one of them is true.

    Labels are drawn from the probabilities and the error of each draw is averaged (Broecker and Smith 2007,
    "Increasing the reliability of reliability diagrams"). An error that is not above it is no sign of anything.

    Args:
        top_N: the probability of each answer, of at least one picture.
        draws: how often.
        seed: of the draws.

    Example:
        >>> round(chance_error(np.full(100, 0.9)), 3), round(chance_error(np.full(10_000, 0.9)), 3)
        (0.025, 0.003)
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    sure_N, bin_N = top_N.astype(np.float64), bin_of(top_N)
    stated = np.bincount(bin_N, weights=sure_N, minlength=BINS)
    errors = []
    for _ in range(draws):
        right = np.bincount(bin_N, weights=rng.random(len(sure_N)) < sure_N, minlength=BINS)
        errors.append(np.abs(right - stated).sum() / len(sure_N))
    return float(np.mean(errors))
