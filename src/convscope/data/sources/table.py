"""A CSV, TSV or Parquet table with a column of picture paths and a column of labels."""

from __future__ import annotations

import csv
import io
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from convscope.data.dataset import Skipped
from convscope.data.sources.place import Listing, Member, listed, printable, where_of
from convscope.data.sources.source import SPLIT_WORDS, FileRow, FileSource, from_files
from convscope.errors import UserError, nearest
from convscope.tables import read_cell

SUFFIXES = (".csv", ".tsv", ".parquet", ".pq")

_PATHS = (
    *("path", "file", "filename", "image", "filepath", "file_name", "file_path", "image_path", "img", "picture"),
    *("image_file", "imagename", "image_name", "img_path", "image_id"),
)
LABELS = ("label", "class", "target", "category", "species", "class_name", "label_name", "labels", "classes")
SPLITS = ("split", "set", "subset", "partition", "data_set", "dataset")
_DELIMITERS = (",", ";", "\t", "|")
MISSING = frozenset({"", "nan", "none", "null", "na", "n/a", "<na>"})
_MAX_BYTES = 4 << 30


@dataclass(frozen=True)
class Table:
    """A table as text: column names, and rows with the number a person would find them under."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[int, Sequence[str]]]
    skipped: tuple[Skipped, ...] = ()


def open_table(listing: Listing, member: Member, table: Table | None = None, allow_outside: bool = False) -> FileSource:
    """Read a table of pictures of the listing's place; paths in it count from the table's own folder.

    The columns are found by their names, whatever their case: path, file, filename, image, ... and label, class,
    target, category, species, ...; a column split or set may name train, val and test. Rows with a missing file,
    an empty label, or a picture that is listed already are named in ``skipped``.

    Args:
        listing: of the table's place.
        member: the table.
        table: its rows, where they are read already.
        allow_outside: read also files outside of the table's own folder: a table that others made could name any.

    Raises:
        UserError: the table cannot be read, lacks one of the two columns, leads out of its folder, or leads to no
            picture at all.
    """
    where = where_of(listing.place, member)
    table = table or read_table(listing, member, where)
    path_at, label_at = column_of(table.columns, _PATHS), column_of(table.columns, LABELS)
    split_at = column_of(table.columns, SPLITS)
    _check_columns(where, table.columns, path_at, label_at)
    folder = "" if "/" not in member.name else str(PurePosixPath(member.name).parent) + "/"
    if not allow_outside:
        _check_inside(listing, where, folder, [(n, _cell_at(cells, path_at)) for n, cells in table.rows])
    rows: list[FileRow] = []
    skipped = list(table.skipped)
    seen: dict[str, tuple[int, str]] = {}
    short = printable(PurePosixPath(member.name).name)
    missing = 0
    for number, cells in table.rows:
        at = f"{short}, row {number}"
        # Shorter rows lack their last cells.
        path, label, split = (_cell_at(cells, i) for i in (path_at, label_at, split_at))
        label = read_cell(label)
        if path.casefold() in MISSING:
            skipped.append(Skipped(at, "no path"))
            continue
        at = f"{at} ({printable(path)})"
        picture = _find(listing, folder, path)
        if picture is not None and picture.name == folder + read_cell(path):
            path = read_cell(path)
        reason = ""
        if label.casefold() in MISSING:
            reason = "no label"
        elif split_at >= 0 and split.casefold() not in SPLIT_WORDS:
            reason = f"split {printable(split)!r} is none of train, val, test" if split else "no split"
        elif picture is None:
            reason = "there is no such file"
            missing += 1
        elif (key := posixpath.normpath(picture.name)) in seen:
            first, said = seen[key]
            reason = f"listed already in row {first}" + (
                "" if said == label else f", as {printable(said)}, not {printable(label)}"
            )
        if reason or picture is None:
            skipped.append(Skipped(at, reason))
            continue
        seen[posixpath.normpath(picture.name)] = (number, label)
        word = SPLIT_WORDS[split.casefold()] if split_at >= 0 else ""
        rows.append(FileRow(picture, printable(path), printable(label), word))
    if missing and not rows:
        example = next(item.file for item in skipped if "no such file" in item.reason)
        got = f"none of {missing:,} files is there, e.g. {example}"
        raise UserError(where, got, "paths from the table's own folder", f"looked in {listing.place.where}/{folder}")
    _check_labels(where, rows)
    return from_files(printable(PurePosixPath(member.name).stem), where, listing.place, rows, skipped)


def has_paths(table: Table) -> bool:
    """Whether a column is named as one of picture files."""
    return column_of(table.columns, _PATHS) >= 0


def has_columns(listing: Listing, member: Member) -> bool:
    """Whether a file can be read as a table with a path and a label column."""
    try:
        table = read_table(listing, member, "")
    except UserError:
        return False
    return min(column_of(table.columns, _PATHS), column_of(table.columns, LABELS)) >= 0


def _check_columns(where: str, columns: Sequence[str], path_at: int, label_at: int) -> None:
    """Refuse a table without a path or a label column, naming the columns that are there."""
    if path_at >= 0 and label_at >= 0:
        return
    lacking = [(word, known) for word, at, known in (("path", path_at, _PATHS), ("label", label_at, LABELS)) if at < 0]
    there = listed([repr(printable(c)) for c in columns], 12)
    got = f"no {' and no '.join(word for word, _ in lacking)} column; the columns are {there}"
    expected = "; ".join(f"a {word} column named {', '.join(known[:5])}" for word, known in lacking)
    hint = "the first line must name the columns"
    for _, known in lacking:
        for column in columns:
            match = nearest(column.strip(), known) if column.strip() else None
            if match:
                hint = f"rename {printable(column)!r} to {match}"
    raise UserError(where, got, expected, hint)


def _check_labels(where: str, rows: Sequence[FileRow]) -> None:
    """Refuse labels that only number the pictures."""
    labels = {row.label for row in rows}
    if len(rows) >= 10 and len(labels) == len(rows):
        got = f"every one of {len(rows):,} pictures has a label of its own, e.g. {rows[0].label}"
        raise UserError(where, got, "classes of several pictures each", "is the label column the right one?")


def column_of(columns: Sequence[str], known: Sequence[str]) -> int:
    """The place of the first known name among the columns, or -1."""
    plain = [column.strip().casefold() for column in columns]
    return next((plain.index(name) for name in known if name in plain), -1)


def _cell_at(cells: Sequence[str], at: int) -> str:
    return cells[at].strip() if 0 <= at < len(cells) else ""


def _spellings(folder: str, path: str) -> list[str]:
    """The names that a path of a table may mean: tables made on Windows have other slashes, those made for spreadsheets
    an apostrophe before what looks like a formula."""
    first = folder + path if not path.startswith("/") else path
    names = [first, folder + path.replace("\\", "/")] if "\\" in path else [first]
    return names if read_cell(path) == path else [*names, *_spellings(folder, read_cell(path))]


def _find(listing: Listing, folder: str, path: str) -> Member | None:
    return next((found for name in _spellings(folder, path) if (found := listing.place.find(name))), None)


def _check_inside(listing: Listing, where: str, folder: str, paths: Sequence[tuple[int, str]]) -> None:
    """Refuse a table that names files outside of its own folder, before one of them is looked at.

    Raises:
        UserError: names the first such row.
    """
    named = [(number, path) for number, path in paths if path.casefold() not in MISSING]
    spelled = [(row, name) for row in named for name in _spellings(folder, row[1])]
    out = listing.place.leads_out(folder, [name for _, name in spelled])
    rows = list(dict.fromkeys(row for (row, _), outside in zip(spelled, out, strict=True) if outside))
    if not rows:
        return
    number, path = rows[0]
    more = f", and so do {len(rows) - 1:,} more" if len(rows) > 1 else ""
    top = f"{listing.place.where}/{folder}".rstrip("/")
    hint = "where you trust the table: --allow-outside (in Python allow_outside=True)"
    raise UserError(where, f"row {number} leads out of its folder: {printable(path)}{more}", f"files in {top}", hint)


def read_table(listing: Listing, member: Member, where: str) -> Table:
    """A table as text, whole.

    Raises:
        UserError: it is too large, damaged, or no table.
    """
    if member.size > _MAX_BYTES:
        raise UserError(where, f"{member.size / 2**30:,.1f} GiB", f"a table of at most {_MAX_BYTES >> 30} GiB")
    data = listing.place.content(member).tobytes()
    suffix = PurePosixPath(member.name).suffix.lower()
    if suffix in (".parquet", ".pq") or data.startswith(b"PAR1"):
        return _parquet(data, where)
    return _csv(_text(data, where), where, "\t" if suffix == ".tsv" else "")


def _text(data: bytes, where: str) -> str:
    hint = "save the table as UTF-8 (in a spreadsheet: 'CSV UTF-8'; or iconv -t UTF-8)"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UserError(where, "the text is UTF-16", "UTF-8", hint)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        got = f"line {line:,}: byte 0x{data[error.start]:02x} is not UTF-8"
        raise UserError(where, got, "UTF-8 text", hint) from error
    if not text.strip():
        raise UserError(where, "the table is empty", "a header line and a row for every picture")
    if "\0" in text:
        raise UserError(
            where, f"line {text.count(chr(10), 0, text.index(chr(0))) + 1:,}: a zero byte", "UTF-8 text", hint
        )
    return text


def _csv(text: str, where: str, delimiter: str) -> Table:
    try:
        delimiter = delimiter or _delimiter(text)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        columns = tuple(next(reader, []))
        rows, skipped = [], []
        for cells in reader:
            if len(cells) > len(columns):
                reason = f"{len(cells)} cells for {len(columns)} columns; is a {delimiter!r} missing its quotes?"
                skipped.append(Skipped(f"{PurePosixPath(where).name}, row {reader.line_num}", reason))
            elif any(cell.strip() for cell in cells):
                rows.append((reader.line_num, cells))
    except csv.Error as error:
        raise UserError(where, f"not a table: {error}", "a header line and a row for every picture") from error
    return Table(columns, rows, tuple(skipped))


def _delimiter(text: str) -> str:
    """What separates the cells: whatever makes the header name our columns, else the sniffer's guess, else a comma."""
    header = text.lstrip().split("\n", 1)[0]
    for delimiter in _DELIMITERS:
        columns = next(csv.reader([header], delimiter=delimiter), [])
        if min(column_of(columns, _PATHS), column_of(columns, LABELS)) >= 0:
            return delimiter
    try:
        return csv.Sniffer().sniff(text[:4096], "".join(_DELIMITERS)).delimiter
    except csv.Error:
        return ","


def _parquet(data: bytes, where: str) -> Table:
    # Imported here: few tables are Parquet.
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        names = tuple(str(name) for name in file.schema_arrow.names)
        places = [at for at in (column_of(names, known) for known in (_PATHS, LABELS, SPLITS)) if at >= 0]
        # Of a table of pictures the other columns may be anything, and large.
        wanted = [names[at] for at in places] if column_of(names, _PATHS) >= 0 else list(names)
        read = file.read(columns=wanted).to_pydict() if wanted else {}
    except Exception as error:
        # Arrow has an exception of its own for every layer of the format.
        words = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(where, f"not a Parquet table: {words}", hint="write it again") from error
    columns = {name: ["" if value is None else _cell(value) for value in values] for name, values in read.items()}
    cells = [columns.get(name, []) for name in names]
    count = max((len(column) for column in cells), default=0)
    rows = [(i + 1, [column[i] if i < len(column) else "" for column in cells]) for i in range(count)]
    return Table(names, rows)


def _cell(value: object) -> str:
    """A Parquet value as the text that a CSV would hold; 3.0 is class 3."""
    return str(int(value)) if isinstance(value, (bool, float)) and float(value).is_integer() else str(value)


def table_members(members: Sequence[Member]) -> Iterator[Member]:
    """The members that are tables by their endings."""
    return (member for member in members if PurePosixPath(member.name).suffix.lower() in SUFFIXES)
