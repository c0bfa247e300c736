"""Decoded inputs on the disk: one folder an entry, whole or not there, checked before it is trusted."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.data.dataset import Inputs
from convscope.errors import UserError
from convscope.files import named_failures

#: Names the cache folder in place of ``~/.cache/convscope``.
VARIABLE = "CONVSCOPE_CACHE"

#: Only names like these are ever removed from a cache folder, which a person may have chosen.
_ENTRY = re.compile(r"[0-9a-f]{32}-[0-9a-f]{16}")
_PARTIAL = re.compile(r"[0-9a-f]{32}-[0-9a-f]{16}\.[^/]+\.part")
_DAY = 86_400
_UNUSED_DAYS = 30
_CHECKED_BLOCKS = 1024
_CHECKED_BYTES = 1 << 20


@dataclass(frozen=True)
class DecodedBlock:
    """Some decoded inputs.

    Args:
        rows_B: which of the source's inputs they are, int64.
        inputs_B: as they are stored.
        digests_B: sha256 of each as it was before decoding, ``(B, 32)`` uint8.
        bad: the reasons why others of the block could not be decoded, by index.
    """

    rows_B: NDArray[np.int64]
    inputs_B: Inputs
    digests_B: NDArray[np.uint8]
    bad: Mapping[int, str]


@dataclass(frozen=True)
class DecodedInputs:
    """All decoded inputs, in the order that was asked for; the fields as in :class:`DecodedBlock`."""

    rows_N: NDArray[np.int64]
    inputs_N: Inputs
    digests_N: NDArray[np.uint8]
    bad: Mapping[int, str]


def default_folder() -> Path:
    """``$CONVSCOPE_CACHE``, else ``$XDG_CACHE_HOME/convscope``, else ``~/.cache/convscope``.

    Raises:
        UserError: there is no home folder.
    """
    if os.environ.get(VARIABLE):
        return Path(os.environ[VARIABLE])
    if os.environ.get("XDG_CACHE_HOME"):
        return Path(os.environ["XDG_CACHE_HOME"]) / "convscope"
    try:
        return Path.home() / ".cache" / "convscope"
    except RuntimeError as error:
        raise UserError("cache", "there is no home folder to keep decoded inputs in", hint=_hint()) from error


def read_entry(folder: Path) -> DecodedInputs | None:
    """The entry in ``folder``, its inputs memory-mapped; None if it is not there, damaged or half.

    Up to 1 GiB every byte is checked, beyond that 1,024 blocks of a MiB.
    """
    try:
        meta = json.loads((folder / "entry.json").read_text("utf-8"))
        rows_N = np.load(folder / "rows.npy", allow_pickle=False)
        digests_N = np.load(folder / "digests.npy", allow_pickle=False)
        mapped = np.load(folder / "pictures.npy", mmap_mode="r", allow_pickle=False)
        # A plain array over the same memory: np.memmap pays for its class at every indexing.
        inputs_N = np.asarray(mapped)
        seal = [_seal(inputs_N), zlib.crc32(rows_N.tobytes()), zlib.crc32(digests_N.tobytes())]
        shapes = [list(inputs_N.shape), list(rows_N.shape), list(digests_N.shape)]
        if seal != meta["seal"] or shapes != meta["shapes"] or inputs_N.dtype.str != meta["dtype"]:
            return None
        bad = {int(index): str(reason) for index, reason in meta["bad"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError):
        return None
    with contextlib.suppress(OSError):
        # The time of the last use, for sweep().
        os.utime(folder / "entry.json")
    return DecodedInputs(rows_N, inputs_N, digests_N, bad)


def write_entry(
    folder: Path, shape: tuple[int, ...], dtype: np.dtype[Any], count: int, blocks: Iterator[DecodedBlock]
) -> None:
    """Write an entry for at most ``count`` inputs; it appears whole, or not at all.

    Another process may write the same entry at the same time: one of the two stays, they are alike.

    Raises:
        UserError: the place cannot be written to, or has no room.
    """
    try:
        with named_failures(folder.parent, "keeping the decoded inputs"):
            _write(folder, shape, dtype, count, blocks)
    except UserError as error:
        if error.__cause__ is None:
            raise
        hint = f"{error.hint}; {_hint()}" if error.hint else _hint()
        raise UserError(error.where, error.got, error.expected, hint) from error.__cause__


def sweep(cache: Path) -> None:
    """Remove what runs that were killed left behind a day ago, and entries unused for a month."""
    now = time.time()
    for path in cache.iterdir() if cache.is_dir() else ():
        with contextlib.suppress(OSError):
            if _PARTIAL.fullmatch(path.name):
                times = [path.stat().st_mtime, *(inner.stat().st_mtime for inner in path.iterdir())]
                if now - max(times) > _DAY:
                    shutil.rmtree(path, ignore_errors=True)
            elif _ENTRY.fullmatch(path.name) and now - (path / "entry.json").stat().st_mtime > _UNUSED_DAYS * _DAY:
                shutil.rmtree(path, ignore_errors=True)


def _hint() -> str:
    return f"{VARIABLE}=FOLDER keeps them elsewhere"


def _write(
    folder: Path, shape: tuple[int, ...], dtype: np.dtype[Any], count: int, blocks: Iterator[DecodedBlock]
) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    needed = count * int(np.prod(shape)) * dtype.itemsize
    free = shutil.disk_usage(folder.parent).free
    if needed > free:
        # Said before an hour of decoding, not after it.
        got = f"the decoded inputs need {_amount(needed)}, {_amount(free)} are free"
        raise UserError(str(folder.parent), got, hint=f"free some space, or ask for smaller pictures; {_hint()}")
    partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f"{folder.name}.", suffix=".part"))
    try:
        rows, digests, bad = [np.empty(0, np.int64)], [np.empty((0, 32), np.uint8)], dict[int, str]()
        # Through write(), not through a memory map: on a full disk the one raises, the other kills the process.
        with (partial / "pictures.npy").open("wb") as file:
            file.write(_npy_header(count, shape, dtype))
            for block in blocks:
                file.write(np.ascontiguousarray(block.inputs_B, dtype).data)
                rows.append(block.rows_B)
                digests.append(block.digests_B)
                bad.update(block.bad)
            rows_N, digests_N = np.concatenate(rows), np.concatenate(digests)
            file.seek(0)
            file.write(_npy_header(len(rows_N), shape, dtype))
            file.flush()
            os.fsync(file.fileno())
        np.save(partial / "rows.npy", rows_N)
        np.save(partial / "digests.npy", digests_N)
        inputs_N = np.asarray(np.load(partial / "pictures.npy", mmap_mode="r"))
        meta = {
            "dtype": dtype.str,
            "shapes": [list(inputs_N.shape), list(rows_N.shape), list(digests_N.shape)],
            "seal": [_seal(inputs_N), zlib.crc32(rows_N.tobytes()), zlib.crc32(digests_N.tobytes())],
            "bad": bad,
        }
        (partial / "entry.json").write_text(json.dumps(meta), "utf-8")
        del inputs_N
        _publish(partial, folder, rows_N)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _publish(partial: Path, folder: Path, rows_N: NDArray[np.int64]) -> None:
    """Rename a finished entry to its place; a good one that is there already stays."""
    for _ in range(8):
        try:
            partial.rename(folder)
            return
        except OSError:
            if not folder.exists():
                raise
        other = read_entry(folder)
        if other is not None and np.array_equal(other.rows_N, rows_N):
            return
        # A damaged one, or one of other pictures, is moved away first: a folder that is not empty cannot be replaced.
        aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f"{folder.name}.", suffix=".part"))
        with contextlib.suppress(OSError):
            folder.rename(aside / "damaged")
        shutil.rmtree(aside, ignore_errors=True)
    partial.rename(folder)


def _seal(inputs_N: Inputs) -> int:
    """A checksum over the inputs, or over blocks of them where they are many."""
    flat = inputs_N.reshape(-1).view(np.uint8)
    if flat.size <= _CHECKED_BLOCKS * _CHECKED_BYTES:
        return zlib.crc32(flat.data)
    seal = flat.size & 0xFFFFFFFF
    for start in np.linspace(0, flat.size - _CHECKED_BYTES, _CHECKED_BLOCKS).astype(np.int64):
        seal = zlib.crc32(flat[start : start + _CHECKED_BYTES].data, seal)
    return seal


def _npy_header(count: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> bytes:
    """The header of a .npy of ``count`` inputs; NumPy pads it, so that it is as long for any count."""
    header = BytesIO()
    described = {"descr": dtype.str, "fortran_order": False, "shape": (count, *shape)}
    np.lib.format.write_array_header_1_0(header, described)
    return header.getvalue()


def _amount(size: float) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.0f} MB"
