"""A data set, checked: everything that spoils training or makes an evaluation too optimistic, by name."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.data.audit.duplicates import groups
from convscope.data.audit.finding import KINDS, PROBLEMS, Finding
from convscope.data.audit.rows import labels_of, row_findings
from convscope.data.audit.scan import ScannedPicture, scan_pictures, stacked
from convscope.data.sources import Source, TableSource
from convscope.data.splits import measured_part, split
from convscope.errors import UserError

RARE = 10
"""Pictures below which a class is called rare."""
UNEVEN = 4.0
"""The ratio of the largest class to the smallest from which it is said."""
BLANK = 2.5
"""The standard deviation of a thumbnail, in levels of 255, below which a picture is called blank."""
TINY = 32
"""Pixels a side below which a picture among larger ones is called tiny."""


@dataclass(frozen=True)
class Checked:
    """What was found.

    Args:
        name, where: of the data.
        classes: names in the order of the labels.
        counts: pictures that can be read by class.
        sides: inputs that can be read by split, as training would use them.
        given: whether the data comes with its splits; else they are those that training draws.
        sizes: (height, width) of the pictures that can be read; of rows none.
        findings: the worst kind first.
        files, labels, splits: of every input that can be read: name, class and split.
        seconds: that it took.
        one, many: what an input and several are called.
        remark: what was done to all of them that a person should know; empty: nothing.
    """

    name: str
    where: str
    classes: tuple[str, ...]
    counts: tuple[int, ...]
    sides: Mapping[str, int]
    given: bool
    sizes: NDArray[np.int64] = field(repr=False)
    findings: tuple[Finding, ...]
    files: tuple[str, ...] = field(repr=False)
    labels: tuple[str, ...] = field(repr=False)
    splits: tuple[str, ...] = field(repr=False)
    seconds: float
    one: str = "picture"
    many: str = "pictures"
    remark: str = ""

    def said(self, kind: str) -> str:
        """What a kind of finding is, in words."""
        return KINDS[kind].format(one=self.one, many=self.many)

    def of(self, kind: str) -> tuple[Finding, ...]:
        """The findings of one kind."""
        return tuple(finding for finding in self.findings if finding.kind == kind)

    @property
    def kinds(self) -> dict[str, int]:
        """How many findings of each kind, the worst first; kinds without any are left out."""
        counts = Counter(finding.kind for finding in self.findings)
        return {kind: counts[kind] for kind in KINDS if counts[kind]}

    @property
    def clean(self) -> bool:
        """Whether nothing was found that should be looked at before training."""
        return not any(finding.kind in PROBLEMS for finding in self.findings)

    @property
    def baseline(self) -> float:
        """The accuracy of always answering the most frequent class."""
        return max(self.counts, default=0) / max(1, sum(self.counts))

    def with_findings(self, more: Sequence[Finding]) -> Checked:
        """The same with more findings."""
        order = list(KINDS)
        return replace(self, findings=tuple(sorted((*self.findings, *more), key=lambda f: order.index(f.kind))))

    def kept(self) -> list[tuple[str, str, str]]:
        """File, class and split of the inputs of a cleaned list: without copies and without what is blank.

        Of copies one is kept, in the test set before training; of copies that contradict each other none.
        """
        dropped = {name for finding in self.findings for name in finding.drop}
        rows = zip(self.files, self.labels, self.splits, strict=True)
        return [(file, label, side) for file, label, side in rows if file not in dropped]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        heights, widths = (self.sizes[:, 0], self.sizes[:, 1]) if len(self.sizes) else (np.zeros(1), np.zeros(1))
        return {
            "data": self.name,
            "where": self.where,
            "pictures": len(self.files),
            "clean": self.clean,
            "classes": dict(zip(self.classes, self.counts, strict=True)),
            "splits": dict(self.sides),
            "splits_given": self.given,
            "baseline": self.baseline,
            "sizes": {
                "height": [int(np.min(heights)), int(np.median(heights)), int(np.max(heights))],
                "width": [int(np.min(widths)), int(np.median(widths)), int(np.max(widths))],
            },
            "kinds": self.kinds,
            "findings": [
                {"kind": f.kind, "files": list(f.files), "detail": f.detail, "drop": list(f.drop)}
                for f in self.findings
            ],
            "remark": self.remark,
            "seconds": round(self.seconds, 2),
        }


def check(source: Source, seed: int = 0, progress: Callable[[int, int], None] | None = None) -> Checked:
    """Look at every input of a data set once.

    Args:
        source: from :func:`~convscope.data.sources.open_source`.
        seed: of the split that training would draw.
        progress: told (inputs seen, of so many).

    Example:
        >>> from convscope.data.sources import open_source
        >>> found = check(open_source("digits"))
        >>> found.sides["test"], found.kinds
        (359, {})
    """
    if isinstance(source, TableSource):
        return _check_table(source, seed)
    begun = time.monotonic()
    found = list(scan_pictures(source, progress))
    rows_M, thumbnails = stacked(found)
    seen = [one for one in found if isinstance(one, ScannedPicture)]
    names = [source.names[int(i)] for i in rows_M]
    labels = [source.classes[int(source.labels_N[i])] for i in rows_M]
    sides = _sides(source, seed)
    splits = [sides[int(i)] for i in rows_M]

    findings = [Finding("unreadable", (entry.file,), entry.reason) for entry in source.skipped]
    findings += [
        Finding("unreadable", (source.names[index],), one) for index, one in enumerate(found) if isinstance(one, str)
    ]
    findings += _duplicates(groups(len(seen), [one.digest for one in seen], thumbnails), names, labels, splits)
    for name, one, thumbnail in zip(names, seen, thumbnails, strict=True):
        findings += [Finding(kind, (name,), detail) for kind, detail in one.odd]
        if thumbnail.astype(np.float32).reshape(-1, 3).std(0).max() < BLANK:
            findings.append(Finding("blank", (name,), "nearly all pixels are the same", (name,)))
    sizes = np.array([one.size for one in seen], np.int64).reshape(-1, 3)
    findings += _of_sizes(names, sizes)
    counts = Counter(labels)
    totals = tuple(counts[name] for name in source.classes)
    learnt = Counter(label for label, side in zip(labels, splits, strict=True) if side in ("train", ""))
    findings += _of_classes(source.classes, [learnt[name] for name in source.classes])
    checked = Checked(
        name=source.name,
        where=source.where,
        classes=source.classes,
        counts=totals,
        sides={side: splits.count(side) for side in ("train", "val", "test")},
        given=bool(source.given),
        sizes=sizes[:, 1:],
        findings=(),
        files=tuple(names),
        labels=tuple(labels),
        splits=tuple(splits),
        seconds=time.monotonic() - begun,
        remark=source.remark,
    )
    return checked.with_findings(findings)


def _check_table(source: TableSource, seed: int) -> Checked:
    """The same of the rows of a table."""
    begun = time.monotonic()
    names, labels, splits = list(source.names), labels_of(source), _sides(source, seed)
    groups_found, findings = row_findings(source)
    findings += [Finding("unreadable", (entry.file,), entry.reason) for entry in source.skipped]
    findings += _duplicates(groups_found, names, labels, splits)
    counts = Counter(labels) if source.classes else Counter()
    learnt = Counter(label for label, side in zip(labels, splits, strict=True) if side in ("train", ""))
    findings += _of_classes(source.classes, [learnt[name] for name in source.classes])
    checked = Checked(
        name=source.name,
        where=source.where,
        classes=source.classes,
        counts=tuple(counts[name] for name in source.classes),
        sides={side: splits.count(side) for side in ("train", "val", "test")},
        given=bool(source.given),
        sizes=np.zeros((0, 2), np.int64),
        findings=(),
        files=tuple(names),
        labels=tuple(labels),
        splits=tuple(splits),
        seconds=time.monotonic() - begun,
        one=source.one,
        many=source.many,
    )
    return checked.with_findings(findings)


def _sides(source: Source, seed: int) -> list[str]:
    """The split of every input, as training would use it; a given val keeps its name, and train what is in it."""
    sides = [""] * len(source.labels_N)
    try:
        strata_N = source.labels_N if source.classes else np.zeros(len(sides), np.int64)
        parts: Mapping[str, NDArray[np.int64]] = split(strata_N, source.given, source.names, seed)
        if measured_part(source.given) == "val":
            parts = source.given
    except UserError:
        parts = source.given or {"train": np.arange(len(sides))}  # too few to split: all are shown as they are
    for side, indices in parts.items():
        for index in indices.tolist():
            sides[index] = side
    return sides


def _duplicates(
    found: Sequence[Sequence[int]], names: Sequence[str], labels: Sequence[str], splits: Sequence[str]
) -> list[Finding]:
    """Copies as findings: one label or several, one split or several."""
    findings = []
    order = {"test": 0, "val": 1, "train": 2, "": 3}
    for group in found:
        members = sorted(group, key=lambda i: (order[splits[i]], i))
        files = tuple(names[i] for i in members)
        said = sorted({labels[i] for i in members})
        where = sorted({splits[i] for i in members}, key=order.__getitem__)
        if len(said) > 1:
            told = ", ".join(f"{names[i]} is {labels[i]}" for i in members[:4])
            told += f"; in {' and '.join(where)}" if len(where) > 1 else ""
            findings.append(Finding("contradiction", files, told, files))
        elif len(where) > 1:
            findings.append(Finding("leak", files, f"in {' and '.join(where)}", files[1:]))
        else:
            findings.append(Finding("duplicate", files, f"{len(files)} times in {where[0] or 'the data'}", files[1:]))
    return findings


def _of_sizes(names: Sequence[str], sizes_N3: NDArray[np.int64]) -> list[Finding]:
    if not len(sizes_N3):
        return []
    findings = []
    channels, sides = sizes_N3[:, 0], sizes_N3[:, 1:].min(1)
    if 0 < (channels == 1).sum() < (channels == 3).sum():
        findings += [Finding("grey", (names[i],)) for i in np.flatnonzero(channels == 1).tolist()]
    if np.median(sides) >= 2 * TINY:
        findings += [
            Finding("tiny", (names[i],), f"{sizes_N3[i, 2]} x {sizes_N3[i, 1]}")
            for i in np.flatnonzero(sides < TINY).tolist()
        ]
    return findings


def _of_classes(classes: Sequence[str], counts: Sequence[int]) -> list[Finding]:
    findings = [
        Finding("rare", (name,), f"{count} to train on")
        for name, count in zip(classes, counts, strict=True)
        if count < RARE
    ]
    some = [count for count in counts if count]
    if len(some) > 1 and max(some) >= UNEVEN * min(some):
        most, least = classes[list(counts).index(max(some))], classes[list(counts).index(min(some))]
        fraction = max(some) / sum(some)
        detail = (
            f"{most} has {max(some):,} to train on, {least} {min(some):,}: {max(some) / min(some):.0f} to 1; "
            f"{100 * fraction:.0f} % of the training set are {most}"
        )
        findings.append(Finding("imbalance", (most, least), detail))
    return findings
