"""What a run will show its network: chosen training pictures, epoch by epoch, from the batches that it will see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convscope.data.dataset import Dataset, Inputs
from convscope.data.modality import Augmentation
from convscope.learning.batches import Examples
from convscope.learning.choice import REACHED, speed_of
from convscope.learning.device import device_of, precision_of
from convscope.learning.loader import Batch, Loader, augmentation_of
from convscope.learning.setup import RunSetup

ROWS, EPOCHS = 8, 6
TUNED = 5.0
"""Epochs for which pictures are varied where trained weights are fine-tuned, and nobody says how many there are."""


@dataclass(frozen=True, eq=False)
class Seen:
    """An input as one epoch shows it, as it is stored, and what it is asked for: one class, or two with fractions."""

    input: Inputs
    asked_for: str


@dataclass(frozen=True, eq=False)
class PreviewRow:
    """One training input.

    Args:
        name: of the input.
        label: its class.
        unvaried: as the network would see it without augmentation.
        epochs: as it is seen; None where an epoch of balanced sampling does not draw it.
    """

    name: str
    label: str
    unvaried: Inputs
    epochs: tuple[Seen | None, ...]


@dataclass(frozen=True, eq=False)
class Preview:
    """What a run will see of some pictures, and by which policy."""

    augmentation: Augmentation
    rows: tuple[PreviewRow, ...]


def preview(setup: RunSetup, rows: int = ROWS, epochs: int = EPOCHS) -> Preview:
    """The first epochs of a run, for some of its training pictures: the very pixels that it will compute with.

    Args:
        setup: the run.
        rows: how many pictures, of as many classes as there are.
        epochs: how many, from the first.
    """
    dataset, recipe = setup.dataset, setup.settings.recipe
    augmentation = augmentation_of(recipe, dataset, expected_epochs(setup))
    loader = Loader(dataset, Examples(dataset.train, device_of(recipe)), recipe, augmentation)
    chosen = _spread(dataset, rows)
    seen = [_epoch(loader, dataset, epoch, chosen) for epoch in range(epochs)]
    train = dataset.train
    return Preview(
        augmentation,
        tuple(
            PreviewRow(
                train.names[index],
                dataset.classes[int(train.labels_N[index])],
                np.asarray(train.inputs_N[index]),
                tuple(found.get(index) for found in seen),
            )
            for index in chosen
        ),
    )


def expected_epochs(setup: RunSetup) -> float:
    """How often a run will see its pictures: as asked, or as the time allows on this machine now."""
    recipe = setup.settings.recipe
    if recipe.epochs is not None:
        return recipe.epochs
    if recipe.freeze not in (None, "none") or recipe.time is None:
        return TUNED
    device = device_of(recipe)
    speed = speed_of(device, precision_of(recipe, device)) * REACHED
    return recipe.time * speed / (3 * setup.network.graph().macs * max(1, len(setup.dataset.train)))


def _spread(dataset: Dataset, rows: int) -> list[int]:
    """Pictures of different classes in turn, the classes evenly over all."""
    labels_N = np.asarray(dataset.train.labels_N)
    classes = np.unique(labels_N)
    taken = classes[np.unique(np.linspace(0, len(classes) - 1, min(rows, len(classes))).round().astype(int))]
    chosen: list[int] = []
    for turn in range(rows):
        members = np.flatnonzero(labels_N == taken[turn % len(taken)])
        place = turn // len(taken)
        if place < len(members):
            chosen.append(int(members[place]))
    return sorted(chosen, key=lambda index: (int(labels_N[index]), index))


def _epoch(loader: Loader, dataset: Dataset, epoch: int, chosen: list[int]) -> dict[int, Seen]:
    found: dict[int, Seen] = {}
    for place in range(loader.batches.per_epoch):
        indices = loader.batches.at(epoch, place)
        there = [index for index in chosen if index not in found and index in indices]
        if not there:
            continue
        batch = loader.at(epoch, place)
        for index in there:
            at = int(np.flatnonzero(indices == index)[0])
            seen = batch.inputs[at].cpu().numpy()
            found[index] = Seen(seen, _asked_for(batch, at, dataset.classes))
    return found


def _asked_for(batch: Batch, at: int, classes: tuple[str, ...]) -> str:
    if batch.labels.ndim == 1:
        return classes[int(batch.labels[at])]
    own, other = (classes[int(label)] for label in batch.labels[at])
    if own == other:
        return own
    percent = round(100 * batch.fraction)
    return f"{percent} % {own}, {100 - percent} % {other}"
