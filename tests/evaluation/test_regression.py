"""Predicted numbers, held against scikit-learn and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from convscope.errors import UserError
from convscope.evaluation.binary import binary_scores
from convscope.evaluation.regression import evaluate_numbers


def test_the_numbers_are_what_they_say() -> None:
    rng = np.random.default_rng(0)
    targets_N = rng.normal(50, 10, 200)
    predicted_N = targets_N + rng.normal(0, 5, 200)
    found = evaluate_numbers(predicted_N, targets_N, "y", 48.0)
    error_N = predicted_N - targets_N
    assert found.mae == pytest.approx(np.abs(error_N).mean())
    assert found.rmse == pytest.approx(np.sqrt((error_N**2).mean()))
    assert found.r2 == pytest.approx(1 - (error_N**2).sum() / ((targets_N - targets_N.mean()) ** 2).sum())
    assert found.baseline_mae == pytest.approx(np.abs(targets_N - 48).mean())
    assert abs(found.worst[0].predicted - found.worst[0].target) == pytest.approx(np.abs(error_N).max())


def test_the_intervals_are_the_bootstraps() -> None:
    rng = np.random.default_rng(1)
    targets_N = rng.normal(0, 1, 80)
    predicted_N = targets_N + rng.normal(0, 0.5, 80)
    found = evaluate_numbers(predicted_N, targets_N, "y", 0.0).intervals["mae"]
    judge = stats.bootstrap((np.abs(predicted_N - targets_N),), np.mean, method="percentile", rng=2).confidence_interval
    assert found is not None
    assert found == pytest.approx((judge.low, judge.high), abs=0.02)


def test_what_is_not_defined_is_none_and_what_is_no_number_is_refused() -> None:
    same = evaluate_numbers(np.array([1.0, 2.0]), np.array([3.0, 3.0]), "y", 3.0)
    assert same.r2 is None
    assert same.to_dict()["r2"] is None
    with pytest.raises(UserError, match="diverged"):
        evaluate_numbers(np.array([np.nan]), np.array([1.0]), "y", 0.0)
    with pytest.raises(UserError, match="nothing to evaluate"):
        evaluate_numbers(np.zeros(0), np.zeros(0), "y", 0.0)


def test_auc_counts_pairs() -> None:
    rng = np.random.default_rng(2)
    labels_N = np.array([0] * 30 + [1] * 20)
    score_N = np.round(rng.random(50) + 0.3 * labels_N, 1) / 1.5
    found = binary_scores(np.stack([1 - score_N, score_N], 1), labels_N, ("no", "yes"))
    pairs = [(p > n) + 0.5 * (p == n) for p in score_N[labels_N == 1] for n in score_N[labels_N == 0]]
    assert found.auc == pytest.approx(np.mean(pairs))
    assert found.positive == "yes"
    one = binary_scores(np.array([[0.2, 0.8]]), np.array([1]), ("no", "yes"))
    assert one.auc is None
    assert (one.precision, one.recall, one.f1) == (1.0, 1.0, 1.0)
