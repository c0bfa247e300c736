"""Freed memory is kept: the kernel's faults, counted in a process of its own."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

LOOP = """
import resource
from convscope.cli.process import keep_freed_memory
if {kept}:
    assert keep_freed_memory()
for _ in range(20):
    bytearray(64 << 20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is asked to keep memory")
def test_memory_that_was_freed_is_used_again_as_it_is() -> None:
    faults = [
        int(subprocess.run([sys.executable, "-c", LOOP.format(kept=kept)], capture_output=True, check=True).stdout)
        for kept in (True, False)
    ]
    page = 4096
    assert faults[0] < 2 * (64 << 20) / page + 10_000 < faults[1]
