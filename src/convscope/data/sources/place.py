"""Where files lie: a folder on the disk, or the inside of an archive, both listed and read the same way."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from convscope.data.dataset import Skipped
from convscope.errors import UserError
from convscope.files import open_regular, refuse_special, special
from convscope.printable import printable as escaped

#: What operating systems and archivers leave behind; never meant as data, so never named either.
_LITTER = frozenset({"__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "system volume information"})
_DIGITS = re.compile(r"([0-9]+)")

Opener = Callable[["Member"], BinaryIO]


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a place.

    Args:
        name: its path from the place's root, ``/`` between the parts, as the place spells it.
        size: in bytes, uncompressed.
        stamp: what changes when the content does: see :func:`stamp`, or a CRC.
    """

    name: str
    size: int
    stamp: int


class FileStore(Protocol):
    """Somewhere that holds files."""

    @property
    def where(self) -> str:
        """The place as a person would find it, for messages."""

    @property
    def name(self) -> str:
        """The last part of ``where``, without an ending."""

    @property
    def identity(self) -> str:
        """What tells this place from every other one, and an archive from its next version."""

    def listing(self) -> Listing:
        """Every file in it; litter is left out, what cannot be listed is named."""

    def find(self, name: str) -> Member | None:
        """The file at ``name``, or None."""

    def leads_out(self, folder: str, names: Sequence[str]) -> list[bool]:
        """Whether each name leads out of one of its folders, by itself or by links; nothing there is looked at."""

    def opening(self) -> AbstractContextManager[Opener]:
        """A function that opens members for reading, from several threads at once."""

    def content(self, member: Member) -> NDArray[np.uint8]:
        """The bytes of a member, ``(size,)``; memory-mapped where that is possible."""


@dataclass(frozen=True)
class Listing:
    """The files of a place below ``base``, in natural order.

    Args:
        place: where they lie.
        base: the folder that is looked at: ``""``, or a name that ends in ``/``.
        members: the files; their names start with ``base``.
        skipped: what could not be listed.
        unreadable: the names, as those of members, of folders and files that the system refuses to show, and why.
    """

    place: FileStore
    base: str
    members: tuple[Member, ...]
    skipped: tuple[Skipped, ...] = ()
    unreadable: tuple[tuple[str, str], ...] = ()

    @property
    def where(self) -> str:
        """The folder, for messages."""
        return f"{self.place.where}/{self.base}".rstrip("/") if self.base else self.place.where

    def relative(self, member: Member) -> str:
        """The member's name from ``base``."""
        return member.name[len(self.base) :]

    def top_files(self) -> list[Member]:
        """The members that lie directly in ``base``."""
        return [member for member in self.members if "/" not in self.relative(member)]

    def below(self, folder: str) -> Listing:
        """The listing of one folder, given by its name from ``base``."""
        base = f"{self.base}{folder}/"
        inside = tuple(m for m in self.members if m.name.startswith(base))
        return replace(
            self, base=base, members=inside, unreadable=tuple(u for u in self.unreadable if u[0].startswith(base))
        )


def where_of(place: FileStore, member: Member) -> str:
    """A file as messages name it."""
    return f"{place.where}/{printable(member.name)}"


def is_litter(part: str) -> bool:
    """Whether a file or folder of this name is hidden or the system's own."""
    return part.startswith(".") or part.casefold() in _LITTER


def natural_key(text: str) -> tuple[list[Any], str]:
    """A sort key that puts ``img2`` before ``img10`` and does not depend on the platform.

    Example:
        >>> sorted(["img10", "IMG2", "img1"], key=natural_key)
        ['img1', 'IMG2', 'img10']
    """
    parts: list[Any] = _DIGITS.split(text.casefold())
    # Compared as (length, digits): a name of thousands of digits is no number that int() would read.
    parts[1::2] = [(len(digits.lstrip("0")), digits.lstrip("0")) for digits in parts[1::2]]
    return parts, text


def printable(text: str) -> str:
    """``text`` in Unicode's composed form, with what steers and undecodable bytes written as escapes.

    Example:
        >>> printable("a\\nb")
        'a\\\\nb'
    """
    if text.isascii() and text.isprintable():
        return text
    return escaped(unicodedata.normalize("NFC", text))


@dataclass(frozen=True)
class Folder:
    """A folder on the disk; links are followed, rings of links are not."""

    path: Path

    @property
    def where(self) -> str:
        """The path."""
        return printable(str(self.path))

    @property
    def name(self) -> str:
        """The folder's own name."""
        return printable(self.path.resolve().name) or "data"

    @property
    def identity(self) -> str:
        """The absolute path."""
        return f"folder {os.fsencode(self.path.resolve()).hex()}"

    def listing(self) -> Listing:
        """Every file below.

        Raises:
            UserError: the folder itself cannot be listed, or is none of files (``/proc``).
        """
        refuse_special(self.path)
        members: list[Member] = []
        skipped: list[Skipped] = []
        unreadable: list[tuple[str, str]] = []
        seen: dict[tuple[int, int], str] = {}
        # Links wait until every real folder is read, the outer ones first: the double is the link, or the inner one.
        folders, links = [""], list[str]()
        while folders or links:
            if not folders:
                links.sort(key=lambda link: (link.count("/"), link))
            base = folders.pop() if folders else links.pop(0)
            try:
                status = os.stat(self.path / base)  # noqa: PTH116  as cheap as it gets, once a folder
                first = seen.setdefault((status.st_dev, status.st_ino), base)
                if first != base and status.st_ino:
                    reason = f"a link to a folder that is read already ({printable(first) or 'the top'})"
                    skipped.append(Skipped(printable(base), reason))
                    continue
                with os.scandir(self.path / base) as entries:
                    found = sorted((e for e in entries if not is_litter(e.name)), key=lambda e: e.name, reverse=True)
            except OSError as error:
                if not base:
                    raise UserError(self.where, f"the folder cannot be read: {_why(error)}") from error
                skipped.append(Skipped(printable(base), f"the folder cannot be read: {_why(error)}"))
                unreadable.append((base, _why(error)))
                continue
            if base and not found:
                skipped.append(Skipped(printable(base), "an empty folder"))
            for entry in found:
                name = f"{base}/{entry.name}" if base else entry.name
                member = _look(entry, name)
                if member is None:
                    (links if entry.is_symlink() else folders).append(name)
                elif isinstance(member, _Refused):
                    skipped.append(Skipped(printable(name), f"cannot be read: {member.why}"))
                    unreadable.append((name, member.why))
                elif isinstance(member, Skipped):
                    skipped.append(member)
                else:
                    members.append(member)
        members.sort(key=lambda member: natural_key(member.name))
        skipped.sort(key=lambda item: natural_key(item.file))
        unreadable.sort(key=lambda item: natural_key(item[0]))
        return Listing(self, "", tuple(members), tuple(skipped), tuple(unreadable))

    def find(self, name: str) -> Member | None:
        """The file at a path from this folder; an absolute path is taken as it is."""
        try:
            status = (self.path / name).stat()
        except (OSError, ValueError):
            return None
        return Member(name, status.st_size, stamp(status)) if _is_regular(status) else None

    def leads_out(self, folder: str, names: Sequence[str]) -> list[bool]:
        """Whether each name leads out of one of its folders, links followed."""
        top = Path(os.path.realpath(self.path / folder))
        parents: dict[str, Path] = {}
        found = []
        for name in names:
            parent, last = os.path.split(os.path.join(self.path, name))  # noqa: PTH118  keeps the last . and ..
            try:
                if last in ("", ".", "..") or os.path.islink(os.path.join(parent, last)):  # noqa: PTH114, PTH118
                    found.append(not Path(os.path.realpath(self.path / name)).is_relative_to(top))
                    continue
                if parent not in parents:
                    parents[parent] = Path(os.path.realpath(parent))
                found.append(not parents[parent].is_relative_to(top))
            except (OSError, ValueError):
                found.append(False)  # longer than any path, or with a zero byte: there is no such file
        return found

    @contextlib.contextmanager
    def opening(self) -> Iterator[Opener]:
        """A function that opens members."""
        yield lambda member: open_regular(self.path / member.name)

    def content(self, member: Member) -> NDArray[np.uint8]:
        """The bytes of a member, memory-mapped.

        Raises:
            UserError: it cannot be read.
        """
        path = self.path / member.name
        try:
            if not path.stat().st_size:
                return np.empty(0, np.uint8)
            with open_regular(path) as file:
                return np.asarray(np.memmap(file, np.uint8, mode="r"))
        except OSError as error:
            raise UserError(printable(str(path)), f"the file cannot be read: {_why(error)}") from error


@dataclass(frozen=True, slots=True)
class _Refused:
    """What the system does not show."""

    why: str


def _look(entry: os.DirEntry[str], name: str) -> Member | Skipped | _Refused | None:
    """One entry of a folder: a file, something to skip, or None for a folder."""
    try:
        status = entry.stat()
    except OSError as error:
        if isinstance(error, FileNotFoundError) or (entry.is_symlink() and not isinstance(error, PermissionError)):
            return Skipped(printable(name), "a link to nothing" if entry.is_symlink() else "it has gone")
        return _Refused(_why(error))
    if what := special(status):
        return Skipped(printable(name), what if stat.S_ISDIR(status.st_mode) else f"{what}, not a regular file")
    if stat.S_ISDIR(status.st_mode):
        return None
    return Member(name, status.st_size, stamp(status))


def _is_regular(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) and not special(status)


def stamp(status: os.stat_result) -> int:
    """When a file was changed last, its permissions included: one that may now be read is tried again."""
    return max(status.st_mtime_ns, status.st_ctime_ns)


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def read_text(place: FileStore, member: Member, limit: int = 1 << 20) -> str:
    """A small text file, e.g. a list of class names, as UTF-8.

    Raises:
        UserError: it is larger than ``limit`` bytes, or not UTF-8.
    """
    where = where_of(place, member)
    data = place.content(member)
    if data.size > limit:
        raise UserError(where, f"{data.size:,} bytes", f"a list of names, at most {limit:,} bytes")
    try:
        return data.tobytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(where, f"byte {error.start + 1} is not UTF-8", "UTF-8 text") from error


def listed(names: Sequence[str], most: int = 6) -> str:
    """Some names for a message, the rest as a count.

    Example:
        >>> listed(["a", "b", "c"], most=2)
        'a, b and 1 more'
    """
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most:,} more" if len(names) > most else shown
