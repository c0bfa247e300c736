"""What a score for one class of two is worth: ranking, and the answers above one half."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

DEFINITIONS = {
    "auc": "how often a positive example is scored above a negative one, ties one half; of the scores in 64 bits "
    "(area under the ROC curve, Hanley and McNeil 1982)",
    "precision": "true positives / examples called positive",
    "recall": "true positives / positive examples",
    "f1": "harmonic mean of precision and recall",
    "brier": "mean squared difference of probability and label (Brier 1950)",
}
"""What the numbers are, said where they are printed."""


@dataclass(frozen=True)
class BinaryScores:
    """Numbers of the positive class.

    Args:
        positive: its name: the second of the classes.
        auc: None where one class does not occur.
        precision: None where none was called positive.
        recall, f1: None where none is positive.
        brier: of the probabilities.
        count, positives: examples, and those of the positive class.
    """

    positive: str
    auc: float | None
    precision: float | None
    recall: float | None
    f1: float | None
    brier: float
    count: int
    positives: int

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {**asdict(self), "definitions": DEFINITIONS}


def binary_scores(
    probabilities_N2: NDArray[np.floating[Any]], labels_N: NDArray[np.int64], classes: tuple[str, ...]
) -> BinaryScores:
    """The numbers of the second of two classes.

    Args:
        probabilities_N2: of both classes.
        labels_N: 0 or 1.
        classes: their names.

    Example:
        >>> found = binary_scores(np.array([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7]]), np.array([0, 0, 1]), ("no", "yes"))
        >>> found.auc, found.precision, found.recall
        (1.0, 0.5, 1.0)
    """
    from sklearn.metrics import brier_score_loss, f1_score, precision_score, recall_score, roc_auc_score

    positive_N = probabilities_N2[:, 1].astype(np.float64)
    called_N = probabilities_N2.argmax(1)
    positives = int(labels_N.sum())
    both = 0 < positives < len(labels_N)
    return BinaryScores(
        positive=classes[1],
        auc=float(roc_auc_score(labels_N, positive_N)) if both else None,
        precision=float(precision_score(labels_N, called_N)) if called_N.any() else None,
        recall=float(recall_score(labels_N, called_N)) if positives else None,
        f1=float(f1_score(labels_N, called_N)) if positives else None,
        brier=float(brier_score_loss(labels_N, positive_N, pos_label=1))
        if both
        else float(np.square(positive_N - labels_N).mean()),
        count=len(labels_N),
        positives=positives,
    )
