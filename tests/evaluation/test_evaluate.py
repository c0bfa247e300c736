"""Evaluation of a saved model: the numbers of training again, and classes matched by name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from convscope.api import evaluate, train
from convscope.errors import UserError
from convscope.model.folder import Model

NET = "input 1x8x8\nconv 16 3x3 > batchnorm > relu > maxpool 2 > flatten > linear 10"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluate") / "run"
    train("digits", NET, out=folder, epochs=10, lr=0.02, augment="none", report=False)
    return folder


def _folder(root: Path, wanted: list[int], count: int = 60, names: dict[int, str] | None = None) -> Path:
    digits = load_digits()
    for index in range(count):
        label = int(digits.target[index])
        if label in wanted:
            path = root / (names or {}).get(label, str(label)) / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.round(digits.images[index] * 255 / 16).astype("uint8")).save(path)
    return root


def test_the_data_it_was_trained_on_gives_its_test_number_again(run: Path) -> None:
    done = evaluate(run, "digits")
    recorded = json.loads((run / "model" / "model.json").read_text())["metrics"]
    assert done.evaluation.top1 == recorded["top1"]
    assert done.evaluation.count == recorded["count"]
    assert "test" in done.of


def test_a_test_set_that_lacks_classes_does_not_shift_the_labels(run: Path, tmp_path: Path) -> None:
    """Only 7, 8 and 9: matched by position they would all be wrong."""
    done = evaluate(run, _folder(tmp_path / "some", [7, 8, 9]))
    assert done.evaluation.top1 > 0.7
    assert set(done.split.labels_N.tolist()) == {7, 8, 9}


def test_a_single_class_is_enough(run: Path, tmp_path: Path) -> None:
    assert evaluate(run, _folder(tmp_path / "ones", [1])).evaluation.count > 1


def test_strange_classes_are_counted_and_left_out(run: Path, tmp_path: Path) -> None:
    done = evaluate(run, _folder(tmp_path / "strange", [0, 1, 2], names={2: "two"}))
    assert any(entry.file == "two" for entry in done.skipped)
    assert set(done.split.labels_N.tolist()) == {0, 1}


def test_no_class_in_common(run: Path, tmp_path: Path) -> None:
    data = _folder(tmp_path / "cats", [0, 1], names={0: "cat", 1: "dog"})
    with pytest.raises(UserError) as caught:
        evaluate(run, data)
    assert "cat" in caught.value.got
    assert "0, 1, 2" in caught.value.expected


def test_splits_by_name(run: Path) -> None:
    model = Model.load(run)
    counts = {split: evaluate(model, "digits", split).evaluation.count for split in ("train", "val", "test", "all")}
    assert counts["train"] + counts["val"] + counts["test"] == counts["all"] == 1797
    with pytest.raises(UserError, match="did you mean test"):
        evaluate(model, "digits", "tests")
