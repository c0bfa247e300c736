"""Prediction on files: the answers are the trained model's, and a bad file is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from convscope.data.pictures import decode
from convscope.delivery.model import Model
from convscope.delivery.predict import expand
from convscope.errors import UserError


def test_files_are_answered_as_arrays_are(run: Path, digit_files: list[Path]) -> None:
    import numpy as np

    model = Model.load(run)
    answers = model.predict(digit_files, top=3)
    pictures = np.stack([decode(path, model.preprocess) for path in digit_files])
    expected = model.probabilities(pictures)
    assert len(answers) == len(digit_files)
    for answer, row, path in zip(answers, expected, digit_files, strict=True):
        assert answer.file == str(path)
        assert answer.probability == pytest.approx(row.max())
        assert answer.name == model.classes[int(row.argmax())]
        assert [p for _, p in answer.top] == sorted((p for _, p in answer.top), reverse=True)
        assert len(answer.top) == 3
    right = sum(answer.name == path.parent.name for answer, path in zip(answers, digit_files, strict=True))
    assert right >= 24


def test_a_bad_file_among_good_ones(run: Path, digit_files: list[Path], tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    answers = Model.load(run).predict([digit_files[0], bad, digit_files[1]])
    assert [answer.file for answer in answers] == [str(digit_files[0]), str(digit_files[1])]
    assert [entry.file for entry in answers.skipped] == [str(bad)]
    assert answers.skipped[0].reason


def test_folders_and_globs(digit_files: list[Path], tmp_path: Path) -> None:
    root = digit_files[0].parents[1]
    assert expand([root]) == sorted(map(str, digit_files))
    assert expand([str(root / "*" / "0*.png")]) == sorted(str(p) for p in digit_files if p.name.startswith("0"))
    for wrong in (tmp_path / "nothing.png", tmp_path / "*.png", tmp_path):
        with pytest.raises(UserError):
            expand([wrong])


def test_top_is_at_most_all_classes(run: Path, digit_files: list[Path]) -> None:
    (answer,) = Model.load(run).predict(digit_files[:1], top=99)
    assert len(answer.top) == 10
    assert sum(p for _, p in answer.top) == pytest.approx(1)
