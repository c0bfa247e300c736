"""What the data layer's tests share."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def _module(name: str) -> ModuleType:
    """Loaded by path, since tests are no package."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # dataclasses look their module up by name.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def hostile() -> ModuleType:
    """The makers of bad files."""
    return _module("hostile")


@pytest.fixture(scope="session")
def hostile_folder() -> ModuleType:
    """The maker of a folder of photographs with everything wrong."""
    return _module("hostile_folder")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder of the test's own, and the one that is used where none is named."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("CONVSCOPE_CACHE", str(folder))
    return folder
