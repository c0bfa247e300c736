"""CIFAR-10 and CIFAR-100 in their binary version: records of a label (or two) and 3 x 32 x 32 bytes."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from convscope.data.sources.place import Listing, Member, listed, natural_key, printable, read_text, where_of
from convscope.data.sources.source import ArraySource, given_splits, in_use
from convscope.errors import UserError

_PIXELS = 3 * 32 * 32
_TEN = re.compile(r"(data_batch_\d+|test_batch)\.bin", re.IGNORECASE)
_HUNDRED = re.compile(r"(train|test)\.bin", re.IGNORECASE)
_TEN_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@dataclass(frozen=True)
class _Layout:
    """What tells the two from one another: label bytes before the pixels, which of them counts, where names are."""

    set: str
    labels: int
    column: int
    names_file: str
    count: int


_LAYOUTS = {
    10: _Layout("cifar10", 1, 0, "batches.meta.txt", 10),
    100: _Layout("cifar100", 2, 1, "fine_label_names.txt", 100),
}


def find_cifar(listing: Listing) -> tuple[int, list[Member]]:
    """``(10 or 100, its files)``, or ``(0, [])`` if it is another kind of data."""
    ten = [m for m in listing.members if _TEN.fullmatch(posixpath.basename(m.name))]
    if ten:
        return 10, ten
    # train.bin may be anything's name: the list of names beside it, or the size, must fit too.
    record = _LAYOUTS[100].labels + _PIXELS
    hundred = [
        m
        for m in listing.members
        if _HUNDRED.fullmatch(posixpath.basename(m.name))
        and (_beside(listing, m, _LAYOUTS[100]) or (m.size and m.size % record == 0))
    ]
    return (100, hundred) if hundred else (0, [])


def open_cifar(listing: Listing, only: str = "") -> ArraySource:
    """Read CIFAR's binary files; ``only`` names one of them, which is then unsplit data.

    Raises:
        UserError: a file is no whole number of records, or holds a label without a name.
    """
    kind, members = find_cifar(listing)
    members = sorted((m for m in members if only in ("", m.name)), key=lambda m: natural_key(m.name))
    folders = sorted({str(PurePosixPath(m.name).parent) for m in members})
    if len(folders) > 1:
        hint = "point at one of the folders"
        raise UserError(listing.where, f"CIFAR files in {listed([printable(f) for f in folders])}", "one folder", hint)
    layout = _LAYOUTS[kind]
    names = _names(listing, members[0], layout)
    parts: list[NDArray[np.uint8]] = []
    labels: list[NDArray[np.int64]] = []
    splits: list[str] = []
    for member in members:
        images_NHWC, labels_N = _read(listing, member, layout, names)
        parts.append(images_NHWC)
        labels.append(labels_N)
        splits += ["test" if "test" in PurePosixPath(member.name).name.lower() else "train"] * len(labels_N)
    counts = {"train": 0, "test": 0}
    titles = []
    for split in splits:
        titles.append(f"{split}[{counts[split]}]")
        counts[split] += 1
    classes, labels_N, unused = in_use(names, np.concatenate(labels))
    return ArraySource(
        name=layout.set,
        where=listing.where,
        classes=classes,
        labels_N=labels_N,
        names=tuple(titles),
        given={} if only else given_splits(splits),
        skipped=listing.skipped + unused,
        parts=tuple(parts),
        identity=" ".join([listing.place.identity, *(f"{m.name} {m.size} {m.stamp}" for m in members)]),
    )


def _read(
    listing: Listing, member: Member, layout: _Layout, names: tuple[str, ...]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    where = where_of(listing.place, member)
    record = layout.labels + _PIXELS
    content = listing.place.content(member)
    if not content.size or content.size % record:
        expected = f"a multiple of {record:,} (a CIFAR-{layout.count} record)"
        raise UserError(where, f"{content.size:,} bytes", expected, "copy or download it again")
    records = content.reshape(-1, record)
    labels_N = records[:, layout.column].astype(np.int64)
    if labels_N.max() >= len(names):
        at = int(np.argmax(labels_N >= len(names)))
        hint = "the file is damaged, or is not CIFAR's binary version"
        raise UserError(where, f"record {at + 1:,} has label {labels_N[at]}", f"labels 0..{len(names) - 1}", hint)
    # Channel planes, seen as NHWC without a copy.
    return records[:, layout.labels :].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels_N


def _beside(listing: Listing, member: Member, layout: _Layout) -> Member | None:
    return listing.place.find(str(PurePosixPath(member.name).with_name(layout.names_file)))


def _names(listing: Listing, first: Member, layout: _Layout) -> tuple[str, ...]:
    member = _beside(listing, first, layout)
    if not member:
        known = _TEN_NAMES if layout.count == 10 else ()
        return known or tuple(str(i) for i in range(layout.count))
    lines = [printable(line.strip()) for line in read_text(listing.place, member).splitlines()]
    names = tuple(line for line in lines if line)
    if len(set(names)) != len(names) or len(names) < 2:
        where = where_of(listing.place, member)
        raise UserError(where, f"{len(set(names))} different names in {len(names)} lines", "one class name a line")
    return names
