"""A run's state on the disk: one hashed safetensors file and the one before it, replaced atomically; no pickle."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open

from convscope.errors import UserError
from convscope.files import named_in_utf8, open_regular, refuse_special, sync_folder, write_atomically
from convscope.learning.run_folder import CHECKPOINT, CHECKPOINT_BEFORE

NAME, BEFORE = CHECKPOINT, CHECKPOINT_BEFORE
KEY, _BLANK = "sha256", "0" * 64
"""The metadata that holds the hash of the whole file, computed with zeros in its own place."""
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Checkpoint:
    """What was saved; ``fallback`` says why it is the one before the last, empty where it is the last."""

    tensors: dict[str, torch.Tensor]
    text: dict[str, str]
    fallback: str = ""


def save(folder: Path, tensors: dict[str, torch.Tensor], text: dict[str, str]) -> Path:
    """Write the checkpoint of a run folder; the last one stays as the one before.

    Raises:
        UserError: the disk is full or the folder cannot be written to; the last checkpoint stays.
    """
    path = folder / NAME
    data = memoryview(safetensors.torch.save(tensors, metadata={**text, KEY: _BLANK}))
    start = 8 + int.from_bytes(data[:8], "little")
    header, rest = bytes(data[:start]), data[start:]
    digest = hashlib.sha256(header)
    digest.update(rest)
    # Through the JSON key, so that a text with as many zeros is not taken for it.
    signed = header.replace(_entry(_BLANK), _entry(digest.hexdigest()))
    write_atomically(path, signed, rest, keep=folder / BEFORE)
    sync_folder(folder)
    return path


def load(folder: Path) -> Checkpoint | None:
    """The last checkpoint of a run folder that is whole, or None where there is none yet.

    Raises:
        UserError: the last one is damaged, and there is none before it.
    """
    last, before = folder / NAME, folder / BEFORE
    if not last.exists():
        # A run that was killed between giving the last its other name and the new one its own.
        return Checkpoint(*_read(before)) if before.exists() else None
    try:
        return Checkpoint(*_read(last))
    except UserError as error:
        if not before.exists():
            raise
        try:
            return Checkpoint(*_read(before), f"{NAME}: {error.got}"[:200])
        except UserError:
            raise error from None


def _read(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    refuse_special(path)
    hint = "remove the file to start this run from its beginning"
    try:
        whole = _is_whole(path)
        with named_in_utf8(path) as name, safe_open(name, framework="pt") as file:
            text = dict(file.metadata() or {})
            text.pop(KEY, None)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(str(path), f"the checkpoint cannot be read: {error}", hint=hint) from None
    if not whole:
        raise UserError(str(path), "the checkpoint cannot be read: its content is not what was saved", hint=hint)
    return tensors, text


def _is_whole(path: Path) -> bool:
    """Whether the content has the hash that it states; of an older version, which states none, True."""
    with open_regular(path) as file:
        size = file.read(8)
        header = file.read(min(int.from_bytes(size, "little"), path.stat().st_size))
        document = json.loads(header)
        metadata = document.get("__metadata__") if isinstance(document, dict) else None
        stated = metadata.get(KEY) if isinstance(metadata, dict) else None
        if stated is None:
            return True
        digest = hashlib.sha256(size + header.replace(_entry(str(stated)), _entry(_BLANK)))
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest() == str(stated)


def _entry(digest: str) -> bytes:
    return f'"{KEY}":"{digest}"'.encode()
