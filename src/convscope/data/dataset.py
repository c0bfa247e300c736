"""The values that training, evaluation and prediction read: inputs of a modality, labels, classes by name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Inputs = NDArray[Any]
"""Inputs as they are stored, of any modality: the first dimension counts them."""


class Unreadable(Exception):  # noqa: N818  it says what the input is
    """An input that cannot be read.

    Args:
        reason: why, for people, e.g. ``"the file is empty"``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Preprocess(Protocol):
    """How what a source holds becomes inputs as they are stored; saved with the model, the same at prediction.

    One class a modality, a frozen dataclass; see :mod:`convscope.data.modality` for what else a modality is.
    """

    @property
    def modality(self) -> str:
        """The name of the modality."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The network's input, as its notation has it: (C, H, W), (D)."""

    @property
    def stored(self) -> tuple[int, ...]:
        """The shape of one input as it is stored: (H, W, C), (D)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """What the numbers of a stored input are."""

    def key(self) -> Any:
        """All that decides the stored bytes, beside the source: plain JSON, versions of decoders included."""

    def decode(self, file: str | os.PathLike[str] | bytes) -> Inputs:
        """One input from a file or its bytes, stored.

        Raises:
            Unreadable: it cannot be.
        """

    def fit_arrays(self, values_N: Inputs) -> Inputs:
        """Inputs that come as numbers, stored: (N, *stored)."""

    def is_quick(self, shape: tuple[int, ...]) -> bool:
        """Whether :meth:`fit_arrays` of inputs of this shape takes so little that it is done anew each time."""

    def words(self) -> str:
        """What is done, for people."""

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain JSON, with ``modality``."""


@dataclass(frozen=True)
class Skipped:
    """A file or row that was left out, and why."""

    file: str
    reason: str


@dataclass(frozen=True)
class Split:
    """Some labelled inputs.

    Args:
        inputs_N: as they are stored, usually memory-mapped.
        labels_N: int64 indices into the data set's classes; where there are none the targets, float64.
        names: a name for each, e.g. its path or ``"train[17]"``.
    """

    inputs_N: Inputs
    labels_N: NDArray[Any]
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.labels_N)


@dataclass(frozen=True)
class Dataset:
    """Labelled inputs of one shape, split.

    Args:
        name: for people, e.g. ``"digits"`` or the folder's name.
        classes: the class names; a label is an index into them. Empty where the target is a number.
        train, val, test: the splits; none shares an input with another.
        preprocess: how they were made.
        skipped: what was left out, and why.
        fingerprint: sha256 over the inputs' content, labels and classes: which data a model was trained on.
        measured_part: what the data calls ``test``: ``"val"``, where it comes with train and val alone.
        remark: what was done to all inputs that a person should know; empty: nothing.
    """

    name: str
    classes: tuple[str, ...]
    train: Split
    val: Split
    test: Split
    preprocess: Preprocess
    skipped: tuple[Skipped, ...]
    fingerprint: str
    measured_part: str = "test"
    remark: str = ""

    @property
    def measured_on_train(self) -> bool:
        """Whether the test inputs are the training ones: there were too few to hold any out."""
        return self.test is self.train


@dataclass(frozen=True)
class Labelled:
    """Labelled inputs without the rest of their data: a given test split, another part, or everything there is.

    Args:
        name: for people.
        classes: the class names of the data; match them to a model's by name, never by index.
        split: the inputs.
        part: which of the data they are: ``"test"``, ``"val"`` (given beside train, without test), ``"all"``, or the
            part that was asked for.
        preprocess: how they were made.
        skipped: what was left out, and why.
        fingerprint: as in :class:`Dataset`, over these inputs.
        remark: as in :class:`Dataset`.
    """

    name: str
    classes: tuple[str, ...]
    split: Split
    part: Literal["train", "val", "test", "all"]
    preprocess: Preprocess
    skipped: tuple[Skipped, ...]
    fingerprint: str
    remark: str = ""
