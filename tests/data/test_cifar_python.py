"""CIFAR's Python batches: the pictures of the binary ones, and no pickle that is executed."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest

from convscope.data.sources import open_source
from convscope.errors import UserError

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 3072), np.uint8)


@pytest.mark.parametrize("protocol", [2, 4])
def test_batches_are_those_of_the_binary_version(tmp_path, protocol):
    labels = [i % 10 for i in range(20)]
    batch = {"data": PIXELS, "labels": labels, "filenames": ["a.png"] * 20, "batch_label": "1 of 5"}
    for folder in ("python", "binary"):
        (tmp_path / folder).mkdir()
    for name in ("data_batch_1", "test_batch"):
        (tmp_path / "python" / name).write_bytes(pickle.dumps(batch, protocol))
        records = np.concatenate([np.array(labels, np.uint8)[:, None], PIXELS], axis=1)
        (tmp_path / "binary" / f"{name}.bin").write_bytes(records.tobytes())
    names = [f"class {i}" for i in range(10)]
    (tmp_path / "python/batches.meta").write_bytes(pickle.dumps({"label_names": names}, protocol))
    ours, theirs = open_source(tmp_path / "python"), open_source(tmp_path / "binary")
    assert (ours.name, ours.classes) == ("cifar10", tuple(names))
    np.testing.assert_array_equal(ours.take(np.arange(40)), theirs.take(np.arange(40)))
    np.testing.assert_array_equal(ours.labels_N, theirs.labels_N)


class _Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_nothing_is_executed_and_damage_is_a_message(tmp_path):
    batch = tmp_path / "set" / "data_batch_1"
    batch.parent.mkdir()
    batch.write_bytes(pickle.dumps({"data": _Evil(tmp_path / "made"), "labels": [0]}, 2))
    with pytest.raises(UserError, match="damaged, or is not CIFAR's"):
        open_source(batch.parent)
    assert not (tmp_path / "made").exists()
    whole = pickle.dumps({"data": PIXELS[:2], "labels": [0, 1]}, 2)
    rng = np.random.default_rng(0)
    for _ in range(100):
        damaged = bytearray(whole)
        at = rng.integers(200) if rng.integers(2) else -1 - rng.integers(60)
        damaged[at] = rng.integers(256)
        batch.write_bytes(damaged)
        try:
            open_source(batch.parent)
        except UserError:
            continue


def test_a_pickle_made_to_exhaust_is_refused(tmp_path):
    deep = b"\x80\x02})" + b"\x85" * 300_000 + b"Ns."
    marks = b"\x80\x02" + b"N" * 200_000 + b"(t" * 200_000 + b"."
    text = b"X" + (100_000).to_bytes(4, "little") + b"a" * 100_000
    encode = b"\x80\x02c_codecs\nencode\nq\x00" + text + b"\x85q\x01R" + b"h\x00h\x01R" * 100_000 + b"."
    for content in (deep, marks, encode):
        (tmp_path / "data_batch_1").write_bytes(content)
        with pytest.raises(UserError):
            open_source(tmp_path)
