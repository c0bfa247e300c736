"""Corrupted pictures: seeded, and worse with the severity."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.data.image.corruption import CORRUPTIONS, SEVERITIES, corrupt


def _picture(channels: int = 3) -> np.ndarray:
    rng = np.random.default_rng(1)
    coarse = np.kron(rng.integers(60, 200, (8, 8, channels)), np.ones((6, 6, 1)))
    return coarse.astype(np.uint8)


@pytest.mark.parametrize("kind", CORRUPTIONS)
@pytest.mark.parametrize("channels", [1, 3])
def test_each_severity_is_farther_from_the_picture_than_the_one_before(kind: str, channels: int) -> None:
    image = _picture(channels)
    before = image.copy()
    distances = []
    for severity in SEVERITIES:
        spoilt = corrupt(image, kind, severity)
        assert spoilt.shape == image.shape
        assert spoilt.dtype == np.uint8
        distances.append(float(np.abs(spoilt.astype(int) - image.astype(int)).mean()))
    assert distances == sorted(distances)
    assert distances[0] > 0.5
    assert np.array_equal(image, before)
    assert np.array_equal(corrupt(image, kind, 3, seed=4), corrupt(image, kind, 3, seed=4))
