"""The learning rate as a function of progress, and how many steps fit into a time."""

from __future__ import annotations

import math
from typing import Literal

Schedule = Literal["onecycle", "cosine"]
FINAL = 1e-3
"""The last step's share of the peak rate."""


def rate(schedule: Schedule, step: int, steps: int, warmup: float) -> float:
    """The share of the peak learning rate at a step of a plan, above 0 and at most 1.

    Args:
        schedule: ``onecycle`` rises from a tenth and falls in straight lines (Smith and Topin 2017; the linear fall
            is Li et al. 2019's budgeted training), ``cosine`` rises from near 0 and falls as a cosine (Loshchilov and
            Hutter 2016).
        step: from 0.
        steps: of the whole plan.
        warmup: the share of the plan that rises.

    Example:
        >>> [round(rate("onecycle", s, 10, 0.2), 2) for s in (0, 2, 6, 9)]
        [0.1, 1.0, 0.5, 0.13]
    """
    progress = min(1.0, step / max(1, steps))
    if warmup > 0 and progress < warmup:
        start = 0.1 if schedule == "onecycle" else 0.01
        return start + (1 - start) * progress / warmup
    fall = (progress - warmup) / max(1e-9, 1 - warmup)
    if schedule == "onecycle":
        return max(FINAL, 1 - fall)
    return FINAL + (1 - FINAL) * 0.5 * (1 + math.cos(math.pi * fall))


def steps_within(seconds: float, step_seconds: float, per_epoch: int, epoch_seconds: float) -> int:
    """How many steps fit into ``seconds`` where every ``per_epoch`` steps cost ``epoch_seconds`` more to validate.

    Example:
        >>> steps_within(100, 0.1, 100, 2.0)
        833
    """
    if seconds <= 0:
        return 1
    return max(1, int(seconds / (step_seconds + epoch_seconds / per_epoch)))
