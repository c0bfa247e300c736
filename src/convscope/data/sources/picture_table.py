"""Parquet and Arrow tables with the pictures inside, as Hugging Face's data sets have them; one file or many shards."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import PurePosixPath
from threading import Lock
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from convscope.data.content import HEAD, recognise
from convscope.data.dataset import Skipped
from convscope.data.sources.place import FileStore, Listing, Member, Opener, listed, printable
from convscope.data.sources.source import SPLIT_WORDS, FileRow, FileSource, from_files
from convscope.data.sources.table import LABELS, MISSING, SPLITS, column_of
from convscope.errors import UserError, did_you_mean

SUFFIXES = (".parquet", ".pq", ".arrow", ".feather")
_PICTURES = ("image", "img", "picture", "photo", "jpg", "png")
_SPLIT_NAME = re.compile(rf"({'|'.join(SPLIT_WORDS)})(?=[-_.]|$)", re.IGNORECASE)
_GROUPS = 4
"""Groups of rows that are kept in memory, of all shards together."""


@dataclass(frozen=True, eq=False)
class _Shard:
    """One file: groups of rows, each read when it is asked for.

    Args:
        member: the file.
        schema: its columns.
        starts: the first row of each group, and behind the last the number of all.
        read: a group's number and a column's name to the values.
    """

    member: Member
    schema: Any = field(repr=False)
    starts: tuple[int, ...]
    read: Any = field(repr=False)

    def whole(self, name: str) -> list[Any]:
        """A column that is small enough."""
        return [value for group in range(len(self.starts) - 1) for value in self.read(group, name).to_pylist()]


@dataclass(frozen=True, eq=False)
class PictureRows:
    """The pictures of some shards as files: a member is named by its shard and its row.

    Args:
        place: where the shards lie.
        shards: the files.
        column: that holds the pictures.
    """

    place: FileStore
    shards: tuple[_Shard, ...] = field(repr=False)
    column: str

    @property
    def where(self) -> str:
        """The place of the shards."""
        return self.place.where

    @property
    def name(self) -> str:
        """The place's."""
        return self.place.name

    @property
    def identity(self) -> str:
        """Changes with any of the shards."""
        shards = [f"{shard.member.name} {shard.member.size} {shard.member.stamp}" for shard in self.shards]
        return f"{self.place.identity} rows of {self.column} in {shards}"

    def listing(self) -> Listing:
        """All rows."""
        return Listing(self, "", tuple(row_member(shard, row) for shard in self.shards for row in _rows(shard)))

    def find(self, name: str) -> Member | None:
        """The row of this name."""
        found = self._place_of(name)
        return None if found is None else row_member(*found)

    def leads_out(self, folder: str, names: Sequence[str]) -> list[bool]:
        """Rows lead nowhere."""
        return [False] * len(names)

    @contextlib.contextmanager
    def opening(self) -> Iterator[Opener]:
        """A function that opens rows, from several threads at once."""
        lock = Lock()

        @functools.lru_cache(maxsize=_GROUPS)
        def group_of(shard: int, group: int) -> Any:
            return self.shards[shard].read(group, self.column)

        numbers = {shard.member.name: number for number, shard in enumerate(self.shards)}

        def open_row(member: Member) -> BinaryIO:
            found = self._place_of(member.name)
            if found is None:
                raise FileNotFoundError(2, "there is no such row")
            shard, row = found
            group = bisect_right(shard.starts, row) - 1
            with lock:
                values = group_of(numbers[shard.member.name], group)
            return io.BytesIO(_bytes_of(values[row - shard.starts[group]]))

        yield open_row

    def content(self, member: Member) -> NDArray[np.uint8]:
        """The bytes of a row's picture."""
        with self.opening() as opener, opener(member) as file:
            return np.frombuffer(file.read(), np.uint8)

    def _place_of(self, name: str) -> tuple[_Shard, int] | None:
        shard_name, _, row = name.removesuffix("]").rpartition("[")
        shard = next((shard for shard in self.shards if shard.member.name == shard_name), None)
        return (shard, int(row)) if shard is not None and row.isdecimal() and int(row) < shard.starts[-1] else None


def row_member(shard: _Shard, row: int) -> Member:
    """A row as a file; how large its picture is, is known when it is read."""
    return Member(f"{shard.member.name}[{row}]", 0, shard.member.stamp)


def _rows(shard: _Shard) -> range:
    return range(shard.starts[-1])


def _bytes_of(scalar: Any) -> bytes:
    value = scalar.as_py()
    if isinstance(value, dict):
        value = value.get("bytes")
    if not isinstance(value, bytes):
        raise FileNotFoundError(2, "no picture in this row")
    return value


def picture_tables(listing: Listing) -> list[Member]:
    """The members that are tables with pictures inside."""
    tables = [m for m in listing.members if PurePosixPath(m.name).suffix.lower() in SUFFIXES]
    return [member for member in tables if _has_pictures(listing.place, member)]


def open_picture_tables(listing: Listing, members: Sequence[Member], target: str | None = None) -> FileSource:
    """Read tables that hold pictures, all of the same columns.

    The column of pictures is the one whose type or first value says so: bytes, or Hugging Face's ``{bytes, path}``.
    The labels are the column ``target``; else the one that Hugging Face's schema calls a ClassLabel, with its names;
    else one named label, class, ...; else the only other one of whole numbers or text. Parts are named by the files
    (``train-00000-of-00002.parquet``), their folder, or a column split.

    Raises:
        UserError: a table cannot be read, their columns differ, or the labels' column is not clear; lists the columns.
    """
    shards = tuple(_shard(listing.place, member) for member in members)
    where = listing.where if len(shards) > 1 else f"{listing.place.where}/{printable(members[0].name)}"
    first = shards[0].schema
    for shard in shards[1:]:
        if shard.schema.names != first.names:
            got = f"{printable(shard.member.name)} has other columns than {printable(shards[0].member.name)}"
            raise UserError(where, got, "shards of one table", "point at the file that is meant")
    picture = _picture_column(where, shards[0])
    label, names = _label_column(where, first, picture, target)
    split_at = column_of(first.names, SPLITS)
    rows: list[FileRow] = []
    skipped: list[Skipped] = []
    for shard in shards:
        in_file = _split_of(shard.member.name)
        splits = shard.whole(first.names[split_at]) if split_at >= 0 and not in_file else [in_file] * len(_rows(shard))
        for row, (value, split) in enumerate(zip(shard.whole(label), splits, strict=True)):
            member = row_member(shard, row)
            text = _label(value, names)
            if text is None:
                reason = "no label" if value is None else f"label {value} is none of the {len(names)} classes"
                skipped.append(Skipped(printable(member.name), reason))
                continue
            word = SPLIT_WORDS.get(str(split).casefold(), "")
            rows.append(FileRow(member, printable(member.name), printable(text), word))
    place = PictureRows(listing.place, shards, picture)
    return from_files(listing.place.name, where, place, rows, skipped)


def _label(value: Any, names: Sequence[str]) -> str | None:
    """A value as a class name; None where it is none."""
    if names and isinstance(value, int):
        return names[value] if 0 <= value < len(names) else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = "" if value is None else str(value).strip()
    return None if text.casefold() in MISSING else text


def _split_of(name: str) -> str:
    """The part that a file's name, or its folder's, begins with."""
    path = PurePosixPath(name)
    found = _SPLIT_NAME.match(path.name) or (_SPLIT_NAME.fullmatch(path.parent.name) if path.parent.name else None)
    return found.group(1).casefold() if found else ""


def _has_pictures(place: FileStore, member: Member) -> bool:
    try:
        shard = _shard(place, member)
    except UserError:
        return False
    return bool(_picture_columns(shard))


def _picture_columns(shard: _Shard) -> list[str]:
    """By their types; of plain bytes the first value decides."""
    import pyarrow as pa

    found = []
    for column in shard.schema:
        kind = column.type
        if pa.types.is_struct(kind):
            if "bytes" in [kind.field(i).name for i in range(kind.num_fields)]:
                found.append(column.name)
        elif (pa.types.is_binary(kind) or pa.types.is_large_binary(kind)) and len(_rows(shard)):
            first = next((value for value in shard.read(0, column.name) if value.is_valid), None)
            if first is not None and recognise(first.as_py()[:HEAD]).format:
                found.append(column.name)
    return found


def _picture_column(where: str, shard: _Shard) -> str:
    found = _picture_columns(shard)
    if len(found) == 1:
        return found[0]
    named = column_of(found, _PICTURES)
    if named < 0:
        got = f"{len(found)} columns hold pictures: {listed([printable(name) for name in found])}"
        raise UserError(where, got, "one", f"name the one that is meant {_PICTURES[0]}")
    return found[named]


def _label_column(where: str, schema: Any, picture: str, target: str | None) -> tuple[str, tuple[str, ...]]:
    """The column of labels, and its class names where the schema has them."""
    import pyarrow as pa

    others = [column for column in schema if column.name != picture]
    names = {column.name: _class_names(schema, column.name) for column in others}
    there = listed([printable(column.name) for column in others], 12)
    if target is not None:
        if target not in names:
            hint = did_you_mean(target, list(names))
            raise UserError("--target", f"no column {printable(target)!r}", f"one of {there}", hint)
        return target, names[target]
    labels = [name for name, classes in names.items() if classes]
    plain = [c.name for c in others if pa.types.is_integer(c.type) or pa.types.is_string(c.type)]
    splits = {c.name for c in others if column_of([c.name], SPLITS) >= 0}
    for candidates in (labels, plain):
        by_name = column_of(candidates, LABELS)
        if by_name >= 0:
            return candidates[by_name], names[candidates[by_name]]
        fitting = [name for name in candidates if name not in splits]
        if len(fitting) == 1:
            return fitting[0], names[fitting[0]]
        if fitting:
            got = f"{len(fitting)} columns may be the label: {listed([printable(name) for name in fitting])}"
            raise UserError(where, got, "one", f"--target names it: --target {printable(fitting[0])}")
    raise UserError(where, f"no column of labels; beside {printable(picture)} there are: {there or 'none'}", "one")


def _class_names(schema: Any, column: str) -> tuple[str, ...]:
    """Of a ClassLabel in the schema that Hugging Face's data sets write."""
    with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        names = features[column]["names"]
        if isinstance(names, list):
            return tuple(str(name) for name in names)
    return ()


def _shard(place: FileStore, member: Member) -> _Shard:
    """Open a table; its rows are read later.

    Raises:
        UserError: it is damaged, or no such table.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    data = place.content(member)
    where = f"{place.where}/{printable(member.name)}"
    try:
        buffer = pa.py_buffer(data)
        if bytes(data[:4]) == b"PAR1":
            file = pq.ParquetFile(pa.BufferReader(buffer))
            counts = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]

            def read(group: int, name: str) -> Any:
                return file.read_row_group(group, columns=[name]).column(0).combine_chunks()

            return _Shard(member, file.schema_arrow, tuple(accumulate(counts, initial=0)), read)
        reader = pa.BufferReader(buffer)
        if bytes(data[:6]) == b"ARROW1":
            opened = pa.ipc.open_file(reader)
            batches = [opened.get_batch(index) for index in range(opened.num_record_batches)]
        else:
            opened = pa.ipc.open_stream(reader)
            batches = list(opened)
        starts = tuple(accumulate((batch.num_rows for batch in batches), initial=0))
        return _Shard(member, opened.schema, starts, lambda group, name: batches[group].column(name))
    except Exception as error:
        # Arrow has an exception of its own for every layer of the format.
        words = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(where, f"not a Parquet or Arrow table: {printable(words)}", hint="write it again") from error
