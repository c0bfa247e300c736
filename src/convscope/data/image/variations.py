"""The numbers that augmentation draws for a batch: one row a picture, a function of (seed, epoch, step)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from convscope.data.image.policy import Augment, most_blur
from convscope.seeds import stream_seed

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
LEAST_BLUR = 0.1
ERASED_AREA, ERASED_ASPECT = (0.02, 0.33), 3.3
LUMA_3 = np.array([0.299, 0.587, 0.114])
"""What red, green and blue are worth in a grey picture (ITU-R BT.601), as in PIL."""
YIQ_33 = np.stack([LUMA_3, [0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]])


@dataclass(frozen=True, eq=False)
class Variations:
    """What happens to each of N pictures; None where an operation is not done at all.

    Args:
        shifts_N2: rows and columns that the picture moves up and left.
        flips_N: whether it is mirrored left to right.
        boxes_N4: top, left, height and width, in pixels, of the crop that becomes the whole.
        angles_N: radians, as seen clockwise.
        colours_N4: factors of brightness, contrast and saturation, and the turn of the hue in radians.
        blurs_N: standard deviations in pixels, 0 for none.
        erased_N4: top, left, height and width of the rectangle that becomes noise; height 0 for none.
        noise_seed: of that noise.
    """

    shifts_N2: Integers
    flips_N: NDArray[np.bool_]
    boxes_N4: Floats | None = None
    angles_N: Floats | None = None
    colours_N4: Floats | None = None
    blurs_N: Floats | None = None
    erased_N4: Integers | None = None
    noise_seed: int = 0

    def affine(self, height: int, width: int) -> Floats:
        """Where each output pixel comes from: rows (x, y) of factors of (u, v, 1), in pixels of the input.

        u and v run from -0.5 to 0.5 over the output, at its pixels' centres.
        """
        n = len(self.flips_N)
        boxes = np.tile([0.0, 0.0, height, width], (n, 1)) if self.boxes_N4 is None else self.boxes_N4
        angle = np.zeros(n) if self.angles_N is None else self.angles_N
        top, left, high, wide = boxes.T
        mirrored = np.where(self.flips_N, -wide, wide)
        cos, sin = np.cos(angle), np.sin(angle)
        x = np.stack([cos * mirrored, sin * high, left + wide / 2 - 0.5 + self.shifts_N2[:, 1]], 1)
        y = np.stack([-sin * mirrored, cos * high, top + high / 2 - 0.5 + self.shifts_N2[:, 0]], 1)
        return np.stack([x, y], 1)

    def colour(self, channels: int) -> Floats:
        """The factors of the channels; contrast also adds ``(1 - contrast)`` times the mean grey of the picture."""
        assert self.colours_N4 is not None
        brightness, contrast, saturation, hue = self.colours_N4.T
        gain_N11 = (brightness * contrast)[:, None, None]
        if channels != 3:
            scaled: Floats = gain_N11 * np.eye(channels)
            return scaled
        s_N11 = saturation[:, None, None]
        saturated = s_N11 * np.eye(3) + (1 - s_N11) * np.tile(LUMA_3, (3, 1))
        cos, sin, zero = np.cos(hue), np.sin(hue), np.zeros_like(hue)
        turn = np.stack([zero + 1, zero, zero, zero, cos, -sin, zero, sin, cos], 1).reshape(-1, 3, 3)
        turned: Floats = gain_N11 * (np.linalg.inv(YIQ_33) @ turn @ YIQ_33 @ saturated)
        return turned


def vary(
    policy: Augment,
    n: int,
    height: int,
    width: int,
    seed: int,
    epoch: int = 0,
    step: int = 0,
    indices_N: Integers | None = None,
) -> Variations:
    """Draw for a batch of ``n`` pictures; see :func:`convscope.data.image.augment.augment` for the arguments.

    Example:
        >>> vary(Augment(shift=1), 3, 8, 8, seed=0).shifts_N2.tolist()
        [[1, 0], [-1, -1], [1, 0]]
    """
    root = stream_seed(seed, "augment", epoch, step)
    generator = torch.Generator().manual_seed(root)
    s = policy.shift
    offsets_2N = torch.randint(0, 2 * s + 1, (2, n), generator=generator).numpy()
    flips_N = torch.randint(0, 2 if policy.flip == "random" else 1, (n,), generator=generator).numpy() == 1
    if policy.flip == "alternate":
        flips_N = alternating(seed, epoch, np.arange(n) if indices_N is None else indices_N)
    shifts_N2 = offsets_2N.T - s
    if not (policy.crops or policy.rotate or policy.colours or policy.blur or policy.erase):
        return Variations(shifts_N2, flips_N)
    # All are drawn, whatever is done: an operation more or less does not change what the others do.
    crop_4N, angle, factors_3N, hue, greyed, blurred, sigma, erased, hole_4N = np.split(
        torch.rand(17, n, generator=generator, dtype=torch.float64).numpy(), np.cumsum([4, 1, 3, 1, 1, 1, 1, 1])
    )
    strengths_31 = np.array([[policy.brightness], [policy.contrast], [policy.saturation]])
    factors_3N = 1 + strengths_31 * (2 * factors_3N - 1)
    factors_3N[2, greyed[0] < policy.grey] = 0
    hues = 2 * math.pi * policy.hue * (2 * hue - 1)
    sigmas_N = LEAST_BLUR + (most_blur(height, width) - LEAST_BLUR) * sigma[0]
    holes_N4 = np.where(policy.erase > erased.T, boxes(hole_4N, ERASED_AREA, ERASED_ASPECT, height, width), 0)
    return Variations(
        shifts_N2,
        flips_N,
        boxes_N4=boxes(crop_4N, policy.area, policy.aspect, height, width) if policy.crops else None,
        angles_N=math.radians(policy.rotate) * (2 * angle[0] - 1) if policy.rotate else None,
        colours_N4=np.concatenate([factors_3N, hues]).T if policy.colours else None,
        blurs_N=np.where(blurred[0] < policy.blur, sigmas_N, 0.0) if policy.blur else None,
        erased_N4=holes_N4.round().astype(np.int64) if policy.erase else None,
        noise_seed=root,
    )


def boxes(drawn_4N: Floats, area: tuple[float, float], aspect: float, height: int, width: int) -> Floats:
    """Top, left, height and width of rectangles within a picture, from numbers of 0 to 1.

    Args:
        drawn_4N: for the area, the aspect, the row and the column.
        area: the smallest and largest fraction of the picture.
        aspect: how far the sides' ratio may be from the picture's own, evenly in its logarithm.
        height, width: of the picture; what would be larger than it is cut to it.

    Example:
        >>> boxes(np.array([[0.5], [0.5], [0.0], [1.0]]), (0.25, 0.25), 4 / 3, 8, 16).tolist()
        [[0.0, 8.0, 4.0, 8.0]]
    """
    fraction = area[0] + (area[1] - area[0]) * drawn_4N[0]
    ratio = np.exp(math.log(aspect) * (2 * drawn_4N[1] - 1))
    high = height * np.minimum(1, np.sqrt(fraction / ratio))
    wide = width * np.minimum(1, np.sqrt(fraction * ratio))
    return np.stack([(height - high) * drawn_4N[2], (width - wide) * drawn_4N[3], high, wide], 1)


def alternating(seed: int, epoch: int, indices_N: Integers) -> NDArray[np.bool_]:
    """Whether pictures are mirrored in this epoch: each in every other one, from a start of its own.

    Example:
        >>> first, second = (alternating(0, epoch, np.arange(6)) for epoch in (0, 1))
        >>> first.tolist(), bool((first ^ second).all())
        ([False, False, True, True, False, False], True)
    """
    # SplitMix64 (Steele, Lea and Flood 2014): one well mixed number a picture, whatever batch it is in.
    mixed = np.uint64(stream_seed(seed, "flip")) + indices_N.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    starts_N = (mixed ^ (mixed >> np.uint64(31))) & np.uint64(1)
    mirrored: NDArray[np.bool_] = (starts_N == 1) ^ (epoch % 2 == 1)
    return mirrored
