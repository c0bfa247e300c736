"""What a person wrote for DATA -> :class:`~convscope.data.sources.source.Source`, or what is wrong with it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from convscope.data.content import HEAD, PICTURE_SUFFIXES, recognise
from convscope.data.data_path import DataPath
from convscope.data.dataset import Preprocess, Skipped
from convscope.data.sources.archive import open_zip
from convscope.data.sources.cifar import find_cifar, open_cifar
from convscope.data.sources.cifar_python import find_cifar_python, open_cifar_python
from convscope.data.sources.digits import open_digits
from convscope.data.sources.folder import open_class_folders, split_folders, with_unreadable
from convscope.data.sources.idx import find_idx, open_idx
from convscope.data.sources.kuzushiji import find_kuzushiji, open_kuzushiji
from convscope.data.sources.numbers import is_numbers, open_numbers, stem_of
from convscope.data.sources.picture_table import SUFFIXES as PICTURE_TABLES
from convscope.data.sources.picture_table import PictureRows, find_picture_tables, open_picture_tables
from convscope.data.sources.place import Folder, Listing, Member, is_litter, listed, printable, where_of
from convscope.data.sources.source import FileSource, Source, TableSource, check
from convscope.data.sources.stl import find_stl, open_stl
from convscope.data.sources.table import SUFFIXES, has_columns, has_paths, open_table, read_table, table_members
from convscope.data.vector.preprocess import VectorPreprocess
from convscope.errors import UserError, did_you_mean, nearest
from convscope.files import open_regular, refuse_special

_KINDS = (
    "digits, a folder of class folders, IDX, CIFAR (binary or Python), STL-10 or Kuzushiji files, "
    "a CSV, Parquet or Arrow table, or a zip of these"
)
# Known by files whose names may be any file's, so that class folders go before them.
_ARRAYS: tuple[tuple[Callable[[Listing], Mapping[Any, Member]], Callable[[Listing], Source]], ...] = (
    (find_cifar_python, open_cifar_python),
    (find_stl, open_stl),
    (find_kuzushiji, open_kuzushiji),
)
_CLASS_FOLDERS = "put the pictures of each class in a folder named after it: cats/1.jpg, dogs/2.jpg"


@dataclass(frozen=True)
class TableColumns:
    """What of a table of numbers is meant; pictures have none of it.

    Args:
        target: the column that is predicted; None: found by its name, else the last.
        numeric: whether it is a number to be predicted, not a class; None: by what it holds.
        inputs: the columns that are read, by name; None: all other columns that hold numbers.
        labelled: whether the target must be there; False: rows to predict from.
    """

    target: str | None = None
    numeric: bool | None = None
    inputs: tuple[str, ...] | None = None
    labelled: bool = True

    @classmethod
    def like(cls, preprocess: Preprocess, labelled: bool = True) -> TableColumns:
        """Those that a model reads."""
        if isinstance(preprocess, VectorPreprocess):
            return cls(preprocess.target, preprocess.numeric, preprocess.columns, labelled)
        return cls()


def open_source(data: str | os.PathLike[str], *, training: bool = True, columns: TableColumns | None = None) -> Source:
    """Find out what DATA is and list its labelled inputs; nothing is decoded yet.

    Args:
        data: ``"digits"``, or the path of a folder of class folders (with or without train, val, test above
            them), of IDX or CIFAR binary files or one of them, of CIFAR's Python batches, of STL-10's or
            Kuzushiji's files, of a CSV, TSV or Parquet table, or of a zip of any of these. A table without a
            column of paths is one of numbers. A :class:`~convscope.data.data_path.DataPath` says what is
            permitted in reading it.
        columns: of a table of numbers, which are meant.
        training: refuse what cannot be trained on: one class alone, no train split, a class that train lacks.

    Raises:
        UserError: there is no such data, or it is damaged or of no use; says what would be.

    Example:
        >>> open_source("digits").shape()
        (1, 8, 8)
    """
    text, permitted = os.fspath(data), DataPath.of(data)
    if text.strip().casefold() == "digits":
        return check(open_digits(), training)
    path = _existing(text)
    chosen = columns or TableColumns()
    source = _open_folder(path, chosen, permitted) if path.is_dir() else _open_file(path, chosen, permitted)
    labels_named = isinstance(source, FileSource) and isinstance(source.place, PictureRows)
    if not isinstance(source, TableSource) and not labels_named and chosen.target is not None and chosen.inputs is None:
        raise UserError("--target", f"{text} holds {source.many}, whose labels are known", "a table of numbers")
    return check(source, training)


def _existing(text: str) -> Path:
    """The path that was meant.

    Raises:
        UserError: nothing is there; names what is near.
    """
    if not text.strip():
        raise UserError("data", "no name", _KINDS)
    try:
        path = Path(text).expanduser()
        path.stat()
        refuse_special(path)
        return path
    except PermissionError as error:
        raise UserError(printable(text), "no permission to read it", hint="ask its owner, or copy it") from error
    except NotADirectoryError as error:
        raise UserError(printable(text), "a part of this path is a file, not a folder", _KINDS) from error
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(printable(text), "there is no such file or folder", _KINDS, _beside(text)) from error


def _beside(text: str) -> str:
    """A hint with the nearest name in the folder where ``text`` was looked for."""
    try:
        path = Path(text).expanduser()
        while not path.parent.is_dir():
            path = path.parent
        beside = sorted(name for name in os.listdir(path.parent) if not is_litter(name))  # noqa: PTH208  names alone
    except (OSError, RuntimeError, ValueError):
        return did_you_mean(text, ["digits"]) if nearest(text, ["digits"]) else ""
    bare = "/" not in text and os.sep not in text
    by_case = {name.casefold(): name for name in beside} | ({"digits": "digits"} if bare else {})
    match = nearest(path.name, by_case)
    if match is None:
        return f"there are {listed([printable(n) for n in beside])} in {printable(str(path.parent))}" if beside else ""
    return f"did you mean {printable(by_case[match] if bare else str(path.parent / by_case[match]))}?"


def _open_folder(path: Path, columns: TableColumns, permitted: DataPath) -> Source:
    return _open_listing(Folder(path).listing(), columns, permitted)


def _open_file(path: Path, columns: TableColumns, permitted: DataPath) -> Source:
    """A single file: an archive, a table, or one IDX or CIFAR file beside its kin."""
    where = printable(str(path))
    if not path.is_file():
        raise UserError(where, "the file has gone", _KINDS)
    try:
        with open_regular(path) as file:
            head = file.read(HEAD)
    except OSError as error:
        raise UserError(where, f"the file cannot be read: {(error.strerror or str(error)).lower()}") from error
    content = recognise(head)
    suffix = path.suffix.lower()
    if content.what == "a zip archive" or suffix == ".zip":
        return _open_listing(open_zip(path).listing(), columns, permitted)
    folder = Folder(path.parent)
    member = folder.find(path.name)
    if member is None:
        raise UserError(where, "the file has gone", _KINDS)
    alone = Listing(folder, "", (member,))
    if suffix in PICTURE_TABLES or content.what == "a Parquet table":
        shards, left_out = find_picture_tables(alone)
        if shards:
            return open_picture_tables(alone, shards, left_out, columns.target)
    if suffix in SUFFIXES or content.what == "a Parquet table":
        return _open_table(alone, member, columns, permitted)
    beside = Listing(folder, "", _flat(folder))
    if find_idx(alone):
        return open_idx(beside, only=_images(beside, member))
    if find_cifar(alone)[0]:
        return open_cifar(beside, only=member.name)
    if head[:2] == b"\0\0" and head[2:4] in (b"\x08\x01", b"\x08\x03", b"\x08\x04"):
        hint = "name it as MNIST does: train-images-idx3-ubyte and train-labels-idx1-ubyte"
        raise UserError(where, "an IDX file of another name", "an IDX images file with its labels beside it", hint)
    if any(member in find(beside).values() for find, _ in _ARRAYS):
        raise UserError(where, "one file of a set of several", "all of them", "point at the folder")
    raise UserError(where, content.what, _KINDS, _file_hint(path, content.format, content.what))


def _flat(folder: Folder) -> tuple[Member, ...]:
    """The files of one folder, not of the folders in it."""
    names = sorted(entry.name for entry in os.scandir(folder.path) if entry.is_file())
    return tuple(member for name in names if (member := folder.find(name)))


def _images(listing: Listing, member: Member) -> str:
    """The images file that an IDX file, images or labels, belongs to."""
    files = find_idx(listing)
    named = next(file for file in files if file.member.name == member.name)
    pair = [f for f in files if (f.set, f.part) == (named.set, named.part)]
    return next((file.member.name for file in pair if file.kind == "images"), member.name)


def _file_hint(path: Path, format: str, what: str) -> str:  # noqa: A002
    if format:
        return "a picture without its label teaches nothing; to classify it, use predict"
    if what == "text":
        return "a table needs the ending .csv or .tsv"
    if what == "compressed data" or path.suffix.lower() == ".tar":
        return "unpack it and point at the folder"
    return ""


def _open_listing(listing: Listing, columns: TableColumns, permitted: DataPath) -> Source:
    """A folder or an archive: IDX, CIFAR, class folders, or a table with its pictures."""
    if not listing.members:
        reasons = f" ({listing.skipped[0].file}: {listing.skipped[0].reason})" if listing.skipped else ""
        raise UserError(listing.where, f"nothing in it{reasons}", _KINDS)
    if find_idx(listing):
        return open_idx(listing)
    if find_cifar(listing)[0]:
        return open_cifar(listing)
    shards, left_out = find_picture_tables(listing)
    if shards:
        return open_picture_tables(listing, shards, left_out, columns.target)
    for find, open_arrays in _ARRAYS:
        if find(listing) and not _in_class_folders(listing):
            return open_arrays(listing)
    listing = _inside(listing)
    source = open_class_folders(listing)
    if len(source.classes) > 1:
        return with_unreadable(listing, source, permitted.skip_unreadable)
    # A folder of pictures beside a table looks like one class.
    tables = list(table_members(listing.top_files()))
    usable = [member for member in tables if has_columns(listing, member)]
    if len(usable) > 1:
        names = listed([printable(listing.relative(member)) for member in usable])
        raise UserError(listing.where, f"{len(usable)} tables: {names}", "one", "point at the one that is meant")
    if usable or (len(tables) == 1 and not source.classes):
        return _open_table(listing, (usable or tables)[0], columns, permitted)
    if not source.classes:
        raise _no_classes(listing, source.skipped)
    return with_unreadable(listing, source, permitted.skip_unreadable)


def _open_table(listing: Listing, member: Member, columns: TableColumns, permitted: DataPath) -> Source:
    """A table of picture files, or without a column of them one of numbers."""
    where = where_of(listing.place, member)
    table = read_table(listing, member, where)
    if has_paths(table) or not is_numbers(table):
        return open_table(listing, member, table, permitted.allow_outside)
    identity = f"{listing.place.identity} {member.name} {member.size} {member.stamp}"
    chosen = (columns.target, columns.numeric, columns.inputs, columns.labelled)
    return open_numbers(stem_of(member.name), where, table, identity, *chosen)


def _in_class_folders(listing: Listing) -> bool:
    """Whether pictures lie in several folders: a stray ``train_X.bin`` among them does not make it another set."""
    names = (PurePosixPath(member.name) for member in listing.members if "/" in listing.relative(member))
    return len({name.parent for name in names if name.suffix.lower() in PICTURE_SUFFIXES}) > 1


def _inside(listing: Listing) -> Listing:
    """Look through a lone top folder, as most archives have; a class folder is not looked through."""
    while True:
        tops = {listing.relative(member).partition("/")[0] for member in listing.members}
        if len(tops) != 1 or listing.unreadable or split_folders(listing):
            return listing
        inner = listing.below(tops.pop())
        has_folders = any("/" in inner.relative(member) for member in inner.members)
        has_tables = any(table_members(inner.top_files()))
        if not inner.members or not (has_folders or has_tables):
            return listing
        listing = inner


def _no_classes(listing: Listing, skipped: tuple[Skipped, ...]) -> UserError:
    """What to say of a folder without a single picture in a class folder."""
    endings = Counter(PurePosixPath(member.name).suffix.lower() or "no ending" for member in listing.members)
    pictures = sum(count for ending, count in endings.items() if ending in PICTURE_SUFFIXES)
    if pictures:
        return UserError(listing.where, f"{pictures:,} pictures, but no class folders", _KINDS, _CLASS_FOLDERS)
    kinds = listed([f"{count:,} x {ending}" for ending, count in endings.most_common()])
    unread = next((f"; {item.file}: {item.reason}" for item in skipped if "read" in item.reason), "")
    return UserError(listing.where, f"no pictures in it ({kinds}{unread})", _KINDS, _CLASS_FOLDERS)
