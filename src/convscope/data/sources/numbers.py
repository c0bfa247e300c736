"""A table of numbers with a column that is predicted: what of it are inputs, what the target is, what is left out."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from convscope.data.dataset import Skipped
from convscope.data.sources.place import listed, natural_key, printable
from convscope.data.sources.source import SPLIT_WORDS, TableSource, given_splits
from convscope.data.sources.table import LABELS, MISSING, SPLITS, Table, column_of
from convscope.errors import UserError, did_you_mean

MANY_NUMBERS = 20
"""Different whole numbers in a target column from which they are quantities, not names of classes."""


def open_numbers(
    name: str,
    where: str,
    table: Table,
    identity: str,
    target: str | None = None,
    numeric: bool | None = None,
    columns: Sequence[str] | None = None,
    labelled: bool = True,
) -> TableSource:
    """Rows of numbers.

    The target is the column that is asked for, else one named label, class, target, ..., else the last. A column named
    split or set whose cells are train, val and test splits the rows. All others are inputs, but for those that hold no
    number at all. A row with a cell that is missing or no number, or without a target, is left out and named.

    Args:
        name, where: of the table.
        table: as it was read.
        identity: changes whenever the table has changed.
        target: the column that is predicted; None: see above.
        numeric: whether the target is a number; None: where all are numbers, and some have a fraction or more than
            :data:`MANY_NUMBERS` are different.
        columns: the inputs by name, those of a model; None: see above.
        labelled: whether a target is needed; False: rows to predict from.

    Raises:
        UserError: there is no such column, no row is left, or the table has no numbers.
    """
    names = [printable(column.strip()) for column in table.columns]
    _check_header(where, names)
    target_at, found_by = _target(where, names, target) if labelled else (-1, "")
    split_at = _split_column(table, names)
    if columns is None:
        kept, skipped = _number_columns(where, table, names, {target_at, split_at})
    else:
        kept, skipped = [_named(where, names, column) for column in columns], []
    rows, labels, splits, numbers = [], [], [], []
    for index, (number, cells) in enumerate(table.rows):
        at = f"{name}, row {number}"
        values = [_number(cells[i]) if i < len(cells) else math.nan for i in kept]
        label = cells[target_at].strip() if 0 <= target_at < len(cells) else ""
        split = cells[split_at].strip().casefold() if 0 <= split_at < len(cells) else ""
        wrong = [k for k, value in enumerate(values) if not math.isfinite(value)]
        if wrong:
            skipped.append(Skipped(at, _why(names, kept, cells, wrong)))
        elif labelled and label.casefold() in MISSING:
            skipped.append(Skipped(at, f"{names[target_at]} is missing"))
        else:
            rows.append(values)
            labels.append(printable(label))
            splits.append(SPLIT_WORDS.get(split, ""))
            numbers.append(index)
    skipped = list(table.skipped) + skipped
    if not rows:
        reason = f" ({skipped[0].file}: {skipped[0].reason})" if skipped else ""
        raise UserError(where, f"no row of numbers{reason}", "a number in every cell of the input columns")
    classes, labels_N, lost = _labels(where, labels, numeric) if labelled else ((), np.zeros(len(rows), np.int64), [])
    if lost:
        skipped += [
            Skipped(f"{name}, row {table.rows[numbers[i]][0]}", f"{names[target_at]} is no number") for i in lost
        ]
        keep = np.setdiff1d(np.arange(len(rows)), lost)
        rows, splits, numbers = ([some[i] for i in keep.tolist()] for some in (rows, splits, numbers))  # type: ignore[assignment]
    return TableSource(
        name=name,
        where=where,
        classes=classes,
        labels_N=labels_N,
        names=tuple(f"{name}[{index}]" for index in numbers),
        given=given_splits(splits),
        skipped=tuple(skipped),
        rows_ND=np.array(rows, np.float64).reshape(len(rows), len(kept)),
        columns=tuple(names[i] for i in kept),
        target=names[target_at] if labelled else "",
        found_by=found_by,
        identity=hashlib.sha256(f"{identity} {names} {kept} {target_at}".encode("utf-8", "surrogatepass")).hexdigest(),
    )


def is_numbers(table: Table) -> bool:
    """Whether a table without a column of paths is one of numbers: some cell of its first rows is a number."""
    return any(math.isfinite(_number(cell)) for _, cells in table.rows[:20] for cell in cells)


def _check_header(where: str, names: Sequence[str]) -> None:
    numbers = [name for name in names if math.isfinite(_number(name))]
    if names and len(numbers) == len(names):
        hint = "put a first line above it, such as " + ",".join([*(f"x{i}" for i in range(1, len(names))), "label"][:6])
        raise UserError(where, f"the first line is numbers: {listed(list(names))}", "the names of the columns", hint)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(where, f"two columns named {twice[0]!r}", "names that are different")


def _target(where: str, names: Sequence[str], asked: str | None) -> tuple[int, str]:
    if asked is not None:
        return _named(where, names, asked), ""
    at = column_of(names, LABELS)
    if at >= 0:
        return at, "by its name"
    return len(names) - 1, "the last column; --target names another"


def _named(where: str, names: Sequence[str], wanted: str) -> int:
    if wanted in names:
        return names.index(wanted)
    folded = [name.casefold() for name in names]
    if folded.count(wanted.casefold()) == 1:
        return folded.index(wanted.casefold())
    there = listed([repr(name) for name in names], 12)
    raise UserError(where, f"no column {wanted!r}; the columns are {there}", "that column", did_you_mean(wanted, names))


def _split_column(table: Table, names: Sequence[str]) -> int:
    """A column that says train, val or test in every row, or -1."""
    at = column_of(names, SPLITS)
    if at < 0:
        return -1
    cells = {cells[at].strip().casefold() for _, cells in table.rows if at < len(cells)}
    return at if cells and cells <= set(SPLIT_WORDS) else -1


def _number_columns(
    where: str, table: Table, names: Sequence[str], others: set[int]
) -> tuple[list[int], list[Skipped]]:
    """The columns that hold numbers; one that holds none at all is left out and named."""
    kept, skipped = [], []
    for at, column in enumerate(names):
        if at in others:
            continue
        cells = [cells[at] for _, cells in table.rows if at < len(cells)]
        if any(math.isfinite(_number(cell)) for cell in cells):
            kept.append(at)
        else:
            example = next((cell.strip() for cell in cells if cell.strip()), "")
            reason = f"no number in it, such as {printable(example)!r}" if example else "it is empty"
            skipped.append(Skipped(f"column {column or at + 1}", reason))
    if not kept:
        there = listed([repr(name) for name in names], 12)
        raise UserError(
            where, f"no column of numbers beside the target; the columns are {there}", "numbers to learn from"
        )
    return kept, skipped


def _why(names: Sequence[str], kept: Sequence[int], cells: Sequence[str], wrong: Sequence[int]) -> str:
    """What is the matter with a row's cells."""
    at = kept[wrong[0]]
    cell = cells[at].strip() if at < len(cells) else ""
    first = (
        f"{names[at]} is missing" if cell.casefold() in MISSING else f"{names[at]} is {printable(cell)!r}, no number"
    )
    return first + (f", and {len(wrong) - 1} more cells" if len(wrong) > 1 else "")


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return math.nan


def _labels(
    where: str, labels: Sequence[str], numeric: bool | None
) -> tuple[tuple[str, ...], NDArray[np.int64] | NDArray[np.float64], list[int]]:
    """Class names and labels, or no names and numbers; and the rows whose target is no number where it must be."""
    values_N = np.array([_number(label) for label in labels])
    finite_N = np.isfinite(values_N)
    if numeric is None:
        different = np.unique(values_N[finite_N])
        fractions = bool((different != np.rint(different)).any())
        numeric = bool(finite_N.all()) and (fractions or len(different) > MANY_NUMBERS)
    if numeric:
        if not finite_N.any():
            raise UserError(where, f"the target is no number, such as {labels[0]!r}", "numbers, to predict numbers")
        return (), values_N[finite_N], np.flatnonzero(~finite_N).tolist()
    classes = tuple(sorted(set(labels), key=natural_key))
    if len(classes) == len(labels) >= 10:
        got = f"every one of {len(labels):,} rows has a target of its own, e.g. {labels[0]}"
        raise UserError(where, got, "classes of several rows each", "is it the right column? --target names another")
    index = {label: i for i, label in enumerate(classes)}
    return classes, np.array([index[label] for label in labels], np.int64), []


def stem_of(member_name: str) -> str:
    """A table's name for people: its file's, without the ending."""
    return printable(PurePosixPath(member_name).stem)
