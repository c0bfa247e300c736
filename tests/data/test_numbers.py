"""Tables of numbers: which column is what, and that nothing is left out silently."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from convscope.data.cache import prepare
from convscope.data.image.decode import ImagePreprocess
from convscope.data.sources import TableColumns, TableSource, open_source
from convscope.errors import UserError


def _table(tmp_path: Path, text: str, name: str = "t.csv") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def _opened(path: Path, **columns: object) -> TableSource:
    source = open_source(path, training=False, columns=TableColumns(**columns))  # type: ignore[arg-type]
    assert isinstance(source, TableSource)
    return source


@pytest.mark.parametrize(
    ("header", "asked", "target"),
    [("a,label,b", None, "label"), ("a,b,c", None, "c"), ("a,class,label", None, "label"), ("a,b,label", "a", "a")],
)
def test_the_target_is_asked_for_or_named_or_last(tmp_path, header, asked, target):
    source = _opened(_table(tmp_path, f"{header}\n1,2,3\n4,5,6\n"), target=asked)
    assert source.target == target
    assert set(source.columns) == set(header.split(",")) - {target}
    assert bool(source.found_by) == (asked is None)


def test_what_is_no_number_is_named(tmp_path):
    text = "name,a,b,label\nx,1,2,yes\ny,,2,no\nz,oops,nan,yes\nu,3,4,\nv,5,6,no\n"
    source = _opened(_table(tmp_path, text))
    assert source.columns == ("a", "b")
    np.testing.assert_array_equal(source.rows_ND, [[1, 2], [5, 6]])
    assert source.names == ("t[0]", "t[4]")
    told = {entry.file: entry.reason for entry in source.skipped}
    assert told == {
        "column name": "no number in it, such as 'x'",
        "t, row 3": "a is missing",
        "t, row 4": "a is 'oops', no number, and 1 more cells",
        "t, row 5": "label is missing",
    }


@pytest.mark.parametrize(
    ("values", "numeric"),
    [
        (["1.5", "2", "3"], True),
        (["0", "1", "1"], False),
        ([str(k) for k in range(21)], True),
        (["a", "1", "2"], False),
    ],
)
def test_a_target_is_classes_or_numbers_by_what_it_holds(tmp_path, values, numeric):
    rows = "".join(f"{index},{value}\n" for index, value in enumerate(values * 2))
    source = _opened(_table(tmp_path, f"x,y\n{rows}"))
    assert (source.classes == ()) == numeric
    forced = _opened(_table(tmp_path, f"x,y\n{rows}"), numeric=False)
    assert len(forced.classes) == len(set(values))


def test_parquet_is_read_as_csv_is(tmp_path):
    columns = {"a": [1.5, 2.0, None], "flag": [True, False, True], "label": [0, 1, 1]}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    source = _opened(tmp_path / "t.parquet")
    assert source.columns == ("a", "flag")
    np.testing.assert_array_equal(source.rows_ND, [[1.5, 1], [2, 0]])
    assert [entry.reason for entry in source.skipped] == ["a is missing"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1,2,3\n4,5,6\n", "the first line is numbers"),
        ("a,a,label\n1,2,3\n", "two columns named 'a'"),
        ("a,label\n1,\n2,\n", "no row of numbers"),
        ("name,label\nx,1\ny,2\n", "no column of numbers beside the target"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(tmp_path, text, told):
    with pytest.raises(UserError, match=told):
        open_source(_table(tmp_path, text))


def test_a_column_that_is_not_there_is_told_with_the_nearest(tmp_path):
    path = _table(tmp_path, "height,label\n1,a\n2,b\n")
    with pytest.raises(UserError, match="did you mean height"):
        open_source(path, columns=TableColumns("hieght"))


def test_few_rows_are_all_trained_on_and_more_are_split(tmp_path):
    few = open_source(_table(tmp_path, "a,b,label\n0,0,n\n0,1,y\n1,0,y\n1,1,n\n"))
    assert isinstance(few, TableSource)
    dataset = prepare(few, few.preprocess)
    assert dataset.measured_on_train
    assert (len(dataset.train), len(dataset.val), len(dataset.test)) == (4, 0, 4)
    rows = "".join(f"{k},{k % 2}\n" for k in range(100))
    many = open_source(_table(tmp_path, f"a,label\n{rows}", "many.csv"))
    assert isinstance(many, TableSource)
    parts = prepare(many, many.preprocess)
    assert not parts.measured_on_train
    assert {len(parts.train), len(parts.val), len(parts.test)} == {70, 10, 20}
    every = np.concatenate([parts.train.inputs_N, parts.val.inputs_N, parts.test.inputs_N])
    assert sorted(every[:, 0].tolist()) == list(range(100))


def test_rows_are_no_pictures(tmp_path):
    source = open_source(_table(tmp_path, "a,label\n1,x\n2,y\n"))
    with pytest.raises(UserError, match="modality"):
        prepare(source, ImagePreprocess(1, 8, 8))


def test_a_table_without_the_target_can_be_read_for_prediction(tmp_path):
    source = _opened(_table(tmp_path, "b,a\n1,2\n3,4\n"), target="y", inputs=("a", "b"), labelled=False)
    np.testing.assert_array_equal(source.rows_ND, [[2, 1], [4, 3]])
