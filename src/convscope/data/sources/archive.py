"""The inside of a zip as a :class:`~convscope.data.sources.place.FileStore`: read where it lies, never unpacked."""

from __future__ import annotations

import contextlib
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from convscope.data.dataset import Skipped
from convscope.data.sources.place import Listing, Member, Opener, is_litter, natural_key, printable, stamp
from convscope.errors import UserError

_GIB = 1 << 30
#: Deflate cannot do better than this: a size that promises more has nothing behind it.
BEST_RATIO = 1032
#: Limits against archives made to fill the memory: a member's bytes, its ratio, and all members together.
MAX_MEMBER = _GIB
MAX_RATIO = 200
MAX_RATIO_FROM = 100 << 20
MAX_TOTAL = 64 * _GIB

_ENCRYPTED = 0x1
_READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


@dataclass(frozen=True)
class Zip:
    """An opened zip: its directory is read, its members are not."""

    path: Path
    identity: str
    members: Mapping[str, Member] = field(repr=False)
    spellings: Mapping[str, str] = field(repr=False)
    skipped: tuple[Skipped, ...] = field(repr=False)

    @property
    def where(self) -> str:
        """The archive's path."""
        return printable(str(self.path))

    @property
    def name(self) -> str:
        """The archive's name without ``.zip``."""
        return printable(self.path.stem)

    def listing(self) -> Listing:
        """Every file in it."""
        return Listing(self, "", tuple(self.members.values()), self.skipped)

    def find(self, name: str) -> Member | None:
        """The member at ``name``; ``.`` and ``..`` are resolved inside the archive."""
        return self.members.get(_plain(name) or "")

    def leads_out(self, folder: str, names: Sequence[str]) -> list[bool]:
        """Never: a member is in the archive."""
        return [False] * len(names)

    @contextlib.contextmanager
    def opening(self) -> Iterator[Opener]:
        """A function that opens members; one handle on the archive for all of them.

        Raises:
            UserError: the archive is gone or damaged.
        """
        with _directory(self.path) as archive:
            lock = threading.Lock()

            def opener(member: Member) -> BinaryIO:
                # The members' readers share the file under zipfile's own lock; opening them does not.
                with lock:
                    return cast("BinaryIO", archive.open(self.spellings[member.name]))

            yield opener

    def content(self, member: Member) -> NDArray[np.uint8]:
        """The bytes of a member, read into memory.

        Raises:
            UserError: it is damaged or packed in a way that cannot be read.
        """
        try:
            with self.opening() as opener, opener(member) as file:
                return np.frombuffer(file.read(), np.uint8)
        except UserError:
            raise
        except Exception as error:
            where = f"{self.where}/{printable(member.name)}"
            raise UserError(where, f"the member cannot be read: {error}", hint="make the zip again") from error


def open_zip(path: Path) -> Zip:
    """Read the directory of a zip.

    Raises:
        UserError: it is damaged, encrypted, or larger than could be meant.
    """
    where = printable(str(path))
    members: dict[str, Member] = {}
    spellings: dict[str, str] = {}
    skipped: list[Skipped] = []
    with _directory(path) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
    total = sum(info.file_size for info in infos)
    if total > MAX_TOTAL:
        got = f"unpacks to {total / _GIB:,.0f} GiB"
        raise UserError(where, got, f"at most {MAX_TOTAL // _GIB} GiB", "unpack it and point at the folder")
    for info in infos:
        name = _plain(info.filename)
        if name is None:
            skipped.append(Skipped(printable(info.filename), "its name leads out of the archive"))
            continue
        if not name or any(is_litter(part) for part in name.split("/")):
            continue
        if info.flag_bits & _ENCRYPTED:
            hint = "unpack it with its password and point at the folder"
            raise UserError(where, f"the zip is encrypted ({printable(name)})", "a zip without a password", hint)
        reason = _refusal(info)
        if reason:
            skipped.append(Skipped(printable(name), reason))
        else:
            members[name] = Member(name, info.file_size, info.CRC)
            spellings[name] = info.filename
    ordered = {name: members[name] for name in sorted(members, key=natural_key)}
    try:
        status = path.stat()
    except OSError as error:
        raise UserError(where, f"the zip cannot be read: {error.strerror}") from error
    identity = f"zip {str(path.resolve()).encode('utf-8', 'surrogatepass').hex()} {status.st_size} {stamp(status)}"
    return Zip(path, identity, ordered, spellings, tuple(skipped))


def _directory(path: Path) -> zipfile.ZipFile:
    where = printable(str(path))
    try:
        return zipfile.ZipFile(path)
    except OSError as error:
        raise UserError(where, f"the zip cannot be read: {(error.strerror or str(error)).lower()}") from error
    except Exception as error:
        # A damaged directory meets zipfile in many ways: BadZipFile, struct.error, UnicodeDecodeError, ...
        got = f"the zip is damaged ({str(error) or type(error).__name__})"
        raise UserError(where, got, "a whole zip", "copy or download it again") from error


def _refusal(info: zipfile.ZipInfo) -> str:
    """Why a member is left out, or ``""``."""
    if info.file_size > MAX_MEMBER:
        return f"unpacks to {info.file_size / _GIB:,.1f} GiB; at most {MAX_MEMBER // _GIB} GiB is read"
    if info.file_size > MAX_RATIO_FROM and info.file_size > MAX_RATIO * max(1, info.compress_size):
        times = info.file_size // max(1, info.compress_size)
        return f"unpacks to {times:,} times its size ({info.file_size >> 20:,} MiB): a zip bomb"
    if info.compress_type not in _READABLE:
        return f"packed by a method that cannot be read here (number {info.compress_type})"
    return ""


def _plain(name: str) -> str | None:
    """A member's name with ``/`` between its parts and no ``.`` or ``..``; None if it leads out of the archive."""
    parts: list[str] = []
    for part in name.replace("\\", "/").split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)
