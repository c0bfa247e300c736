"""Which pictures a batch holds, as a function of (seed, epoch, place), and where they are taken from."""

from __future__ import annotations

import functools

import numpy as np
import torch
from numpy.typing import NDArray

from convscope.data.dataset import Split
from convscope.seeds import stream_seed


def steps_per_epoch(pictures: int, batch_size: int) -> int:
    """How many batches an epoch has; a last batch of one joins the one before, for batch norm's sake.

    Example:
        >>> steps_per_epoch(100, 33), steps_per_epoch(101, 33), steps_per_epoch(5, 8)
        (3, 4, 1)
    """
    full, rest = divmod(pictures, batch_size)
    return max(1, full + (rest > 1))


def batch_indices(seed: int, epoch: int, place: int, pictures: int, batch_size: int) -> NDArray[np.int64]:
    """Which pictures the batch at ``place`` of an epoch holds: a function of its arguments alone."""
    order = _order(seed, epoch, pictures)
    last = place == steps_per_epoch(pictures, batch_size) - 1
    return order[place * batch_size : pictures if last else (place + 1) * batch_size]


@functools.lru_cache(maxsize=2)
def _order(seed: int, epoch: int, pictures: int) -> NDArray[np.int64]:
    """The epoch's permutation; remembered, since it serves a whole epoch."""
    return np.random.Generator(np.random.PCG64(stream_seed(seed, "order", epoch))).permutation(pictures)


class Pictures:
    """A split where batches are taken from: on the GPU if it fits there, else in the memory-mapped cache."""

    def __init__(self, split: Split, device: torch.device) -> None:
        self.images, self.labels = split.images_NHWC, torch.from_numpy(np.array(split.labels_N))
        self.device = device
        self.resident: torch.Tensor | None = None
        if device.type == "cuda":
            self.labels = self.labels.to(device)
            if self.images.nbytes < torch.cuda.mem_get_info(device)[0] // 4:
                self.resident = torch.from_numpy(np.array(self.images)).to(device)

    def take(self, indices: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
        """Pictures (uint8 NHWC) and labels at these indices, on the device."""
        at = torch.from_numpy(indices).to(self.device)
        if self.resident is not None:
            return self.resident[at], self.labels[at]
        return torch.from_numpy(self.images[indices]).to(self.device, non_blocking=True), self.labels[at]
