"""Intervals of a share, against hand arithmetic and what must hold for every share."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from convscope.intervals import score_interval, wilson_interval


@pytest.mark.parametrize(
    ("correct", "count", "low", "high"),
    [
        # p = 0.5, n = 100: centre 0.5, half = 1.95996 / (1 + 0.0384146) * sqrt(0.0025 + 0.0000960365).
        (50, 100, 0.403832, 0.596168),
        # p = 0: the upper end is z^2 / (n + z^2) = 3.841459 / 13.841459.
        (0, 10, 0.0, 0.277533),
        (10, 10, 0.722467, 1.0),
        # p = 0.8, n = 10: centre 0.992073 / 1.384146, half = 1.416009 * sqrt(0.016 + 0.009604).
        (8, 10, 0.490163, 0.943317),
    ],
)
def test_wilson_interval_worked_by_hand(correct, count, low, high):
    assert wilson_interval(correct, count) == pytest.approx((low, high), abs=2e-6)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_is_symmetric_and_narrows(case):
    correct, count = case
    low, high = wilson_interval(correct, count)
    assert (1 - high, 1 - low) == pytest.approx(wilson_interval(count - correct, count), abs=1e-12)
    narrower = wilson_interval(correct * 10, count * 10)
    assert narrower[1] - narrower[0] < high - low


def test_the_interval_is_where_the_share_is_so_many_of_its_own_standard_errors_away():
    low, high = score_interval(90, 100, errors=1.5)
    for end in (low, high):
        assert abs(0.9 - end) == pytest.approx(1.5 * (end * (1 - end) / 100) ** 0.5)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.sampled_from([0.8, 0.95]))
def test_wilson_interval_is_scipys(case, confidence):
    correct, count = case
    judge = binomtest(correct, count).proportion_ci(confidence, method="wilson")
    assert wilson_interval(correct, count, confidence) == pytest.approx((judge.low, judge.high), abs=1e-12)
