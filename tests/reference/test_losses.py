"""Losses and their derivatives: torch's values, the slope between two neighbours, mistakes in words."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.nn import functional

from convscope.engine import losses as engine_losses
from convscope.errors import UserError
from convscope.reference import losses
from convscope.reference.losses import (
    Loss,
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    logit,
    logit_slope,
    mean_squared_error,
    odds,
    odds_slope,
    one_hot,
    sigmoid,
    sigmoid_slope,
)

Numbers = np.random.Generator


def as_torch(found: Loss, value: torch.Tensor, given: torch.Tensor, tolerance: float = 1e-10) -> None:
    value.backward()  # type: ignore[no-untyped-call]
    assert given.grad is not None
    assert found.value == pytest.approx(value.item(), rel=1e-12, abs=1e-12)
    assert found.gradient == pytest.approx(given.grad.numpy(), rel=tolerance, abs=1e-12)
    assert found.gradient.dtype == np.float64


def slopes(function: Callable[[np.ndarray], float], at: np.ndarray, step: float = 1e-6) -> np.ndarray:
    found = np.zeros(at.shape)
    for index in np.ndindex(*at.shape):
        sides = []
        for change in (step, -step):
            moved = at.copy()
            moved[index] += change
            sides.append(function(moved))
        found[index] = (sides[0] - sides[1]) / (2 * step)
    return found


@pytest.mark.parametrize("seed", range(40))
def test_cross_entropy_is_torchs(seed: int) -> None:
    numbers = np.random.default_rng(seed)
    count, classes = int(numbers.integers(1, 6)), int(numbers.integers(1, 8))
    scores = numbers.standard_normal((count, classes)) * numbers.choice([1, 30, 1000])
    smoothing = float(numbers.choice([0, 0.1, 1.0]))
    weight = numbers.random(classes) + 0.1 if seed % 3 == 0 else None
    labels = numbers.integers(0, classes, count) if seed % 2 else numbers.dirichlet(np.ones(classes), count)
    reduction = "sum" if seed % 5 == 0 else "mean"
    given = torch.from_numpy(scores).requires_grad_()
    value = functional.cross_entropy(
        given, torch.from_numpy(labels), None if weight is None else torch.from_numpy(weight),
        label_smoothing=smoothing, reduction=reduction,
    )  # fmt: skip
    found = cross_entropy(scores, labels, smoothing, weight, reduction)  # type: ignore[arg-type]
    as_torch(found, value, given)
    assert found.each.shape == (count,)
    if weight is None and labels.ndim == 1:
        numeric = slopes(lambda s: cross_entropy(s, labels, smoothing, weight).value, scores / np.abs(scores).max())
        again = cross_entropy(scores / np.abs(scores).max(), labels, smoothing, weight)
        assert numeric == pytest.approx(again.gradient, abs=1e-7)


@pytest.mark.parametrize("seed", range(10))
def test_binary_cross_entropies_are_torchs(seed: int) -> None:
    numbers = np.random.default_rng(seed)
    shape = (3, 2) if seed % 2 else (4,)
    target = numbers.random(shape) if seed % 3 else numbers.integers(0, 2, shape).astype(np.float64)
    for reduction in ("mean", "sum"):
        p = numbers.random(shape)
        given = torch.from_numpy(p).requires_grad_()
        value = functional.binary_cross_entropy(given, torch.from_numpy(target), reduction=reduction)
        as_torch(binary_cross_entropy(p, target, reduction), value, given)
        x = numbers.standard_normal(shape) * 20
        given = torch.from_numpy(x).requires_grad_()
        value = functional.binary_cross_entropy_with_logits(given, torch.from_numpy(target), reduction=reduction)
        as_torch(binary_cross_entropy_with_logits(x, target, reduction), value, given)
    p = 0.05 + 0.9 * numbers.random(shape)
    numeric = slopes(lambda q: binary_cross_entropy(q, target).value, p)
    assert numeric == pytest.approx(binary_cross_entropy(p, target).gradient, rel=1e-6)
    numeric = slopes(lambda s: binary_cross_entropy_with_logits(s, target).value, p)
    assert numeric == pytest.approx(binary_cross_entropy_with_logits(p, target).gradient, abs=1e-8)


def test_binary_cross_entropy_at_the_edges_is_torchs() -> None:
    p, target = np.array([0.0, 1.0, 1.0, 0.0]), np.array([1.0, 1.0, 0.0, 0.0])
    given = torch.from_numpy(p).requires_grad_()
    value = functional.binary_cross_entropy(given, torch.from_numpy(target))
    as_torch(binary_cross_entropy(p, target), value, given, 1e-8)  # torch cuts off at 1e12 in float32
    assert binary_cross_entropy(p, target).each.tolist() == [100, 0, 100, 0]


def test_from_probabilities_and_with_logits_are_one() -> None:
    x, target = np.linspace(-4, 4, 9), np.linspace(0, 1, 9)
    inner, outer = binary_cross_entropy(sigmoid(x), target), binary_cross_entropy_with_logits(x, target)
    assert inner.each == pytest.approx(outer.each)
    assert inner.gradient * sigmoid_slope(x) == pytest.approx(outer.gradient)  # the chain rule


def test_odds_logit_and_sigmoid() -> None:
    p = np.linspace(0.05, 0.95, 19)
    assert np.exp(logit(p)) == pytest.approx(odds(p))
    assert sigmoid(logit(p)) == pytest.approx(p)
    assert logit(p) == pytest.approx(torch.logit(torch.from_numpy(p)).numpy())
    for function, slope, at in ((odds, odds_slope, p), (logit, logit_slope, p), (sigmoid, sigmoid_slope, logit(p))):
        numeric = [slopes(lambda v, f=function: float(f(v)[0]), np.array([x]))[0] for x in at]  # type: ignore[misc]
        assert slope(at) == pytest.approx(numeric, rel=1e-6)
    assert sigmoid_slope(np.linspace(-9, 9, 101)).max() == 0.25
    assert (odds(np.array([1.0]))[0], logit(np.array([1.0]))[0], odds_slope(np.array([1.0]))[0]) == (math.inf,) * 3
    assert odds(np.array([1])).dtype == np.float64


def test_cross_entropy_of_two_classes_is_the_binary_one() -> None:
    x = np.array([-2.0, 0.5, 3.0])
    target = np.array([0, 1, 1])
    two = cross_entropy(np.column_stack([np.zeros(3), x]), target)
    assert two.value == pytest.approx(binary_cross_entropy_with_logits(x, target.astype(float)).value)


def test_one_hot_is_torchs() -> None:
    labels = np.array([1, 0, 3])
    assert (one_hot(labels, 4) == functional.one_hot(torch.from_numpy(labels), 4).numpy()).all()


@pytest.mark.parametrize("seed", range(20))
def test_ignored_labels_and_class_weights_are_torchs(seed: int) -> None:
    numbers = np.random.default_rng(seed)
    scores, labels = numbers.standard_normal((6, 4)) * numbers.choice([1, 30]), numbers.integers(0, 4, 6)
    ignore = int(numbers.choice([-100, 2, 255]))
    labels[numbers.random(6) < 0.4] = ignore
    labels[0] = 1
    weight = numbers.random(4) + 0.1 if seed % 2 else None
    smoothing = float(numbers.choice([0, 0.2]))
    for reduction in ("mean", "sum"):
        given = torch.from_numpy(scores).requires_grad_()
        value = functional.cross_entropy(
            given, torch.from_numpy(labels), None if weight is None else torch.from_numpy(weight),
            ignore_index=ignore, label_smoothing=smoothing, reduction=reduction,
        )  # fmt: skip
        found = cross_entropy(scores, labels, smoothing, weight, reduction, ignore)
        as_torch(found, value, given, 1e-12)
        assert not found.gradient[labels == ignore].any()
        assert not found.each[labels == ignore].any()
    small = scores / np.abs(scores).max()
    numeric = slopes(lambda s: cross_entropy(s, labels, smoothing, weight, ignore_index=ignore).value, small)
    again = cross_entropy(small, labels, smoothing, weight, ignore_index=ignore)
    assert numeric == pytest.approx(again.gradient, abs=1e-8)


def test_what_training_does_with_class_weights_is_the_sum_over_the_examples() -> None:
    numbers = np.random.default_rng(3)
    scores, labels, weight = numbers.standard_normal((6, 3)), np.array([0, 1, 2, 2, -100, 1]), np.array([0.5, 2.0, 1.0])
    given = torch.from_numpy(scores), torch.from_numpy(labels), torch.from_numpy(weight)
    ours = engine_losses.cross_entropy(*given, 0.1)
    whole = cross_entropy(scores, labels, 0.1, weight, "sum", engine_losses.IGNORE)
    assert ours.item() == pytest.approx(whole.value / 5, rel=1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_pos_weight_is_torchs(seed: int) -> None:
    numbers = np.random.default_rng(seed)
    shape = (3, 2) if seed % 2 else (4,)
    x = numbers.standard_normal(shape) * numbers.choice([1, 20, 800])
    target = numbers.random(shape) if seed % 3 else numbers.integers(0, 2, shape).astype(np.float64)
    weight = numbers.random(shape[-1:]) * 4 if seed % 2 else float(numbers.random() * 4)
    for reduction in ("mean", "sum"):
        given = torch.from_numpy(x).requires_grad_()
        value = functional.binary_cross_entropy_with_logits(
            given,
            torch.from_numpy(target),
            pos_weight=torch.as_tensor(weight, dtype=torch.float64),
            reduction=reduction,
        )
        found = binary_cross_entropy_with_logits(x, target, reduction, weight)
        as_torch(found, value, given, 1e-11)
    small = x / np.abs(x).max()
    numeric = slopes(lambda s: binary_cross_entropy_with_logits(s, target, pos_weight=weight).value, small)
    again = binary_cross_entropy_with_logits(small, target, pos_weight=weight)
    assert numeric == pytest.approx(again.gradient, abs=1e-8)


@pytest.mark.parametrize("shape", [(5,), (3, 2), ()])
def test_mean_squared_error_is_torchs(shape: tuple[int, ...]) -> None:
    numbers = np.random.default_rng(1)
    x, target = np.asarray(numbers.standard_normal(shape) * 50), np.asarray(numbers.standard_normal(shape))
    for reduction in ("mean", "sum"):
        given = torch.from_numpy(x.copy()).requires_grad_()
        value = functional.mse_loss(given, torch.from_numpy(target), reduction=reduction)
        as_torch(mean_squared_error(x, target, reduction), value, given, 1e-12)
    numeric = slopes(lambda v: mean_squared_error(v, target).value, x, 1e-4)
    assert numeric == pytest.approx(mean_squared_error(x, target).gradient, rel=1e-6)


MISTAKES: list[tuple[Callable[[], object], str]] = [
    (lambda: odds(np.array([0.2, 1.5])), "probability of 1.5"),
    (lambda: logit(np.array([-0.1])), "probability of -0.1"),
    (lambda: logit(np.array([np.nan])), "probability of nan"),
    (lambda: binary_cross_entropy(np.array([2.0]), np.array([1.0])), "sigmoid"),
    (lambda: binary_cross_entropy(np.array([0.5]), np.array([2.0])), "target of 2"),
    (lambda: binary_cross_entropy(np.array([0.5]), np.array([1.0, 0.0])), "targets of 2"),
    (lambda: binary_cross_entropy_with_logits(np.array([0.5]), np.array([-1.0])), "target of -1"),
    (lambda: cross_entropy(np.zeros((2, 3)), [0, 3]), "label of 3"),
    (lambda: cross_entropy(np.zeros((2, 3)), [0, -1]), "label of -1"),
    (lambda: cross_entropy(np.zeros((2, 3)), np.array([0.5, 1.0])), "label of 0.5"),
    (lambda: cross_entropy(np.zeros((2, 3)), np.array([np.nan, 1.0])), "label of nan"),
    (lambda: cross_entropy(np.zeros((2, 3)), [0]), "one an example: 2"),
    (lambda: cross_entropy(np.zeros(3), [0]), "scores of 3"),
    (lambda: cross_entropy(np.zeros((0, 3)), []), "scores of 0x3"),
    (lambda: cross_entropy(np.zeros((1, 2)), np.array([[0.5, 0.4]])), "sums to 0.9"),
    (lambda: cross_entropy(np.zeros((1, 2)), np.array([[0.5, 0.4, 0.1]])), "targets of 1x3"),
    (lambda: cross_entropy(np.zeros((1, 2)), [0], label_smoothing=1.5), "1.5"),
    (lambda: cross_entropy(np.zeros((1, 2)), [0], weight_K=np.ones(3)), "one a class: 2"),
    (lambda: cross_entropy(np.zeros((1, 2)), [0], weight_K=np.zeros(2)), "all labels are 0"),
    (lambda: cross_entropy(np.zeros((2, 2)), [7, 7], ignore_index=7), "every label is ignored: 7"),
    (lambda: cross_entropy(np.zeros((1, 2)), [-100]), "label of -100"),
    (lambda: cross_entropy(np.zeros((1, 2)), np.array([[0.5, 0.5]]), ignore_index=1), "targets are probabilities"),
    (lambda: binary_cross_entropy_with_logits(np.zeros(1), np.ones(1), pos_weight=-1.0), "pos_weight"),
    (lambda: binary_cross_entropy_with_logits(np.zeros(3), np.ones(3), pos_weight=np.ones(2)), "weights of 2"),
    (lambda: mean_squared_error(np.zeros(3), np.zeros(2)), "targets of 2"),
    (lambda: mean_squared_error(np.zeros(0), np.zeros(0)), "no values"),
    (lambda: mean_squared_error(np.zeros(1), np.array([np.nan])), "target of nan"),
    (lambda: one_hot([4], 4), "counted from 0"),
    (lambda: one_hot([0], 0), "0 classes"),
    (lambda: one_hot(np.zeros((2, 2), np.int64), 4), "labels of 2x2"),
]


@pytest.mark.parametrize(("mistake", "told"), MISTAKES, ids=[told for _, told in MISTAKES])
def test_mistakes_are_told_in_words(mistake: Callable[[], object], told: str) -> None:
    with pytest.raises(UserError) as error:
        mistake()
    assert told in str(error.value)


def test_everything_public_has_words() -> None:
    assert all(getattr(losses, name).__doc__ for name in losses.__all__)


@pytest.mark.parametrize(
    ("label", "told"), [(float("nan"), "nan"), (float("inf"), "inf"), (1.5, "1.5"), (1e30, "1e+30")]
)
def test_a_label_that_is_no_class_is_named(label: float, told: str) -> None:
    with pytest.raises(UserError, match=re.escape(f"a label of {told}")):
        losses.class_numbers("labels", [0, label], 3)
