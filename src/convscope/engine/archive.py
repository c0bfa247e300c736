"""What a stranger's checkpoint may take of memory: about as much as its file, looked up before it is read."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from convscope.errors import UserError
from convscope.network.table import bytes_text

TIMES, FIXED = 2, 64 * 2**20
"""A file may take so many times its size and so many bytes: torch saves tensors as they are, without compression."""


def _most(path: Path) -> int:
    return TIMES * path.stat().st_size + FIXED


def bounded_archive(path: Path) -> None:
    """Refuse an archive that unpacks to far more than its file holds, and a pickle that asks for empty memory.

    Raises:
        UserError: it would.
        zipfile.BadZipFile: the archive is damaged.
    """
    if not zipfile.is_zipfile(path):
        # Formats before archives: what they declare is only reserved until as much is read.
        with path.open("rb") as file:
            _refuse_buffers(file.read(FIXED), path)
        return
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        _refuse(sum(entry.file_size for entry in entries), path)
        for entry in entries:
            if entry.filename.endswith(".pkl"):
                with archive.open(entry) as file:
                    _refuse_buffers(file.read(FIXED), path)


def bounded_tensors(state: Mapping[str, Tensor], path: Path) -> None:
    """Refuse tensors that show far more numbers than the file holds, such as one number a billion times.

    Raises:
        UserError: they do, or one is sparse.
    """
    for name, value in state.items():
        if value.layout != torch.strided:
            raise UserError(str(path), f"{name} is a sparse tensor", "dense weights")
    _refuse(sum(value.numel() * value.element_size() for value in state.values()), path)


def _refuse(taken: int, path: Path) -> None:
    if taken > _most(path):
        got = f"a file of {bytes_text(path.stat().st_size)} that would take {bytes_text(taken)} of memory"
        raise UserError(str(path), got, f"at most {bytes_text(_most(path))}: weights are saved as large as they are")


def _refuse_buffers(pickled: bytes, path: Path) -> None:
    if b"bytearray\n" in pickled or b"bytearray\x94" in pickled:
        raise UserError(str(path), "the file asks for empty memory of any size", "a state_dict: names and tensors")
