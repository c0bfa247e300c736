"""Parquet and Arrow tables with pictures inside: the same pictures, classes and parts as any other way."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from PIL import Image

from convscope.api import check
from convscope.data.cache import prepare
from convscope.data.dataset import Dataset
from convscope.data.image.decode import ImagePreprocess
from convscope.data.sources import TableColumns, open_source, picture_table
from convscope.errors import UserError

NAMES = ["zero", "one", "two"]
PICTURES = np.random.default_rng(0).integers(0, 256, (12, 9, 7, 3), np.uint8)
LABELS = [0, 1, 2] * 4


def _png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _hugging_face(rows: Sequence[int] = range(12), **more: list[Any]) -> pa.Table:
    """As their ``datasets`` library writes it."""
    pictures = [{"bytes": _png(PICTURES[i]), "path": f"{i}.png"} for i in rows]
    table = pa.table({"image": pictures, "label": pa.array([LABELS[i] for i in rows], pa.int64()), **more})
    features = {"image": {"_type": "Image"}, "label": {"names": NAMES, "_type": "ClassLabel"}}
    return table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def _decoded(data: Path) -> Dataset:
    return prepare(open_source(data), ImagePreprocess(3, 9, 7))


def _plain(**columns: list[Any]) -> pa.Table:
    return pa.table({"image": [_png(picture) for picture in PICTURES], **columns})


def _stream(table: pa.Table, path: Path) -> None:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=5)


def _parquet(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, row_group_size=5)


WRITERS: dict[str, Callable[[pa.Table, Path], None]] = {
    "parquet": _parquet,
    "arrow": _stream,
    "feather": lambda table, path: pa.feather.write_feather(table, str(path)),
}


@pytest.mark.parametrize("ending", WRITERS)
def test_every_pixel_and_the_names_of_the_schema(ending: str, tmp_path: Path) -> None:
    WRITERS[ending](_hugging_face(), tmp_path / f"set.{ending}")
    for data in (tmp_path, tmp_path / f"set.{ending}"):
        dataset = _decoded(data)
        assert dataset.classes == ("one", "two", "zero")
        seen = 0
        for split in (dataset.train, dataset.val, dataset.test):
            for pixels, label, name in zip(split.inputs_N, split.labels_N, split.names, strict=True):
                row = int(name.partition("[")[2].rstrip("]"))
                assert np.array_equal(pixels, PICTURES[row])
                assert dataset.classes[label] == NAMES[LABELS[row]]
                seen += 1
        assert seen == 12


def test_shards_name_their_parts(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (tmp_path / "README.md").write_text("a card")
    for name, rows in {
        "train-00000-of-00002": range(4),
        "train-00001-of-00002": range(4, 7),
        "validation-00000-of-00001": range(7, 9),
        "test-00000-of-00001": range(9, 12),
    }.items():
        _parquet(_hugging_face(rows), folder / f"{name}.parquet")
    source = open_source(tmp_path)
    assert {split: len(rows) for split, rows in source.given.items()} == {"train": 7, "val": 2, "test": 3}
    assert source.names[3] == "data/train-00000-of-00002.parquet[0]"


def test_plain_bytes_with_words_for_labels(tmp_path: Path) -> None:
    _parquet(_plain(species=["ant", "bee"] * 6, weight=[0.5] * 12), tmp_path / "insects.parquet")
    assert open_source(tmp_path / "insects.parquet").classes == ("ant", "bee")


def test_which_column_is_the_label_is_asked_and_may_be_said(tmp_path: Path) -> None:
    _parquet(_plain(coarse=["a", "b"] * 6, fine=["x", "y", "z"] * 4), tmp_path / "two.parquet")
    with pytest.raises(UserError, match="2 columns may be the label: coarse, fine") as caught:
        open_source(tmp_path)
    assert "--target coarse" in caught.value.hint
    assert open_source(tmp_path, columns=TableColumns(target="fine")).classes == ("x", "y", "z")
    with pytest.raises(UserError, match="no column 'finer'"):
        open_source(tmp_path, columns=TableColumns(target="finer"))


def test_rows_without_label_or_picture_are_named(tmp_path: Path) -> None:
    table = _hugging_face()
    labels = pa.array([None, 7, *LABELS[2:]], pa.int64())
    pictures = table["image"].to_pylist()
    pictures[5] = {"bytes": None, "path": "elsewhere.png"}
    table = table.set_column(1, "label", labels).set_column(0, "image", pa.array(pictures, table.schema[0].type))
    _parquet(table, tmp_path / "set.parquet")
    dataset = _decoded(tmp_path)
    reasons = {item.file: item.reason for item in dataset.skipped}
    assert reasons["set.parquet[0]"] == "no label"
    assert reasons["set.parquet[1]"] == "label 7 is none of the 3 classes"
    assert "no picture in this row" in reasons["set.parquet[5]"]


def test_tables_of_numbers_stay_so(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1.0, 2.0, 3.0], "label": ["a", "b", "a"]}), tmp_path / "rows.parquet")
    assert open_source(tmp_path / "rows.parquet").many == "rows"


@pytest.mark.parametrize("cut", [0, 3, 40, 400])
def test_a_damaged_table_is_a_readable_mistake(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "set.parquet"
    _parquet(_hugging_face(), path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(UserError):
        open_source(path)


def test_shards_of_other_columns_are_refused(tmp_path: Path) -> None:
    _parquet(_hugging_face(), tmp_path / "train-0.parquet")
    _parquet(_hugging_face(extra=[1] * 12), tmp_path / "train-1.parquet")
    with pytest.raises(UserError, match="other columns"):
        open_source(tmp_path)


def test_two_columns_of_pictures_need_a_name(tmp_path: Path) -> None:
    pictures = [_png(picture) for picture in PICTURES]
    pq.write_table(pa.table({"left": pictures, "right": pictures, "label": LABELS}), tmp_path / "set.parquet")
    with pytest.raises(UserError, match="2 columns hold pictures: left, right"):
        open_source(tmp_path)


def test_check_finds_nothing_wrong_with_rows_for_their_names(tmp_path: Path) -> None:
    _parquet(_hugging_face(), tmp_path / "set.parquet")
    assert "misnamed" not in {finding.kind for finding in check(str(tmp_path)).findings}


def test_a_damaged_shard_does_not_vanish(tmp_path: Path) -> None:
    for name in ("train-0", "train-1"):
        _parquet(_hugging_face(), tmp_path / f"{name}.parquet")
    damaged = tmp_path / "train-1.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-9])
    with pytest.raises(UserError, match=r"train-1\.parquet: not a Parquet or Arrow table"):
        open_source(tmp_path)


def test_a_table_without_pictures_beside_them_is_named(tmp_path: Path) -> None:
    _parquet(_hugging_face(), tmp_path / "train.parquet")
    pq.write_table(pa.table({"x": [1.0, 2.0]}), tmp_path / "numbers.parquet")
    skipped = {item.file: item.reason for item in open_source(tmp_path).skipped}
    assert skipped == {"numbers.parquet": "a table without pictures"}


def test_a_group_of_rows_that_would_fill_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_table, "_GROUP_BYTES", 100)
    _parquet(_hugging_face(), tmp_path / "set.parquet")
    with pytest.raises(UserError, match=r"5 rows of image in one group take 0\.0 GB"):
        open_source(tmp_path)
