"""Accuracy on corrupted pictures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import convscope

from convscope import train
from convscope.data.image.corruption import CORRUPTIONS, SEVERITIES
from convscope.evaluation.robustness import robustness
from convscope.model.folder import Model


def test_a_model_is_measured_on_them(tmp_path: Path, tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    result = train("digits", tiny, out=tmp_path / "run", epochs=4, lr=0.02, augment="none", report=False)
    found = robustness(Model.load(tmp_path / "run"), result.dataset.test)
    assert found.count == 359
    assert found.clean == result.evaluation.top1
    assert set(found.spoilt) == set(CORRUPTIONS)
    assert all(len(shares) == len(SEVERITIES) for shares in found.spoilt.values())
    assert found.spoilt["noise"][4] < found.clean
    assert found.weakest in CORRUPTIONS
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
