"""The learning rate and the plan of steps as functions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convscope.learning.schedule import FINAL, SMALL_COST, plan_within, rate


@given(st.sampled_from(["onecycle", "cosine"]), st.integers(1, 5000), st.floats(0, 0.9))
def test_rates_stay_between_nothing_and_the_peak(schedule: str, steps: int, warmup: float) -> None:
    rates = [rate(schedule, step, steps, warmup) for step in range(0, steps, max(1, steps // 50))]  # type: ignore[arg-type]
    assert all(0 < value <= 1 for value in rates)


@pytest.mark.parametrize("schedule", ["onecycle", "cosine"])
def test_rises_then_falls_to_the_end(schedule: str) -> None:
    rates = [rate(schedule, step, 1000, 0.2) for step in range(1001)]  # type: ignore[arg-type]
    assert rates.index(max(rates)) == 200
    assert rates[:201] == sorted(rates[:201])
    assert rates[200:] == sorted(rates[200:], reverse=True)
    assert rates[-1] == pytest.approx(FINAL)


@given(
    st.floats(0.1, 1e5),
    st.floats(1e-4, 10),
    st.integers(1, 10_000),
    st.floats(0, 100),
    st.integers(0, 10_000),
    st.sampled_from([0.0, 0.3, 0.5, 0.9]),
)
def test_the_plan_fits_into_the_time_and_fills_it(
    seconds: float, step: float, per_epoch: int, epoch: float, taken: int, progressive: float
) -> None:
    def cost(steps: int) -> float:
        small = max(0.0, progressive * steps - taken)
        left = steps - taken
        return (min(small, left) * SMALL_COST + max(0.0, left - small)) * step + left * epoch / per_epoch

    steps = plan_within(seconds, step, per_epoch, epoch, taken, progressive)
    assert steps > taken
    assert steps == taken + 1 or cost(steps) <= seconds * (1 + 1e-6) + 1e-6
    assert cost(steps + 1) >= seconds * (1 - 1e-6)
