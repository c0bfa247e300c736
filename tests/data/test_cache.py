"""The cache: right at once, right again, never half, never stale, never trusted when damaged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from convscope.data import cache as cache_module
from convscope.data import entries
from convscope.data.cache import prepare, prepare_all
from convscope.data.dataset import Dataset
from convscope.data.image.decode import ImagePreprocess, decode
from convscope.data.sources import open_source
from convscope.errors import UserError

SMALL = ImagePreprocess(3, 8, 8)


@pytest.fixture
def pets(hostile, tmp_path) -> Path:
    return hostile.make_good_folder(tmp_path / "pets", each=20)


def _same(one: Dataset, other: Dataset) -> bool:
    pairs = [(one.train, other.train), (one.val, other.val), (one.test, other.test)]
    return one.fingerprint == other.fingerprint and all(
        np.array_equal(a.inputs_N, b.inputs_N) and np.array_equal(a.labels_N, b.labels_N) and a.names == b.names
        for a, b in pairs
    )


def _no_decoding(monkeypatch) -> None:
    monkeypatch.setattr(ImagePreprocess, "decode", lambda *_: pytest.fail("decoded again"))


def test_pictures_labels_and_names_stay_together(pets, cache):
    dataset = prepare(open_source(pets), SMALL)
    assert (len(dataset.train), len(dataset.val), len(dataset.test)) == (28, 4, 8)
    for split in (dataset.train, dataset.val, dataset.test):
        for image_HWC, label, name in zip(split.inputs_N, split.labels_N, split.names, strict=True):
            np.testing.assert_array_equal(image_HWC, decode(pets / name, SMALL))
            assert dataset.classes[label] == name.split("/")[0]


def test_the_second_run_reads_what_the_first_wrote(pets, cache, monkeypatch):
    first = prepare(open_source(pets), SMALL)
    _no_decoding(monkeypatch)
    second = prepare(open_source(pets), SMALL)
    assert _same(first, second)
    # A plain array over mapped memory, read-only.
    assert type(second.train.inputs_N) is np.ndarray
    assert not second.train.inputs_N.flags.writeable
    assert not second.train.inputs_N.flags.owndata


def test_another_seed_or_part_is_not_decoded_again(pets, cache, monkeypatch):
    first = prepare(open_source(pets), SMALL, seed=0)
    _no_decoding(monkeypatch)
    second = prepare(open_source(pets), SMALL, seed=1)
    assert second.test.names != first.test.names
    assert second.fingerprint == first.fingerprint
    for image_HWC, name in zip(second.test.inputs_N, second.test.names, strict=True):
        np.testing.assert_array_equal(image_HWC, decode(pets / name, SMALL))
    whole = prepare_all(open_source(pets, training=False), SMALL)
    assert (whole.part, len(whole.split), whole.fingerprint) == ("all", 40, first.fingerprint)


@pytest.mark.parametrize("change", ["content", "more", "less", "renamed", "size", "fit", "channels"])
def test_what_changes_is_decoded_again(pets, cache, hostile, change):
    before = prepare(open_source(pets), SMALL)
    preprocess = SMALL
    if change == "content":
        hostile.put(pets / "cat" / "good0.jpg", hostile.saved(hostile.picture(200), "JPEG"))
    elif change == "more":
        hostile.put(pets / "cat" / "new.jpg", hostile.saved(hostile.picture(), "JPEG"))
    elif change == "less":
        (pets / "cat" / "good0.jpg").unlink()
    elif change == "renamed":
        (pets / "cat" / "good0.jpg").rename(pets / "dog" / "moved.jpg")
    else:
        preprocess = {
            "size": ImagePreprocess(3, 9, 8),
            "fit": ImagePreprocess(3, 8, 8, "crop"),
            "channels": ImagePreprocess(1, 8, 8),
        }[change]
    after = prepare(open_source(pets), preprocess)
    # The fingerprint names the data, not the size that a network wants it in.
    assert (after.fingerprint == before.fingerprint) == (change in ("size", "fit", "channels"))
    for name, image_HWC in zip(after.train.names, after.train.inputs_N, strict=True):
        np.testing.assert_array_equal(image_HWC, decode(pets / name, preprocess))


def test_a_file_mended_is_read_again(pets, cache, hostile):
    bad = pets / "cat" / "good0.jpg"
    good = bad.read_bytes()
    hostile.put(bad, good[:100])
    assert [item.file for item in prepare(open_source(pets), SMALL).skipped] == ["cat/good0.jpg"]
    assert [item.file for item in prepare(open_source(pets), SMALL).skipped] == ["cat/good0.jpg"]
    hostile.put(bad, good)
    assert prepare(open_source(pets), SMALL).skipped == ()


@pytest.mark.parametrize("file", ["pictures.npy", "rows.npy", "digests.npy", "entry.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "gone", "zeros", "longer"])
def test_a_damaged_entry_is_rebuilt(pets, cache, file, damage):
    first = prepare(open_source(pets), SMALL)
    kept = [split.inputs_N.copy() for split in (first.train, first.val, first.test)]
    (entry,) = cache.iterdir()
    path = entry / file
    data = path.read_bytes()
    path.unlink()
    middle = len(data) * 2 // 3
    if damage != "gone":
        path.write_bytes(
            {
                "flip": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
                "cut": data[:-7],
                "empty": b"",
                "zeros": bytes(len(data)),
                "longer": data + b"\0" * 192,
            }[damage]
        )
    second = prepare(open_source(pets), SMALL)
    for split, images_NHWC in zip((second.train, second.val, second.test), kept, strict=True):
        np.testing.assert_array_equal(split.inputs_N, images_NHWC)
    assert second.fingerprint == first.fingerprint
    assert second.skipped == ()
    assert [path.name for path in cache.iterdir()] == [entry.name]
    assert entries.read_entry(entry) is not None


def test_an_entry_of_other_pictures_is_not_the_answer(pets, cache):
    """Two whole entries that have changed places, as a careless copy of a cache may leave them."""
    first = prepare(open_source(pets), SMALL, seed=0).test.names
    (one,) = cache.iterdir()
    prepare(open_source(pets), SMALL, seed=1)
    (other,) = set(cache.iterdir()) - {one}
    one.rename(cache / "kept")
    other.rename(one)
    (cache / "kept").rename(other)
    again = prepare(open_source(pets), SMALL, seed=0)
    assert again.test.names == first
    for image_HWC, name in zip(again.test.inputs_N, again.test.names, strict=True):
        np.testing.assert_array_equal(image_HWC, decode(pets / name, SMALL))


def test_an_interrupted_run_leaves_nothing_behind(pets, cache, monkeypatch):
    class Stop(BaseException):
        pass

    def stop(done: int, total: int) -> None:
        raise Stop

    monkeypatch.setattr(cache_module, "_block_size", lambda *_, **__: 4)
    threads = threading.active_count()
    with pytest.raises(Stop):
        prepare(open_source(pets), SMALL, progress=stop)
    assert list(cache.iterdir()) == []
    assert threading.active_count() == threads
    assert len(prepare(open_source(pets), SMALL).train) == 28


def test_a_killed_run_leaves_no_half_entry(pets, cache):
    """Killed without a chance to clean up: what it began is not taken for an entry, and is swept a day later."""
    program = (
        "import os, sys; from convscope.data.cache import prepare; from convscope.data import cache;"
        "from convscope.data.sources import open_source; from convscope.data.image.decode import ImagePreprocess;"
        "cache._block_size = lambda *a, **k: 4;"
        "prepare(open_source(sys.argv[1]), ImagePreprocess(3, 8, 8), progress=lambda *_: os._exit(9))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(pets)], check=False)
    assert done.returncode == 9
    (left,) = cache.iterdir()
    assert left.name.endswith(".part")
    assert len(prepare(open_source(pets), SMALL).train) == 28
    assert left in set(cache.iterdir())
    past = time.time() - 2 * 86_400
    for path in (*left.iterdir(), left):
        os.utime(path, (past, past))
    prepare(open_source(pets), ImagePreprocess(1, 4, 4))
    assert left not in set(cache.iterdir())


def test_processes_at_once_do_not_clash(pets, cache):
    program = (
        "import sys; from convscope.data.cache import prepare;"
        "from convscope.data.sources import open_source; from convscope.data.image.decode import ImagePreprocess;"
        "d = prepare(open_source(sys.argv[1]), ImagePreprocess(3, 8, 8)); print(d.fingerprint, d.train.inputs_N.sum())"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program, str(pets)], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = {process.communicate()[0] for process in running}
    assert len(said) == 1
    assert all(process.returncode == 0 for process in running)
    assert len(list(cache.iterdir())) == 1


def test_a_finished_entry_is_kept_by_the_slower_of_two(pets, cache):
    """The other process finishes between our decoding and our renaming."""
    source = open_source(pets)
    raced: list[Dataset] = []

    def other(done: int, total: int) -> None:
        if done == total and not raced:
            raced.append(prepare(source, SMALL))

    ours = prepare(source, SMALL, progress=other)
    assert _same(ours, raced[0])
    assert len(list(cache.iterdir())) == 1


def test_old_entries_are_swept_and_strangers_files_are_not(pets, cache):
    prepare(open_source(pets), SMALL)
    (old,) = cache.iterdir()
    (cache / "thesis.part").mkdir()
    (cache / "notes.txt").write_text("mine")
    past = time.time() - 40 * 86_400
    for path in (old / "entry.json", cache / "thesis.part", cache / "notes.txt"):
        os.utime(path, (past, past))
    prepare(open_source(pets), ImagePreprocess(1, 4, 4))
    names = {path.name for path in cache.iterdir()}
    assert old.name not in names
    assert {"thesis.part", "notes.txt"} <= names


def test_using_an_entry_keeps_it_young(pets, cache):
    prepare(open_source(pets), SMALL)
    (entry,) = cache.iterdir()
    past = time.time() - 40 * 86_400
    os.utime(entry / "entry.json", (past, past))
    prepare(open_source(pets), SMALL)
    assert time.time() - (entry / "entry.json").stat().st_mtime < 3600


def test_a_cache_that_cannot_be_written(pets, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="CONVSCOPE_CACHE=FOLDER keeps them elsewhere") as caught:
        prepare(open_source(pets), SMALL, cache=tmp_path / "file" / "cache")
    assert "keeping the decoded inputs failed" in caught.value.got


def test_a_read_only_cache(pets, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    if os.access(tmp_path / "locked", os.W_OK):
        pytest.skip("the superuser may write anywhere")
    with pytest.raises(UserError, match="CONVSCOPE_CACHE"):
        prepare(open_source(pets), SMALL, cache=tmp_path / "locked")


def test_a_full_disk_is_told_before_decoding(pets, cache, monkeypatch):
    usage = entries.shutil.disk_usage(pets)
    monkeypatch.setattr(entries.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    _no_decoding(monkeypatch)
    with pytest.raises(UserError, match=r"need \d+ MB, 0 MB are free") as caught:
        prepare(open_source(pets), SMALL)
    assert "CONVSCOPE_CACHE" in caught.value.hint


@pytest.mark.skipif(os.name != "posix", reason="needs a limit on file sizes")
def test_a_disk_that_fills_while_writing(pets, cache):
    """The largest file allowed stands for the full disk: the same refusal in the middle of writing."""
    program = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "from convscope.data.cache import prepare; from convscope.data.sources import open_source;"
        "from convscope.data.image.decode import ImagePreprocess; source = open_source(sys.argv[1]);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000));\n"
        "try:\n    prepare(source, ImagePreprocess(3, 64, 64))\nexcept Exception as e:\n    print(type(e).__name__, e)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(pets)], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("UserError")
    assert "keeping the decoded inputs failed: file too large" in done.stdout
    assert "CONVSCOPE_CACHE" in done.stdout
    assert list(cache.iterdir()) == []


def test_where_the_cache_lies(monkeypatch, tmp_path):
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path / "a"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "b"))
    assert entries.default_folder() == tmp_path / "a"
    monkeypatch.delenv("CONVSCOPE_CACHE")
    assert entries.default_folder() == tmp_path / "b" / "convscope"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert entries.default_folder() == tmp_path / ".cache" / "convscope"


def test_progress_counts_every_picture(pets, cache, hostile):
    hostile.put(pets / "cat" / "bad.jpg", b"")
    seen: list[tuple[int, int]] = []
    prepare(open_source(pets), SMALL, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (41, 41)
    assert seen == sorted(seen)


def test_arrays_that_fit_need_no_disk(cache):
    source = open_source("digits")
    one, other = prepare(source, ImagePreprocess(1, 8, 8)), prepare(source, ImagePreprocess(3, 12, 12, "pad"), seed=1)
    assert not cache.exists()
    assert one.fingerprint == other.fingerprint
    assert not one.train.inputs_N.flags.writeable
    rows = [int(name[7:-1]) for name in one.val.names]
    np.testing.assert_array_equal(one.val.inputs_N, source.take(np.array(rows)))


def test_arrays_that_are_resized_are_kept(cache, monkeypatch):
    source = open_source("digits")
    first = prepare(source, ImagePreprocess(1, 16, 16))
    assert len(list(cache.iterdir())) == 1
    monkeypatch.setattr(ImagePreprocess, "fit_arrays", lambda *_: pytest.fail("fitted again"))
    assert _same(first, prepare(source, ImagePreprocess(1, 16, 16)))


def test_resized_arrays_of_another_seed_are_copied(cache, monkeypatch):
    source = open_source("digits")
    first = prepare(source, ImagePreprocess(1, 16, 16))
    monkeypatch.setattr(ImagePreprocess, "fit_arrays", lambda *_: pytest.fail("fitted again"))
    second = prepare(source, ImagePreprocess(1, 16, 16), seed=1)
    assert (second.fingerprint, second.test.names == first.test.names) == (first.fingerprint, False)
    rows = dict(zip(first.train.names, first.train.inputs_N, strict=True))
    shared = [
        (name, image) for name, image in zip(second.train.names, second.train.inputs_N, strict=True) if name in rows
    ]
    assert len(shared) > 500
    assert all(np.array_equal(image, rows[name]) for name, image in shared)


def test_bad_pictures_stay_bad_in_another_order(pets, cache, hostile, monkeypatch):
    hostile.put(pets / "cat" / "bad.jpg", b"")
    first = prepare(open_source(pets), SMALL)
    _no_decoding(monkeypatch)
    second = prepare(open_source(pets), SMALL, seed=1)
    assert first.skipped == second.skipped
    assert [item.file for item in second.skipped] == ["cat/bad.jpg"]
    assert first.fingerprint == second.fingerprint


def test_a_part_does_not_stand_for_the_whole(hostile, cache, tmp_path):
    """The test pictures are in the cache, evaluation put them there; training decodes the others."""
    for side in ("train", "test"):
        hostile.make_good_folder(tmp_path / "pets" / side)
    measured = prepare_all(open_source(tmp_path / "pets"), SMALL)
    dataset = prepare(open_source(tmp_path / "pets"), SMALL)
    np.testing.assert_array_equal(dataset.test.inputs_N, measured.split.inputs_N)
    assert len(dataset.train) + len(dataset.val) == 24


def test_arrays_in_memory_and_on_the_disk_are_the_same(cache, monkeypatch):
    source = open_source("digits")
    in_memory = prepare(source, ImagePreprocess(1, 8, 8))
    monkeypatch.setattr(cache_module, "_IN_MEMORY", 0)
    assert _same(in_memory, prepare(source, ImagePreprocess(1, 8, 8)))
    assert len(list(cache.iterdir())) == 1


def test_fingerprints_follow_labels_and_classes(pets, cache, hostile, tmp_path):
    fingerprints = {prepare(open_source(pets), SMALL).fingerprint}
    (pets / "cat").rename(pets / "lion")
    fingerprints.add(prepare(open_source(pets), SMALL).fingerprint)
    rows = "\n".join(f"{name}/good{i}.jpg,{'ab'[i % 2]}" for name in ("dog", "lion") for i in range(20))
    (pets / "t.csv").write_text(f"path,label\n{rows}\n")
    fingerprints.add(prepare(open_source(pets / "t.csv"), SMALL).fingerprint)
    assert len(fingerprints) == 3
    assert all(len(fingerprint) == 64 for fingerprint in fingerprints)


def test_a_relabelled_table_is_not_decoded_again(pets, cache, monkeypatch):
    def table(labels: str) -> Path:
        rows = "\n".join(f"{name}/good{i}.jpg,{labels[i % 2]}" for name in ("dog", "cat") for i in range(20))
        (pets / "t.csv").write_text(f"path,label\n{rows}\n")
        return pets / "t.csv"

    first = prepare(open_source(table("ab")), SMALL)
    _no_decoding(monkeypatch)
    others = [prepare(open_source(table(labels)), SMALL).fingerprint for labels in ("ac", "ba")]
    assert len({first.fingerprint, *others}) == 3


def test_evaluation_takes_the_given_test_pictures(hostile, cache, tmp_path):
    for side, count in (("train", 6), ("val", 2), ("test", 3)):
        hostile.make_good_folder(tmp_path / "pets" / side, each=count)
    source = open_source(tmp_path / "pets", training=False)
    measured = prepare_all(source, SMALL)
    assert (measured.part, len(measured.split)) == ("test", 6)
    assert {name.split("/")[0] for name in measured.split.names} == {"test"}


def test_evaluation_takes_one_picture_and_refuses_none(hostile, cache, tmp_path):
    hostile.put(tmp_path / "d" / "cat" / "1.png", hostile.saved(hostile.picture(), "PNG"))
    measured = prepare_all(open_source(tmp_path / "d", training=False), SMALL)
    assert (measured.classes, measured.part, len(measured.split)) == (("cat",), "all", 1)
    hostile.put(tmp_path / "d" / "cat" / "1.png", b"")
    with pytest.raises(UserError, match=r"none of 1 pictures can be read \(cat/1.png: the file is empty\)"):
        prepare_all(open_source(tmp_path / "d", training=False), SMALL)


def test_large_entries_are_checked_by_sample(monkeypatch):
    monkeypatch.setattr(entries, "_CHECKED_BLOCKS", 4)
    monkeypatch.setattr(entries, "_CHECKED_BYTES", 64)
    images_NHWC = np.zeros((1000, 2, 2, 1), np.uint8)
    seal = entries._seal(images_NHWC)
    images_NHWC[0] = 1
    assert entries._seal(images_NHWC) != seal
    assert entries._seal(images_NHWC[:-1]) != seal


def test_the_array_file_is_a_plain_npy(pets, cache):
    dataset = prepare(open_source(pets), SMALL)
    (entry,) = cache.iterdir()
    loaded = np.load(entry / "pictures.npy")
    np.testing.assert_array_equal(loaded[: len(dataset.train)], dataset.train.inputs_N)
    assert json.loads((entry / "entry.json").read_text())["bad"] == {}


def test_the_second_start_opens_no_picture(hostile, cache, tmp_path, monkeypatch):
    pets = hostile.make_good_folder(tmp_path / "many", each=30)
    first = prepare(open_source(pets), ImagePreprocess(3, 32, 32))
    _no_decoding(monkeypatch)
    monkeypatch.setattr(cache_module, "_read", lambda *_: pytest.fail("read again"))
    assert _same(first, prepare(open_source(pets), ImagePreprocess(3, 32, 32)))
