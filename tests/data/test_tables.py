"""CSV, TSV and Parquet tables of paths and labels."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from convscope.data.data_path import DataPath
from convscope.data.sources import FileSource, open_source
from convscope.errors import UserError


@pytest.fixture
def pets(hostile, tmp_path) -> Path:
    return hostile.make_good_folder(tmp_path / "pets", each=3)


def _rows(separator: str = ",") -> list[str]:
    return [f"{name}/good{i}.jpg{separator}{name}" for name in ("cat", "dog") for i in range(3)]


def _table(pets: Path, header: str, rows: list[str], name: str = "t.csv", encoding: str = "utf-8") -> Path:
    (pets / name).write_text("\n".join([header, *rows]), encoding)
    return pets / name


@pytest.mark.parametrize(
    ("header", "separator", "name", "encoding"),
    [
        ("path,label", ",", "t.csv", "utf-8"),
        ("File;Species", ";", "t.csv", "utf-8"),
        ("IMAGE\tclass", "\t", "t.tsv", "utf-8"),
        (" filename | category ", "|", "t.csv", "utf-8"),
        ('"filepath","target"', ",", "t.csv", "utf-8-sig"),
        ("image_path\tlabel", "\t", "t.csv", "utf-8"),
    ],
)
def test_spellings_of_the_same_table(pets, header, separator, name, encoding):
    source = open_source(_table(pets, header, _rows(separator), name, encoding))
    assert isinstance(source, FileSource)
    assert (source.name, source.classes, source.skipped) == ("t", ("cat", "dog"), ())
    assert source.names == tuple(row.split(separator)[0] for row in _rows(separator))
    assert source.labels_N.tolist() == [0, 0, 0, 1, 1, 1]


def test_splits_in_a_column(pets):
    rows = [f"{row},{side}" for row, side in zip(_rows(), ["train", "Training", "test"] * 2, strict=True)]
    source = open_source(_table(pets, "path,label,set", rows))
    assert {side: indices.tolist() for side, indices in source.given.items()} == {"train": [0, 1, 3, 4], "test": [2, 5]}


def test_quotes_line_breaks_and_other_columns(pets, hostile):
    hostile.put(pets / 'a "b", c.jpg', hostile.saved(hostile.picture(), "JPEG"))
    rows = [f'{i},"x\ny",{row}' for i, row in enumerate(_rows())]
    source = open_source(_table(pets, "id,note,path,label", [*rows, '9,z,"a ""b"", c.jpg",emu']))
    assert source.classes == ("cat", "dog", "emu")
    assert source.names[-1] == 'a "b", c.jpg'


def test_numbers_are_classes_in_natural_order(pets):
    rows = [f"{row.split(',')[0]},{label}" for row, label in zip(_rows(), [10, 9, 1, 10, 9, 1], strict=True)]
    assert open_source(_table(pets, "path,label", rows)).classes == ("1", "9", "10")


def test_parquet(pets):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    paths = [row.split(",")[0] for row in _rows()]
    columns = {"label": [0.0, 1.0, None, 0.0, 1.0, 1.0], "size": [1] * 6, "path": paths}
    pq.write_table(pa.table(columns), pets / "t.parquet")
    source = open_source(pets / "t.parquet")
    assert (source.classes, source.labels_N.tolist()) == (("0", "1"), [0, 1, 0, 1, 1])
    assert [(item.file, item.reason) for item in source.skipped] == [("t.parquet, row 3 (cat/good2.jpg)", "no label")]
    pq.write_table(pa.table({"paths": paths}), pets / "t.parquet")
    with pytest.raises(UserError, match="rename 'paths' to path"):
        open_source(pets / "t.parquet")


def test_a_folder_of_pictures_beside_its_table(hostile, tmp_path):
    for i in range(6):
        hostile.put(tmp_path / "images" / f"{i}.png", hostile.saved(hostile.picture(i), "PNG"))
    _table(tmp_path, "image,label", [f"images/{i}.png,{'ab'[i % 2]}" for i in range(6)], "labels.csv")
    source = open_source(tmp_path)
    assert (source.name, source.classes, len(source.names)) == ("labels", ("a", "b"), 6)
    _table(tmp_path, "image,label", ["images/0.png,a"], "more.csv")
    with pytest.raises(UserError, match=r"2 tables: labels.csv, more.csv"):
        open_source(tmp_path)


def test_class_folders_win_over_a_table(pets):
    _table(pets, "path,label", ["cat/good0.jpg,x"])
    source = open_source(pets)
    assert source.classes == ("cat", "dog")
    assert [item.file for item in source.skipped] == ["t.csv"]


def test_absolute_paths(pets, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    table = _table(other, "path,label", [f"{pets}/{row}" for row in _rows()])
    source = open_source(DataPath(str(table), allow_outside=True))
    assert len(source.names) == 6


def test_the_first_of_several_path_columns_in_our_order(pets):
    rows = [f"x{i},{row}" for i, row in enumerate(_rows())]
    assert len(open_source(_table(pets, "image_id,path,label", rows)).names) == 6


@pytest.mark.shared
def test_the_surnames_are_no_pictures(shared):
    with pytest.raises(
        UserError, match="no path and no label column; the columns are 'nationality', 'split', 'surname'"
    ):
        open_source(shared / "data" / "surnames_with_splits.csv")
    with pytest.raises(UserError, match=r"no pictures in it \(18 x .txt\)"):
        open_source(shared / "data" / "names_by_language.zip")


_CELLS = st.sampled_from(
    ["cat/good0.jpg", "cat/good1.jpg", "cat", "path", "label", "split", "", '"', "a b", "\ud55c", "..", "/", "~"]
)


@settings(max_examples=examples(200), deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.lists(st.lists(_CELLS, max_size=5), max_size=6).map(lambda rows: "\n".join(map(",".join, rows)).encode()),
        st.lists(st.lists(_CELLS, max_size=5), max_size=6).map(
            lambda rows: ("path;label\n" + "\n".join(map(";".join, rows))).encode()
        ),
    ),
    st.sampled_from([".csv", ".tsv", ".parquet"]),
)
def test_no_table_ends_in_anything_but_a_message(content, suffix):
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "cat").mkdir()
        for i in range(2):
            Path(folder, "cat", f"good{i}.jpg").write_bytes(b"\xff\xd8\xff")
        path = Path(folder, f"t{suffix}")
        path.write_bytes(content)
        for training in (True, False):
            with contextlib.suppress(UserError):
                source = open_source(path, training=training)
                assert len(source.names) == len(source.labels_N) > 0
