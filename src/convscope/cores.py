"""How many cores are this process's: by affinity and by a container's quota."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Each = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""Calls a function for every item and gives the results in order: ``map``, or what does it on several cores."""


def cores() -> int:
    """How many cores this process may use, at least 1.

    The processors that its affinity allows (``taskset``), but no more than the whole cores of its control group's CPU
    quota (``docker run --cpus``, Kubernetes' limits). Others' load is not asked for: the answer is the same at every
    start.

    Example:
        >>> cores() >= 1
        True
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, quota() or allowed))


def quota(root: Path = Path("/")) -> int | None:
    """Whole cores of the control group's CPU quota, a part of one counted as one; None where there is none.

    Both versions of the kernel's control groups; the group's own limit and those of the groups above it.

    Args:
        root: of the file system.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    found: list[float] = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        inside = [part for part in path.split("/") if part]
        for depth in range(len(inside), -1, -1):
            group = "/".join(inside[:depth])
            if not controllers:
                found += _share(root / "sys/fs/cgroup" / group / "cpu.max")
            elif "cpu" in controllers.split(","):
                found += _share(*(root / "sys/fs/cgroup/cpu" / group / f"cpu.cfs_{n}_us" for n in ("quota", "period")))
    return math.ceil(min(found)) if found else None


def _share(*files: Path) -> list[float]:
    """The cores that a quota stands for: time a period, from one file or two."""
    try:
        allowed, period = " ".join(file.read_text() for file in files).split()[:2]
        return [int(allowed) / int(period)] if int(allowed) > 0 else []
    except (OSError, ValueError, ZeroDivisionError):  # no such file, or "max"
        return []
