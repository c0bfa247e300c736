"""The values that training, evaluation and prediction read: pictures as uint8, labels, classes by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Fit = Literal["stretch", "crop", "letterbox", "pad"]


@dataclass(frozen=True)
class Preprocess:
    """How a picture of any size becomes the network's input; saved with the model, the same at prediction.

    Args:
        channels: 1 (grey) or 3 (RGB).
        height: rows of the input.
        width: columns of the input.
        fit: ``stretch`` to the size, ``crop`` the centre after scaling, ``letterbox`` (scale the whole picture in,
            fill the rest with black), ``pad`` (as letterbox, but never enlarge: a 28x28 digit in 32x32 stays 28x28).
        keep: of a crop, how much of the side that fits exactly is kept: 0.875 is the usual "256, then the middle 224".
    """

    channels: int
    height: int
    width: int
    fit: Fit = "stretch"
    keep: float = 1.0

    def __post_init__(self) -> None:
        if not 0.1 <= self.keep <= 1:
            raise ValueError(f"keep is {self.keep!r}, not from 0.1 to 1")

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Skipped:
    """A file or row that was left out, and why."""

    file: str
    reason: str


@dataclass(frozen=True)
class Split:
    """Some labelled pictures.

    Args:
        images_NHWC: uint8 pictures, usually memory-mapped.
        labels_N: int64 indices into the data set's classes.
        names: a name for each picture, e.g. its path or ``"train[17]"``.
    """

    images_NHWC: NDArray[np.uint8]
    labels_N: NDArray[np.int64]
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.labels_N)


@dataclass(frozen=True)
class Dataset:
    """Labelled pictures, split, decoded and of one size.

    Args:
        name: for people, e.g. ``"digits"`` or the folder's name.
        classes: the class names; a label is an index into them.
        train, val, test: the splits; none shares a picture with another.
        preprocess: what was done to the pictures.
        skipped: what was left out, and why.
        fingerprint: sha256 over the pictures' content, labels and classes: which data a model was trained on.
    """

    name: str
    classes: tuple[str, ...]
    train: Split
    val: Split
    test: Split
    preprocess: Preprocess
    skipped: tuple[Skipped, ...]
    fingerprint: str


@dataclass(frozen=True)
class Labelled:
    """Labelled pictures without the rest of their data: a given test split, another part, or everything there is.

    Args:
        name: for people.
        classes: the class names of the data; match them to a model's by name, never by index.
        pictures: the pictures.
        part: which of the data they are: ``"test"``, ``"val"`` (given beside train, without test), ``"all"``, or the
            part that was asked for.
        preprocess: what was done to the pictures.
        skipped: what was left out, and why.
        fingerprint: as in :class:`Dataset`, over these pictures.
    """

    name: str
    classes: tuple[str, ...]
    pictures: Split
    part: Literal["train", "val", "test", "all"]
    preprocess: Preprocess
    skipped: tuple[Skipped, ...]
    fingerprint: str
