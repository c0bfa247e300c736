"""What all tests share: threads, Hypothesis' profiles, a clock, real data beside the project, a cache of their own."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

# One thread a worker, as many workers as cores; before torch is loaded, and for every process that a test starts.
# Nothing here loads torch at once: the process that hands out the tests would wait for it before it starts a worker.
os.environ["OMP_NUM_THREADS"] = "1"

import pytest
from _pytest.doctest import DoctestModule
from hypothesis import settings

# The same examples at every run, however slow the machine is: a red test is the change's doing. What a search by
# chance finds is kept as an ``@example``; `--hypothesis-profile=random --hypothesis-seed=N` searches.
settings.register_profile("default", derandomize=True, deadline=None, database=None, max_examples=30)
settings.register_profile("random", deadline=None, database=None, print_blob=True)
settings.load_profile("default")

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"


@pytest.hookimpl(wrapper=True)
def pytest_collect_file() -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Tests and their helpers have no examples in docstrings, whatever is asked of the package's own."""
    return [collector for collector in (yield) if not isinstance(collector, DoctestModule)]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("shared") and not SHARED.is_dir():
            item.add_marker(pytest.mark.skip(reason="the shared data sets are not beside the project (../shared)"))
        if item.get_closest_marker("gpu"):
            import torch

            if not torch.cuda.is_available():
                item.add_marker(pytest.mark.skip(reason="there is no CUDA device"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared data; tests that ask for it are marked ``shared``."""
    if not SHARED.is_dir():
        pytest.skip("the shared data sets are not beside the project (../shared)")
    return SHARED


@pytest.fixture(scope="session")
def shared_sets(shared: Path) -> Callable[[str], Path]:
    """Fetch a real data set by name, once for all sessions: ``shared_sets("mnist")`` is its folder."""
    destination = ROOT / ".shared-sets"

    def fetch(name: str) -> Path:
        command = [sys.executable, str(shared / "get_data"), str(destination), name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return destination / name

    return fetch


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decoded pictures go to a folder of this test session, never to the person's cache."""
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


class Clock:
    """Seconds that pass where a test says so, for code that plans with ``time.monotonic``."""

    TICK = 1e-6
    """What asking for the time costs, so that a loop that waits for it ends."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self._monkeypatch = monkeypatch

    def __call__(self) -> float:
        self.now += self.TICK
        return self.now

    def costs(self, owner: object, name: str, seconds: Callable[..., float]) -> None:
        """From now on a call of ``owner.name`` takes as long as ``seconds`` says of its arguments."""
        original = getattr(owner, name)

        def timed(*arguments: Any, **named: Any) -> Any:
            self.now += seconds(*arguments, **named)
            return original(*arguments, **named)

        self._monkeypatch.setattr(owner, name, timed)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that stands still but for what is said to cost time; :func:`time.monotonic` while the test runs."""
    made = Clock(monkeypatch)
    monkeypatch.setattr(time, "monotonic", made)
    monkeypatch.setattr(time, "perf_counter", made)
    return made


TINY = "input 1x8x8\nconv 4 3x3 > batchnorm > relu > maxpool 2 > flatten > dropout 0.2 > linear 10"


@pytest.fixture
def tiny() -> str:
    """A network that takes milliseconds a step, with everything that has state: batch norm and dropout."""
    return TINY


@pytest.fixture
def digest() -> Callable[[Path], str]:
    """sha256 of a run's final weights."""

    def of(run: Path) -> str:
        return hashlib.sha256((run / "model" / "weights.safetensors").read_bytes()).hexdigest()

    return of


NET = "input 1x8x8\nconv 16 3x3 > batchnorm > relu > maxpool 2 > flatten > linear 10"


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on digits; do not write into it."""
    from convscope.api import train

    folder = tmp_path_factory.mktemp("run") / "run"
    train("digits", NET, out=folder, epochs=10, lr=0.02, augment="none", report=False)
    return folder


@pytest.fixture(scope="session")
def digit_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The first thirty digits as PNG files in class folders; the class is the folder's name."""
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits

    root = tmp_path_factory.mktemp("digits")
    digits = load_digits()
    files = []
    for index in range(30):
        path = root / str(digits.target[index]) / f"{index:02}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.round(digits.images[index] * 255 / 16).astype("uint8")).save(path)
        files.append(path)
    return files


@pytest.fixture(params=[30, pytest.param(200, marks=pytest.mark.slow)])
def cases(request: pytest.FixtureRequest) -> int:
    """How many random cases of each operation: all 200 by `make proofs`."""
    return int(request.param)


CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Debian's chromium, started once: Playwright's driver cannot run twice in a process."""
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip("Debian's chromium is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS, timeout=180_000)
        yield browser
        browser.close()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder of the test's own, and the one that is used where none is named."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("CONVSCOPE_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def hostile() -> ModuleType:
    """The makers of bad files."""
    return importlib.import_module("hostile")


@pytest.fixture(scope="session")
def hostile_folder() -> ModuleType:
    """The maker of a folder of photographs with everything wrong."""
    return importlib.import_module("hostile_folder")
