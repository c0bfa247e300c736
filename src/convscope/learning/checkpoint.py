"""A run's state on the disk: one safetensors file, replaced atomically; no pickle."""

from __future__ import annotations

from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open

from convscope.errors import UserError
from convscope.files import named_in_utf8, refuse_special, write_atomically

NAME = "checkpoint.safetensors"


def save(folder: Path, tensors: dict[str, torch.Tensor], text: dict[str, str]) -> Path:
    """Write the checkpoint of a run folder; the one before stays until the new one is whole.

    Raises:
        UserError: the disk is full or the folder cannot be written to; the last checkpoint stays.
    """
    path = folder / NAME
    write_atomically(path, safetensors.torch.save(tensors, metadata=text))
    return path


def load(folder: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]] | None:
    """The checkpoint of a run folder, or None where there is none yet.

    Raises:
        UserError: the file is damaged.
    """
    path = folder / NAME
    if not path.exists():
        return None
    refuse_special(path)
    try:
        with named_in_utf8(path) as name, safe_open(name, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        hint = "remove the file to start this run from its beginning"
        raise UserError(str(path), f"the checkpoint cannot be read: {error}", hint=hint) from None
