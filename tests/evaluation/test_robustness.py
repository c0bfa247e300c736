"""Spoilt pictures: seeded, worse with the severity, and measured as they are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import convscope

from convscope import train
from convscope.evaluation.robustness import KINDS, SEVERITIES, robustness, spoil
from convscope.model.folder import Model


def _picture(channels: int = 3) -> np.ndarray:
    rng = np.random.default_rng(1)
    coarse = np.kron(rng.integers(60, 200, (8, 8, channels)), np.ones((6, 6, 1)))
    return coarse.astype(np.uint8)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 3])
def test_each_severity_is_farther_from_the_picture_than_the_one_before(kind: str, channels: int) -> None:
    image = _picture(channels)
    before = image.copy()
    distances = []
    for severity in SEVERITIES:
        spoilt = spoil(image, kind, severity)
        assert spoilt.shape == image.shape
        assert spoilt.dtype == np.uint8
        distances.append(float(np.abs(spoilt.astype(int) - image.astype(int)).mean()))
    assert distances == sorted(distances)
    assert distances[0] > 0.5
    assert np.array_equal(image, before)
    assert np.array_equal(spoil(image, kind, 3, seed=4), spoil(image, kind, 3, seed=4))


def test_a_model_is_measured_on_them(tmp_path: Path, tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    result = train("digits", tiny, out=tmp_path / "run", epochs=4, lr=0.02, augment="none", report=False)
    found = robustness(Model.load(tmp_path / "run"), result.dataset.test)
    assert found.count == 359
    assert found.clean == result.evaluation.top1
    assert set(found.spoilt) == set(KINDS)
    assert all(len(shares) == len(SEVERITIES) for shares in found.spoilt.values())
    assert found.spoilt["noise"][4] < found.clean
    assert found.weakest in KINDS
    assert found.spoilt[found.weakest][2] == min(shares[2] for shares in found.spoilt.values())
    report = tmp_path / "report.html"
    words = [
        "evaluate",
        str(tmp_path / "run"),
        "digits",
        "--report",
        str(report),
        "--robustness",
        "--lang",
        "ko",
        "--json",
    ]
    status, out, _ = convscope(*words, capsys=capsys)
    assert status == 0
    assert json.loads(out)["robustness"]["spoilt"]["blur"] == list(found.spoilt["blur"])
    assert "강건성: 손상된 사진에서" in report.read_text(encoding="utf-8")
