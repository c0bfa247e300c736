"""Which input a person means: a file, or one of a data set by its number, ``digits:3`` or ``mnist/:test[3]``."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from convscope.data.cache import prepare_all
from convscope.data.data_path import DataPath
from convscope.data.dataset import Inputs, Unreadable
from convscope.data.sources import Source, TableColumns, TableSource, open_source
from convscope.data.vector.preprocess import VectorPreprocess
from convscope.errors import UserError, did_you_mean
from convscope.files import refuse_special
from convscope.model.folder import Model

_NUMBERED = re.compile(r"(?P<data>.+):(?:(?P<part>[a-z]+)\[)?(?P<number>\d{1,9})\]?", re.DOTALL)
_PARTS = ("train", "val", "test", "all")


@dataclass(frozen=True, eq=False)
class FoundInput:
    """One input as a model gets it.

    Args:
        input: as it is stored.
        name: for people.
        label: what it shows, where that is known.
        remark: what was done to it that a person should know; empty: nothing.
    """

    input: Inputs
    name: str
    label: str | None = None
    remark: str = ""


def find_input(
    model: Model, text: str | os.PathLike[str], progress: Callable[[int, int], None] | None = None
) -> FoundInput:
    """The input that a person means.

    Args:
        model: whose preprocessing it goes through.
        text: a picture file; or ``DATA:NUMBER``, from 0: of the test pictures where the data has some, else of all;
            ``DATA:PART[NUMBER]`` of ``train``, ``val``, ``test`` or ``all`` as the data gives them.
        progress: of decoding a data set that is not in the cache.

    Raises:
        UserError: there is no such file or data, or it has not so many pictures.
    """
    refuse_special(text)
    if Path(text).is_file() and not isinstance(model.preprocess, VectorPreprocess):
        try:
            return FoundInput(np.array(model.preprocess.decode(text)), Path(text).name)  # its own, and writable
        except Unreadable as error:
            raise UserError(str(text), error.reason, "a picture") from None
    found = _NUMBERED.fullmatch(str(text))
    if found is None:
        folder = Path(text).is_dir()
        one = model.modality.one
        there = folder or Path(text).is_file()
        kind = "folder" if folder else "file"
        what, hint = (f"this is a {kind}", f"{text}:0 is its first {one}") if there else ("there is no such file", "")
        raise UserError(str(text), what, f"a {one}, or DATA:NUMBER such as digits:3", hint)
    source, part = _opened(model, DataPath.of(text).at(found["data"])), found["part"] or ""
    if part and part not in _PARTS:
        raise UserError(str(text), f"no part {part!r}", ", ".join(_PARTS), did_you_mean(part, _PARTS))
    parts = {"all": np.arange(len(source.labels_N)), **source.given}
    if part and part not in parts:
        raise UserError(str(text), f"the data gives no {part} part", ", ".join(parts), f"{found['data']}:all[0]")
    chosen = parts[part or next((name for name in ("test", "val") if name in parts), "all")]
    number = int(found["number"])
    if number >= len(chosen):
        raise UserError(str(text), f"there are {len(chosen):,} {source.many}", f"a number from 0 to {len(chosen) - 1}")
    # The one alone is decoded, however many there are.
    single = replace(source, given={"test": chosen[number : number + 1]})
    labelled = prepare_all(single, model.preprocess, progress=progress)
    target = labelled.split.labels_N[0]
    label = labelled.classes[int(target)] if labelled.classes else f"{target:g}" if labelled_at_all(source) else None
    name = labelled.split.names[0]
    named = name if name.startswith(labelled.name) else f"{labelled.name} {name}"
    return FoundInput(np.array(labelled.split.inputs_N[0]), named, label, labelled.remark)


def labelled_at_all(source: Source) -> bool:
    """Whether the data says what its inputs are; a table may be without its target."""
    return not isinstance(source, TableSource) or bool(source.target)


def _opened(model: Model, data: DataPath) -> Source:
    """The data as the model reads it; of a table without the target the rows alone."""
    try:
        return open_source(data, training=False, columns=TableColumns.like(model.preprocess))
    except UserError:
        if not isinstance(model.preprocess, VectorPreprocess):
            raise
        return open_source(data, training=False, columns=TableColumns.like(model.preprocess, labelled=False))
