"""STL-10's binary files: 3 x 96 x 96 bytes a picture, column by column, and labels from 1 (Coates et al. 2011)."""

from __future__ import annotations

import numpy as np

from convscope.data.dataset import Skipped
from convscope.data.sources.paired import Part, refuse_doubles, together
from convscope.data.sources.place import Listing, Member, printable, read_text, where_of
from convscope.data.sources.source import ArraySource
from convscope.errors import UserError

_RECORD = 3 * 96 * 96
_NAMES = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")


def find_stl(listing: Listing) -> dict[str, Member]:
    """``{"train_X.bin": file, ...}``; empty if it is another kind of data.

    A name alone says little: the labels must lie beside the pictures, or the size be that of whole pictures.
    """
    wanted = [f"{part}_{kind}.bin" for part in ("train", "test") for kind in "Xy"]
    wanted += ["unlabeled_X.bin", "class_names.txt"]
    files = {name: m for m in listing.members if (name := m.name.rpartition("/")[2]) in wanted}
    for part in ("train", "test"):
        images, labels = files.get(f"{part}_X.bin"), files.get(f"{part}_y.bin")
        whole = images is not None and images.size > 0 and images.size % _RECORD == 0
        paired = images is not None and labels is not None and images.name[:-5] == labels.name[:-5]
        if whole or paired:
            return files
    return {}


def open_stl(listing: Listing) -> ArraySource:
    """Read STL-10's labelled pictures; those without labels are left out, which is said.

    Raises:
        UserError: a file is missing, cut short or holds a label that there is not.
    """
    files = find_stl(listing)
    refuse_doubles(listing, list(files.values()))
    parts, members = [], []
    for split in ("train", "test"):
        images, labels = files.get(f"{split}_X.bin"), files.get(f"{split}_y.bin")
        if images is None and labels is None:
            continue
        if images is None or labels is None:
            missing = f"{split}_{'X' if images is None else 'y'}.bin"
            raise UserError(listing.where, f"no {missing}", f"{split}_X.bin and {split}_y.bin")
        content = listing.place.content(images)
        if not content.size or content.size % _RECORD:
            expected = f"a multiple of {_RECORD:,} (an STL-10 picture)"
            raise UserError(where_of(listing.place, images), f"{content.size:,} bytes", expected, "download it again")
        # Planes stored column by column, seen as NHWC without a copy.
        images_NHWC = content.reshape(-1, 3, 96, 96).transpose(0, 3, 2, 1)
        parts.append(Part(split, images_NHWC, listing.place.content(labels).astype(np.int64) - 1))
        members += [images, labels]
    names: tuple[str, ...] = _NAMES
    if "class_names.txt" in files:
        lines = read_text(listing.place, files["class_names.txt"]).splitlines()
        names = tuple(printable(line.strip()) for line in lines if line.strip())
        if len(set(names)) != len(names):
            raise UserError(
                where_of(listing.place, files["class_names.txt"]), "a name is there twice", "different names"
            )
    unlabeled = "unlabeled_X.bin" in files
    skipped = (Skipped("unlabeled_X.bin", "pictures without labels"),) if unlabeled else ()
    return together(listing, "stl10", parts, members, names, skipped)
