"""Class folders: splits, names, links, and what lies where it should not."""

from __future__ import annotations

import os
import unicodedata

import numpy as np
import pytest

from convscope.data.sources import FileSource, open_source
from convscope.errors import UserError


def _put(path, hostile, *names: str) -> None:
    for i, name in enumerate(names):
        hostile.put(path / name, hostile.saved(hostile.picture(i), "PNG"))


def test_unsplit_folders(hostile, tmp_path):
    source = open_source(hostile.make_good_folder(tmp_path / "pets"))
    assert isinstance(source, FileSource)
    assert (source.name, source.classes, source.given) == ("pets", ("cat", "dog"), {})
    assert source.names[:3] == ("cat/good0.jpg", "cat/good1.jpg", "cat/good2.jpg")
    assert source.names[10:12] == ("cat/good10.jpg", "cat/good11.jpg")
    assert source.labels_N.tolist() == [0] * 12 + [1] * 12
    assert source.shape() == (3, 20, 24)


@pytest.mark.parametrize(
    ("folders", "sides"),
    [
        (("train", "val", "test"), {"train", "val", "test"}),
        (("Training", "VALIDATION", "testing"), {"train", "val", "test"}),
        (("train", "valid"), {"train", "val"}),
        (("train", "test"), {"train", "test"}),
        (("train",), {"train"}),
    ],
)
def test_given_splits(hostile, tmp_path, folders, sides):
    for folder in folders:
        hostile.make_good_folder(tmp_path / folder, each=3)
    source = open_source(tmp_path)
    assert set(source.given) == sides
    assert source.classes == ("cat", "dog")
    for folder, indices in zip(folders, source.given.values(), strict=True):
        assert {source.names[i].split("/")[0] for i in indices} == {folder}
        assert source.labels_N[indices].tolist() == [0, 0, 0, 1, 1, 1]


def test_classes_are_matched_by_name_not_by_position(hostile, tmp_path):
    _put(tmp_path, hostile, *(f"train/{name}/{i}.png" for name in ("ant", "bee", "cat") for i in range(4)))
    _put(tmp_path, hostile, "test/cat/1.png", "test/bee/1.png")
    source = open_source(tmp_path)
    test = source.given["test"]
    assert [source.classes[label] for label in source.labels_N[test]] == ["bee", "cat"]


def test_a_class_may_be_called_test(hostile, tmp_path):
    _put(tmp_path, hostile, *(f"{name}/2024/{i}.png" for name in ("test", "live") for i in range(3)))
    assert open_source(tmp_path).classes == ("live", "test")


def test_classes_may_be_called_train_and_test(hostile, tmp_path):
    """Without folders inside them, they are the classes."""
    _put(tmp_path, hostile, *(f"{name}/{i}.png" for name in ("train", "bus") for i in range(3)))
    assert open_source(tmp_path).classes == ("bus", "train")


def test_a_folder_beside_the_splits_is_named(hostile, tmp_path):
    for folder in ("train/a", "train/b", "test/a", "extra/a"):
        _put(tmp_path, hostile, f"{folder}/1.png")
    _put(tmp_path, hostile, "train/loose.png")
    source = open_source(tmp_path)
    assert len(source.names) == 3
    assert {(item.file, item.reason.split(";")[0]) for item in source.skipped} == {
        ("extra", "a folder beside test, train that is none of them"),
        ("train/loose.png", "not in a class folder"),
    }


def test_a_lone_top_folder_is_looked_through(hostile, tmp_path):
    hostile.make_good_folder(tmp_path / "a" / "b" / "train", each=3)
    source = open_source(tmp_path)
    assert (source.classes, set(source.given)) == (("cat", "dog"), {"train"})
    assert source.names[0] == "train/cat/good0.jpg"


def test_names_in_any_script_match_over_splits(hostile, tmp_path):
    composed, parts = (unicodedata.normalize(form, "café 고양이") for form in ("NFC", "NFD"))
    assert composed != parts
    _put(tmp_path, hostile, f"train/{composed}/1.png", "train/개/1.png", f"test/{parts}/1.png")
    source = open_source(tmp_path)
    assert source.classes == ("café 고양이", "개")


def test_sizes_are_a_robust_median(hostile, tmp_path):
    sizes = [(30, 20)] * 5 + [(4000, 10), (10, 3000)]
    for i, size in enumerate(sizes):
        hostile.put(tmp_path / ("a" if i % 2 else "b") / f"{i}.png", hostile.saved(hostile.Image.new("L", size), "PNG"))
    hostile.put(tmp_path / "a" / "words.jpg", b"no picture")
    assert open_source(tmp_path).shape() == (1, 20, 30)
    hostile.put(tmp_path / "a" / "colour.png", hostile.saved(hostile.picture(size=(30, 20)), "PNG"))
    assert open_source(tmp_path).shape() == (3, 20, 30)


def test_sizes_of_nothing_readable(hostile, tmp_path):
    for name in ("a/1.jpg", "a/2.jpg", "b/1.jpg"):
        hostile.put(tmp_path / name, b"")
    with pytest.raises(UserError, match=r"none of 3 pictures can be read \(a/1.jpg: the file is empty\)"):
        open_source(tmp_path).shape()


@pytest.mark.skipif(os.name != "posix", reason="needs symbolic links")
def test_linked_classes_are_followed_and_rings_are_not(hostile, tmp_path):
    hostile.make_good_folder(tmp_path / "elsewhere", ("cat",), 3)
    data = hostile.make_good_folder(tmp_path / "data", ("dog",), 3)
    (data / "cat").symlink_to(tmp_path / "elsewhere" / "cat")
    (data / "dog" / "up").symlink_to(data)
    (data / "dog" / "self").symlink_to(data / "dog")
    (data / "dog" / "again").symlink_to(data / "cat")
    source = open_source(data)
    assert (source.classes, len(source.names)) == (("cat", "dog"), 6)
    assert sorted(item.file for item in source.skipped) == ["dog/again", "dog/self", "dog/up"]


def test_the_identity_follows_the_files(hostile, tmp_path):
    data = hostile.make_good_folder(tmp_path / "data", each=3)
    first = open_source(data).identity
    assert open_source(data).identity == first
    (data / "cat" / "good0.jpg").write_bytes((data / "cat" / "good1.jpg").read_bytes())
    second = open_source(data).identity
    (data / "cat" / "good0.jpg").unlink()
    assert len({first, second, open_source(data).identity}) == 3


def test_evaluation_takes_one_class_and_one_picture(hostile, tmp_path):
    _put(tmp_path, hostile, "cat/1.png")
    source = open_source(tmp_path, training=False)
    assert (source.classes, source.labels_N.tolist()) == (("cat",), [0])
    with pytest.raises(UserError, match="only one class"):
        open_source(tmp_path)


def test_a_test_split_alone_can_be_evaluated(hostile, tmp_path):
    hostile.make_good_folder(tmp_path / "test", each=2)
    source = open_source(tmp_path, training=False)
    np.testing.assert_array_equal(source.given["test"], np.arange(4))


def test_near_names(hostile, tmp_path, monkeypatch):
    hostile.make_good_folder(tmp_path / "Flowers")
    for wrong in ("flowers2", "FLOWERs_", "Flower"):
        with pytest.raises(UserError, match=r"did you mean .*Flowers"):
            open_source(tmp_path / wrong)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"did you mean Flowers\?"):
        open_source("flower")
    with pytest.raises(UserError, match="there are Flowers in"):
        open_source(tmp_path / "zzz")
    for odd in ("x" * 5000, "a\0b", "~nobody-of-this-name/x"):
        with pytest.raises(UserError, match="no such file or folder"):
            open_source(odd)
