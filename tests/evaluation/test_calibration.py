"""One temperature: what is too sure becomes as sure as it is right, and no answer changes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from convscope.evaluation.calibration import (
    FEWEST,
    answer_temperature,
    best_temperature,
    calibrate,
    chance_error,
    losses,
    softmax,
    uncalibrated,
)
from convscope.evaluation.metrics import calibration_error, reliability_bins


def _scores(count: int, temperature: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores whose labels are drawn from their softmax at the temperature."""
    rng = np.random.default_rng(seed)
    scores_NK = 3 * rng.normal(size=(count, 5))
    probabilities_NK = softmax(scores_NK / temperature)
    return scores_NK, (probabilities_NK.cumsum(1) < rng.random((count, 1))).sum(1)


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


@settings(max_examples=examples(30))
@given(st.integers(0, 10**6), st.floats(0.2, 5))
def test_no_other_temperature_is_better(seed: int, other: float) -> None:
    scores_NK, labels_N = _scores(60, 1.5, seed)
    best = best_temperature(scores_NK, labels_N)
    assert losses(scores_NK / best, labels_N).mean() <= losses(scores_NK / other, labels_N).mean() + 1e-7


def test_losses_are_torchs() -> None:
    scores_NK, labels_N = _scores(50, 1.0)
    theirs = torch.nn.functional.cross_entropy(torch.tensor(scores_NK), torch.tensor(labels_N), reduction="none")
    np.testing.assert_allclose(losses(scores_NK, labels_N), theirs.numpy())


@settings(max_examples=examples(30))
@given(st.integers(0, 10**6), st.floats(0.2, 5))
def test_no_other_temperature_makes_answers_better_believed(seed: int, other: float) -> None:
    scores_NK, labels_N = _scores(60, 1.5, seed)
    right_N = scores_NK.argmax(1) == labels_N
    target_N = np.where(right_N, (right_N.sum() + 1) / (right_N.sum() + 2), 1 / ((~right_N).sum() + 2))

    def loss(temperature: float) -> float:
        top_N = np.minimum(softmax(scores_NK / temperature).max(1), 1 - 1e-16)
        return float(-(target_N * np.log(top_N) + (1 - target_N) * np.log1p(-top_N)).mean())

    assert loss(answer_temperature(scores_NK, right_N)) <= loss(other) + 1e-7


@pytest.mark.parametrize("right", [True, False])
def test_pictures_all_named_alike_do_not_make_it_certain(right: bool) -> None:
    scores_NK = np.random.default_rng(0).normal(size=(100, 4)) * 3
    labels_N = scores_NK.argmax(1) if right else scores_NK.argmin(1)
    top_N = softmax(scores_NK / calibrate(scores_NK, labels_N, "drawn").temperature).max(1)
    if right:
        assert 0.9 < top_N.mean() < 0.995  # 101 of 102, as far as these scores can say so
    else:
        assert top_N.mean() == pytest.approx(0.25, abs=0.02)  # no lower for four classes


def test_the_answers_temperature_calibrates_what_smoothed_labels_bent() -> None:
    """Scores of the kind that label smoothing makes: the answers' own temperature leaves less error on new pictures."""
    rng = np.random.default_rng(3)

    def draw(count: int) -> tuple[np.ndarray, np.ndarray]:
        scores_NK, labels_N = 2.5 * rng.normal(size=(count, 10)), np.zeros(0)
        probabilities_NK = softmax(scores_NK)
        labels_N = (probabilities_NK.cumsum(1) < rng.random((count, 1))).sum(1)
        return np.log(0.9 * probabilities_NK + 0.01), labels_N

    def error(temperature: float) -> float:
        top_N = softmax(scores_NK / temperature).max(1)
        return calibration_error(reliability_bins(top_N, scores_NK.argmax(1) == labels_N))

    fitted_NK, known_N = draw(20_000)
    scores_NK, labels_N = draw(20_000)
    own = error(answer_temperature(fitted_NK, fitted_NK.argmax(1) == known_N))
    assert own < error(best_temperature(fitted_NK, known_N)) < error(1.0)


def test_uncalibrated_undoes_a_temperature_even_where_nothing_is_left() -> None:
    scores_NK, _ = _scores(50, 1.0)
    scores_NK[0] = [0.0, 0.0, 0.0, 0.0, 900.0]
    for temperature in (0.3, 2.5):
        divided_NK = softmax(scores_NK / temperature)
        np.testing.assert_allclose(uncalibrated(divided_NK, temperature), softmax(scores_NK), atol=1e-12)


def test_the_error_by_chance_is_that_of_true_probabilities() -> None:
    rng = np.random.default_rng(5)
    top_N = 1 - rng.beta(0.5, 2.0, 500)
    errors = [calibration_error(reliability_bins(top_N, rng.random(500) < top_N)) for _ in range(300)]
    assert chance_error(top_N) == pytest.approx(np.mean(errors), rel=0.05)
    assert chance_error(np.ones(20)) == 0.0


@pytest.mark.parametrize(("count", "fitted"), [(6, False), (FEWEST - 1, False), (FEWEST, True)])
def test_too_few_examples_leave_the_temperature_at_1(count: int, fitted: bool) -> None:
    scores_NK, labels_N = _scores(count, 0.3)
    found = calibrate(scores_NK, labels_N, "drawn")
    assert found.fitted == found.to_dict()["fitted"] == fitted
    assert (found.temperature == 1.0) != fitted
    assert fitted or found.before == found.after
    assert found.curve.count == count
