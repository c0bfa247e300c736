"""Whole-batch augmentation: the same seed, the same batch; every picture on its own."""

from __future__ import annotations

import torch

from convscope.data.augment import Augment, augment
from convscope.seeds import stream_seed


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
    out = augment(batch, Augment(shift=2, flip=True), stream_seed(0, "augment", 0, 0))
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
    batch, policy = _batch(), Augment(shift=1, flip=True)
    assert torch.equal(augment(batch, policy, 5), augment(batch, policy, 5))
    assert not torch.equal(augment(batch, policy, 5), augment(batch, policy, 6))
