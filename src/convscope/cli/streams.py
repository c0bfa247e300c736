"""The three standard streams as a shell gives them: closed, full, without a reader, of another encoding."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

from convscope.files import refusal


class NobodyReads(Exception):  # noqa: N818  no error: the reader, head for example, has seen enough
    """Standard output is a pipe that nobody reads any more."""


@contextlib.contextmanager
def standard_streams() -> Iterator[None]:
    """What is written inside and fails is told as what it is.

    A closed stream is a stream that refuses, so that no file takes its number and what a library prints. Standard
    output raises :class:`UserError` when it cannot be written, :class:`NobodyReads` when its reader is gone; standard
    error says nothing of its own troubles: no training ends because its progress cannot be shown. Characters that an
    encoding lacks are escapes, bytes of standard input that are not UTF-8 are kept as Python keeps them in names.
    Streams that somebody has put in place of the process's own stay as they are.
    """
    _open_closed()
    before = sys.stdout, sys.stderr
    if sys.stdin is sys.__stdin__ and isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")
    if sys.stdout is sys.__stdout__:
        sys.stdout = _watched(sys.stdout, _output_failed)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _watched(sys.stderr, lambda error: None)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        sys.stdout, sys.stderr = before


def _output_failed(error: OSError) -> None:
    if error.errno == errno.EPIPE:
        raise NobodyReads from error
    raise refusal(error, "standard output", "writing") from error


class _Watched(io.RawIOBase):
    """Passes bytes on; the first failure is told, and what comes after it is dropped."""

    def __init__(self, under: Any, failed: Callable[[OSError], None]) -> None:
        self._under, self._failed, self._gone = under, failed, False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        number: int = self._under.fileno()
        return number

    def isatty(self) -> bool:
        return bool(self._under.isatty())

    def write(self, data: Any) -> int | None:
        if self._gone:
            return memoryview(data).nbytes
        try:
            written: int | None = self._under.write(data)
        except OSError as error:
            self._gone = True
            self._failed(error)
            return memoryview(data).nbytes
        return written


def _watched(stream: Any, failed: Callable[[OSError], None]) -> Any:
    buffer = getattr(stream, "buffer", None)
    if not isinstance(stream, io.TextIOWrapper) or buffer is None:
        return stream
    stream.flush()
    raw = _Watched(getattr(buffer, "raw", buffer), failed)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _open_closed() -> None:
    """Give a stream that was closed (``<&-``, ``>&-``) its number back, opened for what it is not used for."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is not None or getattr(sys, f"__{name}__") is not None:
            continue
        descriptor = os.open(os.devnull, os.O_RDONLY if name == "stdout" else os.O_WRONLY)
        try:
            os.fstat(number)
        except OSError:
            os.dup2(descriptor, number)
            os.close(descriptor)
            descriptor = number
        opened = open(descriptor, "r" if name == "stdin" else "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        setattr(sys, name, opened)
        setattr(sys, f"__{name}__", opened)


def listed_names() -> list[str]:
    """The names on standard input, one a line.

    Raises:
        UserError: it is closed, or cannot be read.
    """
    try:
        return [line.rstrip("\n") for line in sys.stdin if line.strip()]
    except OSError as error:
        raise refusal(error, "standard input", "reading") from error
