"""Which inputs a batch holds, as a function of (seed, epoch, place), and where they are taken from."""

from __future__ import annotations

import functools

import numpy as np
import torch
from numpy.typing import NDArray

from convscope.data.dataset import Split
from convscope.seeds import stream_seed

BALANCED = ("weights", "sampling")
"""Ways to make rare classes count as much as frequent ones."""


def steps_per_epoch(count: int, batch_size: int) -> int:
    """How many batches an epoch has; a last batch of one joins the one before, for batch norm's sake.

    Example:
        >>> steps_per_epoch(100, 33), steps_per_epoch(101, 33), steps_per_epoch(5, 8)
        (3, 4, 1)
    """
    full, rest = divmod(count, batch_size)
    return max(1, full + (rest > 1))


def batch_indices(seed: int, epoch: int, place: int, count: int, batch_size: int) -> NDArray[np.int64]:
    """Which inputs the batch at ``place`` of an epoch holds: a function of its arguments alone."""
    order = _order(seed, epoch, count)
    last = place == steps_per_epoch(count, batch_size) - 1
    return order[place * batch_size : count if last else (place + 1) * batch_size]


@functools.lru_cache(maxsize=2)
def _order(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    """The epoch's permutation; remembered, since it serves a whole epoch."""
    return np.random.Generator(np.random.PCG64(stream_seed(seed, "order", epoch))).permutation(count)


def balanced_order(seed: int, epoch: int, labels_N: NDArray[np.int64]) -> NDArray[np.int64]:
    """As many inputs as there are, every class as often as any other, in an order of the epoch's own.

    A class with few inputs repeats each of them about as often; one with many shows another part each epoch.

    Example:
        >>> labels_N = np.array([0, 0, 0, 0, 0, 0, 1, 1])
        >>> np.bincount(labels_N[balanced_order(0, 3, labels_N)]).tolist()
        [4, 4]
    """
    rng = np.random.Generator(np.random.PCG64(stream_seed(seed, "balanced", epoch)))
    classes = np.unique(labels_N)
    quotas = np.full(len(classes), len(labels_N) // len(classes))
    quotas[rng.permutation(len(classes))[: len(labels_N) % len(classes)]] += 1
    drawn = []
    for label, quota in zip(classes, quotas.tolist(), strict=True):
        members = np.flatnonzero(labels_N == label)
        rounds = [rng.permutation(members) for _ in range(-(-quota // len(members)))]
        drawn.append(np.concatenate(rounds)[:quota] if rounds else members[:0])
    order: NDArray[np.int64] = rng.permutation(np.concatenate(drawn))
    return order


def class_weights(labels_N: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """Of each class in the loss: as much for all its inputs as for those of any other; 1 on average an input.

    Example:
        >>> class_weights(np.array([0, 0, 0, 1]), 3).round(2).tolist()
        [0.67, 2.0, 0.0]
    """
    counts_K = np.bincount(labels_N, minlength=classes)
    there = counts_K > 0
    weights_K: NDArray[np.float64] = np.where(there, len(labels_N) / (there.sum() * np.maximum(1, counts_K)), 0.0)
    return weights_K


class Batches:
    """Which inputs the batch at a place of an epoch holds.

    Args:
        split: the training inputs.
        batch_size: of a step.
        seed: of the run.
        balanced: whether every class comes as often as any other.
    """

    def __init__(self, split: Split, batch_size: int, seed: int, balanced: bool = False) -> None:
        self.labels_N, self.batch_size, self.seed, self.balanced = split.labels_N, batch_size, seed, balanced
        self.per_epoch = steps_per_epoch(len(split), batch_size)
        self._epoch, self._order_N = -1, np.zeros(0, np.int64)

    def at(self, epoch: int, place: int) -> NDArray[np.int64]:
        """Indices of the inputs: a function of the seed, the epoch and the place."""
        if not self.balanced:
            return batch_indices(self.seed, epoch, place, len(self.labels_N), self.batch_size)
        if epoch != self._epoch:
            self._epoch, self._order_N = epoch, balanced_order(self.seed, epoch, np.asarray(self.labels_N))
        last = place == self.per_epoch - 1
        return self._order_N[place * self.batch_size : None if last else (place + 1) * self.batch_size]


class Examples:
    """A split where batches are taken from: on the GPU if it fits there, else in the memory-mapped cache."""

    def __init__(self, split: Split, device: torch.device) -> None:
        self.inputs, self.labels = split.inputs_N, torch.from_numpy(np.array(split.labels_N))
        self.device = device
        self.resident: torch.Tensor | None = None
        if device.type == "cuda":
            self.labels = self.labels.to(device)
            if self.inputs.nbytes < torch.cuda.mem_get_info(device)[0] // 4:
                self.resident = torch.from_numpy(np.array(self.inputs)).to(device)

    def take(self, indices: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
        """Stored inputs and labels at these indices, on the device."""
        at = torch.from_numpy(indices).to(self.device)
        if self.resident is not None:
            return self.resident[at], self.labels[at]
        return torch.from_numpy(self.inputs[indices]).to(self.device, non_blocking=True), self.labels[at]
