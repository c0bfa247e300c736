"""A table of numbers, checked: copies, contradictions, leaks, columns that say nothing, rare classes."""

from __future__ import annotations

import numpy as np

from convscope.data.audit.finding import Finding
from convscope.data.sources.source import TableSource


def row_findings(source: TableSource) -> tuple[list[list[int]], list[Finding]]:
    """Groups of rows that are the same number for number, and columns that hold one value.

    Example:
        >>> from convscope.data.sources import open_source
        >>> row_findings(open_source("xor.csv"))  # doctest: +SKIP
        ([], [])
    """
    members: dict[bytes, list[int]] = {}
    for index, row_D in enumerate(np.ascontiguousarray(source.rows_ND)):
        members.setdefault(row_D.tobytes(), []).append(index)
    groups = [group for group in members.values() if len(group) > 1]
    constant = [
        Finding("constant", (column,), f"{source.rows_ND[0, at]:g} in every row")
        for at, column in enumerate(source.columns)
        if len(source.rows_ND) > 1 and (source.rows_ND[:, at] == source.rows_ND[0, at]).all()
    ]
    return groups, constant


def labels_of(source: TableSource) -> list[str]:
    """The target of every row as a text."""
    if source.classes:
        return [source.classes[int(label)] for label in source.labels_N]
    return [f"{value:g}" for value in source.labels_N]
