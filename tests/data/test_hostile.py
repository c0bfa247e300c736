"""Folders full of bad files and bad labels: everything is converted, or named and counted, or one clear message."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from convscope.data.cache import prepare, prepare_all
from convscope.data.dataset import Skipped
from convscope.data.image.decode import ImagePreprocess
from convscope.data.sources import open_source
from convscope.errors import UserError


@pytest.fixture(scope="module")
def folder(hostile: ModuleType, tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("hostile") / "pets"
    return path, hostile.make_hostile_folder(path)


def _reason(skipped: tuple[Skipped, ...], file: str) -> str:
    reasons = [item.reason for item in skipped if item.file == file]
    assert len(reasons) == 1, f"{file} is named {len(reasons)} times"
    return reasons[0]


@pytest.mark.parametrize("fit", ["stretch", "crop", "letterbox", "pad"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_folder_of_bad_files_is_trained_on_without_them(folder, cache, channels, fit):
    path, kinds = folder
    assert len(kinds) >= 60
    dataset = prepare(open_source(path), ImagePreprocess(channels, 16, 12, fit))
    used = {*dataset.train.names, *dataset.val.names, *dataset.test.names}
    for kind in kinds:
        if kind.outcome == "converted":
            assert kind.file in used, kind
        elif kind.outcome == "skipped":
            assert kind.file not in used
            assert kind.reason in _reason(dataset.skipped, kind.file), kind
        else:
            assert kind.file not in used
            assert not any(item.file == kind.file for item in dataset.skipped), kind
    assert dataset.classes == ("cat", "dog")
    assert len(dataset.skipped) == sum(kind.outcome == "skipped" for kind in kinds)
    for split in (dataset.train, dataset.val, dataset.test):
        assert split.inputs_N.shape == (len(split), 16, 12, channels)
        assert [dataset.classes[label] for label in split.labels_N] == [name.split("/")[0] for name in split.names]


def test_a_bad_file_does_not_change_what_the_good_ones_become(folder, hostile, cache, tmp_path):
    path, _ = folder
    preprocess = ImagePreprocess(3, 8, 8)
    bad = prepare_all(open_source(path), preprocess).split
    good = prepare_all(open_source(hostile.make_good_folder(tmp_path / "good")), preprocess).split
    rows = {name: i for i, name in enumerate(bad.names)}
    for name, image_HWC in zip(good.names, good.inputs_N, strict=True):
        np.testing.assert_array_equal(bad.inputs_N[rows[name]], image_HWC)


def test_a_table_of_bad_labels_is_read_without_them(hostile, cache, tmp_path):
    kinds = hostile.make_hostile_table(tmp_path)
    dataset = prepare(open_source(tmp_path / "labels.csv"), ImagePreprocess(1, 8, 8))
    used = {*dataset.train.names, *dataset.val.names, *dataset.test.names}
    bad = [kind for kind in kinds if kind.outcome == "skipped"]
    for kind in kinds:
        if kind.outcome == "converted":
            assert kind.file in used, kind
        else:
            found = [s for s in dataset.skipped if kind.file in (s.file, s.file.split(" (")[0].split(", ")[-1])]
            assert len(found) == 1, kind
            assert kind.reason in found[0].reason, kind
    assert len(dataset.skipped) == len(bad)
    assert (dataset.classes, len(dataset.test)) == (("cat", "dog"), 6)


def test_bad_data_is_one_clear_message(hostile, cache, tmp_path, subtests):
    for bad in hostile.make_hostile_data(tmp_path / "bad"):
        with subtests.test(bad.what):
            with pytest.raises(UserError) as caught:
                prepare(open_source(bad.data), ImagePreprocess(1, 8, 8))
            message = str(caught.value)
            for word in bad.words:
                assert word in message, message
            assert caught.value.where
            assert len(message) < 700
    assert not list(cache.glob("*.part"))


def test_bad_data_leaves_the_good_cache_alone(hostile, cache, tmp_path):
    source = open_source(hostile.make_good_folder(tmp_path / "good"))
    before = prepare(source, ImagePreprocess(1, 8, 8))
    kept = before.train.inputs_N.copy()
    for bad in hostile.make_hostile_data(tmp_path / "bad")[::5]:
        with pytest.raises(UserError):
            prepare(open_source(bad.data), ImagePreprocess(1, 8, 8))
    after = prepare(source, ImagePreprocess(1, 8, 8), progress=lambda *_: pytest.fail("decoded again"))
    np.testing.assert_array_equal(after.train.inputs_N, kept)
    assert after.fingerprint == before.fingerprint
