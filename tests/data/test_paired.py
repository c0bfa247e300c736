"""STL-10's and Kuzushiji's files, pixel for pixel, and no damaged one that ends in anything but a message."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from convscope.data.sources import open_source
from convscope.errors import UserError

DIGITS = load_digits()
IMAGES = (DIGITS.images * 15).astype(np.uint8)
LABELS = DIGITS.target.astype(np.uint8)


def _npz(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, array)
    return stream.getvalue()


def _kuzushiji(folder, name="kmnist"):
    for part, rows in (("train", slice(0, 300)), ("test", slice(300, 400))):
        (folder / f"{name}-{part}-imgs.npz").write_bytes(_npz(IMAGES[rows]))
        (folder / f"{name}-{part}-labels.npz").write_bytes(_npz(LABELS[rows]))


def test_kuzushiji_is_read_pixel_for_pixel(tmp_path):
    _kuzushiji(tmp_path)
    source = open_source(tmp_path)
    assert (source.name, source.shape(), source.classes) == ("kmnist", (1, 8, 8), tuple("0123456789"))
    np.testing.assert_array_equal(source.take(np.arange(400))[..., 0], IMAGES[:400])
    np.testing.assert_array_equal(source.labels_N, LABELS[:400])
    assert {split: len(rows) for split, rows in source.given.items()} == {"train": 300, "test": 100}


def test_kuzushiji_wrongs_are_named(tmp_path):
    _kuzushiji(tmp_path)
    labels = tmp_path / "kmnist-train-labels.npz"
    for content in (_npz(LABELS.astype(float)), _npz(np.array([{}], object)), _npz(LABELS[:5]), b"PK", b""):
        labels.write_bytes(content)
        with pytest.raises(UserError):
            open_source(tmp_path)
    whole = _npz(LABELS[:300])
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] = rng.integers(256)
        labels.write_bytes(damaged)
        try:
            source = open_source(tmp_path)
        except UserError:
            continue
        np.testing.assert_array_equal(source.labels_N, LABELS[:400])
    labels.unlink()
    with pytest.raises(UserError, match=r"no kmnist-train-labels\.npz"):
        open_source(tmp_path)
    _kuzushiji(tmp_path, "k49")
    with pytest.raises(UserError, match="2 sets: k49"):
        open_source(tmp_path)


def test_stl_is_stored_by_columns_and_counts_from_one(tmp_path):
    pictures = np.zeros((20, 96, 96, 3), np.uint8)
    pictures[:, :8, 40:48, 1] = IMAGES[:20]
    for part in ("train", "test"):
        (tmp_path / f"{part}_X.bin").write_bytes(pictures.transpose(0, 3, 2, 1).tobytes())
        (tmp_path / f"{part}_y.bin").write_bytes((LABELS[:20] + 1).tobytes())
    (tmp_path / "unlabeled_X.bin").write_bytes(pictures[:2].tobytes())
    source = open_source(tmp_path)
    assert (source.name, source.shape(), source.classes[9]) == ("stl10", (3, 96, 96), "truck")
    np.testing.assert_array_equal(source.take(np.arange(20)), pictures)
    np.testing.assert_array_equal(source.labels_N[20:], LABELS[:20])
    assert [item.file for item in source.skipped] == ["unlabeled_X.bin"]
    (tmp_path / "train_y.bin").write_bytes(LABELS[:20].tobytes())
    with pytest.raises(UserError, match="label -1"):
        open_source(tmp_path)
    (tmp_path / "train_y.bin").unlink()
    with pytest.raises(UserError, match=r"no train_y\.bin"):
        open_source(tmp_path)


@pytest.mark.parametrize("name", ["train_X.bin", "data_batch_1", "kmnist-train-imgs.npz"])
def test_a_stray_file_does_not_claim_class_folders(tmp_path, name):
    for kind in ("cats", "dogs"):
        (tmp_path / kind).mkdir()
        Image.fromarray(IMAGES[0]).save(tmp_path / kind / "1.png")
    # Of a size and a beginning that fit.
    (tmp_path / "cats" / name).write_bytes(b"\x80\x02" + bytes(3 * 96 * 96 - 2))
    source = open_source(tmp_path)
    assert source.classes == ("cats", "dogs")
    assert [item.file for item in source.skipped] == [f"cats/{name}"]


@pytest.mark.parametrize("names", [["train_X.bin"], ["train", "test", "meta"], ["data_batch_1"]])
def test_names_alone_do_not_make_a_set(tmp_path, names):
    for name in names:
        (tmp_path / name).write_bytes(b"something else")
    with pytest.raises(UserError, match="no pictures in it"):
        open_source(tmp_path)


def test_one_file_of_several_points_at_the_folder(tmp_path):
    (tmp_path / "train_X.bin").write_bytes(bytes(3 * 96 * 96))
    with pytest.raises(UserError, match="point at the folder"):
        open_source(tmp_path / "train_X.bin")
