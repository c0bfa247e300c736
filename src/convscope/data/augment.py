"""Augmentation of whole batches: shift and flip in one pass over the pixels, seeded by (seed, epoch, step)."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Augment:
    """What is varied at random in training pictures.

    Args:
        shift: the most pixels a picture moves in each direction; what comes in from outside is black.
        flip: whether half of the pictures are mirrored left to right.
    """

    shift: int = 0
    flip: bool = False


def augment(images_NHWC: torch.Tensor, policy: Augment, seed: int) -> torch.Tensor:
    """A batch with each picture shifted and flipped on its own; same seed, same batch.

    Args:
        images_NHWC: uint8 pictures.
        policy: what to vary.
        seed: from :func:`convscope.seeds.stream_seed`.

    Returns:
        uint8 pictures of the same shape.
    """
    if not policy.shift and not policy.flip:
        return images_NHWC
    n, height, width, channels = images_NHWC.shape
    device, s = images_NHWC.device, policy.shift
    generator = torch.Generator().manual_seed(seed)
    offsets_2N = torch.randint(0, 2 * s + 1, (2, n), generator=generator).to(device)
    flips_N = torch.randint(0, 2 if policy.flip else 1, (n,), generator=generator).to(device)
    rows_NH = offsets_2N[0][:, None] + torch.arange(height, device=device)
    columns_W = torch.arange(width, device=device)
    columns_NW = torch.where(flips_N[:, None] == 1, width - 1 - columns_W, columns_W) + offsets_2N[1][:, None]
    padded = torch.nn.functional.pad(images_NHWC, (0, 0, s, s, s, s)) if s else images_NHWC
    # One gather over flat pixels: shift and flip cost a single pass however many there are.
    wide = width + 2 * s
    start_N = torch.arange(n, device=device)[:, None, None] * ((height + 2 * s) * wide)
    index_NHW = start_N + rows_NH[:, :, None] * wide + columns_NW[:, None, :]
    flat = padded.reshape(-1, channels) if channels > 1 else padded.reshape(-1)
    return flat[index_NHW.reshape(-1)].reshape(n, height, width, channels)
