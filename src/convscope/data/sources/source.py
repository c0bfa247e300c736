"""What DATA turned out to be: labelled inputs by reference, classes by name, given splits; nothing decoded yet."""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, ClassVar

import numpy as np
from numpy.typing import NDArray

from convscope.data.dataset import Inputs, Skipped, Unreadable
from convscope.data.image.decode import measure, quiet
from convscope.data.sources.place import FileStore, Member, listed, natural_key
from convscope.data.vector.preprocess import VectorPreprocess
from convscope.errors import UserError, did_you_mean, nearest

#: The names of given splits, and the words that people write for them.
SPLITS = ("train", "val", "test")
SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}

_SAMPLE = 200


@dataclass(frozen=True, eq=False)
class ArraySource:
    """Row pictures that come decoded and of one size: digits, IDX, CIFAR.

    Args:
        name: for people, e.g. ``"digits"``.
        where: the place as a person would find it, for messages.
        classes: the class names; a label is an index into them.
        labels_N: int64.
        names: of every picture, e.g. ``"train[17]"``.
        given: the given splits as sorted indices; empty where the data is unsplit.
        skipped: what was left out, and why.
        parts: uint8 NHWC arrays, one after the other all pictures; often memory-mapped.
        identity: changes whenever the pictures may have changed.
        remark: what was done to the pictures that a person should know, in one sentence; empty: nothing.
    """

    name: str
    where: str
    classes: tuple[str, ...]
    labels_N: NDArray[np.int64]
    names: Sequence[str] = field(repr=False)
    given: Mapping[str, NDArray[np.int64]]
    skipped: tuple[Skipped, ...]
    parts: tuple[NDArray[np.uint8], ...] = field(repr=False)
    identity: str = field(repr=False)
    remark: str = ""
    modality: ClassVar[str] = "image"
    one: ClassVar[str] = "picture"
    many: ClassVar[str] = "pictures"

    def shape(self) -> tuple[int, ...]:
        """``(channels, height, width)`` of the pictures."""
        _, height, width, channels = self.parts[0].shape
        return channels, height, width

    def take(self, indices_B: NDArray[np.int64]) -> Inputs:
        """The pictures at these indices, uint8 BHWC, copied."""
        out = np.empty((len(indices_B), *self.parts[0].shape[1:]), np.uint8)
        start = 0
        for part in self.parts:
            here = (indices_B >= start) & (indices_B < start + len(part))
            if here.all():
                return np.ascontiguousarray(part[indices_B - start])
            if here.any():
                out[here] = part[indices_B[here] - start]
            start += len(part)
        return out


@dataclass(frozen=True, eq=False)
class FileSource:
    """Row picture files, on the disk or in an archive, still to be decoded.

    Args:
        name, where, classes, labels_N, names, given, skipped: as in :class:`ArraySource`; a name is the file's
            path from the data's top folder.
        place: where the files lie.
        members: the file of every picture.
    """

    name: str
    where: str
    classes: tuple[str, ...]
    labels_N: NDArray[np.int64]
    names: Sequence[str] = field(repr=False)
    given: Mapping[str, NDArray[np.int64]]
    skipped: tuple[Skipped, ...]
    place: FileStore = field(repr=False)
    members: tuple[Member, ...] = field(repr=False)
    remark: ClassVar[str] = ""
    modality: ClassVar[str] = "image"
    one: ClassVar[str] = "picture"
    many: ClassVar[str] = "pictures"

    @property
    def identity(self) -> str:
        """Changes whenever a file's path, size or time, or its archive, has changed."""
        digest = hashlib.sha256(self.place.identity.encode())
        for member in self.members:
            line = f"{member.name}\0{member.size}\0{member.stamp}\n"
            digest.update(line.encode("utf-8", "surrogatepass"))
        return digest.hexdigest()

    def shape(self) -> tuple[int, ...]:
        """A suggestion of ``(channels, height, width)``: the medians over the headers of up to 200 pictures.

        One channel only if all of them are grey.

        Raises:
            UserError: none of them is a picture.
        """
        chosen = np.unique(np.linspace(0, len(self.members) - 1, min(_SAMPLE, len(self.members))).astype(int))
        sizes: list[tuple[int, int, int]] = []
        reason = ""
        with self.opening() as opener:
            for index in chosen:
                try:
                    with opener(int(index)) as file:
                        sizes.append(measure(file))
                except Unreadable as error:
                    reason = reason or f"{self.names[index]}: {error.reason}"
        if not sizes:
            got = f"none of {len(chosen)} pictures can be read ({reason})"
            raise UserError(self.where, got, "pictures, e.g. JPEG or PNG")
        channels, heights, widths = zip(*sizes, strict=True)
        return max(channels), round(statistics.median(heights)), round(statistics.median(widths))

    @contextmanager
    def opening(self) -> Iterator[Callable[[int], BinaryIO]]:
        """A function that opens the picture at an index for reading, from several threads at once.

        It raises :class:`~convscope.data.image.decode.Unreadable` where the file cannot be opened.
        """
        with quiet(), self.place.opening() as opener:

            def open_picture(index: int) -> BinaryIO:
                try:
                    return opener(self.members[index])
                except Exception as error:
                    # zipfile alone has half a dozen ways to refuse a damaged member.
                    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
                    raise Unreadable(f"cannot be opened: {words.lower()}") from error

            yield open_picture


@dataclass(frozen=True, eq=False)
class TableSource:
    """Rows of numbers: the columns of a table.

    Args:
        name, where, names, given, skipped, identity: as in :class:`ArraySource`.
        classes: the class names; none where the target is a number.
        labels_N: int64 indices into the classes, or the targets as float64.
        rows_ND: float64, a column an input.
        columns: their names.
        target: the name of the column that is predicted.
        found_by: why it is that one, for people; empty where it was asked for.
    """

    name: str
    where: str
    classes: tuple[str, ...]
    labels_N: NDArray[Any]
    names: Sequence[str] = field(repr=False)
    given: Mapping[str, NDArray[np.int64]]
    skipped: tuple[Skipped, ...]
    rows_ND: NDArray[np.float64] = field(repr=False)
    columns: tuple[str, ...]
    target: str
    found_by: str
    identity: str = field(repr=False)
    remark: ClassVar[str] = ""
    modality: ClassVar[str] = "vector"
    one: ClassVar[str] = "row"
    many: ClassVar[str] = "rows"

    @property
    def preprocess(self) -> VectorPreprocess:
        """Which columns these are."""
        return VectorPreprocess(self.columns, self.target, not self.classes)

    def shape(self) -> tuple[int, ...]:
        """(D,): a number a column."""
        return (len(self.columns),)

    def take(self, indices_B: NDArray[np.int64]) -> Inputs:
        """The rows at these indices, float64 (B, D), copied."""
        return np.ascontiguousarray(self.rows_ND[indices_B])


Source = ArraySource | FileSource | TableSource
"""Labelled inputs; those without files are ``ArraySource`` or ``TableSource``."""


@dataclass(frozen=True, slots=True)
class FileRow:
    """One picture file on its way into a :class:`FileSource`: ``split`` is ``""`` where none is given."""

    member: Member
    name: str
    label: str
    split: str = ""


def from_files(
    name: str, where: str, place: FileStore, rows: Sequence[FileRow], skipped: Sequence[Skipped]
) -> FileSource:
    """Put labelled files together: classes in natural order, labels matched by name over all splits."""
    classes = tuple(sorted({row.label for row in rows}, key=natural_key))
    index = {label: i for i, label in enumerate(classes)}
    return FileSource(
        name,
        where,
        classes,
        np.array([index[row.label] for row in rows], np.int64),
        tuple(row.name for row in rows),
        given_splits([row.split for row in rows]),
        tuple(skipped),
        place,
        tuple(row.member for row in rows),
    )


def in_use(
    names: tuple[str, ...], labels_N: NDArray[np.int64]
) -> tuple[tuple[str, ...], NDArray[np.int64], tuple[Skipped, ...]]:
    """Leave out the class names that no picture has; ``(classes, labels, what was left out)``.

    Example:
        >>> in_use(("cat", "dog", "emu"), np.array([2, 0]))[:2]
        (('cat', 'emu'), array([1, 0]))
    """
    present, compact_N = np.unique(labels_N, return_inverse=True)
    classes = tuple(names[label] for label in present)
    unused = tuple(Skipped(f"class {name}", "no picture has this label") for name in names if name not in classes)
    return classes, compact_N.astype(np.int64), unused


def given_splits(splits: Sequence[str]) -> dict[str, NDArray[np.int64]]:
    """``{"train": indices, ...}`` of the splits that are named; pictures of split ``""`` are in none.

    Example:
        >>> given_splits(["train", "test", "train"])
        {'train': array([0, 2]), 'test': array([1])}
    """
    array = np.array(splits, dtype=np.str_)
    found = {split: np.flatnonzero(array == split).astype(np.int64) for split in SPLITS}
    return {split: indices for split, indices in found.items() if len(indices)}


def _check_numbers(source: TableSource) -> TableSource:
    """Refuse targets that are all one number, or splits without one to train on."""
    if len(np.unique(source.labels_N)) < 2:
        got = f"{source.target} is {source.labels_N[0]:g} in every row"
        raise UserError(source.where, got, "a target that differs", "--target names another column")
    if source.given and "train" not in source.given:
        got = f"{' and '.join(source.given)} rows, but none to train on"
        raise UserError(source.where, got, "a train split beside them", "to measure a model on them, use evaluate")
    return source


def check(source: Source, training: bool) -> Source:
    """Refuse what cannot be learned from; returns ``source``.

    Raises:
        UserError: no pictures; for training also: fewer than two classes, given splits without ``train``, a class
            that ``train`` lacks.
    """
    if not len(source.labels_N):
        reasons = f" ({source.skipped[0].file}: {source.skipped[0].reason})" if source.skipped else ""
        raise UserError(source.where, f"no labelled {source.many}{reasons}", f"{source.many} with labels")
    if not training:
        return source
    if isinstance(source, TableSource) and not source.classes:
        return _check_numbers(source)
    if len(source.classes) < 2:
        hint = "a classifier needs something to tell apart: add a second class"
        raise UserError(source.where, f"only one class: {source.classes[0]}", "at least two classes", hint)
    if source.given and "train" not in source.given:
        got = f"{' and '.join(source.given)} pictures, but none to train on"
        raise UserError(source.where, got, "a train split beside them", "to measure a model on them, use evaluate")
    train_N = source.labels_N[source.given["train"]] if source.given else source.labels_N
    trained = set(np.unique(train_N).tolist())
    lacking = [name for label, name in enumerate(source.classes) if label not in trained]
    if lacking:
        known = [name for label, name in enumerate(source.classes) if label in trained]
        held = ", ".join(split for split in source.given if split != "train")
        hint = did_you_mean(lacking[0], known) if nearest(lacking[0], known) else "add pictures of it, or leave it out"
        got = f"{'classes' if len(lacking) > 1 else 'class'} {listed(lacking)} in {held}, but not in train"
        raise UserError(source.where, got, "the classes of train", hint)
    return source
