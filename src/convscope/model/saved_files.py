"""A model's files are replaced all or none: ``model.json`` says by their SHA-256 which belong to it.

New files are written beside the old ones under another name; then ``model.json`` is replaced, and from that moment they
are the model; then they take the old ones' names. Whoever reads takes, of the two names, the file with the right hash.
Nothing else in the folder is touched, and there is no moment without a whole model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from convscope.errors import UserError
from convscope.files import named_failures, open_regular, sync_folder, write_atomically

KEY = "sha256"
"""Of ``model.json``: the hash of each other file."""


def next_name(name: str) -> str:
    """What a file is called until ``model.json`` speaks of it."""
    return f".{name}.next"


def sha256_of(path: Path) -> str | None:
    """The hash of a file; None where there is none that can be read."""
    try:
        with open_regular(path) as file:
            digest = hashlib.sha256()
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except OSError:
        return None
    return digest.hexdigest()


def hashes(files: Mapping[str, bytes]) -> dict[str, str]:
    """The entry of ``model.json`` for these files.

    Example:
        >>> hashes({"network.net": b""})["network.net"][:8]
        'e3b0c442'
    """
    return {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}


def replace_files(folder: Path, files: Mapping[str, bytes], facts: tuple[str, bytes], old: Mapping[str, Any]) -> None:
    """Write a model's files; killed at any moment, the folder holds the old model or the new one.

    Args:
        folder: of the model; may hold other files.
        files: all that are hashed, by name.
        facts: name and content of the file that holds the hashes of ``files``.
        old: the entry :data:`KEY` of the model that is there; empty where there is none.

    Raises:
        UserError: the folder cannot be written to, or the disk is full; the model before stays.
    """
    _settle(folder, old)
    for name, data in files.items():
        write_atomically(folder / next_name(name), data)
    sync_folder(folder)
    write_atomically(folder / facts[0], facts[1])
    sync_folder(folder)
    _settle(folder, hashes(files))


def _settle(folder: Path, wanted: Mapping[str, Any]) -> None:
    """Give the files that belong to the model, and wait since a save was cut off, their names."""
    with named_failures(folder, "writing"):
        for name, digest in wanted.items():
            waiting = folder / next_name(name)
            if waiting.is_file() and sha256_of(waiting) == digest:
                waiting.replace(folder / name)
    sync_folder(folder)


def checked_file(folder: Path, name: str, wanted: object, facts: str) -> Path:
    """Where a file of the model lies; one without a hash, of an older version, is taken as it is.

    Args:
        folder: of the model.
        name: of the file.
        wanted: the entry :data:`KEY` of ``facts``.
        facts: the name of the file with the hashes.

    Raises:
        UserError: its content is not what was saved.
    """
    if wanted is None:
        return folder / name
    if not isinstance(wanted, dict) or not isinstance(wanted.get(name), str):
        raise UserError(str(folder / facts), f"the entry {KEY} is wrong", f"the SHA-256 of {name}")
    found = sha256_of(folder / name)
    if found == wanted[name]:
        return folder / name
    if (folder / next_name(name)).is_file() and sha256_of(folder / next_name(name)) == wanted[name]:
        return folder / next_name(name)
    if found is None:
        raise UserError(str(folder / name), "it cannot be read", "the file as it was saved with the model")
    raise UserError(
        str(folder / name),
        f"its content is not what was saved with the model: SHA-256 {found[:12]}",
        f"{wanted[name][:12]}, as {facts} says",
        "the file was damaged or changed: copy the folder again, or save the model again",
    )
