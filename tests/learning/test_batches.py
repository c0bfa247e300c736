"""Balanced batches and weights: every class as much as any other, by (seed, epoch, place) alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from convscope.data.dataset import Split
from convscope.learning.batches import Batches, balanced_order, class_weights

Counts = st.lists(st.integers(0, 60), min_size=1, max_size=6).filter(any)


def _labels(counts: list[int]) -> np.ndarray:
    return np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts)).astype(np.int64)


@given(Counts, st.integers(0, 100), st.integers(0, 9))
def test_every_class_is_drawn_as_often_as_any_other(counts: list[int], seed: int, epoch: int) -> None:
    labels_N = _labels(counts)
    order = balanced_order(seed, epoch, labels_N)
    drawn = np.bincount(labels_N[order], minlength=len(counts))[np.array(counts) > 0]
    assert len(order) == len(labels_N)
    assert drawn.max() - drawn.min() <= 1
    for label, count in enumerate(counts):
        times = np.bincount(order, minlength=len(labels_N))[labels_N == label]
        assert not count or times.max() - times.min() <= 1, "a class's pictures come evenly"


@given(Counts)
def test_the_weights_make_classes_equal_and_pictures_count_one_on_average(counts: list[int]) -> None:
    labels_N = _labels(counts)
    weights_K = class_weights(labels_N, len(counts))
    sums = np.array([weights_K[label] * count for label, count in enumerate(counts) if count])
    assert np.allclose(sums, sums[0])
    assert np.isclose(weights_K[labels_N].mean(), 1)


def test_batches_are_a_function_of_epoch_and_place() -> None:
    labels_N = _labels([70, 5, 5])
    split = Split(np.zeros((80, 2, 2, 1), np.uint8), labels_N, [str(n) for n in range(80)])
    whole = Batches(split, 13, 5, balanced=True)
    epochs = {epoch: [whole.at(epoch, place).tolist() for place in range(whole.per_epoch)] for epoch in (0, 1, 2)}
    assert sum(map(len, epochs[0])) == 80
    assert epochs[0] != epochs[1]
    for epoch, place in ((2, 3), (0, 6), (1, 0)):
        assert Batches(split, 13, 5, balanced=True).at(epoch, place).tolist() == epochs[epoch][place]
