"""Writing files so that a reader, a crash or a full disk never meets half of one."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from convscope.errors import UserError, is_out_of_memory

_HINTS = {
    errno.ENOSPC: "free some space or choose another place; what was saved before is untouched",
    errno.EDQUOT: "the quota is used up; what was saved before is untouched",
    errno.EFBIG: "files may not grow this large here; what was saved before is untouched",
    errno.EACCES: "choose a place that you may use",
    errno.EPERM: "choose a place that you may use",
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
    reason = (error.strerror or str(error)).lower()
    return UserError(where, f"{doing} failed: {reason}" if doing else reason, hint=_HINTS.get(error.errno or 0, ""))


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


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path``: the old file or the whole new one is there at every moment.

    Raises:
        UserError: the place cannot be written to, or the disk is full; the old file stays.
    """
    with named_failures(path, "writing"):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.", suffix=".part")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(partial, 0o666 & ~umask)  # noqa: PTH101  mkstemp makes files private
            os.replace(partial, path)  # noqa: PTH105
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(partial)  # noqa: PTH108
            raise


def make_folder(path: Path) -> Path:
    """Make ``path`` and its parents; returns it.

    Raises:
        UserError: it cannot be made.
    """
    with named_failures(path, "making the folder"):
        path.mkdir(parents=True, exist_ok=True)
    return path
