"""What a run will show its network: chosen training pictures, epoch by epoch, from the batches that it will see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convscope.data.augment import Augment
from convscope.data.dataset import Dataset
from convscope.learning.batches import Pictures
from convscope.learning.choice import REACHED, speed_of
from convscope.learning.device import device_of, precision_of
from convscope.learning.loader import Batch, Feed
from convscope.learning.setup import Opened
from convscope.learning.train import policy_of

ROWS, EPOCHS = 8, 6
TUNED = 5.0
"""Epochs for which pictures are varied where trained weights are fine-tuned, and nobody says how many there are."""


@dataclass(frozen=True, eq=False)
class Seen:
    """A picture as one epoch shows it: uint8 (H, W, C), and what it is asked for: one class, or two with shares."""

    pixels_HWC: NDArray[np.uint8]
    asked_for: str


@dataclass(frozen=True, eq=False)
class Row:
    """One training picture.

    Args:
        name: of the picture.
        label: its class.
        fitted_HWC: as the network would see it unvaried.
        epochs: as it is seen; None where an epoch of balanced sampling does not draw it.
    """

    name: str
    label: str
    fitted_HWC: NDArray[np.uint8]
    epochs: tuple[Seen | None, ...]


@dataclass(frozen=True, eq=False)
class Preview:
    """What a run will see of some pictures, and by which policy."""

    varied: Augment
    rows: tuple[Row, ...]


def preview(opened: Opened, rows: int = ROWS, epochs: int = EPOCHS) -> Preview:
    """The first epochs of a run, for some of its training pictures: the very pixels that it will compute with.

    Args:
        opened: the run.
        rows: how many pictures, of as many classes as there are.
        epochs: how many, from the first.
    """
    dataset, recipe = opened.dataset, opened.settings.recipe
    varied = policy_of(recipe, dataset, expected_epochs(opened))
    feed = Feed(dataset, Pictures(dataset.train, device_of(recipe)), recipe, varied)
    chosen = _spread(dataset, rows)
    seen = [_epoch(feed, dataset, epoch, chosen) for epoch in range(epochs)]
    train = dataset.train
    return Preview(
        varied,
        tuple(
            Row(
                train.names[index],
                dataset.classes[int(train.labels_N[index])],
                np.asarray(train.images_NHWC[index]),
                tuple(found.get(index) for found in seen),
            )
            for index in chosen
        ),
    )


def expected_epochs(opened: Opened) -> float:
    """How often a run will see its pictures: as asked, or as the time allows on this machine now."""
    recipe = opened.settings.recipe
    if recipe.epochs is not None:
        return recipe.epochs
    if recipe.freeze not in (None, "none") or recipe.time is None:
        return TUNED
    device = device_of(recipe)
    speed = speed_of(device, precision_of(recipe, device)) * REACHED
    return recipe.time * speed / (3 * opened.network.graph().macs * max(1, len(opened.dataset.train)))


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


def _epoch(feed: Feed, dataset: Dataset, epoch: int, chosen: list[int]) -> dict[int, Seen]:
    found: dict[int, Seen] = {}
    for place in range(feed.batches.per_epoch):
        indices = feed.batches.at(epoch, place)
        there = [index for index in chosen if index not in found and index in indices]
        if not there:
            continue
        batch = feed.at(epoch, place)
        for index in there:
            at = int(np.flatnonzero(indices == index)[0])
            pixels_HWC = batch.images[at].cpu().numpy()
            found[index] = Seen(pixels_HWC, _asked_for(batch, at, dataset.classes))
    return found


def _asked_for(batch: Batch, at: int, classes: tuple[str, ...]) -> str:
    if batch.labels.ndim == 1:
        return classes[int(batch.labels[at])]
    own, other = (classes[int(label)] for label in batch.labels[at])
    if own == other:
        return own
    share = round(100 * batch.share)
    return f"{share} % {own}, {100 - share} % {other}"
