"""Parquet and Arrow tables with the pictures inside, as Hugging Face's data sets have them; one file or many shards."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from pathlib import PurePosixPath
from threading import Lock
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from convscope.data.content import HEAD, recognise
from convscope.data.dataset import Skipped
from convscope.data.sources.place import FileStore, Listing, Member, Opener, listed, printable, where_of
from convscope.data.sources.source import SPLIT_WORDS, FileRow, FileSource, from_files
from convscope.data.sources.table import LABELS, MISSING, SPLITS, column_of
from convscope.errors import UserError, did_you_mean

SUFFIXES = (".parquet", ".pq", ".arrow", ".feather")
_PICTURES = ("image", "img", "picture", "photo", "jpg", "png")
_SPLIT_NAME = re.compile(rf"({'|'.join(SPLIT_WORDS)})(?=[-_.]|$)", re.IGNORECASE)
_GROUPS, _GROUP_BYTES = 4, 500_000_000
"""Groups of rows that are kept in memory, of all shards together; what one may take."""


@dataclass(frozen=True, eq=False)
class Shard:
    """One table: groups of rows, each read when it is asked for.

    Args:
        member: the file.
        schema: its columns.
        starts: the first row of each group, and behind the last the number of all.
        read: a group's number and a column's name to the values.
        taken: the same to the bytes that reading takes; 0 where they are memory-mapped.
    """

    member: Member
    schema: Any = field(repr=False)
    starts: tuple[int, ...]
    read: Callable[[int, str], Any] = field(repr=False)
    taken: Callable[[int, str], int] = field(repr=False)

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
    shards: tuple[Shard, ...] = field(repr=False)
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
        return Listing(self, "", tuple(_row_member(shard, row) for shard in self.shards for row in _rows(shard)))

    def find(self, name: str) -> Member | None:
        """The row of this name."""
        found = self._place_of(name)
        return None if found is None else _row_member(*found)

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

    def _place_of(self, name: str) -> tuple[Shard, int] | None:
        shard_name, _, row = name.removesuffix("]").rpartition("[")
        shard = next((shard for shard in self.shards if shard.member.name == shard_name), None)
        return (shard, int(row)) if shard is not None and row.isdecimal() and int(row) < shard.starts[-1] else None


def _row_member(shard: Shard, row: int) -> Member:
    """A row as a file; how large its picture is, is known when it is read."""
    return Member(f"{shard.member.name}[{row}]", 0, shard.member.stamp)


def _rows(shard: Shard) -> range:
    return range(shard.starts[-1])


def _bytes_of(scalar: Any) -> bytes:
    value = scalar.as_py()
    if isinstance(value, dict):
        value = value.get("bytes")
    if not isinstance(value, bytes):
        raise FileNotFoundError(2, "no picture in this row")
    return value


def find_picture_tables(listing: Listing) -> tuple[list[Shard], list[Skipped]]:
    """The tables with pictures inside, and the others beside them, which are left out; none if no table has any.

    Raises:
        UserError: one of several cannot be read: a shard that is damaged does not vanish.
    """
    tables = [m for m in listing.members if PurePosixPath(m.name).suffix.lower() in SUFFIXES]
    found: list[Shard] = []
    plain: list[Skipped] = []
    damaged: list[UserError] = []
    for member in tables:
        try:
            shard = _shard(listing.place, member)
        except UserError as error:
            damaged.append(error)
            continue
        if _picture_columns(shard):
            found.append(shard)
        else:
            plain.append(Skipped(printable(member.name), "a table without pictures"))
    if found and damaged:
        raise damaged[0]
    return (found, plain) if found else ([], [])


def open_picture_tables(
    listing: Listing, shards: Sequence[Shard], left_out: Sequence[Skipped] = (), target: str | None = None
) -> FileSource:
    """Read tables that hold pictures, all of the same columns.

    The column of pictures is the one whose type or first value says so: bytes, or Hugging Face's ``{bytes, path}``.
    The labels are the column ``target``; else the one that Hugging Face's schema calls a ClassLabel, with its names;
    else one named label, class, ...; else the only other one of whole numbers or text. Parts are named by the files
    (``train-00000-of-00002.parquet``), their folder, or a column split.

    Args:
        listing: where the tables lie.
        shards, left_out: of :func:`find_picture_tables`.
        target: the column of the labels; None: found.

    Raises:
        UserError: the tables' columns differ, or the labels' column is not clear; lists the columns.
    """
    where = listing.where if len(shards) > 1 else where_of(listing.place, shards[0].member)
    first = shards[0].schema
    for shard in shards[1:]:
        if shard.schema.names != first.names:
            got = f"{printable(shard.member.name)} has other columns than {printable(shards[0].member.name)}"
            raise UserError(where, got, "shards of one table", "point at the file that is meant")
    picture = _picture_column(where, shards[0])
    for shard in shards:
        _check_groups(shard, picture, where_of(listing.place, shard.member))
    label, names = _label_column(where, first, picture, target)
    split_at = column_of(first.names, SPLITS)
    rows: list[FileRow] = []
    skipped = [*listing.skipped, *left_out]
    for shard in shards:
        in_file = _split_of(shard.member.name)
        splits = shard.whole(first.names[split_at]) if split_at >= 0 and not in_file else [in_file] * len(_rows(shard))
        for row, (value, split) in enumerate(zip(shard.whole(label), splits, strict=True)):
            member = _row_member(shard, row)
            text = _label(value, names)
            if text is None:
                reason = "no label" if value is None else f"label {value} is none of the {len(names)} classes"
                skipped.append(Skipped(printable(member.name), reason))
                continue
            word = SPLIT_WORDS.get(str(split).casefold(), "")
            rows.append(FileRow(member, printable(member.name), printable(text), word))
    place = PictureRows(listing.place, tuple(shards), picture)
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


def _picture_columns(shard: Shard) -> list[str]:
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


def _picture_column(where: str, shard: Shard) -> str:
    found = _picture_columns(shard)
    if len(found) == 1:
        return found[0]
    named = column_of(found, _PICTURES)
    if named < 0:
        got = f"{len(found)} columns hold pictures: {listed([printable(name) for name in found])}"
        raise UserError(where, got, "one", f"rename the column that is meant to {_PICTURES[0]}")
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


def _check_groups(shard: Shard, name: str, where: str) -> None:
    """Refuse to hold more rows at a time than the memory should be asked for.

    Raises:
        UserError: says how much they would take.
    """
    for group, (start, end) in enumerate(pairwise(shard.starts)):
        taken = shard.taken(group, name)
        if taken > _GROUP_BYTES:
            got = f"{end - start:,} rows of {printable(name)} in one group take {taken / 1e9:.1f} GB"
            hint = "write it with smaller row groups: row_group_size=1000"
            raise UserError(where, got, f"at most {_GROUP_BYTES / 1e9:.1f} GB a row group", hint)


def _shard(place: FileStore, member: Member) -> Shard:
    """Open a table; its rows are read later.

    Raises:
        UserError: it is damaged, or no such table.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    data = place.content(member)
    where = where_of(place, member)
    try:
        buffer = pa.py_buffer(data)
        if bytes(data[:4]) == b"PAR1":
            file = pq.ParquetFile(pa.BufferReader(buffer))
            counts = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]

            def read(group: int, name: str) -> Any:
                return file.read_row_group(group, columns=[name]).column(0).combine_chunks()

            def taken(group: int, name: str) -> int:
                found = file.metadata.row_group(group)
                columns = [found.column(at) for at in range(found.num_columns)]
                return sum(c.total_uncompressed_size for c in columns if c.path_in_schema.split(".")[0] == name)

            return Shard(member, file.schema_arrow, tuple(accumulate(counts, initial=0)), read, taken)
        reader = pa.BufferReader(buffer)
        if bytes(data[:6]) == b"ARROW1":
            opened = pa.ipc.open_file(reader)
            batches = [opened.get_batch(index) for index in range(opened.num_record_batches)]
        else:
            opened = pa.ipc.open_stream(reader)
            batches = list(opened)
        starts = tuple(accumulate((batch.num_rows for batch in batches), initial=0))
        return Shard(
            member, opened.schema, starts, lambda group, name: batches[group].column(name), lambda group, name: 0
        )
    except Exception as error:
        # Arrow has an exception of its own for every layer of the format.
        words = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(where, f"not a Parquet or Arrow table: {printable(words)}", hint="write it again") from error
