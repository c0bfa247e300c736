"""The linear head: the library's answer, standardisation multiplied in exactly, its strength chosen without peeking."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from convscope.evaluation.calibration import best_temperature, losses
from convscope.learning.transfer.head import Head, choose, fit


def _digits() -> tuple[np.ndarray, np.ndarray]:
    features_ND, labels_N = load_digits(return_X_y=True)
    return features_ND.astype(np.float32), labels_N.astype(np.int64)


@pytest.mark.parametrize("strength", [1.0, 0.01])
def test_it_is_the_answer_of_scikit_learn(strength: float) -> None:
    features_ND, labels_N = _digits()
    features_ND, labels_N = features_ND[:500], labels_N[:500]
    head = fit([features_ND], labels_N, 10, strength)
    mean_D, deviation_D = features_ND.mean(0, dtype=np.float64), features_ND.std(0, dtype=np.float64)
    deviation_D[deviation_D == 0] = 1
    theirs = LogisticRegression(C=1 / (strength * len(labels_N)), tol=1e-8, max_iter=10_000)
    theirs.fit((features_ND - mean_D) / deviation_D, labels_N)
    expected_NK = theirs.decision_function((features_ND - mean_D) / deviation_D)
    found_NK = head.scores(features_ND)
    # The biases are free, so scores are known but for a constant.
    centred = [scores - scores.mean(1, keepdims=True) for scores in (found_NK, expected_NK)]
    np.testing.assert_allclose(*centred, atol=2e-3 * np.abs(expected_NK).max())


def test_views_and_weights_count_as_samples() -> None:
    features_ND, labels_N = _digits()
    first, second, labels_N = features_ND[:200], features_ND[:200, ::-1].copy(), labels_N[:200]
    together = fit([first, second], labels_N, 10, 0.1)
    as_one = fit([np.concatenate([first, second])], np.tile(labels_N, 2), 10, 0.1)
    np.testing.assert_array_equal(together.weight_KD, as_one.weight_KD)
    # A class that counts three times is as good as one whose pictures come three times: among equals, so that the
    # standardisation is the same.
    ones = [np.array([[0.0], [0.0], [1.0], [1.0]], np.float32), np.array([0, 1, 0, 1])]
    weighted = fit([ones[0]], ones[1], 2, 0.01, np.array([3.0, 1.0]))
    probabilities = torch.softmax(torch.from_numpy(weighted.scores(ones[0])), 1).numpy()
    np.testing.assert_allclose(probabilities[:, 0], 0.75, atol=1e-3)


def test_a_start_changes_nothing_but_the_way() -> None:
    features_ND, labels_N = _digits()
    cold = fit([features_ND[:300]], labels_N[:300], 10, 0.1)
    warm = fit([features_ND[:300]], labels_N[:300], 10, 0.1, start=fit([features_ND[:300]], labels_N[:300], 10, 1.0))
    np.testing.assert_allclose(warm.scores(features_ND), cold.scores(features_ND), atol=0.02)


def test_features_that_never_move_tell_nothing() -> None:
    features_ND, labels_N = _digits()
    still_ND = np.concatenate([features_ND, np.full((len(features_ND), 2), 7.0, np.float32)], 1)
    head = fit([still_ND[:300]], labels_N[:300], 10, 0.1)
    assert (head.weight_KD[:, -2:] == 0).all()
    assert np.isfinite(head.scores(still_ND)).all()


def test_it_is_the_same_whatever_the_number_of_threads() -> None:
    features_ND, labels_N = _digits()
    threads = torch.get_num_threads()
    heads = []
    for number in (1, 2):
        torch.set_num_threads(number)
        heads.append(choose([features_ND[:400]], labels_N[:400], 10))
    torch.set_num_threads(threads)
    np.testing.assert_array_equal(heads[0].head.weight_KD, heads[1].head.weight_KD)
    assert heads[0].losses == heads[1].losses


def test_the_strength_is_chosen_on_pictures_held_out_with_their_views() -> None:
    rng = np.random.default_rng(0)
    # Nothing to learn, and a second view that is a copy: were a picture's view among those learnt from while the
    # picture is held out, it would be known by heart and the weakest penalty would win.
    features_ND, labels_N = rng.normal(size=(120, 60)).astype(np.float32), np.arange(120) % 3
    chosen = choose([features_ND, features_ND.copy()], labels_N, 3)
    assert chosen.strength >= 1
    assert chosen.accuracy < 0.55
    assert len(chosen.held_rows_M) == 120


def test_the_strongest_penalty_within_one_standard_error() -> None:
    features_ND, labels_N = _digits()
    chosen = choose([features_ND[:500]], labels_N[:500], 10)
    least = min(chosen.losses.values())
    assert least < chosen.losses[chosen.strength] < least + 0.1
    assert chosen.strength > min(chosen.losses, key=chosen.losses.__getitem__)
    assert 0.9 < chosen.accuracy < 1
    # The scores were divided by the temperature: what is left of it is near one.
    rest = slice(500, 1500)
    assert 0.7 < best_temperature(chosen.head.scores(features_ND[rest]), labels_N[rest]) < 1.5


def test_a_class_without_a_picture_and_too_few_to_hold_any_out() -> None:
    features_ND, labels_N = _digits()
    chosen = choose([features_ND[:300]], labels_N[:300], 12)
    assert not np.isin(chosen.head.scores(features_ND[:300]).argmax(1), [10, 11]).any()
    one = choose([features_ND[:1]], labels_N[:1], 10)
    assert len(one.held_rows_M) == 0
    assert np.isfinite(one.head.weight_KD).all()


def test_temperature_is_that_of_the_least_loss() -> None:
    rng = np.random.default_rng(1)
    scores_NK = rng.normal(size=(300, 4)) * 3
    labels_N = (scores_NK + rng.gumbel(size=(300, 4)) * 2).argmax(1)
    best = best_temperature(scores_NK, labels_N)
    least = losses(scores_NK / best, labels_N).mean()
    assert all(least <= losses(scores_NK / (best * by), labels_N).mean() for by in (0.5, 0.9, 1.1, 2))
    assert best == pytest.approx(2, rel=0.3)
    assert Head(np.eye(4), np.zeros(4)).scores(scores_NK).shape == (300, 4)
