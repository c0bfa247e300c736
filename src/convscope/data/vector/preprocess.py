"""Rows of numbers as inputs: which columns of a table they are, and which of them is predicted."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from convscope.data.dataset import Inputs, Unreadable

MODALITY = "vector"


@dataclass(frozen=True)
class VectorPreprocess:
    """Which columns of a table a network reads, by name; saved with the model, the same at prediction.

    Args:
        columns: in the order of the network's inputs.
        target: the column that is predicted.
        numeric: whether the target is a number (regression), not a class.

    Example:
        >>> VectorPreprocess(("height", "weight"), "species").shape
        (2,)
    """

    modality: ClassVar[str] = MODALITY
    dtype: ClassVar[np.dtype[Any]] = np.dtype(np.float64)
    columns: tuple[str, ...]
    target: str
    numeric: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """(D,): a number a column."""
        return (len(self.columns),)

    @property
    def stored(self) -> tuple[int, ...]:
        """(D,)."""
        return self.shape

    def key(self) -> Any:
        """The columns."""
        return self.to_dict()

    def decode(self, file: str | os.PathLike[str] | bytes) -> Inputs:
        """Not possible: a file holds many rows."""
        raise Unreadable("a row is named as TABLE:NUMBER")

    def fit_arrays(self, values_N: Inputs) -> Inputs:
        """As they are."""
        return values_N

    def is_quick(self, shape: tuple[int, ...]) -> bool:
        """Always: nothing is done."""
        return True

    def words(self) -> str:
        """What is read, for people."""
        return "columns of a table, standardised by the training rows"

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain JSON."""
        return {"modality": self.modality, **asdict(self), "columns": list(self.columns)}


@dataclass(frozen=True)
class FeaturePreprocess:
    """Outputs of a frozen network's node as inputs of what lies behind it; they live as long as the training.

    Args:
        features: their shape.
    """

    modality: ClassVar[str] = MODALITY
    dtype: ClassVar[np.dtype[Any]] = np.dtype(np.float16)
    features: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one input's features."""
        return self.features

    @property
    def stored(self) -> tuple[int, ...]:
        """The same."""
        return self.features

    def key(self) -> Any:
        """The shape."""
        return self.to_dict()

    def decode(self, file: str | os.PathLike[str] | bytes) -> Inputs:
        """Not possible: features are computed."""
        raise Unreadable("features are computed, not read")

    def fit_arrays(self, values_N: Inputs) -> Inputs:
        """As they are."""
        return values_N

    def is_quick(self, shape: tuple[int, ...]) -> bool:
        """Always: nothing is done."""
        return True

    def words(self) -> str:
        """What they are, for people."""
        return "features of a frozen network"

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain JSON."""
        return {"modality": self.modality, "features": list(self.features)}
