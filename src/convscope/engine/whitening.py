"""A first layer computed from the pictures: what neighbouring pixels share is taken out of them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from convscope.engine.inference import ToTensor
from convscope.errors import UserError

MOST = 5000
"""Pictures that are looked at."""
LEAST_VARIANCE = 5e-4
"""Added to every variance: directions in which pictures hardly differ are noise, and are not blown up."""
NOTHING = 1e-6
"""Of the largest variance; a direction with less does not occur (colour, in grey pictures), and one that does takes
its kernel: a channel without variance would have its noise blown up by the next batch norm."""


def whitening(shape: tuple[int, ...], inputs_N: NDArray[np.uint8], normalise: ToTensor) -> Tensor:
    """Kernels whose answers are uncorrelated and of variance 1 over the patches of some pictures.

    They are the eigenvectors of the patches' covariance, each divided by its deviation, once with each sign, so that
    an activation after them loses nothing (Page 2018, the DAWNBench entries; Keller Jordan 2024, arXiv:2404.00498).

    Args:
        shape: (out, in, kh, kw) of the convolution's weight, stride and dilation 1; of ``out`` kernels the first half
            goes to the directions of most variance, the other half holds the same with the other sign.
        inputs_N: pictures, as they are stored; at most 5,000 of them are read, spread evenly.
        normalise: makes the network's input of them.

    Returns:
        the weight, float32.

    Raises:
        UserError: there are more kernels than directions with two signs, or an odd number.

    Example:
        >>> from convscope.data.image.normalise import Normalise
        >>> pictures = np.random.default_rng(0).integers(0, 256, (64, 8, 8, 3), np.uint8)
        >>> whitening((24, 3, 2, 2), pictures, Normalise((0.5,) * 3, (0.25,) * 3)).shape
        torch.Size([24, 3, 2, 2])
    """
    out, channels, high, wide = shape
    directions = channels * high * wide
    if out % 2 or out > 2 * directions:
        raise UserError(
            "--init whitened",
            f"the first convolution has {out} kernels",
            f"an even number, at most {2 * directions}: each direction of its patches with two signs",
        )
    some = np.array(inputs_N[:: max(1, -(-len(inputs_N) // MOST))])
    covariance = torch.zeros(directions, directions, dtype=torch.float64)
    patches = 0
    for start in range(0, len(some), 500):
        image_NCHW = normalise(torch.from_numpy(some[start : start + 500]))
        cut_NCHWhw = image_NCHW.unfold(2, high, 1).unfold(3, wide, 1)
        patch_PD = cut_NCHWhw.permute(0, 2, 3, 1, 4, 5).reshape(-1, directions)
        covariance += (patch_PD.T @ patch_PD).double()
        patches += len(patch_PD)
    variance_D, vectors_DD = torch.linalg.eigh(covariance / patches)
    kernels = (vectors_DD / torch.sqrt(variance_D.clamp(min=0) + LEAST_VARIANCE)).T.flip(0)[: out // 2]
    present = max(1, int((variance_D > NOTHING * variance_D.max()).sum()))
    kernels = kernels[torch.arange(out // 2) % present]
    # An eigenvector's sign is the library's whim: the largest entry is made positive.
    largest = kernels.gather(1, kernels.abs().argmax(1, keepdim=True))
    kernels *= torch.where(largest < 0, -1.0, 1.0)
    return torch.cat([kernels, -kernels]).reshape(shape).float()
