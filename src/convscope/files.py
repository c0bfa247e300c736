"""Writing files so that a reader, a crash or a full disk never meets half of one."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from convscope.errors import UserError


@contextlib.contextmanager
def named_failures(path: Path, doing: str) -> Iterator[None]:
    """Turn the operating system's refusals (full disk, no permission, ...) into a :class:`UserError` on ``path``."""
    try:
        yield
    except OSError as error:
        hints = {
            errno.ENOSPC: "free some space or choose another place; what was saved before is untouched",
            errno.EDQUOT: "the quota is used up; what was saved before is untouched",
            errno.EFBIG: "files may not grow this large here; what was saved before is untouched",
            errno.EACCES: "choose a place that you may write to",
            errno.EPERM: "choose a place that you may write to",
            errno.EROFS: "this file system is read-only; choose another place",
            errno.ENOTDIR: "a part of this path is a file, not a folder",
            errno.EEXIST: "there is a file of this name; choose another",
        }
        reason = (error.strerror or str(error)).lower()
        raise UserError(str(path), f"{doing} failed: {reason}", hint=hints.get(error.errno or 0, "")) from error


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
