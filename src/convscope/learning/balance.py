"""Rare and frequent classes: how unequal they are, and what is done about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.learning.recipe import ClassBalance

STRONG = 10.0
"""How many times as many inputs the most frequent class has, from which rare ones are weighted more by default."""


@dataclass(frozen=True)
class Balance:
    """The classes' training inputs, and how training treats them.

    Args:
        choice: ``none``, ``weights`` or ``sampling``.
        counts: of every class that has any, by its name.
        asked: whether a person asked for the choice.
    """

    choice: ClassBalance
    counts: tuple[tuple[str, int], ...]
    asked: bool = False

    @property
    def ratio(self) -> float:
        """The most frequent class's inputs for each one of the rarest class."""
        numbers = [count for _, count in self.counts]
        return max(numbers) / min(numbers)

    def words(self, many: str) -> str:
        """How many inputs classes have, and what that means.

        Args:
            many: what inputs are called.

        Example:
            >>> Balance("weights", (("cat", 25), ("dog", 1000))).words("rows")
            'classes have 25 (cat) to 1,000 (dog) rows, 1 : 40; a rare class counts as much as a frequent one'
        """
        least, most = (choose(self.counts, key=lambda pair: pair[1]) for choose in (min, max))
        spread = f"classes have {least[1]:,} ({least[0]}) to {most[1]:,} ({most[0]}) {many}, 1 : {self.ratio:.3g}"
        done = {
            "none": "rare classes will have a lower recall; see --balance weights or sampling",
            "weights": "a rare class counts as much as a frequent one",
            "sampling": "every class is drawn equally often",
        }
        return f"{spread}; {done[self.choice]}"

    @property
    def is_worth_saying(self) -> bool:
        """Whether the classes are unequal enough, or something is done about it."""
        return self.choice != "none" or self.ratio >= STRONG

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"choice": self.choice, "ratio": round(self.ratio, 3), "pictures": dict(self.counts)}


def balance_of(asked: ClassBalance, labels_N: NDArray[np.int64], classes: Sequence[str]) -> Balance:
    """What ``--balance`` means for these labels: ``auto`` weights the loss if the classes are strongly imbalanced.

    Weights rather than sampling: they found more of the rare ones (docs/training.md).

    Example:
        >>> labels_N = np.array([0] * 30 + [1] * 2)
        >>> balance_of("auto", labels_N, ("cat", "dog")).choice, balance_of("none", labels_N, ("cat", "dog")).choice
        ('weights', 'none')
    """
    counts_K = np.bincount(labels_N, minlength=len(classes)).tolist()
    counts = tuple((name, count) for name, count in zip(classes, counts_K, strict=True) if count)
    found = Balance("none" if asked == "auto" else asked, counts, asked != "auto")
    if asked == "auto" and found.ratio >= STRONG:
        return Balance("weights", counts)
    return found
