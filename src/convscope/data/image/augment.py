"""Augmentation of whole batches, in few passes over the pixels, a function of (seed, epoch, step).

Shift, flip, crop and rotation are one resampling, the colours are one matrix a picture; see
:mod:`convscope.data.image.policy` for what there is and :mod:`convscope.data.image.variations` for what is drawn.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from convscope.cores import Each
from convscope.data.image.policy import Augment, Border, Flip
from convscope.data.image.variations import LUMA_3, Floats, Variations, alternating, vary

__all__ = ["Augment", "Border", "Flip", "alternating", "augment", "varied"]
CHUNK = 2**17
"""Pixels that a processor works on at one time: their planes stay in its cache."""
WHOLE = float(2**23)
"""From here on a float32 has no fraction: adding it rounds, and leaves the whole number in the lowest bits."""


def augment(
    images_NHWC: torch.Tensor,
    policy: Augment,
    seed: int,
    epoch: int = 0,
    step: int = 0,
    indices_N: NDArray[np.int64] | None = None,
    each: Each = map,
) -> torch.Tensor:
    """A batch with each picture varied on its own; same seed, epoch and step, same batch.

    Args:
        images_NHWC: uint8 pictures, C 1 or 3.
        policy: what to vary.
        seed: of the run.
        epoch, step: where in the run; the step counts from the epoch's start.
        indices_N: which of the training pictures these are, for the alternating flip; None: the first N.
        each: calls a function for every chunk of pictures, as ``map`` does.

    Returns:
        uint8 pictures of the same shape; the same tensor where nothing is varied.

    Example:
        >>> batch = torch.arange(12, dtype=torch.uint8).reshape(1, 3, 4, 1)
        >>> augment(batch, Augment(flip="alternate"), 0, 0)[0, 0, :, 0].tolist()
        [0, 1, 2, 3]
        >>> augment(batch, Augment(flip="alternate"), 0, 1)[0, 0, :, 0].tolist()
        [3, 2, 1, 0]
    """
    if policy.identity:
        return images_NHWC
    n, height, width, _ = images_NHWC.shape
    return varied(images_NHWC, vary(policy, n, height, width, seed, epoch, step, indices_N), policy.border, each)


def varied(
    images_NHWC: torch.Tensor, variations: Variations, border: Border = "black", each: Each = map
) -> torch.Tensor:
    """A batch with given variations: :func:`augment` without the draw.

    Example:
        >>> turn = Variations(np.zeros((1, 2), np.int64), np.array([False]), angles_N=np.array([math.pi / 2]))
        >>> varied(torch.arange(9, dtype=torch.uint8).reshape(1, 3, 3, 1), turn)[0, :, :, 0].tolist()
        [[6, 3, 0], [7, 4, 1], [8, 5, 2]]
    """
    resampled = variations.boxes_N4 is not None or variations.angles_N is not None or images_NHWC.is_cuda
    if not resampled:
        images_NHWC = _moved(images_NHWC, variations, border)
    if resampled or variations.colours_N4 is not None or variations.blurs_N is not None:
        images_NHWC = _in_planes(images_NHWC, variations, border if resampled else None, each)
    if variations.erased_N4 is not None:
        _erase(images_NHWC, variations.erased_N4, variations.noise_seed)
    return images_NHWC


def _moved(images_NHWC: torch.Tensor, variations: Variations, border: Border) -> torch.Tensor:
    """Shifts and flips alone: rows are copied as they are, a few times faster than any gather on a processor."""
    images, flips_N = images_NHWC.numpy(), variations.flips_N
    _, height, width, _ = images.shape
    s = int(abs(variations.shifts_N2).max(initial=0))
    if s:
        # What comes in is copied after the mirroring, so a mirrored picture is shifted the other way before it.
        edges = ((0, 0), (s, s), (s, s), (0, 0))
        padded = np.pad(images, edges, mode="reflect") if border == "reflect" else np.pad(images, edges)
        moved = np.empty_like(images)
        for i, (down, right) in enumerate((variations.shifts_N2 + s).tolist()):
            moved[i] = padded[i, down : down + height, right : right + width]
    else:
        moved = images.copy()
    out = torch.from_numpy(moved)
    mirrored = torch.from_numpy(flips_N.nonzero()[0])
    if len(mirrored):
        out[mirrored] = out[mirrored].flip(2)
    return out


def _in_planes(images_NHWC: torch.Tensor, variations: Variations, border: Border | None, each: Each) -> torch.Tensor:
    """Everything that computes with pixels, chunk by chunk, on float planes; None for a border resamples nothing."""
    n, height, width, channels = images_NHWC.shape
    device = images_NHWC.device
    out = torch.empty_like(images_NHWC)
    size = n if images_NHWC.is_cuda else max(1, CHUNK // (height * width))
    affine_N23 = _tensor(variations.affine(height, width), device) if border else None
    colour_NCC = _tensor(variations.colour(channels), device) if variations.colours_N4 is not None else None

    def compute(start: int) -> None:
        part = slice(start, min(n, start + size))
        planes = images_NHWC[part].permute(0, 3, 1, 2).contiguous().float()
        if affine_N23 is not None:
            planes = _resampled(planes, affine_N23[part], border or "black")
        if colour_NCC is not None and variations.colours_N4 is not None:
            planes = _coloured(planes, colour_NCC[part], variations.colours_N4[part])
        if variations.blurs_N is not None:
            _blur(planes, variations.blurs_N[part])
        bytes_NCHW4 = planes.clamp_(0, 255).add_(WHOLE).view(torch.uint8).view(*planes.shape, 4)
        out[part] = bytes_NCHW4[..., 0].permute(0, 2, 3, 1)

    for _ in each(compute, range(0, n, size)):
        pass
    return out


def _tensor(values: Floats, device: torch.device) -> torch.Tensor:
    return torch.from_numpy(values).float().to(device)


def _resampled(planes_NCHW: torch.Tensor, affine_N23: torch.Tensor, border: Border) -> torch.Tensor:
    """Bilinear; the places are those of :meth:`Variations.affine`."""
    n, _, height, width = planes_NCHW.shape
    device = planes_NCHW.device
    u_W = (torch.arange(width, device=device) + 0.5) / width - 0.5
    v_H1 = ((torch.arange(height, device=device) + 0.5) / height - 0.5)[:, None]
    # grid_sample counts from -1 at the first pixel's centre to 1 at the last's.
    scale = [2 / max(1, width - 1), 2 / max(1, height - 1)]
    grid_NHW2 = torch.empty(n, height, width, 2, device=device)
    for axis in (0, 1):
        a, b, c = (affine_N23[:, axis] * scale[axis])[:, :, None, None].unbind(1)
        torch.add(a * u_W + (c - 1), b * v_H1, out=grid_NHW2[..., axis])
    padding = "reflection" if border == "reflect" else "zeros"
    return functional.grid_sample(planes_NCHW, grid_NHW2, "bilinear", padding, align_corners=True)


def _coloured(planes_NCHW: torch.Tensor, colour_NCC: torch.Tensor, colours_N4: Floats) -> torch.Tensor:
    """One matrix a picture, and what the contrast adds: the mean grey is that of the picture as it is seen."""
    n, channels, height, width = planes_NCHW.shape
    device, flat = planes_NCHW.device, planes_NCHW.view(n, channels, height * width)
    brightness, contrast, _, _ = colours_N4.T
    luma_C = _tensor(LUMA_3 if channels == 3 else np.full(channels, 1 / channels), device)
    added_N11 = (flat.mean(2) @ luma_C * _tensor((1 - contrast) * brightness, device))[:, None, None]
    return torch.baddbmm(added_N11, colour_NCC, flat).view_as(planes_NCHW)


def _blur(planes_NCHW: torch.Tensor, sigmas_N: Floats) -> None:
    """In place, the chosen pictures; the picture's edge is repeated outside."""
    chosen = sigmas_N.nonzero()[0]
    if not len(chosen):
        return
    at = torch.from_numpy(chosen).to(planes_NCHW.device)
    channels, radius = planes_NCHW.shape[1], math.ceil(3 * sigmas_N.max())
    weights_NK = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigmas_N[chosen][:, None]) ** 2)
    weights_NK /= weights_NK.sum(1, keepdims=True)
    kernels = _tensor(weights_NK, planes_NCHW.device).repeat_interleave(channels, 0)[:, None, None, :]
    one = planes_NCHW[at].flatten(0, 1)[None]
    padded = functional.pad(one, (radius,) * 4, mode="replicate")
    across = functional.conv2d(padded, kernels, groups=one.shape[1])
    blurred = functional.conv2d(across, kernels.transpose(2, 3), groups=one.shape[1])
    planes_NCHW[at] = blurred.view(len(chosen), channels, *one.shape[2:])


def _erase(images_NHWC: torch.Tensor, erased_N4: NDArray[np.int64], seed: int) -> None:
    """Noise in the rectangles, in place; the noise of a batch is one picture of it, cut to size."""
    noise = torch.Generator().manual_seed(seed ^ 1)
    shape = images_NHWC.shape[1:]
    noise_HWC = torch.randint(0, 256, shape, generator=noise, dtype=torch.uint8).to(images_NHWC.device)
    for i, (top, left, high, wide) in enumerate(erased_N4.tolist()):
        if high and wide:
            images_NHWC[i, top : top + high, left : left + wide] = noise_HWC[:high, :wide]
