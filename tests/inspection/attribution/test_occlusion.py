"""Occlusion: windows, fills, and the same numbers as Captum's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from convscope.engine.module import load_state
from convscope.errors import UserError
from convscope.inspection.attribution.derivatives import normalised
from convscope.inspection.attribution.occlusion import fill_colours, occlusion
from convscope.inspection.look import Look, look_at
from convscope.model.folder import Model

SPOT = "input 1x9x9\nflatten > linear 2"


def spot(look: Look) -> Look:
    """A network whose first score is the pixel in row 4, column 6, and nothing else."""
    weight = torch.zeros(2, 81)
    weight[0, 4 * 9 + 6] = 1
    load_state(look.model.module, {"linear1.weight": weight, "linear1.bias": torch.zeros(2)})
    return look_at(look.model, np.full((9, 9, 1), 200, np.uint8))


@pytest.mark.parametrize(("window", "stride"), [((8, 8), (5, 5)), ((10, 4), (7, 3)), ((32, 32), (1, 1))])
@pytest.mark.parametrize("fill", ["black", "mean"])
def test_agrees_with_captum(
    window: tuple[int, int],
    stride: tuple[int, int],
    fill: str,
    seen: Callable[..., Look],
    plain: Callable[[Model], torch.nn.Module],
) -> None:
    from captum.attr import Occlusion

    look = seen("resnet20_cifar")
    image_NCHW = normalised(look.model, look.input[None])
    colour = np.broadcast_to(fill_colours(look.model)[fill], look.input.shape)
    with torch.no_grad():
        expected = Occlusion(plain(look.model)).attribute(
            image_NCHW,
            sliding_window_shapes=(3, *window),
            strides=(3, *stride),
            baselines=normalised(look.model, colour[None]),
            target=3,
            perturbations_per_eval=16,
        )[0]
    found = occlusion(look, "class 3", window, stride, fill)
    assert torch.equal(expected[0], expected[2])  # a window covers all channels
    np.testing.assert_allclose(found.enlarged(), expected[0], atol=2e-5)


def test_only_what_the_network_reads_costs_anything(seen: Callable[..., Look]) -> None:
    found = occlusion(spot(seen(SPOT)), "class 0", 3, 1, "black")
    cost_HW = np.zeros((9, 9), bool)
    cost_HW[2:7, 4:9] = True  # every window that covers the pixel is in here
    assert found.enlarged()[cost_HW].min() > 0
    assert np.abs(found.enlarged()[~cost_HW]).max() == 0
    assert found.steepest == (2, 4)
    assert found.box(2, 4) == (2, 5, 4, 7)
    assert found.peak == (3.5, 5.5)
    gain = occlusion(spot(seen(SPOT)), "class 0", 3, 1, "white")
    assert gain.drops.min() < 0
    assert gain.peak is None


def test_the_last_window_is_cut_off_at_the_edge(seen: Callable[..., Look]) -> None:
    found = occlusion(seen("resnet20_cifar"), window=(10, 12), stride=(8, 20))
    assert found.tops_R == (0, 8, 16, 24)
    assert found.lefts_C == (0, 20)
    assert found.box(3, 1) == (24, 32, 20, 32)
    assert found.scores_RC.shape == found.probabilities_RC.shape == (4, 2)


def test_usual_windows_and_batches(seen: Callable[..., Look]) -> None:
    look, told = seen("resnet20_cifar"), []
    found = occlusion(look, progress=lambda done, total: told.append((done, total)), batch=100)
    assert found.window == (5, 5)
    assert found.stride == (2, 2)
    assert found.scores_RC.shape == (15, 15)
    assert told == [(100, 225), (200, 225), (225, 225)]
    np.testing.assert_allclose(occlusion(look, batch=7).scores_RC, found.scores_RC, atol=1e-5)
    chances_K = look.model.probabilities(look.input[None])[0]
    assert found.target.probability == pytest.approx(chances_K[found.target.index], abs=1e-6)


def test_probabilities_are_those_of_the_covered_pictures(seen: Callable[..., Look]) -> None:
    look = seen("resnet20_cifar")
    found = occlusion(look, "class 1", 16, 16, "white")
    covered_HWC = look.input.copy()
    covered_HWC[16:, :16] = 255
    assert found.probabilities_RC[1, 0] == pytest.approx(look.model.probabilities(covered_HWC[None])[0, 1], abs=1e-6)


def test_what_cannot_be_asked_for(seen: Callable[..., Look]) -> None:
    look = seen(SPOT)
    for options, words in (
        ({"window": 10}, "10 x 10(.|\n)*9 x 9"),
        ({"window": (3, 0)}, "3 x 0"),
        ({"stride": 0}, "0 x 0"),
        ({"fill": "gray"}, "mean, black, white"),
    ):
        with pytest.raises(UserError, match=words):
            occlusion(look, **options)  # type: ignore[arg-type]
