"""Integrated gradients: how much each pixel adds to a class's score on the way from a plain picture to this one.

M. Sundararajan, A. Taly, Q. Yan 2017, "Axiomatic Attribution for Deep Networks". The gradient of the score is
integrated along the straight line from a baseline to the picture, and multiplied by their difference. What the pixels
get adds up to the difference of the two scores, which is measured here, not assumed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import psutil
import torch
from numpy.typing import NDArray

from convscope.data.image.decode import of_pictures
from convscope.errors import UserError, did_you_mean
from convscope.inspection.attribution.derivatives import Floats, Target, gradients, normalised, target_of
from convscope.inspection.attribution.occlusion import fill_colours
from convscope.inspection.look import Look
from convscope.model.folder import Model
from convscope.network.graph import INPUT
from convscope.network.memory import memory
from convscope.ops import spell_shape

STEPS = 32
MOST_BYTES = 2**28
"""Of values kept for a batch's gradients: on a processor larger batches are not faster."""
MOST_STEPS = 10_000
BLUR = 28
"""The smoothed map's window is the picture's side divided by this: single pixels are too noisy to point at."""
COMPLETE = 0.05
"""Share of the scores' difference that may be missing before more steps are advised."""


@dataclass(frozen=True, eq=False)
class IntegratedGradients:
    """What each number of the input adds to a class's score.

    Args:
        target: the class; its score is the picture's.
        baseline: the plain picture's name.
        baseline_score: the class's score for it.
        steps: places on the line at which the gradient was taken.
        attributions_CHW: of each channel of each pixel, in units of the score.
    """

    target: Target
    baseline: str
    baseline_score: float
    steps: int
    attributions_CHW: Floats

    @property
    def per_pixel(self) -> Floats:
        """Of each pixel (H, W): the sum over its channels; above zero what speaks for the class."""
        found: Floats = self.attributions_CHW.sum(0)
        return found

    @property
    def total(self) -> float:
        """The sum of all attributions."""
        return float(self.attributions_CHW.sum(dtype=np.float64))

    @property
    def difference(self) -> float:
        """The picture's score less the baseline's: what the sum would be with steps without end."""
        return self.target.score - self.baseline_score

    @property
    def gap(self) -> float:
        """What the sum lacks."""
        return self.difference - self.total

    @property
    def complete(self) -> bool:
        """Whether the sum is the difference to within 5 %; if not, take more steps."""
        return abs(self.gap) <= COMPLETE * abs(self.difference)

    def enlarged(self) -> Floats:
        """The pixels' attributions, each the mean over a window around it of a 28th of the picture's side."""
        height, width = self.per_pixel.shape
        # Odd, so that a window has a middle.
        rows, columns = (2 * (side // BLUR // 2) + 1 for side in (height, width))
        map_NCHW = torch.from_numpy(self.per_pixel)[None, None]
        smooth = torch.nn.functional.avg_pool2d(map_NCHW, (rows, columns), 1, (rows // 2, columns // 2))
        found: Floats = smooth[0, 0].numpy()
        return found

    @property
    def peak(self) -> tuple[float, float] | None:
        """Row and column of the place that speaks most for the class, smoothed; None where none does."""
        smooth_HW = self.enlarged()
        row, column = np.unravel_index(int(smooth_HW.argmax()), smooth_HW.shape)
        return (float(row) + 0.5, float(column) + 0.5) if smooth_HW.max() > 0 else None


def integrated_gradients(
    look: Look,
    name: str | None = None,
    steps: int = STEPS,
    baseline: str | NDArray[np.uint8] = "black",
    batch: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> IntegratedGradients:
    """Integrated gradients of a picture.

    Args:
        look: a model and its picture; computed in float32 whatever the look's precision.
        name: the class; None: the predicted one.
        steps: places on the line, chosen and weighed by Gauss and Legendre's rule.
        baseline: ``"black"``, ``"mean"`` (the data's mean colour, which the network reads as zero), ``"white"``, or
            a picture (H, W, C).
        batch: gradients computed at a time; None: as many as fit into the memory.
        progress: told (steps done, steps in all).

    Raises:
        UserError: an unknown class or baseline, or steps outside of 1 to 10,000.

    Example:
        >>> from convscope.inspection.look import look_at
        >>> found = integrated_gradients(look_at("runs/mnist/model", "seven.png"), "7")  # doctest: +SKIP
        >>> found.difference, found.gap  # doctest: +SKIP
        (14.2, 0.003)
    """
    model = look.model
    target = target_of(look, name)
    if not 1 <= steps <= MOST_STEPS:
        raise UserError("steps", f"{steps:,}", f"from 1 to {MOST_STEPS:,}")
    plain_HWC, called = _baseline(model, baseline)
    here, plain = normalised(model, look.input[None]), normalised(model, plain_HWC[None])
    at, weights = np.polynomial.legendre.leggauss(steps)
    places = torch.from_numpy((at + 1) / 2).float().to(here.device).view(-1, 1, 1, 1)
    shares = torch.from_numpy(weights / 2).float().to(here.device).view(-1, 1, 1, 1)
    total = torch.zeros_like(here[0], dtype=torch.float64)
    at_once = batch or gradient_batch(model)
    for start in range(0, steps, at_once):
        part = slice(start, min(start + at_once, steps))
        line = plain + places[part] * (here - plain)
        _, slopes, _ = gradients(model, line, target.index, [INPUT])
        total += (slopes[INPUT] * shares[part]).sum(0, dtype=torch.float64)
        if progress is not None:
            progress(part.stop, steps)
    with torch.inference_mode():
        scores_NK = model.module.scores(plain)
    attributions: Floats = (total * (here - plain)[0]).float().cpu().numpy()
    return IntegratedGradients(target, called, float(scores_NK[0, target.index]), steps, attributions)


def gradient_batch(model: Model) -> int:
    """How many pictures' gradients fit at a time: into half of what is free, and at most 256 MiB.

    What one more takes is the difference of the predicted memory of training steps; see
    :mod:`convscope.network.memory`.
    """
    device = next((p.device for p in model.module.parameters()), torch.device("cpu"))
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else int(psutil.virtual_memory().available)
    one, two = (memory(model.module.graph, size, optimizer="sgd").training for size in (1, 2))
    return max(1, min(MOST_BYTES, free // 2) // max(1, two - one))


def _baseline(model: Model, baseline: str | NDArray[np.uint8]) -> tuple[NDArray[np.uint8], str]:
    shape = of_pictures(model.preprocess, "integrated gradients").stored
    if isinstance(baseline, np.ndarray):
        if baseline.shape != shape or baseline.dtype != np.uint8:
            got = f"an array of {spell_shape(baseline.shape)}, {baseline.dtype}"
            raise UserError("baseline", got, f"{spell_shape(shape)}, uint8")
        return baseline, "a picture"
    known = fill_colours(model)
    if baseline not in known:
        raise UserError("baseline", f"{baseline!r}", ", ".join(known), did_you_mean(baseline, known))
    return np.broadcast_to(known[baseline], shape), baseline
