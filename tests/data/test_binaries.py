"""IDX and CIFAR files: parts, names, zipped ones, and no file that ends in anything but a message."""

from __future__ import annotations

import contextlib
import gzip
import tempfile
from pathlib import Path

import numpy as np
import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from convscope.data.cache import prepare
from convscope.data.image.decode import ImagePreprocess
from convscope.data.sources import ArraySource, open_source
from convscope.errors import UserError


def _all(source: ArraySource) -> np.ndarray:
    return source.take(np.arange(len(source.labels_N)))


@pytest.mark.parametrize("zipped", [False, True])
def test_a_folder_like_mnist(hostile, tmp_path, zipped):
    source = open_source(hostile.make_idx_folder(tmp_path / "kanji", zipped=zipped))
    assert isinstance(source, ArraySource)
    assert (source.name, source.classes, source.shape()) == ("kanji", ("0", "1", "2", "3"), (1, 6, 6))
    assert {side: (int(i[0]), int(i[-1])) for side, i in source.given.items()} == {"train": (0, 39), "test": (40, 59)}
    assert (source.names[39], source.names[40]) == ("train[39]", "test[0]")
    expected = np.random.default_rng(40).integers(0, 256, 40 * 36, np.uint8).reshape(40, 6, 6)
    np.testing.assert_array_equal(_all(source)[:40, :, :, 0], expected)
    assert source.labels_N[:5].tolist() == [0, 1, 2, 3, 0]


def test_other_spellings(hostile, tmp_path):
    """EMNIST's prefix, a dot before idx, test instead of t10k, a folder on top, one file zipped."""
    images, labels = hostile.idx((8, 2, 2)), hostile.idx((8,), bytes(range(1, 9)))
    for part in ("train", "test"):
        name = f"MNIST/raw/emnist-letters-{part}"
        hostile.put(tmp_path / f"{name}-images.idx3-ubyte.gz", gzip.compress(images))
        hostile.put(tmp_path / f"{name}-labels-idx1-ubyte", labels)
    source = open_source(tmp_path)
    assert (source.name, source.classes) == ("emnist-letters", tuple("ABCDEFGH"))
    assert {side: len(indices) for side, indices in source.given.items()} == {"train": 8, "test": 8}
    hostile.put(
        tmp_path / "MNIST/raw/emnist-letters-mapping.txt",
        b"\n".join(b"%d %d %d" % (i, 64 + i, 96 + i) for i in range(1, 9)),
    )
    assert open_source(tmp_path).classes == tuple("ABCDEFGH")


def test_one_file_is_unsplit_data(hostile, tmp_path):
    folder = hostile.make_idx_folder(tmp_path)
    for name in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
        source = open_source(folder / name)
        assert (source.given, len(source.labels_N)) == ({}, 20)


def test_class_names(hostile, tmp_path):
    fashion = open_source(hostile.make_idx_folder(tmp_path / "Fashion-MNIST"))
    assert fashion.classes == ("T-shirt/top", "Trouser", "Pullover", "Dress")
    assert len(fashion.skipped) == 6
    named = hostile.make_idx_folder(tmp_path / "named")
    hostile.put(named / "classes.txt", "가\n나\n\n다 \n라\n".encode())
    assert open_source(named).classes == ("가", "나", "다", "라")
    for text, words in (
        (b"a\nb\nc\n", "label 3 at place 3, but only 3 class names"),
        (b"a\na\n", "a is there twice"),
        (b"\xe9\n", "UTF-8"),
    ):
        hostile.put(named / "classes.txt", text)
        with pytest.raises(UserError, match=words):
            open_source(named)


def test_colour_idx(hostile, tmp_path):
    folder = hostile.make_idx_folder(tmp_path)
    hostile.put(folder / "train-images-idx3-ubyte", hostile.idx((40, 6, 6, 3)))
    (folder / "t10k-images-idx3-ubyte").unlink()
    (folder / "t10k-labels-idx1-ubyte").unlink()
    assert open_source(folder).shape() == (3, 6, 6)
    hostile.put(folder / "train-images-idx3-ubyte", hostile.idx((40, 6, 6, 2)))
    with pytest.raises(UserError, match="pictures of 2 channels"):
        open_source(folder)


def test_cifar10(hostile, tmp_path):
    for i in (1, 2):
        hostile.put(tmp_path / f"data_batch_{i}.bin", hostile.cifar_records(20, seed=i))
    hostile.put(tmp_path / "test_batch.bin", hostile.cifar_records(10, seed=9))
    source = open_source(tmp_path)
    assert (source.name, source.shape(), source.classes[:2]) == ("cifar10", (3, 32, 32), ("airplane", "automobile"))
    assert {side: len(indices) for side, indices in source.given.items()} == {"train": 40, "test": 10}
    assert (source.names[39], source.names[40]) == ("train[39]", "test[0]")
    records = np.frombuffer(hostile.cifar_records(20, seed=2), np.uint8).reshape(20, 3073)
    np.testing.assert_array_equal(_all(source)[20:40], records[:, 1:].reshape(20, 3, 32, 32).transpose(0, 2, 3, 1))
    hostile.put(tmp_path / "batches.meta.txt", "\n".join("abcdefghij").encode())
    assert open_source(tmp_path).classes == tuple("abcdefghij")
    assert len(open_source(tmp_path / "test_batch.bin").labels_N) == 10


def test_cifar100_has_fine_labels(hostile, tmp_path):
    hostile.put(tmp_path / "train.bin", hostile.cifar_records(200, labels=2, classes=100))
    hostile.put(tmp_path / "test.bin", hostile.cifar_records(100, labels=2, classes=100))
    hostile.put(tmp_path / "fine_label_names.txt", "\n".join(f"fine{i}" for i in range(100)).encode())
    source = open_source(tmp_path)
    assert (source.name, len(source.classes), source.classes[99]) == ("cifar100", 100, "fine99")
    hostile.put(tmp_path / "train.bin", b"x" * 3073)
    with pytest.raises(UserError, match=r"3,073 bytes\n.*multiple of 3,074"):
        open_source(tmp_path)


def test_a_stray_bin_is_no_cifar(hostile, tmp_path):
    hostile.make_good_folder(tmp_path / "pets", each=2)
    hostile.put(tmp_path / "pets" / "cat" / "test.bin", b"12345")
    assert open_source(tmp_path / "pets").classes == ("cat", "dog")


@settings(max_examples=examples(120), deadline=None)
@given(st.data())
def test_no_idx_file_ends_in_anything_but_a_message(hostile, data):
    images = bytearray(hostile.idx((6, 2, 2)))
    labels = bytearray(hostile.idx((6,), bytes([0, 1, 2, 0, 1, 2])))
    for file in (images, labels):
        for _ in range(data.draw(st.integers(0, 3))):
            file[data.draw(st.integers(0, len(file) - 1))] = data.draw(
                st.sampled_from([0, 1, 2, 3, 4, 8, 13, 127, 255])
            )
        del file[data.draw(st.integers(0, len(file))) if data.draw(st.booleans()) else len(file) :]
        file += data.draw(st.binary(max_size=3))
    with tempfile.TemporaryDirectory() as folder:
        for name, file in (("train-images-idx3-ubyte", images), ("train-labels-idx1-ubyte", labels)):
            packed = gzip.compress(bytes(file)) if data.draw(st.booleans()) else bytes(file)
            cut = data.draw(st.integers(0, len(packed))) if data.draw(st.integers(0, 4)) == 0 else len(packed)
            Path(folder, name).write_bytes(packed[:cut])
        with contextlib.suppress(UserError):
            source = open_source(folder)
            assert isinstance(source, ArraySource)
            assert len(_all(source)) == len(source.labels_N)
            assert int(source.labels_N.max()) < len(source.classes)


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "size", "counts", "classes"),
    [
        ("mnist", (1, 28, 28), (58_500, 1_500, 10_000), tuple("0123456789")),
        (
            "fashion-mnist",
            (1, 28, 28),
            (58_500, 1_500, 10_000),
            ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        ),
        ("cifar10", (3, 32, 32), (48_500, 1_500, 10_000), ("airplane", "automobile", "bird", "cat", "deer")),
    ],
)
def test_the_real_sets(shared_sets, name, size, counts, classes):
    source = open_source(shared_sets(name))
    assert source.shape() == size
    assert source.classes[: len(classes)] == classes
    assert len(source.classes) == 10
    dataset = prepare(source, ImagePreprocess(*size))
    assert (len(dataset.train), len(dataset.val), len(dataset.test)) == counts
    assert dataset.skipped == ()
    # Every class has as many test pictures as its makers say.
    assert np.bincount(dataset.test.labels_N).min() >= 890
