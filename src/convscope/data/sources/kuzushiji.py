"""Kuzushiji's ``.npz`` files, Kuzushiji-MNIST and -49: an array in each (Clanuwat et al. 2018)."""

from __future__ import annotations

import re
import zipfile
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from convscope.data.sources.archive import BEST_RATIO
from convscope.data.sources.paired import Part, refuse_doubles, together
from convscope.data.sources.place import Listing, Member, listed, printable, where_of
from convscope.data.sources.source import ArraySource
from convscope.errors import UserError

_NAME = re.compile(r"(?P<set>[^/]*?)-(?P<part>train|test)-(?P<kind>imgs|labels)\.npz", re.IGNORECASE)


def find_kuzushiji(listing: Listing) -> dict[tuple[str, str, str], Member]:
    """``{(set, part, kind): file}`` by the files' names; empty if it is another kind of data."""
    found = {}
    for member in listing.members:
        match = _NAME.fullmatch(member.name.rpartition("/")[2])
        if match:
            found[match["set"], match["part"].lower(), match["kind"].lower()] = member
    return found


def open_kuzushiji(listing: Listing) -> ArraySource:
    """Read one set's files; its classes are named by their numbers, as in its IDX files.

    Raises:
        UserError: there are several sets, a file is missing or damaged, or holds something else.
    """
    files = find_kuzushiji(listing)
    refuse_doubles(listing, list(files.values()))
    sets = sorted({key[0] for key in files})
    if len(sets) > 1:
        got = f"{len(sets)} sets: {listed([printable(name) for name in sets])}"
        raise UserError(listing.where, got, "one", "put one set's four files in a folder of their own")
    parts = []
    for split in ("train", "test"):
        kinds = [kind for kind in ("imgs", "labels") if (sets[0], split, kind) in files]
        if len(kinds) == 1:
            missing = f"{printable(sets[0])}-{split}-{'labels' if kinds == ['imgs'] else 'imgs'}.npz"
            raise UserError(listing.where, f"no {missing}", "pictures and labels")
        if kinds:
            images_NHW = _array(listing, files[sets[0], split, "imgs"], 3)
            labels_N = _array(listing, files[sets[0], split, "labels"], 1)
            parts.append(Part(split, images_NHW[..., None], labels_N.astype(np.int64)))
    return together(listing, printable(sets[0]), parts, list(files.values()))


def _array(listing: Listing, member: Member, rank: int) -> NDArray[np.uint8]:
    """The one array of a file, checked by its header before anything is unpacked."""
    where = where_of(listing.place, member)
    expected = f"one array of uint8 with {rank} dimension{'s' if rank > 1 else ''}, arr_0"
    try:
        with zipfile.ZipFile(BytesIO(listing.place.content(member).tobytes())) as archive:
            info = archive.getinfo("arr_0.npy")
            if info.file_size > BEST_RATIO * info.compress_size + 1024:
                raise UserError(where, f"it promises {info.file_size:,} bytes, more than it can hold", expected)
            with archive.open(info) as file:
                data = file.read(info.file_size)
        stream = BytesIO(data)
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, by_column, dtype = read(stream)
    except (UserError, MemoryError):
        raise
    except Exception:
        # zipfile and NumPy have a dozen ways to refuse a damaged file.
        raise UserError(where, "the file is damaged, or another kind of .npz", expected, "download it again") from None
    if dtype != np.uint8 or len(shape) != rank or 0 in shape or by_column:
        raise UserError(where, f"{dtype} of {' x '.join(map(str, shape)) or 'no dimension'}", expected)
    values = np.frombuffer(data, np.uint8, offset=stream.tell())
    if values.size != int(np.prod(shape, dtype=object)):
        raise UserError(where, f"{values.size:,} bytes, not {' x '.join(map(str, shape))}", expected)
    return values.reshape(shape)
