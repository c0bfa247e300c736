"""What the process asks of the C library and OpenMP: freed memory is kept, threads do not spin for long."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from convscope.cli.process import WAITING, wait_briefly

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


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"GOMP_SPINCOUNT": "1000"}),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, {"OMP_WAIT_POLICY": "ACTIVE"}),
        ({"GOMP_SPINCOUNT": "7"}, {"GOMP_SPINCOUNT": "7"}),
    ],
)
def test_threads_wait_briefly_unless_the_user_says_how(
    given: dict[str, str], expected: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in WAITING:
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    wait_briefly()
    assert {name: os.environ[name] for name in WAITING if name in os.environ} == expected
    monkeypatch.undo()
