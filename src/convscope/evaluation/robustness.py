"""What a model is worth on worse pictures: blurred, noisy, compressed, dark, bright, pale."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

from convscope.data.dataset import Split
from convscope.intervals import wilson_interval
from convscope.model.folder import Model
from convscope.seeds import stream_seed

SEVERITIES = (1, 2, 3, 4, 5)
MOST = 1000
"""Pictures that are spoilt; more tell hardly more."""
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Robustness:
    """Shares right, by what was done and how much of it.

    Args:
        clean: without anything.
        spoilt: for each kind, the share at every severity from 1 on.
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
        spoilt = {kind: list(shares) for kind, shares in self.spoilt.items()}
        return {
            "clean": self.clean,
            "interval": interval,
            "spoilt": spoilt,
            "count": self.count,
            "weakest": self.weakest,
        }


def _blur(image: Image.Image, severity: int, _: np.random.Generator) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(severity * max(image.size) / 100))


def _noise(image: Image.Image, severity: int, rng: np.random.Generator) -> Image.Image:
    pixels = np.asarray(image, np.float32) + rng.normal(0, 10 * severity, np.asarray(image).shape)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _jpeg(image: Image.Image, severity: int, _: np.random.Generator) -> Image.Image:
    data = io.BytesIO()
    image.save(data, "JPEG", quality=(50, 30, 18, 12, 7)[severity - 1])
    return Image.open(data)


def _dark(image: Image.Image, severity: int, _: np.random.Generator) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(1 - 0.16 * severity)


def _bright(image: Image.Image, severity: int, _: np.random.Generator) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(1 + 0.25 * severity)


def _pale(image: Image.Image, severity: int, _: np.random.Generator) -> Image.Image:
    return ImageEnhance.Contrast(image).enhance(1 - 0.17 * severity)


KINDS: dict[str, Callable[[Image.Image, int, np.random.Generator], Image.Image]] = {
    "blur": _blur, "noise": _noise, "jpeg": _jpeg, "dark": _dark, "bright": _bright, "pale": _pale,
}  # fmt: skip


def spoil(image_HWC: Pixels, kind: str, severity: int, seed: int = 0) -> Pixels:
    """One picture, spoilt.

    Args:
        image_HWC: uint8, 1 or 3 channels.
        kind: of :data:`KINDS`: ``blur`` (Gaussian, of as many hundredths of the longer side as the severity),
            ``noise`` (Gaussian, of ten levels for each), ``jpeg`` (quality 50, 30, 18, 12, 7), ``dark``, ``bright``,
            ``pale`` (contrast).
        severity: from 1 to 5 (the idea is Hendrycks and Dietterich's, 2019; the kinds are our own).
        seed: of the noise.

    Example:
        >>> grey = np.full((8, 8, 3), 100, np.uint8)
        >>> int(spoil(grey, "dark", 5)[0, 0, 0]), int(spoil(grey, "bright", 2)[0, 0, 0])
        (20, 150)
    """
    channels = image_HWC.shape[2]
    image = Image.fromarray(image_HWC[:, :, 0] if channels == 1 else image_HWC)
    rng = np.random.Generator(np.random.PCG64(stream_seed(seed, "spoil", severity, 0)))
    return np.asarray(KINDS[kind](image, severity, rng)).reshape(image_HWC.shape)


def robustness(model: Model, split: Split, seed: int = 0) -> Robustness:
    """Measure a model on spoilt pictures.

    They are spoilt at the size at which the network sees them: what is measured is the network, not the resizing.

    Args:
        model: a loaded model.
        split: labelled pictures of the model's size; :data:`MOST` of them, evenly spread, are taken.
        seed: of the noise.
    """
    chosen = np.unique(np.linspace(0, len(split) - 1, min(MOST, len(split))).round().astype(np.int64))
    images, labels_N = np.asarray(split.inputs_N[chosen]), split.labels_N[chosen]

    def share(pictures: Pixels) -> float:
        return float((model.probabilities(pictures).argmax(1) == labels_N).mean())

    def spoilt(kind: str, severity: int) -> Pixels:
        return np.stack([spoil(image, kind, severity, seed + i) for i, image in enumerate(images)])

    found = {kind: tuple(share(spoilt(kind, severity)) for severity in SEVERITIES) for kind in KINDS}
    return Robustness(share(images), found, len(chosen))
