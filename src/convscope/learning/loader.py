"""Batches ready to be computed with: taken, varied, mixed, weighed; all a function of (seed, epoch, place)."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass

import torch

from convscope.cores import Each
from convscope.data.dataset import Dataset
from convscope.data.modalities import modality_of
from convscope.data.modality import Augmentation
from convscope.learning.batches import Batches, Examples, class_weights
from convscope.learning.recipe import Recipe


@dataclass(frozen=True)
class Batch:
    """Inputs with labels.

    Args:
        inputs: (N, *stored).
        labels: (N) or, of mixed inputs, (N, 2): their own, which ``fraction`` of the loss asks for, first.
        fraction: of the own label.
        weights_K: of the classes in the loss; None: all 1.
    """

    inputs: torch.Tensor
    labels: torch.Tensor
    fraction: float = 1.0
    weights_K: torch.Tensor | None = None

    def parts(self, pieces: int) -> tuple[Batch, ...]:
        """The same in pieces of nearly equal size."""
        cut = zip(self.inputs.tensor_split(pieces), self.labels.tensor_split(pieces), strict=True)
        return tuple(Batch(inputs, labels, self.fraction, self.weights_K) for inputs, labels in cut)


def augmentation_of(recipe: Recipe, dataset: Dataset, epochs: float) -> Augmentation:
    """What the recipe's ``augment`` means for these inputs."""
    return modality_of(dataset.preprocess).augmentation(recipe.augment, dataset.preprocess, epochs, dataset.classes)


class Loader:
    """The batches of a run, by epoch and place; ``stall`` measures what making them costs.

    Args:
        dataset: its training inputs.
        examples: where they are taken from.
        recipe: batch size, seed, balance.
        augmentation: what is varied in them.
        each: calls a function for every chunk of a batch, as ``map`` does.
    """

    def __init__(
        self, dataset: Dataset, examples: Examples, recipe: Recipe, augmentation: Augmentation, each: Each = map
    ) -> None:
        self.each = each
        self.examples, self.seed, self.augmentation = examples, recipe.seed, augmentation
        self.batches = Batches(dataset.train, recipe.batch_size or 1, recipe.seed, recipe.balance == "sampling")
        self.weights_K: torch.Tensor | None = None
        if recipe.balance == "weights":
            weights_K = class_weights(dataset.train.labels_N, len(dataset.classes))
            self.weights_K = torch.from_numpy(weights_K).float().to(examples.device)
        self.stall = StallTimer(examples.device)

    def at(self, epoch: int, place: int) -> Batch:
        """The batch at a place of an epoch."""
        self.stall.begin()
        indices = self.batches.at(epoch, place)
        inputs, labels = self.examples.take(indices)
        inputs = self.augmentation.vary(inputs, self.seed, epoch, place, indices, self.each)
        mixed = self.augmentation.mix(inputs, labels, self.seed, epoch, place)
        self.stall.end()
        if mixed is None:
            return Batch(inputs, labels, weights_K=self.weights_K)
        return Batch(mixed.inputs_N, mixed.labels_N2, mixed.fraction, self.weights_K)


class StallTimer:
    """Measures how long steps wait for their data. A GPU works on while the next batch is made: only its own idle
    time counts."""

    def __init__(self, device: torch.device) -> None:
        self.on_gpu = device.type == "cuda"
        self.begun = 0.0
        self.done = 0.0
        self.marks: deque[tuple[torch.cuda.Event, torch.cuda.Event]] = deque()

    def begin(self) -> None:
        """The step before is on its way; from here on the next one's inputs are made."""
        if self.on_gpu:
            first, second = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
            first.record()
            self.marks.append((first, second))
        self.begun = time.monotonic()

    def end(self) -> None:
        """The batch is there."""
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
