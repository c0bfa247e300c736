"""Columns as a network's input: each less its mean, divided by its deviation, by the training rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from convscope.data.dataset import Inputs
from convscope.data.modality import InputArithmetic


@dataclass(frozen=True)
class Standardise:
    """Means and standard deviations of the columns.

    Example:
        >>> Standardise((10.0,), (5.0,))(torch.tensor([[15.0]], dtype=torch.float64))
        tensor([[1.]])
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, inputs_ND: torch.Tensor) -> torch.Tensor:
        """float64 (N, D) to float32 (N, D); computed in float64, for a year or a price needs its digits."""
        mean_D, std_D = (torch.tensor(v, dtype=torch.float64, device=inputs_ND.device) for v in (self.mean, self.std))
        return ((inputs_ND.double() - mean_D) / std_D).float()

    def to_dict(self) -> dict[str, Any]:
        """The numbers as plain JSON."""
        return {"mean": list(self.mean), "std": list(self.std)}

    def opened(self, stored: Inputs, index: tuple[int, ...]) -> InputArithmetic:
        """The arithmetic of one number of the input, by its column."""
        (column,) = index
        value, mean, std = float(stored[column]), self.mean[column], self.std[column]
        operands = (("value", value), ("mean", mean), ("std", std))
        return InputArithmetic(
            "value", "({0} - {1}) / {2}", operands, (value - mean) / std, (abs(value) + abs(mean)) / std
        )


def measure(inputs_ND: Inputs) -> Standardise:
    """Means and deviations of the columns; a constant column has no spread to divide by, and is left at 0.

    Example:
        >>> measure(np.array([[1.0, 7.0], [3.0, 7.0]]))
        Standardise(mean=(2.0, 7.0), std=(1.0, 1.0))
    """
    mean_D, std_D = inputs_ND.mean(0, dtype=np.float64), inputs_ND.std(0, dtype=np.float64)
    std_D = np.where(std_D > 1e-12 * np.maximum(1e-12, np.abs(mean_D)), std_D, 1.0)
    return Standardise(tuple(mean_D.tolist()), tuple(std_D.tolist()))


@dataclass(frozen=True)
class AsTheyAre:
    """Features need no normalisation; those with places lie channels last in memory, as convolutions like it."""

    def __call__(self, features_N: torch.Tensor) -> torch.Tensor:
        """Any type to float32."""
        if features_N.dim() == 4:
            return features_N.float().contiguous(memory_format=torch.channels_last)
        return features_N.float()

    def to_dict(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def opened(self, stored: Inputs, index: tuple[int, ...]) -> InputArithmetic:
        """The number itself."""
        value = float(stored[index])
        return InputArithmetic("feature", "{0}", (("feature", value),), value, abs(value))
