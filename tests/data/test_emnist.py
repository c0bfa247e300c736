"""EMNIST's published files are stored transposed: they are recognised, turned upright, and it is said in one line."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command_line import convscope
from numpy.typing import NDArray
from untrained_models import untrained_model

from convscope.data.sources import ArraySource, open_source
from convscope.errors import UserError
from convscope.inspection.find_input import find_input

LETTERS = b"".join(b"%d %d %d\r\n" % (k, 64 + k, 96 + k) for k in range(1, 27))
SAID = "EMNIST stores its pictures transposed; they are turned upright"


def idx(values: NDArray[np.uint8]) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in values.shape)
    return bytes([0, 0, 8, values.ndim]) + sizes + values.tobytes()


def write(folder: Path, prefix: str, images_NHW: NDArray[np.uint8], labels_N: NDArray[np.uint8], zipped: bool) -> None:
    """The four files of a set as they are published: every picture with its columns for rows."""
    folder.mkdir(parents=True, exist_ok=True)
    half = len(images_NHW) // 2
    for part, some in (("train", slice(half)), ("test", slice(half, None))):
        for kind, values in (("images-idx3", images_NHW[some].transpose(0, 2, 1)), ("labels-idx1", labels_N[some])):
            data = idx(np.ascontiguousarray(values))
            name = f"{prefix}{part}-{kind}-ubyte"
            (folder / (name + ".gz" * zipped)).write_bytes(gzip.compress(data) if zipped else data)


@pytest.fixture(scope="module")
def digits() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """260 real digits, upright."""
    source = open_source("digits")
    assert isinstance(source, ArraySource)
    return source.take(np.arange(260))[..., 0], source.labels_N[:260].astype(np.uint8)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("name", ["digits", "mnist", "balanced", "byclass", "bymerge"])
def test_pictures_stand_upright(
    name: str, zipped: bool, digits: tuple[NDArray[np.uint8], NDArray[np.uint8]], tmp_path: Path
) -> None:
    images, labels = digits
    write(tmp_path / "gzip", f"emnist-{name}-", images, labels, zipped)
    source = open_source(tmp_path)
    assert isinstance(source, ArraySource)
    assert source.classes == tuple("0123456789")
    np.testing.assert_array_equal(source.take(np.arange(len(images)))[..., 0], images)
    np.testing.assert_array_equal(source.labels_N, labels)
    assert source.remark == SAID


@pytest.mark.parametrize("mapping", [True, False])
def test_letters_are_called_by_their_letters(
    mapping: bool, digits: tuple[NDArray[np.uint8], NDArray[np.uint8]], tmp_path: Path
) -> None:
    images = digits[0]
    labels = np.arange(len(images)).astype(np.uint8) % 26 + 1
    write(tmp_path, "emnist-letters-", images, labels, True)
    if mapping:
        (tmp_path / "emnist-letters-mapping.txt").write_bytes(LETTERS)
    source = open_source(tmp_path)
    assert source.classes == tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    assert [source.classes[label] for label in source.labels_N[:3]] == ["A", "B", "C"]
    # One file alone, with some of the letters: they are still counted from 1.
    labels = labels % 5 + 2
    write(tmp_path, "emnist-letters-", images, labels, True)
    few = open_source(tmp_path / "emnist-letters-test-images-idx3-ubyte.gz")
    assert few.classes == tuple("BCDEF")
    assert [few.classes[label] for label in few.labels_N] == [chr(64 + k) for k in labels[len(images) // 2 :]]
    write(tmp_path, "emnist-letters-", images, labels - 2, True)
    with pytest.raises(UserError, match="label 0 at place"):
        open_source(tmp_path)


def test_by_its_list_of_classes_it_is_known_under_other_names(
    digits: tuple[NDArray[np.uint8], NDArray[np.uint8]], tmp_path: Path
) -> None:
    images, labels = digits
    write(tmp_path, "", images, labels + 1, False)
    plain = open_source(tmp_path)
    assert isinstance(plain, ArraySource)
    assert plain.remark == ""
    np.testing.assert_array_equal(plain.take(np.arange(9))[..., 0], images[:9].transpose(0, 2, 1))
    (tmp_path / "emnist-letters-mapping.txt").write_bytes(LETTERS)
    known = open_source(tmp_path)
    assert isinstance(known, ArraySource)
    assert (known.remark, known.classes) == (SAID, tuple("ABCDEFGHIJ"))
    np.testing.assert_array_equal(known.take(np.arange(9))[..., 0], images[:9])
    assert plain.identity != known.identity


@pytest.mark.parametrize("prefix", ["", "kmnist-", "qmnist-", "my-emnist-like-", "emnistish-"])
def test_others_stay_as_they_are(
    prefix: str, digits: tuple[NDArray[np.uint8], NDArray[np.uint8]], tmp_path: Path
) -> None:
    images, labels = digits
    write(tmp_path, prefix, images, labels, False)
    source = open_source(tmp_path)
    assert isinstance(source, ArraySource)
    assert source.remark == ""
    np.testing.assert_array_equal(source.take(np.arange(9))[..., 0], images[:9].transpose(0, 2, 1))


def test_every_command_turns_them_and_says_so(
    digits: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    images, labels = digits
    write(tmp_path / "raw", "emnist-digits-", images, labels, True)
    net = "input 1x8x8\nconv 2 3x3 > relu > flatten > linear 10"
    train = ["train", "raw", "--net", net, "--epochs", "1", "--no-report", "--out", "run"]
    for words in (["check", "raw"], train, ["evaluate", "run", "raw"], ["look", "run", "raw:test[3]"]):
        code, out, err = convscope(*words, capsys=capsys)
        assert code == 0, err
        assert (out + err).count(SAID) == 1, words
    code, out, _ = convscope("check", "raw", "--json", capsys=capsys)
    assert json.loads(out)["remark"] == SAID
    code, out, _ = convscope("evaluate", "run", "raw", "--json", capsys=capsys)
    assert json.loads(out)["remark"] == SAID


def test_a_model_of_upright_digits_sees_the_same(
    digits: tuple[NDArray[np.uint8], NDArray[np.uint8]], tmp_path: Path
) -> None:
    images, labels = digits
    write(tmp_path, "emnist-mnist-", images, labels, True)
    model = untrained_model("input 1x8x8\nconv 2 3x3 > relu > flatten > linear 10", tuple("0123456789"))
    for number in (0, 100):
        found = find_input(model, f"{tmp_path}:train[{number}]")
        np.testing.assert_array_equal(found.input, find_input(model, f"digits:all[{number}]").input)
        assert found.label == str(labels[number])


@pytest.mark.slow
@pytest.mark.shared
def test_a_model_of_mnist_reads_mnist_as_emnist_publishes_it(
    shared_sets: Callable[[str], Path], tmp_path: Path
) -> None:
    """A network trained on MNIST is as right on the same digits in EMNIST's files, picture by picture."""
    import convscope as api

    source = open_source(shared_sets("mnist"))
    assert isinstance(source, ArraySource)
    test_N = source.given["test"]
    images, labels = source.take(test_N)[..., 0], source.labels_N[test_N].astype(np.uint8)
    write(tmp_path / "emnist", "emnist-mnist-", images, labels, True)
    model = api.train(shared_sets("mnist"), "lenet5", out=tmp_path / "run", epochs=1, report=False).model
    upright = api.evaluate(model, shared_sets("mnist"), "test")
    turned = api.evaluate(model, tmp_path / "emnist", "all")
    assert upright.evaluation.top1 > 0.95
    assert turned.evaluation.top1 == upright.evaluation.top1
    np.testing.assert_array_equal(turned.probabilities_NK, upright.probabilities_NK)
