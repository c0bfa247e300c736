"""`unknown`: thresholds keep what they promise on other pictures, and say when they cannot."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convscope.errors import UserError
from convscope.intervals import wilson_interval
from convscope.model.risk_coverage import RiskCoverageCurve, chosen


def _answers(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Calibrated ones: an answer of probability p is right in a share p of the cases."""
    rng = np.random.default_rng(seed)
    top_N = 1 - rng.beta(0.3, 2.0, count)
    return top_N, rng.random(count) < top_N


def test_the_stated_precision_is_kept_on_average_on_other_pictures() -> None:
    for precision in (0.9, 0.99):
        right, answered, coverages = 0, 0, []
        for seed in range(200):
            found = RiskCoverageCurve.measured(*_answers(2000, seed)).threshold(precision)
            assert found is not None
            top_N, right_N = _answers(2000, 10_000 + seed)
            kept = top_N >= found.probability
            right, answered = right + int(right_N[kept].sum()), answered + int(kept.sum())
            coverages.append(found.answered / found.count)
        assert precision <= right / answered <= precision + 0.012
        assert min(coverages) > 0.2


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=300))
def test_a_curve_counts_what_is_there(pairs: list[tuple[float, bool]]) -> None:
    top_N, right_N = (np.array(column) for column in zip(*pairs, strict=True))
    curve = RiskCoverageCurve.measured(top_N, right_N)
    assert curve.count == len(pairs)
    for probability, answered, right in zip(curve.probabilities, curve.answered, curve.right, strict=True):
        assert answered == (top_N >= probability).sum()
        assert right == right_N[top_N >= probability].sum()
    assert RiskCoverageCurve.from_dict(curve.to_dict()).answered == curve.answered
    found = curve.threshold(0.8)
    every = [(np.sum(top_N >= p), np.sum(~right_N[top_N >= p]), p) for p in np.unique(top_N)]
    least = [(wilson_interval(int(a - wrong), int(a), 0.6826894921)[0], p) for a, wrong, p in every]
    could = [p for share, p in least if share >= 0.8 + 1e-7]
    assert found is not None or not could
    if found is not None:
        assert any(p == found.probability and share >= 0.8 - 1e-6 for share, p in least)
        assert not could or found.probability <= min(could)


def test_ninety_nine_answers_are_the_least_that_vouch_for_99_percent() -> None:
    sure = np.full(99, 0.9)
    assert RiskCoverageCurve.measured(sure, np.ones(99, bool)).threshold(0.99) is not None
    few = RiskCoverageCurve.measured(sure[:98], np.ones(98, bool), "validation pictures")
    with pytest.raises(UserError, match="99 % cannot be supported by 98 validation pictures") as caught:
        chosen(few, 0.99)
    assert caught.value.expected == "at most 98.9 %"


@pytest.mark.parametrize("value", [0.0, 1.0, -0.1, 99.0, float("nan")])
def test_what_is_no_share_is_refused(value: float) -> None:
    with pytest.raises(UserError, match="--sure"):
        chosen(RiskCoverageCurve.measured(*_answers(500, 0)), value)
