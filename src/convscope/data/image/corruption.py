"""Corruptions of pictures, by kind and severity: blurred, noisy, compressed, dark, bright, pale."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

from convscope.seeds import stream_seed

SEVERITIES = (1, 2, 3, 4, 5)
Pixels = NDArray[np.uint8]


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


CORRUPTIONS: dict[str, Callable[[Image.Image, int, np.random.Generator], Image.Image]] = {
    "blur": _blur, "noise": _noise, "jpeg": _jpeg, "dark": _dark, "bright": _bright, "pale": _pale,
}  # fmt: skip


def corrupt(image_HWC: Pixels, kind: str, severity: int, seed: int = 0) -> Pixels:
    """One picture, corrupted.

    Args:
        image_HWC: uint8, 1 or 3 channels.
        kind: of :data:`CORRUPTIONS`: ``blur`` (Gaussian, of as many hundredths of the longer side as the severity),
            ``noise`` (Gaussian, of ten levels for each), ``jpeg`` (quality 50, 30, 18, 12, 7), ``dark``, ``bright``,
            ``pale`` (contrast).
        severity: from 1 to 5 (the idea is Hendrycks and Dietterich's, 2019; the kinds are our own).
        seed: of the noise.

    Example:
        >>> grey = np.full((8, 8, 3), 100, np.uint8)
        >>> int(corrupt(grey, "dark", 5)[0, 0, 0]), int(corrupt(grey, "bright", 2)[0, 0, 0])
        (20, 150)
    """
    channels = image_HWC.shape[2]
    image = Image.fromarray(image_HWC[:, :, 0] if channels == 1 else image_HWC)
    rng = np.random.Generator(np.random.PCG64(stream_seed(seed, "spoil", severity, 0)))
    return np.asarray(CORRUPTIONS[kind](image, severity, rng)).reshape(image_HWC.shape)
