"""Occlusion: what happens to a class's score when a part of the picture is covered.

M. Zeiler, R. Fergus 2014, "Visualizing and Understanding Convolutional Networks", section 4.2: a square slides over
the picture. Nothing but the model's answers is used, so it also checks what the faster methods say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from convscope.data.image.decode import of_pictures
from convscope.data.image.normalise import Normalise
from convscope.engine.inference import compute, inference_batch
from convscope.errors import UserError, did_you_mean
from convscope.inspection.attribution.derivatives import Floats, Target, target_of
from convscope.inspection.look import Look
from convscope.model.folder import Model

SHARE = 7
"""The window's side is the picture's divided by this, where none is given: large enough to cover a part of a thing."""
LEAST = 3
"""Pixels of a window's side where none is given, so that one covers something of a tiny picture."""
MOST = 20_000
"""Windows; more is a slip."""
FILLS = ("mean", "black", "white")


@dataclass(frozen=True, eq=False)
class Occlusion:
    """A class's score with each window covered.

    Args:
        target: the class; its score and probability are those of the whole picture.
        window, stride: rows and columns.
        fill: the colour that covered, by name.
        tops_R, lefts_C: where the windows begin; the last ones may reach beyond the picture and are cut off there.
        scores_RC: the class's score, before any softmax, with this window covered.
        probabilities_RC: likewise, from 0 to 1.
        picture: rows and columns of the network's input.
    """

    target: Target
    window: tuple[int, int]
    stride: tuple[int, int]
    fill: str
    tops_R: tuple[int, ...]
    lefts_C: tuple[int, ...]
    scores_RC: NDArray[np.float64]
    probabilities_RC: NDArray[np.float64]
    picture: tuple[int, int]

    @property
    def drops(self) -> NDArray[np.float64]:
        """How much the score loses with a window covered, as ``scores_RC``; below zero where it gains."""
        found: NDArray[np.float64] = self.target.score - self.scores_RC
        return found

    @property
    def steepest(self) -> tuple[int, int]:
        """The window whose loss is the largest, as its row and column among the windows."""
        row, column = np.unravel_index(int(self.drops.argmax()), self.drops.shape)
        return int(row), int(column)

    def box(self, row: int, column: int) -> tuple[int, int, int, int]:
        """Top, bottom, left and right of a window in the picture, each end before the last."""
        top, left = self.tops_R[row], self.lefts_C[column]
        return top, min(top + self.window[0], self.picture[0]), left, min(left + self.window[1], self.picture[1])

    def enlarged(self) -> Floats:
        """At the picture's size: a pixel's value is the mean loss of the windows that cover it; 0 where none does."""
        total_HW, times_HW = np.zeros(self.picture), np.zeros(self.picture)
        for row, column in product(range(len(self.tops_R)), range(len(self.lefts_C))):
            top, bottom, left, right = self.box(row, column)
            total_HW[top:bottom, left:right] += self.drops[row, column]
            times_HW[top:bottom, left:right] += 1
        return (total_HW / np.maximum(times_HW, 1)).astype(np.float32)

    @property
    def peak(self) -> tuple[float, float] | None:
        """Row and column of the middle of the window that costs most; None where covering never costs anything."""
        if self.drops.max() <= 0:
            return None
        top, bottom, left, right = self.box(*self.steepest)
        return (top + bottom) / 2, (left + right) / 2


def occlusion(
    look: Look,
    name: str | None = None,
    window: int | tuple[int, int] | None = None,
    stride: int | tuple[int, int] | None = None,
    fill: str = "mean",
    batch: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Occlusion:
    """Cover the picture window by window and ask the model each time.

    Args:
        look: a model and its picture; computed in float32 whatever the look's precision.
        name: the class; None: the predicted one.
        window: the side, or rows and columns; None: a seventh of the picture's sides.
        stride: likewise; None: half of the window.
        fill: ``"mean"`` (the data's mean colour, which the network reads as zero), ``"black"`` or ``"white"``.
        batch: pictures at a time; None: as many as keep the memory near 256 MiB.
        progress: told (windows done, windows in all).

    Raises:
        UserError: an unknown class or fill, or a window or stride that does not fit the picture.

    Example:
        >>> from convscope.inspection.look import look_at
        >>> found = occlusion(look_at("runs/mnist/model", "seven.png"), "7")  # doctest: +SKIP
        >>> found.window, found.scores_RC.shape  # doctest: +SKIP
        ((4, 4), (13, 13))
    """
    model, pre = look.model, of_pictures(look.model.preprocess, "occlusion")
    target = target_of(look, name)
    sides = (pre.height, pre.width)
    size = _sides("window", window, (_usual(sides[0]), _usual(sides[1])), sides)
    step = _sides("stride", stride, (max(1, size[0] // 2), max(1, size[1] // 2)), sides)
    colour = _colour(model, fill)
    tops, lefts = (_starts(length, *pair) for length, pair in zip(sides, zip(size, step, strict=True), strict=True))
    places = list(product(tops, lefts))
    if len(places) > MOST:
        raise UserError("stride", f"{len(places):,} windows", f"at most {MOST:,}", "a larger stride")
    at_once = batch or inference_batch(model.module.graph)
    scores = []
    for start in range(0, len(places), at_once):
        part = places[start : start + at_once]
        covered_NHWC = np.repeat(look.input[None], len(part), 0)
        for image_HWC, (top, left) in zip(covered_NHWC, part, strict=True):
            image_HWC[top : top + size[0], left : left + size[1]] = colour
        scores.append(compute(model.module, covered_NHWC, model.normalise, at_once))
        if progress is not None:
            progress(start + len(part), len(places))
    scores_NK = torch.cat(scores).double()
    chances_N = torch.softmax(scores_NK / model.temperature, 1)[:, target.index]
    shape = (len(tops), len(lefts))
    scores_RC, chances_RC = (values.numpy().reshape(shape) for values in (scores_NK[:, target.index], chances_N))
    return Occlusion(target, size, step, fill, tops, lefts, scores_RC, chances_RC, sides)


def fill_colours(model: Model) -> Mapping[str, NDArray[np.uint8]]:
    """The colours that may cover, a number a channel."""
    of_pictures(model.preprocess, "fill")
    mean = np.rint(255 * np.array(cast("Normalise", model.normalise).mean)).clip(0, 255).astype(np.uint8)
    return {"mean": mean, "black": np.zeros_like(mean), "white": np.full_like(mean, 255)}


def _colour(model: Model, fill: str) -> NDArray[np.uint8]:
    known = fill_colours(model)
    if fill not in known:
        raise UserError("fill", f"{fill!r}", ", ".join(known), did_you_mean(fill, known))
    return known[fill]


def _sides(
    what: str, given: int | tuple[int, int] | None, usual: tuple[int, int], sides: tuple[int, int]
) -> tuple[int, int]:
    pair = usual if given is None else (given, given) if isinstance(given, int) else given
    if not all(1 <= value <= side for value, side in zip(pair, sides, strict=True)):
        raise UserError(what, f"{pair[0]} x {pair[1]}", f"from 1 x 1 to the picture's {sides[0]} x {sides[1]}")
    return pair


def _usual(side: int) -> int:
    return min(side, max(LEAST, round(side / SHARE)))


def _starts(length: int, window: int, stride: int) -> tuple[int, ...]:
    """Where windows begin, the last one no further than needed to reach the end."""
    return tuple(range(0, length - window + stride, stride))
