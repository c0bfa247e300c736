"""Pictures made smaller for the first part of a progressive plan."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray


def shrunk(images_NHWC: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Pictures at the size of ``shape`` (C, H, W), as :func:`resized` makes them, in whole numbers.

    Example:
        >>> shrunk(np.full((2, 8, 8, 3), 7, dtype=np.uint8), (3, 6, 6)).shape
        (2, 6, 6, 3)
    """
    image_NCHW = torch.from_numpy(np.array(images_NHWC)).permute(0, 3, 1, 2).float()
    found: NDArray[np.uint8] = resized(image_NCHW, shape).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return found


def resized(image_NCHW: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """Pictures at the size of ``shape`` (C, H, W), averaged where they shrink; as they are where they fit."""
    if tuple(image_NCHW.shape[2:]) == tuple(shape[1:]):
        return image_NCHW
    return torch.nn.functional.interpolate(image_NCHW, size=list(shape[1:]), mode="bilinear", antialias=True)
