"""A model trained for moments, and pictures of its kind as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from convscope.api import train

NET = "input 1x8x8\nconv 16 3x3 > batchnorm > relu > maxpool 2 > flatten > linear 10"


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on digits; do not write into it."""
    folder = tmp_path_factory.mktemp("delivery") / "run"
    train("digits", NET, out=folder, epochs=10, lr=0.02, augment="none", report=False)
    return folder


@pytest.fixture(scope="session")
def digit_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The first thirty digits as PNG files in class folders; the class is the folder's name."""
    root = tmp_path_factory.mktemp("digits")
    digits = load_digits()
    files = []
    for index in range(30):
        path = root / str(digits.target[index]) / f"{index:02}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.round(digits.images[index] * 255 / 16).astype("uint8")).save(path)
        files.append(path)
    return files
