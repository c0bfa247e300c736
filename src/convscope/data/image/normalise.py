"""Pixels as a network's input: channel means taken off, divided by deviations, channels first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from convscope.data.modality import InputArithmetic


@dataclass(frozen=True)
class Normalise:
    """Channel means and standard deviations, of pixels from 0 to 1."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, images_NHWC: torch.Tensor) -> torch.Tensor:
        """uint8 (N, H, W, C) to float32 (N, C, H, W), channels last in memory."""
        scale = torch.tensor([1 / (255 * s) for s in self.std], device=images_NHWC.device)
        shift = torch.tensor([-m / s for m, s in zip(self.mean, self.std, strict=True)], device=images_NHWC.device)
        return torch.addcmul(shift, images_NHWC.float(), scale).permute(0, 3, 1, 2)

    def to_dict(self) -> dict[str, Any]:
        """The numbers as plain JSON."""
        return {"mean": list(self.mean), "std": list(self.std)}

    def opened(self, stored: NDArray[np.uint8], index: tuple[int, ...]) -> InputArithmetic:
        """The arithmetic of one number of the input, at (channel, row, column)."""
        channel, *place = index
        pixel, mean, std = float(stored[(*place, channel)]), self.mean[channel], self.std[channel]
        operands = (("pixel", pixel), ("mean", mean), ("std", std))
        value, magnitude = (pixel / 255 - mean) / std, (pixel / 255 + abs(mean)) / std
        return InputArithmetic("pixel", "({0} / 255 - {1}) / {2}", operands, value, magnitude)


def measure(images_NHWC: NDArray[np.uint8], most: int = 4096) -> Normalise:
    """Means and standard deviations of the channels, from at most ``most`` pictures spread evenly.

    Example:
        >>> measure(np.full((2, 4, 4, 1), 255, np.uint8))
        Normalise(mean=(1.0,), std=(1.0,))
    """
    every = max(1, -(-len(images_NHWC) // most))
    sample = np.asarray(images_NHWC[::every], np.float32) / 255
    mean, std = sample.mean((0, 1, 2)), sample.std((0, 1, 2))
    # A constant channel has no spread to divide by.
    return Normalise(
        tuple(round(float(m), 6) for m in mean), tuple(round(float(s), 6) if s > 1e-4 else 1.0 for s in std)
    )
