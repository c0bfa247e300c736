"""What all tests share: the real data beside the project, and the caches kept inside the test's own folder."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"


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
