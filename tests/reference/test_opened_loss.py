"""A loss opened: its steps add up, its slope is the derivative, for every kind of task."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from convscope.errors import UserError
from convscope.ops.step import Step
from convscope.reference.losses import (
    Loss,
    binary_cross_entropy_with_logits,
    cross_entropy,
    mean_squared_error,
)
from convscope.reference.opened_loss import (
    ExampleLoss,
    loss_of,
    open_binary_cross_entropy,
    open_cross_entropy,
    open_loss,
    open_squared_error,
)


def computed(step: Step) -> float:
    """A step's formula by its own numbers."""
    names = {f"v{place}": operand.value for place, operand in enumerate(step.operands)}
    return float(eval(step.form.format(*names), {"exp": math.exp, "log": math.log, **names}))


def adds_up(opened: list[ExampleLoss], whole: Loss, gradient_NK: np.ndarray) -> None:
    assert sum(one.steps[-1].value for one in opened) == pytest.approx(whole.value, rel=1e-12)
    for one in opened:
        assert one.loss == pytest.approx(whole.each[one.example], rel=1e-12)
        assert one.gradient_K == pytest.approx(gradient_NK[one.example], rel=1e-12)
        slopes = [one.slope(place) for place in range(len(one.scores_K))]
        assert [slope.value for slope in slopes] == pytest.approx(one.gradient_K)
        for step in (*one.steps, *slopes):
            assert step.value == pytest.approx(computed(step), rel=1e-9, abs=1e-12), step
        assert all(one.rounding_scale(place) >= abs(slope.value) for place, slope in enumerate(slopes))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("scale", [1.0, 3000.0])
@pytest.mark.parametrize("weight", [None, np.array([0.5, 2.0, 0.0, 1.0])], ids=["plain", "weighted"])
def test_cross_entropy(smoothing: float, scale: float, weight: np.ndarray | None) -> None:
    numbers = np.random.default_rng(7)
    scores, labels = numbers.standard_normal((5, 4)) * scale, numbers.integers(0, 4, 5)
    labels[1] = -100
    whole = cross_entropy(scores, labels, smoothing, weight, ignore_index=-100)
    opened = [open_cross_entropy(scores, labels, n, smoothing, weight, -100) for n in (0, 2, 3, 4)]
    adds_up(opened, whole, whole.gradient)
    for one in opened:
        assert (one.label, one.predictions_K.sum()) == (labels[one.example], pytest.approx(1))
        if weight is None:
            assert one.gradient_K == pytest.approx((one.predictions_K - one.target_K) / 4, abs=1e-15)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("scale", [1.0, 30.0, 3000.0])
@pytest.mark.parametrize("weight", [None, 3.0, 0.0])
def test_binary_cross_entropy(smoothing: float, scale: float, weight: float | None) -> None:
    numbers = np.random.default_rng(8)
    logits, labels = numbers.standard_normal(8) * scale, np.array([0, 1] * 4)
    target = labels * (1 - smoothing) + smoothing / 2
    whole = binary_cross_entropy_with_logits(logits, target, pos_weight=weight)
    opened = [open_binary_cross_entropy(logits, labels, n, smoothing, weight) for n in range(8)]
    adds_up(opened, whole, whole.gradient[:, None])
    if weight is None:
        adds_up([open_loss("binary", logits[:, None], labels, n, smoothing) for n in range(8)], whole,
                loss_of("binary", logits[:, None], labels, smoothing).gradient)  # fmt: skip


def test_squared_error() -> None:
    numbers = np.random.default_rng(9)
    values, targets = numbers.standard_normal((6, 1)) * 10, numbers.standard_normal(6)
    whole = mean_squared_error(values[:, 0], targets)
    adds_up([open_squared_error(values[:, 0], targets, n) for n in range(6)], whole, whole.gradient[:, None])
    adds_up([open_loss("regression", values, targets, n) for n in range(6)], whole,
            loss_of("regression", values, targets).gradient)  # fmt: skip


MISTAKES: list[tuple[Callable[[], object], str]] = [
    (lambda: open_cross_entropy(np.zeros((2, 2)), np.array([0, 5]), 1, ignore_index=5), "its label is ignored: 5"),
    (lambda: loss_of("binary", np.zeros((2, 2)), [0, 1]), "scores of 2x2"),
    (lambda: loss_of("binary", np.zeros((1, 1)), [2]), "label of 2"),
    (lambda: loss_of("binary", np.zeros((1, 1)), [1], label_smoothing=2), "from 0 to 1"),
    (lambda: loss_of("regression", np.zeros((1, 1)), [2.5], label_smoothing=0.1), "a number is no class"),
    (lambda: open_loss("regression", np.zeros((1, 1)), np.array([2.5]), 0, 0.1), "a number is no class"),
]


@pytest.mark.parametrize(("mistake", "told"), MISTAKES, ids=[told for _, told in MISTAKES])
def test_mistakes_are_told_in_words(mistake: Callable[[], object], told: str) -> None:
    with pytest.raises(UserError) as error:
        mistake()
    assert told in str(error.value)


@pytest.mark.parametrize("kind", ["classification", "binary", "regression"])
def test_no_such_example(kind: str) -> None:
    with pytest.raises(IndexError, match="example 3 of 2"):
        open_loss(kind, np.zeros((2, 1)), np.array([0, 0]), 3)  # type: ignore[arg-type]
