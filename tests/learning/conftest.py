"""Small labelled pictures that train in moments, and the digest of a model's weights."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

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
