"""Integrated gradients: complete, the same numbers as Captum's, whatever the batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from convscope.errors import UserError
from convscope.inspection.attribution.derivatives import Target, normalised
from convscope.inspection.attribution.integrated import IntegratedGradients, gradient_batch, integrated_gradients
from convscope.inspection.look import Look
from convscope.model.folder import Model

LINEAR = "input 3x6x6\nconv 4 3x3 > avgpool 2 > flatten > linear 3"


@pytest.mark.parametrize("baseline", ["black", "mean"])
def test_agrees_with_captum(
    baseline: str, seen: Callable[..., Look], plain: Callable[[Model], torch.nn.Module]
) -> None:
    from captum.attr import IntegratedGradients as Captums

    look = seen("resnet20_cifar")
    here = normalised(look.model, look.input[None])
    colour = np.zeros(3) if baseline == "black" else np.rint(255 * np.array(look.model.normalise.mean))
    there = normalised(look.model, np.broadcast_to(colour.astype(np.uint8), look.input.shape)[None])
    expected_NCHW, gap = Captums(plain(look.model)).attribute(
        here, there, target=5, n_steps=24, method="gausslegendre", internal_batch_size=8, return_convergence_delta=True
    )
    found = integrated_gradients(look, "class 5", 24, baseline)
    largest = expected_NCHW.abs().max().item()
    np.testing.assert_allclose(found.attributions_CHW, expected_NCHW[0].detach(), atol=1e-4 * largest)
    assert found.gap == pytest.approx(-gap.item(), abs=1e-4)  # Captum's is the sum less the difference


def test_of_a_linear_network_one_step_is_exact(seen: Callable[..., Look]) -> None:
    found = integrated_gradients(seen(LINEAR), "class 1", 1)
    assert found.gap == pytest.approx(0, abs=1e-5)
    assert found.complete
    assert found.total == pytest.approx(found.difference, abs=1e-5)


def test_more_steps_leave_a_smaller_gap(seen: Callable[..., Look]) -> None:
    look = seen("mnist_cnn")
    gaps = [abs(integrated_gradients(look, steps=steps).gap) for steps in (1, 8, 128)]
    assert gaps[0] > 20 * gaps[2]
    assert gaps[1] > gaps[2]
    assert integrated_gradients(look, steps=128).complete


def test_a_large_gap_is_said() -> None:
    look_values = np.ones((1, 2, 2), np.float32)
    found = IntegratedGradients(Target(0, "a", 5.0, 0.5), "black", 0.0, 1, look_values)
    assert (found.difference, found.total, found.gap) == (5, 4, 1)
    assert not found.complete


def test_the_batch_makes_no_difference(seen: Callable[..., Look]) -> None:
    look, told = seen("mnist_cnn"), []
    found = integrated_gradients(look, steps=10, batch=4, progress=lambda done, total: told.append((done, total)))
    assert told == [(4, 10), (8, 10), (10, 10)]
    whole = integrated_gradients(look, steps=10)
    largest = np.abs(whole.attributions_CHW).max()
    np.testing.assert_allclose(found.attributions_CHW, whole.attributions_CHW, atol=1e-5 * largest)


def test_the_batch_fits_the_network(untrained: Callable[..., Model]) -> None:
    small, large = gradient_batch(untrained("lenet5")), gradient_batch(untrained("resnet18"))
    assert 1 <= large < 100 < small


def test_of_the_baseline_itself_nothing_is_attributed(seen: Callable[..., Look]) -> None:
    look = seen("mnist_cnn")
    found = integrated_gradients(look, baseline=look.input)
    assert (found.baseline, found.total, found.peak) == ("a picture", 0, None)
    assert found.difference == pytest.approx(0, abs=1e-5)


def test_a_pixel_is_the_sum_of_its_channels_and_smoothing_keeps_the_place() -> None:
    attributions_CHW = np.zeros((3, 56, 84), np.float32)
    attributions_CHW[:, 20, 30] = (1, 2, -0.5)
    found = IntegratedGradients(Target(0, "a", 2.5, 0.5), "black", 0.0, 1, attributions_CHW)
    assert found.per_pixel[20, 30] == 2.5
    smooth_HW = found.enlarged()
    assert smooth_HW.shape == (56, 84)
    assert smooth_HW[20, 30] == pytest.approx(2.5 / 9)
    assert smooth_HW.sum() == pytest.approx(2.5, rel=1e-5)
    assert found.peak is not None
    assert abs(found.peak[0] - 20.5) <= 1
    assert abs(found.peak[1] - 30.5) <= 1


def test_what_cannot_be_asked_for(seen: Callable[..., Look]) -> None:
    look = seen(LINEAR)
    for options, words in (
        ({"steps": 0}, "from 1 to 10,000"),
        ({"baseline": "blck"}, "did you mean black"),
        ({"baseline": np.zeros((6, 6), np.uint8)}, "an array of 6x6, uint8(.|\n)*6x6x3"),
        ({"baseline": np.zeros((6, 6, 3))}, "float64"),
    ):
        with pytest.raises(UserError, match=words):
            integrated_gradients(look, **options)  # type: ignore[arg-type]
