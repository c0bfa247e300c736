"""What this process asks of the C library, before it has work."""

from __future__ import annotations

import ctypes
import platform

from convscope.cores import cores

_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8
"""Of glibc's ``malloc.h``."""
_NEVER = 2**31 - 1


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
