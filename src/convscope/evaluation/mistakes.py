"""The pictures behind each cell of the confusion matrix that should be empty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.evaluation.metrics import ConfusedPair, Evaluation, Probabilities, most_confused


@dataclass(frozen=True)
class Mistaken:
    """One picture that was named wrongly.

    Args:
        index: among the pictures that were evaluated, from 0.
        name: the picture's file, or its place in the data such as ``test[17]``.
        probability: of the wrong answer.
    """

    index: int
    name: str
    probability: float


@dataclass(frozen=True)
class Cell:
    """Pictures of one class that were taken for another, the surest mistakes first."""

    pair: ConfusedPair
    pictures: tuple[Mistaken, ...]

    def to_dict(self, classes: Sequence[str]) -> dict[str, Any]:
        """Plain JSON, classes by name."""
        pictures = [{"index": one.index, "file": one.name, "probability": one.probability} for one in self.pictures]
        named = {"true": classes[self.pair.true], "predicted": classes[self.pair.predicted]}
        return {**asdict(self.pair), **named, "pictures": pictures}


def cells(
    evaluation: Evaluation, probabilities_NK: Probabilities, labels_N: NDArray[np.int64], names: Sequence[str]
) -> tuple[Cell, ...]:
    """Every kind of mistake with all its pictures, the commonest first, as :func:`most_confused` has it.

    Args:
        evaluation: of these pictures.
        probabilities_NK, labels_N, names: of every picture.

    Example:
        >>> from convscope.evaluation.metrics import evaluate_probabilities
        >>> answers_NK, labels_N = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8]]), np.array([1, 1, 1])
        >>> evaluation = evaluate_probabilities(answers_NK, labels_N, ("cat", "dog"))
        >>> [cell] = cells(evaluation, answers_NK, labels_N, ["a.png", "b.png", "c.png"])
        >>> cell.pair.count, [one.name for one in cell.pictures]
        (2, ['a.png', 'b.png'])
    """
    predicted_N = probabilities_NK.argmax(1)
    behind: dict[tuple[int, int], list[int]] = {}
    for index in np.flatnonzero(predicted_N != labels_N).tolist():
        behind.setdefault((int(labels_N[index]), int(predicted_N[index])), []).append(index)
    found = []
    for pair in most_confused(evaluation, len(behind)):
        members = np.array(behind[(pair.true, pair.predicted)])
        sure_M = probabilities_NK[members, pair.predicted]
        order = np.argsort(-sure_M, kind="stable")
        pictures = tuple(Mistaken(int(members[i]), names[int(members[i])], float(sure_M[i])) for i in order)
        found.append(Cell(pair, pictures))
    return tuple(found)
