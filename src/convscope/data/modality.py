"""What a modality is: how inputs of one kind are stored, varied, made a network's input, and shown to a person.

Each modality is one value in a folder of its own (:mod:`convscope.data.image`, :mod:`convscope.data.vector`), listed in
:mod:`convscope.data.modalities`. Everything else speaks of inputs, and asks the modality.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from convscope.cores import Each
from convscope.data.dataset import Inputs, Preprocess


class Normalisation(Protocol):
    """Makes the network's input of stored inputs; its numbers are the training inputs', saved with the model."""

    def __call__(self, inputs_N: torch.Tensor, /) -> torch.Tensor:
        """(N, *stored) of any type to float32 (N, *shape), on the same device."""

    def to_dict(self) -> dict[str, Any]:
        """The numbers as plain JSON."""

    def opened(self, stored: Inputs, index: tuple[int, ...]) -> InputArithmetic:
        """The arithmetic of one number of the network's input.

        Args:
            stored: one input.
            index: of the number in the network's input.
        """


@dataclass(frozen=True)
class InputArithmetic:
    """How one number of the network's input comes from what is stored.

    Args:
        what: the stored number is called, such as ``pixel``.
        form: the formula, ``{0}`` for the first operand.
        operands: names and values, what is stored first.
        value: of the formula, in float64.
        magnitude: the largest that its parts may be, for judging rounding.
    """

    what: str
    form: str
    operands: tuple[tuple[str, float], ...]
    value: float
    magnitude: float


@dataclass(frozen=True)
class Mixed:
    """A batch of inputs mixed with others, each with two labels.

    Args:
        inputs_N: as they are stored.
        labels_N2: the input's own label and the other's.
        fraction: of the own one; the loss is the mean of both, weighted by it.
    """

    inputs_N: torch.Tensor
    labels_N2: torch.Tensor
    fraction: float


class Augmentation(Protocol):
    """What is varied at random in training inputs: a function of (seed, epoch, step)."""

    def words(self) -> str:
        """What is done, in words; ``nothing``."""

    def vary(
        self,
        inputs_N: torch.Tensor,
        seed: int,
        epoch: int = 0,
        step: int = 0,
        indices_N: NDArray[np.int64] | None = None,
        each: Each = map,
    ) -> torch.Tensor:
        """A batch with each input varied on its own.

        Args:
            inputs_N: as they are stored.
            seed: of the run.
            epoch, step: where in the run; the step counts from the epoch's start.
            indices_N: which of the training inputs these are; None: the first N.
            each: calls a function for every chunk of inputs, as ``map`` does, on several cores where it can.
        """

    def mix(
        self, inputs_N: torch.Tensor, labels_N: torch.Tensor, seed: int, epoch: int = 0, step: int = 0
    ) -> Mixed | None:
        """A batch mixed with itself; None where it is left as it is."""


@dataclass(frozen=True, eq=False)
class Pixels:
    """An input shown as a picture: uint8 (H, W, C)."""

    image_HWC: NDArray[np.uint8]


@dataclass(frozen=True)
class NamedValues:
    """An input shown as a row: names and numbers."""

    names: Sequence[str]
    values: Sequence[float]


Shown = Pixels | NamedValues
"""An input as a person sees it."""


class Modality(Protocol):
    """One kind of input."""

    @property
    def name(self) -> str:
        """As ``model.json`` has it: ``image``, ``vector``."""

    @property
    def one(self) -> str:
        """What one input is called: ``picture``, ``row``."""

    @property
    def many(self) -> str:
        """What several are called."""

    @property
    def as_input(self) -> str:
        """What the network's input holds: ``normalised pixels``."""

    @property
    def views(self) -> tuple[str, ...]:
        """What ``--tta`` may be beside ``none``: other views of an input, over which scores are averaged."""

    def preprocess(self, document: Mapping[str, Any]) -> Preprocess:
        """What :meth:`Preprocess.to_dict` gave.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """

    def normalisation(self, document: Mapping[str, Any]) -> Normalisation:
        """What :meth:`Normalisation.to_dict` gave.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """

    def measure(self, inputs_N: Inputs) -> Normalisation:
        """The normalisation for a network that is trained on these."""

    def augmentation(self, text: str, preprocess: Preprocess, epochs: float, classes: Sequence[str]) -> Augmentation:
        """What ``--augment`` means for these inputs.

        Args:
            text: as it was written; ``auto`` is the modality's choice.
            preprocess: of the inputs.
            epochs: how often they are seen.
            classes: their names; where a varied input may be of another class it is not varied so.

        Raises:
            UserError: the modality has nothing of this name.
        """

    def view(self, name: str, inputs_N: Inputs) -> Inputs:
        """Another view of stored inputs, of :attr:`views`."""

    def views_of_same_class(self, preprocess: Preprocess, classes: Sequence[str]) -> tuple[str, ...]:
        """Those of :attr:`views` whose inputs are surely of the same class."""

    def smaller(self, inputs_N: Inputs, shape: tuple[int, ...]) -> Inputs:
        """Stored inputs at a smaller size, as a progressive plan begins with.

        Raises:
            UserError: inputs of this modality have one size.
        """

    def as_smaller(self, x_N_shape: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
        """The same of inputs as the network reads them."""

    def shown(self, preprocess: Preprocess, stored: Inputs) -> Shown:
        """One input for a person."""
