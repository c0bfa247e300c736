"""Whether other programs hold a run up: as the kernel counts it, and by its own speed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from convscope.learning import contention
from convscope.learning.contention import Contention, Look, queued
from convscope.learning.events import Slowed

STEP, WINDOW = 0.5, 2.0


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


def _looks(watch: Contention, kernel: _Kernel, now: list[float], count: int, took: float, waits: float) -> list[Look]:
    found = []
    for _ in range(count):
        now[0] += took
        kernel.ran, kernel.waited = kernel.ran + (1 - waits) * took, kernel.waited + waits * took
        found.append(watch.took(took, WINDOW))
    return [look for look in found if look is not None]


def test_a_quiet_machine_is_not_contended(now: list[float]) -> None:
    kernel = _Kernel()
    looks = _looks(Contention(kernel), kernel, now, 100, STEP, waits=0.05)
    assert looks
    assert not any(look.is_slow for look in looks)


def test_waiting_for_a_core_is_its_share(now: list[float]) -> None:
    kernel = _Kernel()
    looks = _looks(Contention(kernel), kernel, now, 8, STEP, waits=0.45)
    assert {look.waited for look in looks} == {0.45}
    assert looks[0].is_shared


def test_a_machine_slower_than_its_own_measured_speed_shows(now: list[float]) -> None:
    kernel = _Kernel()
    watch = Contention(kernel)
    assert {look.slower for look in _looks(watch, kernel, now, 20, STEP, waits=0.0)} == {1.0}
    assert {look.slower for look in _looks(watch, kernel, now, 20, 2 * STEP, waits=0.0)} == {2.0}
    watch.forget()
    assert {look.slower for look in _looks(watch, kernel, now, 20, 2 * STEP, waits=0.0)} == {1.0}


def test_what_is_said() -> None:
    waits = "other programs are using the processor: training waits for a core 45 % of the time"
    assert Slowed(1, 0.45, 1.0).words == waits
    assert Slowed(1, 0.45, 2.0).words == f"{waits}, a step takes 2.0 times as long as before"
    assert Slowed(1, 0.0, 2.0).words == "the machine has become slower: a step takes 2.0 times as long as before"


def test_a_kernel_that_tells_nothing_is_no_mistake(now: list[float], tmp_path: Path) -> None:
    assert queued(tmp_path / "none") is None
    looks = _looks(Contention(lambda: None), _Kernel(), now, 9, STEP, waits=0.0)
    assert {look.waited for look in looks} == {None}
    assert not any(look.is_shared for look in looks)
    assert Look(None, 2.0).is_shared
    assert not Look(0.0, 2.0).is_shared, "the kernel says that nobody else is there"


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
