"""What the C library does with memory that training gives back after every step, only to ask for it again."""

from __future__ import annotations

import ctypes
import platform

_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8
"""Of glibc's ``malloc.h``."""
_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Let this process keep what it frees, for what it allocates next; returns whether the C library knows how.

    By default glibc gives a large tensor's pages back to the kernel at once, which hands the next tensor new ones and
    fills them with zeros first: a twentieth of a training step. For the rest of the process; other C libraries are
    left as they are.

    Example:
        >>> keep_freed_memory() in (True, False)
        True
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all([mallopt(_ARENA_MAX, 1), mallopt(_MMAP_MAX, 0), mallopt(_TRIM_THRESHOLD, _NEVER)])
