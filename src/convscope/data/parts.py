"""One part of labelled data: a split by its name, or what a model is measured on."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Literal, cast

from convscope.data.cache import prepare, prepare_all
from convscope.data.dataset import Labelled, Preprocess
from convscope.data.sources import TableColumns, open_source
from convscope.errors import UserError, did_you_mean

SPLITS = ("train", "val", "test", "all")


def check_split(split: str | None) -> None:
    """Refuse a name that is no split's; None is none.

    Raises:
        UserError: it is another word than ``train``, ``val``, ``test`` or ``all``.
    """
    if split is not None and split not in SPLITS:
        raise UserError("--split", f"{split!r}", ", ".join(SPLITS), did_you_mean(split, SPLITS))


def part_of(
    data: str | os.PathLike[str],
    preprocess: Preprocess,
    split: str | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Labelled:
    """Some inputs of labelled data, as they are stored.

    Args:
        data: see :func:`convscope.data.sources.open_source`.
        preprocess: of the network that will read them.
        split: ``train``, ``val``, ``test`` or ``all``; None: the test split where the data comes with one, else its
            val, else all.
        seed: of the split, where the data comes without; a model's own finds what it was trained on again.
        progress: told (inputs decoded, inputs in all).

    Raises:
        UserError: the data cannot be read or has no such split.

    Example:
        >>> from convscope.data.image.decode import ImagePreprocess
        >>> part_of("digits", ImagePreprocess(1, 8, 8), "test").split.inputs_N.shape
        (359, 8, 8, 1)
    """
    check_split(split)
    if split in (None, "all"):
        source = open_source(data, training=False, columns=TableColumns.like(preprocess))
        return prepare_all(replace(source, given={}) if split == "all" else source, preprocess, progress=progress)
    whole = prepare(open_source(data, columns=TableColumns.like(preprocess)), preprocess, seed, progress=progress)
    # A val that was given alone is what is measured on; by either name it is that, under its own.
    of_val = whole.measured_part == "val" and split in ("val", "test")
    chosen = whole.test if of_val else getattr(whole, str(split))
    part = cast("Literal['train', 'val', 'test']", "val" if of_val else split)
    return Labelled(whole.name, whole.classes, chosen, part, preprocess, whole.skipped, whole.fingerprint, whole.remark)


def in_words(found: Labelled) -> str:
    """Which inputs they are, for people.

    Example:
        >>> from convscope.data.image.decode import ImagePreprocess
        >>> in_words(part_of("digits", ImagePreprocess(1, 8, 8), "val"))
        'the val part of digits'
    """
    return f"all of {found.name}" if found.part == "all" else f"the {found.part} part of {found.name}"
