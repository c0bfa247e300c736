"""Zips: the same pictures as from a folder, never unpacked, and bombs that do not go off."""

from __future__ import annotations

import contextlib
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from convscope.data.cache import prepare, prepare_all
from convscope.data.image.decode import ImagePreprocess
from convscope.data.sources import ArraySource, FileSource, archive, open_source
from convscope.errors import UserError


def _zip_of(folder: Path, path: Path, top: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for member in sorted(folder.rglob("*")):
            if member.is_file():
                file.write(member, f"{top}{member.relative_to(folder)}")
    return path


@pytest.mark.parametrize("top", ["", "pets/", "./a/b/"])
def test_a_zip_is_the_folder_that_it_was_made_of(hostile, cache, tmp_path, top):
    for side in ("train", "test"):
        hostile.make_good_folder(tmp_path / "pets" / side, each=5)
    folder = open_source(tmp_path / "pets")
    zipped = open_source(_zip_of(tmp_path / "pets", tmp_path / "pets.zip", top))
    assert isinstance(zipped, FileSource)
    assert (zipped.name, zipped.classes, zipped.names) == (folder.name, folder.classes, folder.names)
    assert zipped.shape() == folder.shape()
    preprocess = ImagePreprocess(3, 8, 8)
    one, other = prepare(folder, preprocess), prepare(zipped, preprocess)
    np.testing.assert_array_equal(one.train.inputs_N, other.train.inputs_N)
    assert one.fingerprint == other.fingerprint
    assert {path.name for path in tmp_path.iterdir()} == {"pets", "pets.zip", "cache"}


def test_litter_and_doubles(hostile, tmp_path):
    picture = hostile.saved(hostile.picture(), "PNG")
    path = tmp_path / "pets.zip"
    names = ("cat/1.png", "dog\\1.png", "__MACOSX/cat/._1.png", "cat/.DS_Store", "cat/", "../up.png")
    hostile.make_zip(path, dict.fromkeys(names, picture))
    with zipfile.ZipFile(path, "a") as file, pytest.warns(UserWarning, match="Duplicate"):
        file.writestr("cat/1.png", picture)
    source = open_source(path)
    assert source.names == ("cat/1.png", "dog/1.png")
    assert [(item.file, item.reason) for item in source.skipped] == [("../up.png", "its name leads out of the archive")]


def test_idx_cifar_and_tables_in_a_zip(hostile, tmp_path):
    idx = _zip_of(hostile.make_idx_folder(tmp_path / "idx", zipped=True), tmp_path / "idx.zip", "top/")
    source = open_source(idx)
    assert isinstance(source, ArraySource)
    assert {side: len(indices) for side, indices in source.given.items()} == {"train": 40, "test": 20}
    cifar = hostile.make_zip(tmp_path / "c.zip", {"x/data_batch_1.bin": hostile.cifar_records(20)})
    assert open_source(cifar).shape() == (3, 32, 32)
    pictures = {f"t/img/{i}.png": hostile.saved(hostile.picture(i), "PNG") for i in range(4)}
    table = b"path,label\nimg/0.png,a\n./img/1.png,b\nimg/2.png,a\n../t/img/3.png,b\n../../x.png,a\n"
    source = open_source(hostile.make_zip(tmp_path / "t.zip", {**pictures, "t/labels.csv": table}))
    assert (source.classes, len(source.names)) == (("a", "b"), 4)
    assert [item.reason for item in source.skipped] == ["there is no such file"]


def test_members_that_would_fill_the_memory_are_left_out(hostile, tmp_path, monkeypatch):
    """The limits are lowered, the zip is not: 2 MB of zeros stand for the gigabyte."""
    monkeypatch.setattr(archive, "MAX_RATIO_FROM", 1 << 20)
    good = hostile.saved(hostile.picture(), "PNG")
    files = {"cat/1.png": good, "dog/1.png": good, "dog/zeros.png": bytes(2 << 20)}
    source = open_source(hostile.make_zip(tmp_path / "a.zip", files))
    assert source.names == ("cat/1.png", "dog/1.png")
    assert "a zip bomb" in source.skipped[0].reason
    monkeypatch.setattr(archive, "MAX_MEMBER", 1 << 20)
    assert "at most" in open_source(tmp_path / "a.zip").skipped[0].reason
    monkeypatch.setattr(archive, "MAX_TOTAL", 1 << 20)
    with pytest.raises(UserError, match="unpacks to"):
        open_source(tmp_path / "a.zip")


def test_a_header_that_lies_about_its_size(hostile, cache, tmp_path):
    """The directory says 100 bytes where there are 2 MB: no more than promised is read."""
    good = hostile.saved(hostile.picture(), "PNG")
    names = [f"{name}/{i}.png" for name in ("cat", "dog") for i in range(4)]
    path = hostile.make_zip(tmp_path / "a.zip", {**dict.fromkeys(names, good), "dog/big.png": good + bytes(2 << 20)})
    data = path.read_bytes()
    size = (len(good) + (2 << 20)).to_bytes(4, "little")
    assert data.count(size) == 2
    path.write_bytes(data.replace(size, (100).to_bytes(4, "little")))
    dataset = prepare(open_source(path), ImagePreprocess(1, 4, 4))
    assert [item.file for item in dataset.skipped] == ["dog/big.png"]


def test_a_damaged_member_costs_that_member(hostile, cache, tmp_path):
    names = [f"{name}/{i}.jpg" for name in ("cat", "dog") for i in range(4)]
    files = {name: hostile.saved(hostile.picture(i), "JPEG") for i, name in enumerate(names)}
    path = hostile.make_zip(tmp_path / "a.zip", files)
    data = bytearray(path.read_bytes())
    at = data.index(b"cat/2.jpg") + 60
    data[at : at + 40] = bytes(40)
    path.write_bytes(data)
    dataset = prepare(open_source(path), ImagePreprocess(1, 4, 4))
    assert [item.file for item in dataset.skipped] == ["cat/2.jpg"]
    assert len(dataset.train) + len(dataset.val) + len(dataset.test) == 7


@pytest.mark.shared
def test_the_real_photographs(shared, cache):
    source = open_source(shared / "data" / "imagenette_subset.zip")
    assert isinstance(source, FileSource)
    assert (len(source.classes), source.classes[0], source.shape()) == (10, "n01440764", (3, 224, 224))
    assert {side: len(indices) for side, indices in source.given.items()} == {"train": 1000, "val": 500}
    dataset = prepare(source, ImagePreprocess(3, 32, 32))
    assert (len(dataset.train), len(dataset.val), len(dataset.test), dataset.skipped) == (900, 100, 500, ())
    assert dataset.test.names[0].startswith("val/")
    measured = prepare_all(
        open_source(shared / "data" / "imagenette_subset.zip", training=False), ImagePreprocess(3, 32, 32)
    )
    assert measured.part == "val"
    np.testing.assert_array_equal(measured.split.inputs_N, dataset.test.inputs_N)


@settings(max_examples=examples(120), deadline=None)
@given(st.data())
def test_no_zip_ends_in_anything_but_a_message_or_a_skipped_file(hostile, data):
    good = hostile.saved(hostile.picture(size=(6, 6)), "JPEG")
    with tempfile.TemporaryDirectory() as folder:
        names = ["cat/1.jpg", "cat/2.jpg", "cat/3.jpg", "dog/1.jpg", "dog/2.jpg", "dog/3.jpg", "notes.txt"]
        path = hostile.make_zip(Path(folder, "a.zip"), dict.fromkeys(names, good))
        broken = bytearray(path.read_bytes())
        # The directory at the end is where most of the parsing is.
        low = data.draw(st.sampled_from([0, len(broken) - 420]))
        for _ in range(data.draw(st.integers(1, 8))):
            broken[data.draw(st.integers(low, len(broken) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(
            bytes(broken[data.draw(st.integers(0, 3)) : data.draw(st.integers(len(broken) - 40, len(broken)))])
        )
        with contextlib.suppress(UserError):
            source = open_source(path, training=False)
            result = prepare_all(source, ImagePreprocess(1, 4, 4), cache=Path(folder, "cache"))
            assert len(result.split.inputs_N) > 0
            assert all(item.reason for item in result.skipped)
