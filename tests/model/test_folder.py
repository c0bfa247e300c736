"""The model folder: what is saved answers as what was trained; damage is named; nothing is executed."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from saved_models import state_hashes

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
    state_hashes(copy)
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
    state_hashes(copy)
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


FIXTURES = Path(__file__).with_name("fixtures")
"""Model folders of the first format, and what the code that wrote them predicted."""


@pytest.mark.parametrize("name", ["residual", "unknown"])
def test_a_folder_of_the_first_format_answers_as_it_did(name: str, tmp_path: Path) -> None:
    recorded = json.loads((FIXTURES / "recorded.json").read_text())[name]
    pictures = np.random.default_rng(5).integers(0, 256, (4, 8, 8, 1), np.uint8)
    model = Model.load(FIXTURES / name)
    model.save(tmp_path / "again")
    for one in (model, Model.load(tmp_path / "again")):
        np.testing.assert_allclose(one.probabilities(pictures), recorded["probabilities"], rtol=0, atol=1e-6)
        threshold = one.threshold()
        assert (None if threshold is None else threshold.probability) == recorded["threshold"]
    assert (tmp_path / "again" / "network.net").read_text() == (FIXTURES / name / "network.net").read_text()


def test_a_model_holds_a_graph(tmp_path: Path) -> None:
    """A graph from elsewhere, which no text was written for, is saved and loaded as itself."""
    first = Model.load(FIXTURES / "residual")
    flat = replace(first, graph=replace(first.graph, structure=None))
    flat.save(tmp_path / "flat")
    second = Model.load(tmp_path / "flat")
    assert second.graph == first.graph
    assert "block" not in (tmp_path / "flat" / "network.net").read_text()
    pictures = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), np.uint8)
    assert np.array_equal(first.probabilities(pictures), second.probabilities(pictures))
    assert json.loads((tmp_path / "flat" / "model.json").read_text())["operations"] == [
        "add", "batchnorm", "conv", "flatten", "identity", "linear", "maxpool", "relu",
    ]  # fmt: skip


def test_an_operation_that_is_not_loaded_is_named(copy: Path) -> None:
    document = json.loads((copy / "model.json").read_text())
    document["operations"].append("squareplus")
    (copy / "model.json").write_text(json.dumps(document))
    (copy / "network.net").write_text((copy / "network.net").read_text().replace("relu", "squareplus"))
    with pytest.raises(UserError) as caught:
        Model.load(copy)
    assert caught.value.got == "the model has operations that are not loaded: 'squareplus'"
    assert "convscope.ops.load" in caught.value.hint
    document["operations"] = "relu"
    (copy / "model.json").write_text(json.dumps(document))
    with pytest.raises(UserError, match="operations is wrong"):
        Model.load(copy)


def test_a_folder_of_a_later_format(copy: Path) -> None:
    document = json.loads((copy / "model.json").read_text())
    (copy / "model.json").write_text(json.dumps({**document, "convscope": 99}))
    with pytest.raises(UserError, match="not a model of this version"):
        Model.load(copy)
