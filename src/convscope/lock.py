"""One process at a time writes into a folder; the lock of a process that has died is free."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from convscope.errors import UserError
from convscope.files import named_failures

LOCK = ".lock"


@contextlib.contextmanager
def held(folder: Path, doing: str) -> Iterator[None]:
    """Hold a folder that is there; the kernel lets go of it when this process ends, however it ends.

    Args:
        folder: what no other process may write into meanwhile.
        doing: what is done there, for the message of the other: ``trains``.

    Raises:
        UserError: another process holds it: its number, its machine and since when.
    """
    if find_spec("fcntl") is None:  # pragma: no cover  where the system has no such locks, nothing is locked
        yield
        return
    path = folder / LOCK
    descriptor = _locked(path, folder)
    try:
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        holder = {"pid": os.getpid(), "host": platform.node(), "since": since, "doing": doing}
        with named_failures(path, "writing"):
            os.ftruncate(descriptor, 0)
            os.write(descriptor, json.dumps(holder).encode())
        yield
    finally:
        try:
            with contextlib.suppress(OSError):
                path.unlink()  # while it is held: who waits finds that the name is another file's
        finally:
            os.close(descriptor)


def _locked(path: Path, folder: Path) -> int:
    import fcntl

    while True:
        with named_failures(path, "writing"):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except BlockingIOError:
            holder = os.read(descriptor, 1000)
            os.close(descriptor)
            raise UserError(
                str(folder), _words(holder), "", "wait until it ends, stop it, or choose another --out"
            ) from None
        except FileNotFoundError:
            pass
        except OSError:
            return descriptor  # this file system knows no locks
        os.close(descriptor)


def _words(holder: bytes) -> str:
    try:
        found = json.loads(holder)
        doing, pid, host, since = (found[key] for key in ("doing", "pid", "host", "since"))
    except (ValueError, KeyError, TypeError):
        return "another process writes here"
    return f"another process {doing} here: {pid} on {host}, since {since}"
