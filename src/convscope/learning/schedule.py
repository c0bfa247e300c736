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


SMALL_SIDE = 0.75
"""Of a picture's side, what is left of it in the first part of a progressive plan."""
SMALL_COST = SMALL_SIDE**2
"""What a step on such pictures costs, in steps on whole ones."""


def plan_within(
    seconds: float,
    step_seconds: float,
    epoch_steps: int,
    epoch_seconds: float,
    taken: int = 0,
    progressive: float = 0.0,
) -> int:
    """How many steps a plan has, those taken included, whose rest fits into ``seconds``; at least one more.

    Args:
        seconds: that are left.
        step_seconds: of a step on whole pictures.
        epoch_steps: after so many steps follows a validation, which takes ``epoch_seconds``.
        epoch_seconds: see there.
        taken: steps so far.
        progressive: the share of the plan that sees small pictures.

    Example:
        >>> plan_within(100, 0.1, 100, 2.0), plan_within(100, 0.1, 100, 2.0, taken=50)
        (833, 883)
        >>> plan_within(100, 0.1, 100, 0.0, progressive=0.5), plan_within(100, 0.1, 100, 0.0, 900, 0.5)
        (1280, 1928)
    """
    aside = epoch_seconds / epoch_steps
    steps = taken + seconds / (step_seconds + aside)
    if progressive * steps > taken:
        # Some of the small pictures are still to come: the plan is as long as its own first part allows.
        saved = (1 - SMALL_COST) * step_seconds
        steps = (seconds + taken * (step_seconds + aside - saved)) / (step_seconds + aside - saved * progressive)
    return max(taken + 1, int(steps))
