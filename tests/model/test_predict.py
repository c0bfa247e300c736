"""Prediction on files: the answers are the trained model's, and a bad file is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from convscope.api import evaluate
from convscope.data.image.decode import decode
from convscope.errors import UserError
from convscope.model.folder import Model
from convscope.model.predict import expand


def test_files_are_answered_as_arrays_are(run: Path, digit_files: list[Path]) -> None:
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


def test_bad_files_anywhere_leave_order_and_answers_alone(run: Path, digit_files: list[Path], tmp_path: Path) -> None:
    """Pieces are worked on by several threads at once; nothing may show of it."""
    model = Model.load(run)
    given: list[Path] = []
    for index, path in enumerate(digit_files * 8):
        given.append(path)
        if index % 7 in (0, 3):
            bad = tmp_path / f"{index}.png"
            bad.write_bytes(path.read_bytes()[: index % 70])
            given.append(bad)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        answers = model.predict(given)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)
    assert [answer.file for answer in answers] == [str(path) for path in given if path.parent != tmp_path]
    assert [entry.file for entry in answers.skipped] == [str(path) for path in given if path.parent == tmp_path]
    alone = {path: model.predict([path])[0] for path in digit_files}
    for answer in answers:
        assert answer.name == alone[Path(answer.file)].name
        assert answer.probability == pytest.approx(alone[Path(answer.file)].probability, abs=1e-5)


def test_nothing_but_bad_files(run: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    answers = Model.load(run).predict([tmp_path / "a.png"])
    assert (len(answers), len(answers.skipped)) == (0, 1)


def test_a_file_is_answered_as_evaluation_and_the_trained_network_answer(run: Path, digit_files: list[Path]) -> None:
    """Preprocessing travels with the model: a folder evaluated, its files predicted, and the module run on what the
    decoder gives are one answer.
    """
    model = Model.load(run)
    model = replace(model, facts={**model.facts, "temperature": 1.7})
    measured = evaluate(model, digit_files[0].parents[1], "all")
    answers = model.predict([str(digit_files[0].parents[1])], top=10)
    places = {Path(name).name: index for index, name in enumerate(measured.split.names)}
    assert len(answers) == len(measured.split) == len(digit_files)
    for answer in answers:
        index = places[Path(answer.file).name]
        row = measured.probabilities_NK[index]
        assert answer.name == model.classes[int(row.argmax())]
        assert dict(answer.top) == pytest.approx(dict(zip(model.classes, row, strict=True)), abs=1e-5)
        image_NHWC = decode(answer.file, model.preprocess)[None]
        with torch.no_grad():
            scores = model.module.scores(model.normalise(torch.from_numpy(image_NHWC.copy())))
        assert torch.softmax(scores.double() / model.temperature, 1).numpy()[0] == pytest.approx(row, abs=1e-5)


def test_it_answers_as_the_weights_in_the_folder_say(run: Path, digit_files: list[Path]) -> None:
    """The folder's numbers worked out by hand, without a line of the engine's."""
    model, state = Model.load(run), load_file(run / "model" / "weights.safetensors")
    model = replace(model, facts={**model.facts, "temperature": 0.6})
    pixels = np.asarray(Image.open(digit_files[0]), np.float64) / 255
    x = (pixels - model.normalise.mean[0]) / model.normalise.std[0]
    numbers = {name: value.double().numpy() for name, value in state.items()}
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3))
    y = np.einsum("ijkl,ockl->oij", windows, numbers["conv1.weight"])
    y += numbers.get("conv1.bias", np.zeros(16))[:, None, None]
    spread = np.sqrt(numbers["batchnorm1.running_var"] + 1e-5)
    y = (y - numbers["batchnorm1.running_mean"][:, None, None]) / spread[:, None, None]
    y = y * numbers["batchnorm1.weight"][:, None, None] + numbers["batchnorm1.bias"][:, None, None]
    y = np.maximum(y, 0).reshape(16, 3, 2, 3, 2).max((2, 4)).reshape(-1)
    scores = (numbers["linear1.weight"] @ y + numbers["linear1.bias"]) / model.temperature
    expected = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
    (answer,) = model.predict(digit_files[:1], top=10)
    assert dict(answer.top) == pytest.approx(dict(zip(model.classes, expected, strict=True)), abs=1e-5)
