"""A run says once that the machine gives it less than it could compute with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from convscope.learning import contention
from convscope.learning.contention import Contention, queued

STEP = 0.5


class _Kernel:
    """Seconds computed and waited, which a test lets pass."""

    def __init__(self) -> None:
        self.ran = self.waited = 0.0

    def __call__(self) -> tuple[float, float]:
        return self.ran, self.waited


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found = [0.0]
    monkeypatch.setattr(contention.time, "monotonic", lambda: found[0])
    return found


def _steps(watch: Contention, kernel: _Kernel, now: list[float], count: int, took: float, waits: float) -> list[Any]:
    said = []
    for step in range(count):
        now[0] += took
        kernel.ran, kernel.waited = kernel.ran + (1 - waits) * took, kernel.waited + waits * took
        said.append(watch.took(step, took))
    return [event for event in said if event is not None]


def test_a_quiet_machine_is_no_word_worth(now: list[float]) -> None:
    kernel = _Kernel()
    assert not _steps(Contention(kernel), kernel, now, 100, STEP, waits=0.05)


def test_waiting_for_a_core_is_said_once_with_its_share(now: list[float]) -> None:
    kernel = _Kernel()
    said = _steps(Contention(kernel), kernel, now, 100, STEP, waits=0.45)
    assert [event.waited for event in said] == [0.45]
    assert said[0].words == "other programs use the processor: 45 % of the time training waits for a core"


def test_a_machine_slower_than_its_own_measured_speed_is_said(now: list[float]) -> None:
    kernel = _Kernel()
    watch = Contention(kernel)
    assert not _steps(watch, kernel, now, 20, STEP, waits=0.0)
    said = _steps(watch, kernel, now, 20, 2 * STEP, waits=0.0)
    assert said[0].words == "the machine has become slower: a step takes 2.0 times as long as before"
    assert len(said) == 1


def test_a_kernel_that_tells_nothing_is_no_mistake(now: list[float], tmp_path: Path) -> None:
    assert queued(tmp_path / "none") is None
    watch = Contention(lambda: None)
    assert all(watch.took(step, STEP) is None for step in range(9))


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="this kernel does not count waiting")
def test_two_processes_on_one_core_wait_for_each_other() -> None:
    """The kernel's own figures: half a second of computing beside another, both held to one core."""
    one = {min(os.sched_getaffinity(0))}
    program = (
        "import os, time\n"
        f"os.sched_setaffinity(0, {one})\n"
        "from convscope.learning.contention import queued\n"
        "until = time.process_time() + 0.5\n"
        "while time.process_time() < until: pass\n"
        "ran, waited = queued()\n"
        "print(waited / (ran + waited))\n"
    )
    spin = f"import os\nos.sched_setaffinity(0, {one})\nwhile True: pass"
    beside = subprocess.Popen([sys.executable, "-c", spin])
    try:
        told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    finally:
        beside.kill()
        beside.wait()
    assert float(told.stdout) > 0.1
