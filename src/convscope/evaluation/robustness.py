"""Robustness of a model: its accuracy on corrupted pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from convscope.data.dataset import Split
from convscope.data.image.corruption import CORRUPTIONS, SEVERITIES, Pixels, corrupt
from convscope.intervals import wilson_interval
from convscope.model.folder import Model

MOST = 1000
"""Pictures that are corrupted; more would tell little more."""


@dataclass(frozen=True)
class Robustness:
    """Accuracies by corruption and severity.

    Args:
        clean: accuracy on the pictures as they are.
        spoilt: for each kind, the accuracy at every severity from 1 on.
        count: pictures.
    """

    clean: float
    spoilt: dict[str, tuple[float, ...]]
    count: int

    @property
    def weakest(self) -> str:
        """What costs most at the middle severity."""
        return min(self.spoilt, key=lambda kind: self.spoilt[kind][len(SEVERITIES) // 2])

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        interval = list(wilson_interval(round(self.clean * self.count), self.count))
        spoilt = {kind: list(accuracies) for kind, accuracies in self.spoilt.items()}
        return {
            "clean": self.clean,
            "interval": interval,
            "spoilt": spoilt,
            "count": self.count,
            "weakest": self.weakest,
        }


def robustness(model: Model, split: Split, seed: int = 0) -> Robustness:
    """Measure a model on corrupted pictures.

    They are corrupted at the size at which the network sees them: what is measured is the network, not the resizing.

    Args:
        model: a loaded model.
        split: labelled pictures of the model's size; :data:`MOST` of them, evenly spread, are taken.
        seed: of the noise.
    """
    chosen = np.unique(np.linspace(0, len(split) - 1, min(MOST, len(split))).round().astype(np.int64))
    images, labels_N = np.asarray(split.inputs_N[chosen]), split.labels_N[chosen]

    def accuracy(pictures: Pixels) -> float:
        return float((model.probabilities(pictures).argmax(1) == labels_N).mean())

    def spoilt(kind: str, severity: int) -> Pixels:
        return np.stack([corrupt(image, kind, severity, seed + i) for i, image in enumerate(images)])

    by_kind = {kind: tuple(accuracy(spoilt(kind, severity)) for severity in SEVERITIES) for kind in CORRUPTIONS}
    return Robustness(accuracy(images), by_kind, len(chosen))
