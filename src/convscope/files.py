"""Files are written so that a reader, a crash or a full disk never meets half of one; what is no file is never read."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from convscope.errors import UserError, is_out_of_memory

_HINTS = {
    errno.ENOSPC: "free some space or choose another place; what was saved before is untouched",
    errno.EDQUOT: "the quota is used up; what was saved before is untouched",
    errno.EFBIG: "files may not grow this large here; what was saved before is untouched",
    errno.EACCES: "choose a place that you may write to",
    errno.EPERM: "choose a place that you may write to",
    errno.EROFS: "this file system is read-only; choose another place",
    errno.ENOTDIR: "a part of this path is a file, not a folder",
    errno.EEXIST: "there is a file of this name; choose another",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EBADF: "it is closed",
    errno.EMFILE: "too many files are open: ulimit -n",
}


def refusal(error: OSError, where: str, doing: str = "") -> UserError:
    """What the operating system refused (full disk, no permission, ...), as a mistake that a person can mend.

    Example:
        >>> print(refusal(OSError(errno.ENAMETOOLONG, "File name too long"), "xx", "writing"))
        xx: writing failed: file name too long
          hint: choose a shorter name
    """
    reason, hint = (error.strerror or str(error)).lower(), _HINTS.get(error.errno or 0, "")
    if isinstance(error, PermissionError) and not doing:
        hint = "ask its owner, or choose another place"
    return UserError(where, f"{doing} failed: {reason}" if doing else reason, hint=hint)


def mistake_of(error: BaseException) -> UserError | None:
    """What a person can do about an error that nothing nearer could name; None where it is a bug.

    Every refusal of the operating system is the machine's state, as is memory that ran out.
    """
    if isinstance(error, UserError):
        return error
    if isinstance(error, OSError) and error.errno is not None:
        name = error.filename
        return refusal(error, os.fsdecode(name) if isinstance(name, str | bytes) else "convscope")
    if is_out_of_memory(error):
        hint = "close other programs, or choose a smaller batch, input or network"
        return UserError("memory", "there is not enough of it", hint=hint)
    return None


@contextlib.contextmanager
def named_failures(path: Path | str, doing: str) -> Iterator[None]:
    """Turn the operating system's refusals into a :class:`UserError` on ``path``."""
    try:
        yield
    except OSError as error:
        raise refusal(error, str(path), doing) from error


@contextlib.contextmanager
def keeping(kept: Callable[[], str], failed: str = "") -> Iterator[None]:
    """Whatever fails inside says what stays.

    Args:
        kept: asked when something failed; empty where nothing is worth saying.
        failed: what could not be done, in words.

    Example:
        >>> with keeping(lambda: "the model is saved", "the report could not be written"):
        ...     raise OSError(errno.ENOSPC, "No space left on device", "report.html")
        Traceback (most recent call last):
        convscope.errors.UserError: report.html: the report could not be written: no space left on device
          hint: free some space or choose another place; what was saved before is untouched
          kept: the model is saved
    """
    try:
        yield
    except Exception as error:
        mistake, stays = mistake_of(error), kept()
        if mistake is None:
            if stays and not hasattr(error, "__notes__"):
                error.add_note(stays)
            raise
        got = f"{failed}: {mistake.got}" if failed else mistake.got
        stays = mistake.kept or stays
        raise UserError(mistake.where, got, mistake.expected, mistake.hint, mistake.excerpt, stays) from error


def write_atomically(path: Path, *parts: bytes | memoryview, keep: Path | None = None) -> None:
    """Write ``parts`` to ``path``: the old file or the whole new one is there at every moment.

    Args:
        path: of the file.
        parts: its content, one after the other.
        keep: the old file stays under this name; for a moment it is there under this name alone.

    Raises:
        UserError: the place cannot be written to, or the disk is full; the old file stays.
    """
    import tempfile  # a third of what this module would take to import; those who only read need none of it

    with named_failures(path, "writing"):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.", suffix=".part")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.writelines(parts)
                file.flush()
                os.fsync(file.fileno())
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(partial, 0o666 & ~umask)  # noqa: PTH101  mkstemp makes files private
            if keep is not None and path.exists():
                os.replace(path, keep)  # noqa: PTH105
            os.replace(partial, path)  # noqa: PTH105
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(partial)  # noqa: PTH108
            raise


def sync_folder(path: Path) -> None:
    """Have the names in a folder on the disk, so that they outlast a power cut; where a system cannot, it does not."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def make_folder(path: Path) -> Path:
    """Make ``path`` and its parents; returns it.

    Raises:
        UserError: it cannot be made.
    """
    with named_failures(path, "making the folder"):
        path.mkdir(parents=True, exist_ok=True)
    return path


_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_KERNEL = ("/proc", "/sys")
"""Where a system shows its own state as files: their sizes lie, and reading some of them never ends."""


def special(status: os.stat_result) -> str:
    """What stands under a name, if that is neither a file nor a folder of files: ``"a FIFO"``, ``"a device"``, ...

    Example:
        >>> special(os.stat(os.devnull)), special(os.stat("."))
        ('a device', '')
    """
    kind = stat.S_IFMT(status.st_mode)
    if kind not in (stat.S_IFREG, stat.S_IFDIR):
        return _KINDS.get(kind, "no regular file")
    kernel = _kernel_devices().get(status.st_dev, "")
    return kernel and f"a {'folder' if kind == stat.S_IFDIR else 'file'} of {kernel}"


@functools.cache
def _kernel_devices() -> Mapping[int, str]:
    """The file systems that are no files at all, by their device numbers."""
    found = {}
    for folder in _KERNEL:
        with contextlib.suppress(OSError):
            found[os.stat(folder).st_dev] = folder  # noqa: PTH116  as below
    with contextlib.suppress(OSError):
        found.pop(os.stat("/").st_dev, None)  # noqa: PTH116  where they are plain folders
    return found


def refuse_special(path: str | os.PathLike[str]) -> None:
    """Refuse to read a FIFO, a socket, a device, or what lies in ``/proc``; a path where nothing is passes.

    Everything that reads a file which a person names asks here, or opens it by :func:`open_regular`.

    Raises:
        UserError: says what it is.
    """
    try:
        what = special(os.stat(path))  # noqa: PTH116  a name may be longer than any path
    except (OSError, ValueError):
        return
    if what:
        raise _not_read(path, what)


def open_regular(path: str | Path) -> BinaryIO:
    """Open a file for reading; what is none is refused without waiting for it.

    Raises:
        UserError: it is a FIFO, a socket, a device, or lies in ``/proc``.
        OSError: as :func:`open` raises it.
    """
    refuse_special(path)
    # It may have been exchanged since: opening a FIFO would wait for its writer.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    file = open(path, "rb", opener=lambda name, _: os.open(name, flags))  # noqa: SIM115  the caller closes it
    what = special(os.fstat(file.fileno()))
    if what:
        file.close()
        raise _not_read(path, what)
    return file


def read_regular(path: str | Path) -> bytes:
    """The bytes of a file; errors as of :func:`open_regular`."""
    with open_regular(path) as file:
        return file.read()


@contextlib.contextmanager
def named_in_utf8(path: Path) -> Iterator[Path]:
    """A name of a file for libraries that open none but UTF-8's: its own, or that of a link to it.

    Raises:
        OSError: there is no place for the link.
    """
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError:
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            link = Path(folder) / f"file{path.suffix}"
            link.symlink_to(path.absolute())
            yield link
    else:
        yield path


def _not_read(path: str | os.PathLike[str], what: str) -> UserError:
    hint = "write what comes out of it into a file, and name that" if what in ("a FIFO", "a socket") else ""
    return UserError(str(path), what, "a regular file", hint)
