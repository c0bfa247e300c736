"""One temperature: what is too sure becomes as sure as it is right, and no answer changes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from convscope.learning.calibration import best_temperature, calibrate, losses, softmax


def _scores(count: int, temperature: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores whose labels are drawn from their softmax at the temperature."""
    dice = np.random.default_rng(seed)
    scores_NK = 3 * dice.normal(size=(count, 5))
    probabilities_NK = softmax(scores_NK / temperature)
    return scores_NK, (probabilities_NK.cumsum(1) < dice.random((count, 1))).sum(1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_the_labels_were_drawn_with_is_found(temperature: float) -> None:
    found = calibrate(*_scores(20_000, temperature), "drawn")
    assert found.temperature == pytest.approx(temperature, rel=0.05)
    assert found.after < 0.012
    assert temperature == 1.0 or found.before > 3 * found.after


def test_no_answer_changes_and_the_curve_is_of_the_calibrated_ones() -> None:
    scores_NK, labels_N = _scores(500, 2.0)
    found = calibrate(scores_NK, labels_N, "drawn")
    calibrated_NK = softmax(scores_NK / found.temperature)
    assert (calibrated_NK.argmax(1) == scores_NK.argmax(1)).all()
    assert found.curve.probabilities[0] == calibrated_NK.max(1).min()
    assert found.to_dict()["curve"]["count"] == 500


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.floats(0.2, 5))
def test_no_other_temperature_is_better(seed: int, other: float) -> None:
    scores_NK, labels_N = _scores(60, 1.5, seed)
    best = best_temperature(scores_NK, labels_N)
    assert losses(scores_NK / best, labels_N).mean() <= losses(scores_NK / other, labels_N).mean() + 1e-7


def test_losses_are_torchs() -> None:
    scores_NK, labels_N = _scores(50, 1.0)
    theirs = torch.nn.functional.cross_entropy(torch.tensor(scores_NK), torch.tensor(labels_N), reduction="none")
    np.testing.assert_allclose(losses(scores_NK, labels_N), theirs.numpy())
