"""Arrays that lie in pairs of files, pictures and labels: put together to one source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convscope.data.dataset import Skipped
from convscope.data.sources.place import Listing, Member
from convscope.data.sources.source import ArraySource, given_splits, in_use
from convscope.errors import UserError


@dataclass(frozen=True, eq=False)
class Part:
    """One part's pictures, uint8 NHWC, with their labels (N,), from 0."""

    split: str
    images_NHWC: NDArray[np.uint8]
    labels_N: NDArray[np.int64]


def together(
    listing: Listing,
    name: str,
    parts: Sequence[Part],
    members: Sequence[Member],
    class_names: tuple[str, ...] = (),
    skipped: tuple[Skipped, ...] = (),
) -> ArraySource:
    """One source of all parts; without class names a class is named by its number.

    Raises:
        UserError: pictures and labels differ in number, pictures in size, or a label has no name.
    """
    for part in parts:
        if not len(part.labels_N) or len(part.images_NHWC) != len(part.labels_N):
            got = f"{len(part.labels_N):,} labels for {len(part.images_NHWC):,} pictures in {part.split}"
            raise UserError(listing.where, got, "a label for every picture")
        if part.images_NHWC.shape[1:] != parts[0].images_NHWC.shape[1:]:
            raise UserError(listing.where, f"pictures of several sizes in {part.split}", "pictures of one size")
    labels_N = np.concatenate([part.labels_N for part in parts])
    least, greatest = int(labels_N.min()), int(labels_N.max())
    names = class_names or tuple(str(i) for i in range(min(greatest, 255) + 1))
    if least < 0 or greatest >= len(names):
        wrong = least if least < 0 else greatest
        raise UserError(listing.where, f"label {wrong}, but {len(names)} classes", f"labels 0..{len(names) - 1}")
    classes, labels_N, unused = in_use(names, labels_N)
    stamps = [f"{member.name} {member.size} {member.stamp}" for member in members]
    return ArraySource(
        name=name,
        where=listing.where,
        classes=classes,
        labels_N=labels_N,
        names=tuple(f"{part.split}[{i}]" for part in parts for i in range(len(part.labels_N))),
        given=given_splits([part.split for part in parts for _ in range(len(part.labels_N))]),
        skipped=listing.skipped + skipped + unused,
        parts=tuple(part.images_NHWC for part in parts),
        identity=" ".join([listing.place.identity, *stamps]),
    )


def refuse_doubles(listing: Listing, members: Sequence[Member]) -> None:
    """Refuse files of one name in several folders, of which it is unclear which are meant."""
    names = [member.name.rpartition("/")[2] for member in members]
    if sum(member.name.rpartition("/")[2] in names for member in listing.members) > len(names):
        raise UserError(listing.where, "files of one name in several folders", "one set", "point at one of the folders")
