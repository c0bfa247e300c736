"""The model folder: what is saved answers as what was trained; damage is named; nothing is executed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from convscope.errors import UserError
from convscope.model.folder import Model


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run / "model", tmp_path / "model"))


def test_saved_and_loaded_answers_the_same_bits(run: Path, tmp_path: Path) -> None:
    first = Model.load(run)
    first.save(tmp_path / "again")
    second = Model.load(tmp_path / "again")
    pictures = np.random.default_rng(0).integers(0, 256, (7, 8, 8, 1), np.uint8)
    assert np.array_equal(first.probabilities(pictures), second.probabilities(pictures))
    assert first.probabilities(pictures).sum(1) == pytest.approx(np.ones(7))
    for name in ("network.net", "weights.safetensors", "model.json"):
        assert (run / "model" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_it_knows_its_classes_and_its_worth(run: Path) -> None:
    model = Model.load(run)
    assert model.classes == tuple("0123456789")
    assert 0.5 < model.facts["metrics"]["top1"] <= 1
    assert model.facts["trained_on"]["fingerprint"]
    text = (run / "model" / "README.md").read_text()
    assert "10 classes" in text
    assert "conv 16 3x3" in text


def test_weights_of_another_network(copy: Path) -> None:
    path = copy / "network.net"
    path.write_text(path.read_text().replace("conv 16", "conv 17"))
    with pytest.raises(UserError) as caught:
        Model.load(copy)
    assert "conv1.weight is 16x1x3x3" in caught.value.got
    assert "17x1x3x3" in caught.value.expected


@pytest.mark.parametrize("name", ["network.net", "weights.safetensors", "model.json"])
@pytest.mark.parametrize("damage", ["missing", "empty", "half", "noise"])
def test_damage_is_one_message(copy: Path, name: str, damage: str) -> None:
    path = copy / name
    data = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes({"empty": b"", "half": data[: len(data) // 2], "noise": b"\x80\x04\x95pickle\xff" * 9}[damage])
    with pytest.raises(UserError) as caught:
        Model.load(copy)
    assert str(copy) in caught.value.where or name in caught.value.where


@pytest.mark.parametrize("missing", ["classes", "preprocess", "normalise"])
def test_missing_facts(copy: Path, missing: str) -> None:
    document = json.loads((copy / "model.json").read_text())
    del document[missing]
    (copy / "model.json").write_text(json.dumps(document))
    with pytest.raises(UserError, match=missing):
        Model.load(copy)


def test_class_names_must_match_the_outputs(copy: Path) -> None:
    document = json.loads((copy / "model.json").read_text())
    document["classes"].append("eleven")
    (copy / "model.json").write_text(json.dumps(document))
    with pytest.raises(UserError, match="11 class names"):
        Model.load(copy)


def test_extra_weights_are_named(copy: Path) -> None:
    path = copy / "weights.safetensors"
    weights = safetensors.numpy.load_file(path)
    weights["backdoor"] = np.zeros(3, np.float32)
    safetensors.numpy.save_file(weights, path)
    with pytest.raises(UserError, match="backdoor"):
        Model.load(copy)


def test_pictures_of_another_size(run: Path) -> None:
    with pytest.raises(UserError, match="8 x 8 x 1"):
        Model.load(run).probabilities(np.zeros((2, 9, 8, 1), np.uint8))


def test_not_a_model(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        Model.load(tmp_path / "nothing")
    with pytest.raises(UserError, match=r"no model\.json"):
        Model.load(tmp_path)
