"""Batches ready to be computed with: taken, varied, mixed, weighed; all a function of (seed, epoch, place)."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass

import torch

from convscope.data.augment import Augment, augment
from convscope.data.dataset import Dataset
from convscope.data.mixing import mix
from convscope.learning.batches import Batches, Pictures, class_weights
from convscope.learning.recipe import Recipe


@dataclass(frozen=True)
class Batch:
    """Pictures with labels.

    Args:
        images: uint8 (N, H, W, C).
        labels: (N) or, of mixed pictures, (N, 2): their own, which ``share`` of the loss asks for, first.
        share: of the own label.
        weights_K: of the classes in the loss; None: all 1.
    """

    images: torch.Tensor
    labels: torch.Tensor
    share: float = 1.0
    weights_K: torch.Tensor | None = None

    def parts(self, pieces: int) -> tuple[Batch, ...]:
        """The same in pieces of nearly equal size."""
        cut = zip(self.images.tensor_split(pieces), self.labels.tensor_split(pieces), strict=True)
        return tuple(Batch(images, labels, self.share, self.weights_K) for images, labels in cut)


class Feed:
    """The batches of a run, by epoch and place; ``waits`` measures what making them costs.

    Args:
        dataset: its training pictures.
        pictures: where they are taken from.
        recipe: batch size, seed, balance.
        varied: what is varied in them.
    """

    def __init__(self, dataset: Dataset, pictures: Pictures, recipe: Recipe, varied: Augment) -> None:
        self.pictures, self.seed, self.varied = pictures, recipe.seed, varied
        self.batches = Batches(dataset.train, recipe.batch_size or 1, recipe.seed, recipe.balance == "sampling")
        self.weights_K: torch.Tensor | None = None
        if recipe.balance == "weights":
            weights_K = class_weights(dataset.train.labels_N, len(dataset.classes))
            self.weights_K = torch.from_numpy(weights_K).float().to(pictures.device)
        self.waits = Waits(pictures.device)

    def at(self, epoch: int, place: int) -> Batch:
        """The batch at a place of an epoch."""
        self.waits.begin()
        indices = self.batches.at(epoch, place)
        images, labels = self.pictures.take(indices)
        images = augment(images, self.varied, self.seed, epoch, place, indices)
        mixed = mix(images, labels, self.varied, self.seed, epoch, place)
        self.waits.end()
        if mixed is None:
            return Batch(images, labels, weights_K=self.weights_K)
        return Batch(mixed.images_NHWC, mixed.labels_N2, mixed.share, self.weights_K)


class Waits:
    """Measures the waiting of steps. A GPU works on while the next batch is made: only its own idle time counts."""

    def __init__(self, device: torch.device) -> None:
        self.on_gpu = device.type == "cuda"
        self.begun = 0.0
        self.done = 0.0
        self.marks: deque[tuple[torch.cuda.Event, torch.cuda.Event]] = deque()

    def begin(self) -> None:
        """The step before is on its way; from here on the next one's pictures are made."""
        if self.on_gpu:
            first, second = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
            first.record()
            self.marks.append((first, second))
        self.begun = time.monotonic()

    def end(self) -> None:
        """The pictures are there."""
        if self.on_gpu:
            self.marks[-1][1].record()
        else:
            self.done += time.monotonic() - self.begun

    def take(self) -> float:
        """Seconds of waiting that were measured since this was last asked."""
        while self.marks and self.marks[0][1].query():  # type: ignore[no-untyped-call]
            first, second = self.marks.popleft()
            self.done += first.elapsed_time(second) / 1000
        found, self.done = self.done, 0.0
        return found
