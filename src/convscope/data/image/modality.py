"""Pictures as a modality: everything that is theirs alone, behind one value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np
import torch
from numpy.typing import NDArray

from convscope.cores import Each
from convscope.data.dataset import Inputs, Preprocess
from convscope.data.image.augment import augment
from convscope.data.image.decode import ImagePreprocess
from convscope.data.image.mixing import mix
from convscope.data.image.normalise import Normalise, measure
from convscope.data.image.policy import Augment, may_mirror, policy
from convscope.data.image.resize import resized, shrunk
from convscope.data.modality import Mixed, Pixels


@dataclass(frozen=True)
class ImageAugmentation:
    """A policy, applied."""

    policy: Augment

    def words(self) -> str:
        """What is done, in words."""
        return self.policy.words()

    def vary(
        self,
        inputs_N: torch.Tensor,
        seed: int,
        epoch: int = 0,
        step: int = 0,
        indices_N: NDArray[np.int64] | None = None,
        each: Each = map,
    ) -> torch.Tensor:
        """See :func:`convscope.data.image.augment.augment`."""
        return augment(inputs_N, self.policy, seed, epoch, step, indices_N, each)

    def mix(
        self, inputs_N: torch.Tensor, labels_N: torch.Tensor, seed: int, epoch: int = 0, step: int = 0
    ) -> Mixed | None:
        """See :func:`convscope.data.image.mixing.mix`."""
        return mix(inputs_N, labels_N, self.policy, seed, epoch, step)


class ImageModality:
    """Pictures: stored as uint8 (N, H, W, C), read by networks as float32 (N, C, H, W)."""

    name: ClassVar[str] = ImagePreprocess.modality
    one: ClassVar[str] = "picture"
    many: ClassVar[str] = "pictures"
    as_input: ClassVar[str] = "normalised pixels"
    views: ClassVar[tuple[str, ...]] = ("flip",)

    def preprocess(self, document: Mapping[str, Any]) -> ImagePreprocess:
        """From ``model.json``."""
        return ImagePreprocess(**document)

    def normalisation(self, document: Mapping[str, Any]) -> Normalise:
        """From ``model.json``."""
        return Normalise(tuple(document["mean"]), tuple(document["std"]))

    def measure(self, inputs_N: Inputs) -> Normalise:
        """By the channels' means and deviations."""
        return measure(inputs_N)

    def augmentation(
        self, text: str, preprocess: Preprocess, epochs: float, classes: Sequence[str]
    ) -> ImageAugmentation:
        """See :func:`convscope.data.image.policy.policy`."""
        return ImageAugmentation(policy(text, *cast("ImagePreprocess", preprocess).shape, epochs, classes))

    def view(self, name: str, inputs_N: Inputs) -> Inputs:
        """``flip``: the mirror images."""
        assert name in self.views
        return inputs_N[:, :, ::-1]

    def views_of_same_class(self, preprocess: Preprocess, classes: Sequence[str]) -> tuple[str, ...]:
        """Mirror images, but of grey pictures, which may be letters; see :func:`may_mirror`."""
        colour = cast("ImagePreprocess", preprocess).channels == 3
        return self.views if colour and may_mirror(classes) else ()

    def smaller(self, inputs_N: Inputs, shape: tuple[int, ...]) -> Inputs:
        """See :func:`convscope.data.image.resize.shrunk`."""
        return shrunk(inputs_N, shape)

    def as_smaller(self, x_N_shape: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
        """See :func:`convscope.data.image.resize.resized`."""
        return resized(x_N_shape, shape)

    def shown(self, preprocess: Preprocess, stored: Inputs) -> Pixels:
        """The picture."""
        return Pixels(stored)


IMAGE = ImageModality()
