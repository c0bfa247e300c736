"""Whole-batch augmentation: the same seed, the same batch; every picture on its own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from convscope.data.image.augment import Augment, alternating, augment


def _batch(n: int = 64) -> torch.Tensor:
    return torch.randint(1, 256, (n, 9, 7, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def _window(padded: torch.Tensor, dy: int, dx: int, flip: bool) -> torch.Tensor:
    window = padded[dy : dy + 9, dx : dx + 7]
    return window.flip(1) if flip else window


def test_nothing_asked_nothing_done() -> None:
    batch = _batch()
    assert augment(batch, Augment(), 1) is batch


def test_every_picture_is_a_shift_and_flip_of_itself() -> None:
    batch = _batch()
    out = augment(batch, Augment(shift=2, flip="random"), 0)
    padded = torch.nn.functional.pad(batch, (0, 0, 2, 2, 2, 2))
    kinds = set()
    for n in range(len(batch)):
        found = [
            (dy, dx, flip)
            for dy in range(5)
            for dx in range(5)
            for flip in (False, True)
            if torch.equal(out[n], _window(padded[n], dy, dx, flip))
        ]
        assert found, f"picture {n} is not a shift of itself"
        kinds.add(found[0])
    assert len(kinds) > 20


def test_seeded() -> None:
    batch, policy = _batch(), Augment(shift=1, flip="random")
    assert torch.equal(augment(batch, policy, 5), augment(batch, policy, 5))
    assert not torch.equal(augment(batch, policy, 5), augment(batch, policy, 6))


def test_the_reflected_border_is_the_picture_mirrored_at_its_edge() -> None:
    batch = _batch(200)
    out = augment(batch, Augment(shift=2, border="reflect"), 3)
    padded_NHWC = torch.from_numpy(np.pad(batch.numpy(), ((0, 0), (2, 2), (2, 2), (0, 0)), mode="reflect"))
    found = [
        [(dy, dx) for dy in range(5) for dx in range(5) if torch.equal(out[n], _window(padded_NHWC[n], dy, dx, False))]
        for n in range(len(batch))
    ]
    assert all(found)
    assert len({places[0] for places in found}) == 25


@pytest.mark.parametrize("seed", [0, 1, 2**53])
def test_the_alternating_flip_mirrors_every_picture_in_every_other_epoch(seed: int) -> None:
    epochs = np.stack([alternating(seed, epoch, np.arange(2000)) for epoch in range(4)])
    assert (epochs[0] + epochs[1] == 1).all()
    assert (epochs[0] == epochs[2]).all()
    assert abs(epochs[0].mean() - 0.5) < 0.05
    assert (alternating(seed, 1, np.array([1999, 3])) == epochs[1][[1999, 3]]).all()
    assert (alternating(seed + 1, 0, np.arange(2000)) != epochs[0]).any()


def test_the_alternating_flip_follows_the_picture_not_its_place_in_the_batch() -> None:
    batch, policy = _batch(), Augment(flip="alternate")
    indices = np.random.default_rng(0).permutation(1000)[:64]
    out = [augment(batch, policy, 0, epoch, step, indices) for epoch in range(2) for step in range(2)]
    assert torch.equal(out[0], out[1])
    assert torch.equal(out[0], out[2].flip(2))
    mirrored = torch.from_numpy(alternating(0, 0, indices)) == 1
    assert torch.equal(out[0][mirrored], batch[mirrored].flip(2))
    assert torch.equal(out[0][~mirrored], batch[~mirrored])
