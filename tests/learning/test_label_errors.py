"""Labels that confident learning finds improbable: planted ones, and hardly any others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from convscope import train
from convscope.data.audit import check
from convscope.data.sources import open_source
from convscope.learning.label_errors import improbable, suspicious
from convscope.model.folder import Model


def test_planted_labels_are_found_in_drawn_probabilities() -> None:
    rng = np.random.default_rng(0)
    true_N = rng.integers(0, 5, 1000)
    scores_NK = rng.normal(size=(1000, 5))
    scores_NK[np.arange(1000), true_N] += 5
    probabilities_NK = np.exp(scores_NK) / np.exp(scores_NK).sum(1, keepdims=True)
    labels_N = true_N.copy()
    labels_N[:30] = (true_N[:30] + 1) % 5
    found = improbable(probabilities_NK, labels_N)
    assert len(set(found.tolist()) & set(range(30))) >= 26
    assert len(set(found.tolist()) - set(range(30))) <= 5
    assert not len(improbable(probabilities_NK, true_N)) > 5


def test_a_class_without_pictures_is_never_likely() -> None:
    probabilities_NK = np.array([[0.1, 0.1, 0.8], [0.6, 0.3, 0.1]])
    assert improbable(probabilities_NK, np.array([0, 0])).tolist() == []


def test_wrong_labels_of_a_folder_are_named(tmp_path: Path) -> None:
    from sklearn.datasets import load_digits

    digits = load_digits()
    wrong = set()
    for index in range(600):
        label = int(digits.target[index])
        if index % 50 == 7:
            label = (label + 3) % 10
            wrong.add(f"{label}/{index}.png")
        file = tmp_path / "digits" / str(label) / f"{index}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((digits.images[index] * 15.9).astype(np.uint8)).save(file)
    train("digits", out=tmp_path / "run", epochs=3, report=False)
    source = open_source(tmp_path / "digits")
    found = suspicious(Model.load(tmp_path / "run"), source, check(source))
    named = {finding.files[0] for finding in found}
    assert len(named & wrong) >= 0.8 * len(wrong)
    assert len(named - wrong) <= 12
    assert all("labelled" in finding.detail for finding in found)


def test_too_few_pictures_say_nothing(run: Path, tmp_path: Path) -> None:
    for index in range(24):
        file = tmp_path / "few" / str(index % 2) / f"{index}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(index).integers(0, 256, (8, 8), dtype=np.uint8)).save(file)
    source = open_source(tmp_path / "few")
    assert suspicious(run, source, check(source)) == []
