"""IDX files, gzipped or not: MNIST, KMNIST, Fashion-MNIST, EMNIST (whose pictures lie on their side) and their kin."""

from __future__ import annotations

import gzip
import math
import re
import zlib
from collections import defaultdict
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from convscope.data.dataset import Skipped
from convscope.data.sources.archive import BEST_RATIO
from convscope.data.sources.place import Listing, Member, listed, printable, read_text, where_of
from convscope.data.sources.source import SPLITS, ArraySource, given_splits, in_use
from convscope.errors import UserError

_NAME = re.compile(r"(?P<set>.*?)(?P<part>train|t10k|test|val)?-?(?P<kind>images|labels)[-.]idx\d-ubyte(\.gz)?")
_PARTS = {"train": "train", "t10k": "test", "test": "test", "val": "val", None: ""}
_FASHION = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
_DIGITS = "0123456789"
_CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#: EMNIST's sets, as its files name them, and their classes in the order of the labels.
_EMNIST = {
    "balanced": _DIGITS + _CAPITALS + "abdefghnqrt",
    "bymerge": _DIGITS + _CAPITALS + "abdefghnqrt",
    "byclass": _DIGITS + _CAPITALS + _CAPITALS.lower(),
    "digits": _DIGITS,
    "mnist": _DIGITS,
    "letters": _CAPITALS,
}
_EMNIST_NAME = re.compile(rf"emnist-(?P<set>{'|'.join(_EMNIST)})-", re.IGNORECASE)
TURNED = "EMNIST stores its pictures transposed; they are turned upright"


@dataclass(frozen=True)
class _File:
    """One IDX file by its name."""

    member: Member
    folder: str
    prefix: str
    part: str
    kind: str

    @property
    def set(self) -> str:
        """What the files of one data set have in common: folder and prefix."""
        return f"{self.folder}/{self.prefix}"


def find_idx(listing: Listing) -> list[_File]:
    """The files of a listing that are IDX by their names; empty if it is another kind of data."""
    found = []
    for member in listing.members:
        folder, _, name = member.name.rpartition("/")
        match = _NAME.fullmatch(name.lower()) if "idx" in name.lower() else None
        if match:
            found.append(_File(member, folder, name[: match.end("set")], _PARTS[match["part"]], match["kind"]))
    return found


def open_idx(listing: Listing, only: str = "") -> ArraySource:
    """Read the IDX files of a listing; ``only`` names one images file, whose labels must lie beside it.

    Classes are named by ``classes.txt`` or ``labels.txt`` beside the files (one name a line), by EMNIST's
    ``mapping.txt``, as EMNIST's or Fashion-MNIST's if the files or a folder are called so, else ``"0"``, ``"1"``, ...
    by label. EMNIST's pictures are stored transposed, columns for rows (Cohen et al. 2017); they are turned upright.

    Raises:
        UserError: a file is missing, cut short, of another kind, or does not fit its neighbour.
    """
    files = find_idx(listing)
    if only:
        chosen = next(file for file in files if file.member.name == only)
        files = [f for f in files if (f.set, f.part) == (chosen.set, chosen.part)]
    sets = sorted({file.set for file in files})
    if len(sets) > 1:
        names = [next(printable(file.member.name) for file in files if file.set == name) for name in sets]
        hint = "put one set's four files in a folder of their own, or name one images file"
        raise UserError(listing.where, f"{len(sets)} IDX data sets: {listed(names)}", "one", hint)
    pairs = _pairs(listing, files)
    images = [_read(listing, pair["images"], "images") for pair in pairs.values()]
    labels = [_read(listing, pair["labels"], "labels") for pair in pairs.values()]
    for pair, images_NHWC, part_N in zip(pairs.values(), images, labels, strict=True):
        if len(images_NHWC) != len(part_N):
            got = f"{len(part_N):,} labels for {len(images_NHWC):,} pictures in {_short(pair['images'])}"
            raise UserError(_where(listing, pair["labels"]), got, "a label for every picture")
        if images_NHWC.shape[1:] != images[0].shape[1:]:
            got = f"pictures of {_size(images_NHWC)}, but those before are {_size(images[0])}"
            raise UserError(_where(listing, pair["images"]), got, "pictures of one size")
    turned = _emnist(listing, files[0]) is not None
    if turned:
        images = [part_NHWC.transpose(0, 2, 1, 3) for part_NHWC in images]
    values_N: NDArray[np.int64] = np.concatenate(labels).astype(np.int64)
    classes, labels_N, unused = _classes(listing, files[0], values_N)
    places = [(split, i) for split, part in zip(pairs, labels, strict=True) for i in range(len(part))]
    return ArraySource(
        name=_name(listing, files[0]),
        where=listing.where,
        classes=classes,
        labels_N=labels_N,
        names=tuple(f"{split or 'images'}[{i}]" for split, i in places),
        given={} if only else given_splits([split for split, _ in places]),
        skipped=listing.skipped + unused,
        parts=tuple(images),
        identity=" ".join(
            [
                listing.place.identity,
                *(f"{f.member.name} {f.member.size} {f.member.stamp}" for f in files),
                *(["turned upright"] if turned else []),
            ]
        ),
        remark=TURNED if turned else "",
    )


def _emnist(listing: Listing, file: _File) -> str | None:
    """Which of EMNIST's sets files are, by their own names or by that of the list of classes beside them."""
    folder = f"{file.folder}/" if file.folder else ""
    beside = [m.name[len(folder) :] for m in listing.members if m.name.startswith(folder)]
    lists = [name for name in beside if "/" not in name and name.lower().endswith("-mapping.txt")]
    match = next((found for name in [file.prefix, *lists] if (found := _EMNIST_NAME.match(name))), None)
    return None if match is None else match["set"].lower()


def _pairs(listing: Listing, files: list[_File]) -> dict[str, dict[str, _File]]:
    """``{"train": {"images": file, "labels": file}, ...}``; a plain file is preferred to its gzipped double."""
    pairs: dict[str, dict[str, _File]] = defaultdict(dict)
    for file in sorted(files, key=lambda file: file.member.name.lower().endswith(".gz")):
        pairs[file.part].setdefault(file.kind, file)
    for pair in pairs.values():
        for kind, other in (("images", "labels"), ("labels", "images")):
            if kind not in pair:
                name = _short(pair[other])
                rank = "idx1" if kind == "labels" else "idx3"
                expected = re.sub(r"idx\d", rank, name.replace(other, kind))
                raise UserError(listing.where, f"{name} has no {kind} beside it", f"a file like {expected}")
    return {split: pairs[split] for split in (*SPLITS, "") if split in pairs}


def _read(listing: Listing, file: _File, kind: str) -> NDArray[np.uint8]:
    """Labels as ``(N,)``, pictures as ``(N, H, W, C)``."""
    where = _where(listing, file)
    ranks = (1,) if kind == "labels" else (3, 4)
    content = listing.place.content(file.member)
    zipped = content[:2].tobytes() == b"\x1f\x8b"
    head = _unzip(content, 20, where) if zipped else content[:20].tobytes()
    if len(head) < 4:
        raise UserError(where, f"{len(head)} bytes", "an IDX file, which starts with a header")
    if head[:2] != b"\0\0" or head[2] != 8 or head[3] not in ranks:
        magic = int.from_bytes(head[:4], "big")
        hint = f"this is an IDX file of {_other(head)}" if head[:2] == b"\0\0" and head[3] in (1, 2, 3, 4) else ""
        raise UserError(where, f"magic number 0x{magic:08x}", f"0x{0x0800 + ranks[0]:08x} for {kind}", hint)
    rank = head[3]
    start = 4 + 4 * rank
    if len(head) < start:
        raise UserError(where, "the header is cut short", f"{start} bytes of header", "copy or download it again")
    shape = tuple(int.from_bytes(head[i : i + 4], "big") for i in range(4, start, 4))
    if rank == 4 and shape[3] not in (1, 3):
        raise UserError(where, f"pictures of {shape[3]} channels", "1 or 3 channels")
    if 0 in shape:
        raise UserError(where, f"the header says {' x '.join(map(str, shape))}", "at least one, of at least one pixel")
    wanted = start + math.prod(shape)
    if zipped and wanted > BEST_RATIO * content.size + 1024:
        got = f"the header promises {wanted:,} bytes, more than {content.size:,} compressed bytes can hold"
        raise UserError(where, got, hint="copy or download it again")
    data = np.frombuffer(_unzip(content, wanted + 1, where), np.uint8) if zipped else content
    if data.size != wanted:
        held = "more" if data.size > wanted else "less"
        counted = f"{data.size:,}" if not zipped or data.size < wanted else f"over {wanted:,}"
        got = f"{counted} bytes, {held} than its header promises"
        expected = f"{wanted:,} bytes for {' x '.join(map(str, shape))}"
        raise UserError(where, got, expected, "copy or download it again")
    array = data[start:].reshape(shape)
    return array if kind == "labels" else array.reshape((*shape[:3], shape[3] if rank == 4 else 1))


def _unzip(content: NDArray[np.uint8], size: int, where: str) -> bytes:
    """The first ``size`` unzipped bytes, or as many as there are."""
    try:
        with gzip.GzipFile(fileobj=BytesIO(content.tobytes())) as file:
            return file.read(size)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(where, f"the gzip data is damaged: {error}", hint="copy or download it again") from error


def _classes(
    listing: Listing, file: _File, values_N: NDArray[np.int64]
) -> tuple[tuple[str, ...], NDArray[np.int64], tuple[Skipped, ...]]:
    names, first = _names(listing, file)
    least, greatest = int(values_N.min()), int(values_N.max())
    if not names:
        present, labels_N = np.unique(values_N, return_inverse=True)
        return tuple(str(value) for value in present), labels_N.astype(np.int64), ()
    if first is None:
        # Letters, counted from 1.
        first = 1 if least >= 1 and greatest == len(names) else 0
    unnamed = np.flatnonzero((values_N < first) | (values_N >= first + len(names)))
    if len(unnamed):
        got = f"label {values_N[unnamed[0]]} at place {unnamed[0]:,}, but only {len(names)} class names"
        got += f", from label {first}" if first else ""
        raise UserError(_where(listing, file), got, "a name for every label", "see the list of names beside it")
    return in_use(names, values_N - first)


def _names(listing: Listing, file: _File) -> tuple[tuple[str, ...], int | None]:
    """Class names from a list beside the files, or known ones; empty if there are none. And the first one's label."""
    folder = f"{file.folder}/" if file.folder else ""
    for name in ("classes.txt", "labels.txt"):
        member = listing.place.find(folder + name)
        if member:
            lines = tuple(printable(line.strip()) for line in read_text(listing.place, member).splitlines())
            names = tuple(line for line in lines if line)
            twice = [line for i, line in enumerate(names) if line in names[:i]]
            if twice:
                where = f"{listing.place.where}/{member.name}"
                raise UserError(where, f"{twice[0]} is there twice", "one class name a line")
            return names, None
    emnist = _emnist(listing, file)
    for prefix in (file.prefix, f"emnist-{emnist}-"):
        mapping = listing.place.find(f"{folder}{prefix}mapping.txt")
        mapped = None if mapping is None else _mapped(read_text(listing.place, mapping))
        if mapped is not None:
            return mapped
    if emnist is not None:
        return tuple(_EMNIST[emnist]), int(emnist == "letters")
    return (_FASHION if "fashion" in f"{listing.where}/{file.set}".lower() else ()), None


def _mapped(text: str) -> tuple[tuple[str, ...], int | None] | None:
    """The characters of a mapping: lines of a label, the character's code and, for letters, the small letter's."""
    words = [line.split()[:2] for line in text.splitlines() if line.strip()]
    if not all(len(pair) == 2 and all(re.fullmatch(r"[0-9]{1,3}", word) for word in pair) for pair in words):
        return None
    pairs = sorted((int(label), chr(int(code))) for label, code in words)
    gapless = bool(pairs) and [label for label, _ in pairs] == list(range(pairs[0][0], pairs[0][0] + len(pairs)))
    return tuple(character for _, character in pairs), pairs[0][0] if gapless else None


def _name(listing: Listing, file: _File) -> str:
    return printable(file.prefix.strip("-_.")) or printable(PurePosixPath(file.folder).name) or listing.place.name


def _where(listing: Listing, file: _File) -> str:
    return where_of(listing.place, file.member)


def _short(file: _File) -> str:
    return printable(PurePosixPath(file.member.name).name)


def _size(images_NHWC: NDArray[np.uint8]) -> str:
    return " x ".join(map(str, images_NHWC.shape[1:]))


def _other(head: bytes) -> str:
    if head[2] != 8:
        numbers = {0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float", 0x0E: "double"}
        return f"{numbers.get(head[2], 'odd')} numbers"
    return {1: "labels", 3: "pictures", 4: "pictures"}.get(head[3], f"{head[3]} dimensions")
