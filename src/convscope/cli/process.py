"""What this process asks of the C library and of OpenMP, before either has work."""

from __future__ import annotations

import ctypes
import os
import platform

from convscope.cores import cores

_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8
"""Of glibc's ``malloc.h``."""
_NEVER = 2**31 - 1
WAITING = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "KMP_BLOCKTIME")
"""Variables by which a user says how threads wait; where one is set, it counts."""
SPINS = "1000"
"""Turns of a waiting loop."""


def wait_briefly() -> None:
    """Let OpenMP's threads sleep soon when they have no work; to be called before torch is imported.

    By default they spin for milliseconds: on a core that another process could use, or on which it holds up the very
    thread that they wait for.
    """
    if not any(name in os.environ for name in WAITING):
        os.environ["GOMP_SPINCOUNT"] = SPINS


def keep_freed_memory() -> bool:
    """Let this process keep what it frees, for what it allocates next; returns whether the C library knows how.

    By default glibc gives a large tensor's pages back to the kernel at once, which hands the next tensor new ones and
    fills them with zeros first: a twentieth of a training step. There are as many heaps as cores: from a common one,
    each core would get what lies in another's cache. For the rest of the process; other C libraries are left as they
    are.

    Example:
        >>> keep_freed_memory() in (True, False)
        True
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all([mallopt(_ARENA_MAX, cores()), mallopt(_MMAP_MAX, 0), mallopt(_TRIM_THRESHOLD, _NEVER)])
