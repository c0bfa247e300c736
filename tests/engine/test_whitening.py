"""A first layer computed from pictures: its answers on them are uncorrelated and of variance 1."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from convscope.data.image.normalise import Normalise
from convscope.engine.whitening import LEAST_VARIANCE, whitening
from convscope.errors import UserError

HALVES = Normalise((0.5,) * 3, (0.25,) * 3)


def _pictures(grey: bool = False) -> np.ndarray:
    random = np.random.default_rng(3)
    rough = random.normal(0, 40, (200, 5, 5, 1 if grey else 3)).repeat(4, 1).repeat(4, 2)
    fine = random.normal(0, 15, (200, 20, 20, 1 if grey else 3))
    return np.clip(rough + fine + 128, 0, 255).astype(np.uint8).repeat(3 if grey else 1, 3)


def test_the_answers_are_white_and_of_both_signs() -> None:
    images = _pictures()
    weight = whitening((24, 3, 2, 2), images, HALVES)
    assert torch.equal(weight[:12], -weight[12:])
    answers = torch.conv2d(HALVES(torch.from_numpy(images)), weight[:12]).permute(1, 0, 2, 3).reshape(12, -1).double()
    moments = answers @ answers.T / answers.shape[1]
    assert (moments - torch.eye(12)).abs().max() < 0.03  # what LEAST_VARIANCE takes from the smallest
    assert LEAST_VARIANCE < 1e-3


def test_grey_pictures_leave_no_channel_dead() -> None:
    weight = whitening((24, 3, 2, 2), _pictures(grey=True), HALVES)
    answers = torch.conv2d(HALVES(torch.from_numpy(_pictures(grey=True))), weight)
    assert answers.std((0, 2, 3)).min() > 0.5


def test_fewer_kernels_are_those_of_most_variance() -> None:
    all_of_them, some = (whitening((n, 3, 2, 2), _pictures(), HALVES) for n in (24, 6))
    assert torch.equal(some[:3], all_of_them[:3])


@pytest.mark.parametrize("kernels", [7, 26])
def test_a_number_that_makes_no_sense_is_refused(kernels: int) -> None:
    with pytest.raises(UserError, match="first convolution has"):
        whitening((kernels, 3, 2, 2), _pictures(), HALVES)
