"""Mixed pictures: seeded, of two pictures of the batch, with the share that is really seen."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from convscope.data.image.mixing import mix
from convscope.data.image.policy import Augment


def _batch(count: int, side: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures of one grey each, so that every pixel tells which picture it comes from."""
    grey_N = torch.arange(count, dtype=torch.uint8) * 10
    return grey_N[:, None, None, None].expand(count, side, side, 3).clone(), torch.arange(count)


@given(st.integers(0, 10**6), st.integers(0, 50), st.integers(0, 50))
def test_cutmix_shows_the_fraction_it_says(seed: int, epoch: int, step: int) -> None:
    images, labels = _batch(6)
    mixed = mix(images, labels, Augment(cutmix=1.0), seed, epoch, step)
    assert mixed is not None
    for picture, (own, other) in zip(mixed.inputs_N, mixed.labels_N2.tolist(), strict=True):
        assert other == (own + 1) % 6
        assert float((picture == own * 10).float().mean()) == mixed.fraction
        assert set(picture.unique().tolist()) <= {own * 10, other * 10}


@given(st.integers(0, 10**6))
def test_mixup_is_the_mean_it_says(seed: int) -> None:
    images, labels = _batch(5)
    mixed = mix(images, labels, Augment(mixup=1.0), seed)
    assert mixed is not None
    expected = mixed.fraction * images.float() + (1 - mixed.fraction) * images.roll(-1, 0).float()
    assert (mixed.inputs_N.float() - expected).abs().max() <= 0.51


def test_the_draw_is_of_seed_epoch_and_step_and_mixes_as_often_as_said() -> None:
    images, labels = _batch(4)
    policy = Augment(mixup=0.2, cutmix=0.3)
    drawn = [mix(images, labels, policy, 3, 1, step) for step in range(2000)]
    assert 0.45 < sum(found is not None for found in drawn) / 2000 < 0.55
    for step in (0, 1, 2):
        again, first = mix(images, labels, policy, 3, 1, step), drawn[step]
        assert (again is None) == (first is None)
        if again is not None and first is not None:
            assert torch.equal(again.inputs_N, first.inputs_N)
    assert len({None if found is None else found.fraction for found in drawn}) > 200


def test_a_single_picture_and_the_batch_itself_are_left_alone() -> None:
    images, labels = _batch(1)
    assert mix(images, labels, Augment(cutmix=1.0), 0) is None
    images, labels = _batch(3)
    before = images.clone()
    mix(images, labels, Augment(cutmix=1.0), 0)
    assert torch.equal(images, before)
