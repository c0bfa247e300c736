"""Vectors as a modality: rows of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from convscope.cores import Each
from convscope.data.dataset import Inputs, Preprocess
from convscope.data.modality import Mixed, NamedValues
from convscope.data.vector.normalise import Standardise, measure
from convscope.data.vector.preprocess import MODALITY, VectorPreprocess
from convscope.errors import UserError


@dataclass(frozen=True)
class NoAugmentation:
    """Rows are shown as they are."""

    def words(self) -> str:
        """Nothing is varied."""
        return "nothing"

    def vary(
        self,
        inputs_N: torch.Tensor,
        seed: int,
        epoch: int = 0,
        step: int = 0,
        indices_N: NDArray[np.int64] | None = None,
        each: Each = map,
    ) -> torch.Tensor:
        """The same."""
        return inputs_N

    def mix(
        self, inputs_N: torch.Tensor, labels_N: torch.Tensor, seed: int, epoch: int = 0, step: int = 0
    ) -> Mixed | None:
        """Never."""
        return None


class VectorModality:
    """Rows: stored as float64 (N, D), read by networks as float32 (N, D)."""

    name: ClassVar[str] = MODALITY
    one: ClassVar[str] = "row"
    many: ClassVar[str] = "rows"
    as_input: ClassVar[str] = "standardised columns"
    views: ClassVar[tuple[str, ...]] = ()

    def preprocess(self, document: Mapping[str, Any]) -> VectorPreprocess:
        """From ``model.json``."""
        return VectorPreprocess(
            tuple(map(str, document["columns"])), str(document["target"]), bool(document["numeric"])
        )

    def normalisation(self, document: Mapping[str, Any]) -> Standardise:
        """From ``model.json``."""
        return Standardise(tuple(map(float, document["mean"])), tuple(map(float, document["std"])))

    def measure(self, inputs_N: Inputs) -> Standardise:
        """By the columns' means and deviations."""
        return measure(inputs_N)

    def augmentation(self, text: str, preprocess: Preprocess, epochs: float, classes: Sequence[str]) -> NoAugmentation:
        """Nothing is varied in rows."""
        if text not in ("auto", "none"):
            raise UserError("--augment", f"{text!r} for rows of a table", "auto or none: it varies pictures alone")
        return NoAugmentation()

    def view(self, name: str, inputs_N: Inputs) -> Inputs:
        """There is none."""
        raise UserError("--tta", f"{name!r} for rows of a table", "none: only pictures have a mirror image")

    def views_of_same_class(self, preprocess: Preprocess, classes: Sequence[str]) -> tuple[str, ...]:
        """None."""
        return ()

    def smaller(self, inputs_N: Inputs, shape: tuple[int, ...]) -> Inputs:
        """Rows have one size."""
        raise UserError("--progressive", "rows of a table have one size", "0: it makes pictures smaller")

    def as_smaller(self, x_N_shape: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
        """Rows have one size."""
        raise UserError("--progressive", "rows of a table have one size", "0: it makes pictures smaller")

    def shown(self, preprocess: Preprocess, stored: Inputs) -> NamedValues:
        """The row, a number a column."""
        named = preprocess.columns if isinstance(preprocess, VectorPreprocess) else ()
        return NamedValues(named or tuple(str(k) for k in range(stored.size)), stored.ravel().tolist())


VECTOR = VectorModality()
