"""Matrices of numbers as text: columns aligned, the window in brackets, large ones around what matters only."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convscope.ops import Shape, spell_shape

Values = NDArray[np.float64]
Place = tuple[int, int]

MOST_ROWS, MOST_COLUMNS = 14, 16
"""Of a matrix; larger ones are shown in part,"""
PART_ROWS, PART_COLUMNS = 7, 8
"""namely so much of them, around the window."""
WIDTH = 100
"""Columns of the terminal that are used."""
GAP = "   "
"""Between two blocks side by side."""
ELLIPSIS = "..."
PADDING = "."
"""A zero of the padding."""
BEYOND = ""
"""What a window of ``ceil_mode`` covers behind the padding."""
UNKNOWN = "?"
"""A number that is not computed yet."""


def spell_cells(values: Sequence[float]) -> list[str]:
    """Numbers of one matrix: all with as many decimals as one of them needs, four at most.

    Very large and very small ones have an exponent.

    Example:
        >>> spell_cells([2.0, -0.25]), spell_cells([1 / 3, 1.0]), spell_cells([1.0, 2.0])
        (['2.00', '-0.25'], ['0.3333', '1.0000'], ['1', '2'])
        >>> spell_cells([2e9, 0.000123456, 0.5, -0.0])
        ['2e+09', '0.000123', '0.5', '0.0']
    """
    plain = [value for value in values if value == 0 or 1e-3 <= abs(value) < 1e7]
    decimals = max((len(f"{value:.4f}".rstrip("0").partition(".")[2]) for value in plain), default=0)
    fits = set(plain)
    return [f"{value + 0.0:.{decimals}f}" if value in fits else f"{value:.3g}" for value in values]


@dataclass(frozen=True)
class Block:
    """Some lines of text that belong together, with a caption over them."""

    caption: str
    lines: tuple[str, ...]

    @property
    def width(self) -> int:
        """Columns that it takes."""
        return max(map(len, (self.caption, *self.lines)), default=0)


@dataclass(frozen=True)
class Frame:
    """What stands around a matrix: rows and columns of padding before and behind, and of what lies beyond it."""

    before: Place = (0, 0)
    behind: Place = (0, 0)
    beyond: Place = (0, 0)


def draw_matrix(
    values_HW: Values,
    marked: Collection[Place] = (),
    frame: Frame = Frame(),
    known: Collection[Place] | None = None,
) -> Block:
    """A matrix with the window in brackets; the caption says which part of it is shown, if not all.

    Args:
        values_HW: rows and columns.
        marked: places ``(row, column)`` in brackets; those of the padding are negative or behind the end.
        frame: the padding around.
        known: places whose numbers are shown; None for all, the others have a question mark.

    Example:
        >>> print("\\n".join(draw_matrix(np.array([[1.0, 2], [3, 40]]), [(0, 0), (0, 1), (1, 1)]).lines))
        [1   2]
         3 [40]
        >>> draw_matrix(np.zeros((90, 3)), [(40, 1), (42, 1)]).caption
        'rows 38 to 44'
    """
    drawn = _draw(values_HW, marked, frame, known, (MOST_ROWS, MOST_COLUMNS))
    if drawn.width > WIDTH and values_HW.shape[1] > PART_COLUMNS:
        return _draw(values_HW, marked, frame, known, (MOST_ROWS, PART_COLUMNS))
    return drawn


def _draw(
    values_HW: Values, marked: Collection[Place], frame: Frame, known: Collection[Place] | None, most: Place
) -> Block:
    rows, columns = values_HW.shape
    kept_rows, kept_columns = kept(values_HW.shape, marked, frame, most)
    inside_rows = [row for row in kept_rows if row is not None and 0 <= row < rows]
    inside_columns = [column for column in kept_columns if column is not None and 0 <= column < columns]
    inside = [(row, column) for row in inside_rows for column in inside_columns]
    spelled = dict(zip(inside, spell_cells([float(values_HW[place]) for place in inside]), strict=True))

    def cell(row: int | None, column: int | None) -> str:
        if row is None or column is None:
            return ELLIPSIS
        if (row, column) in spelled:
            return spelled[row, column] if known is None or (row, column) in known else UNKNOWN
        behind = row >= rows + frame.behind[0] or column >= columns + frame.behind[1]
        return BEYOND if behind else PADDING

    cells = [[cell(row, column) for column in kept_columns] for row in kept_rows]
    widths = [max(len(line[at]) for line in cells) for at in range(len(kept_columns))]
    lines = []
    for row, line in zip(kept_rows, cells, strict=True):
        marks = [row is not None and column is not None and (row, column) in marked for column in kept_columns]
        text = ""
        for at, (word, width) in enumerate(zip(line, widths, strict=True)):
            begins = marks[at] and not (at and marks[at - 1])
            ends = marks[at] and not (at + 1 < len(marks) and marks[at + 1])
            text += ("[" if begins else " ") + word.rjust(width) + ("]" if ends else " ")
        lines.append(text.rstrip())
    if not marked:
        lines = [
            " ".join(word.rjust(width) for word, width in zip(line, widths, strict=True)).rstrip() for line in cells
        ]
    return Block(_part_text(kept_rows, kept_columns), tuple(lines))


def _part_text(*sides: Sequence[int | None]) -> str:
    told = []
    for name, lines in zip(("rows", "columns"), sides, strict=True):
        shown = [line for line in lines if line is not None]
        if len(shown) < len(lines):
            told.append(f"{name} {shown[0]} to {shown[-1]}")
    return ", ".join(told)


def kept(
    shape: tuple[int, ...], marked: Collection[Place], frame: Frame, most: Place = (MOST_ROWS, MOST_COLUMNS)
) -> tuple[list[int | None], list[int | None]]:
    """Which rows and columns of a matrix are shown, padding included; None for those left out between.

    Example:
        >>> kept((3, 3), [], Frame())
        ([0, 1, 2], [0, 1, 2])
        >>> kept((90, 3), [(40, 1), (42, 1)], Frame())[0]
        [None, 38, 39, 40, 41, 42, 43, 44, None]
    """
    sides = [
        range(-frame.before[side], shape[side] + frame.behind[side] + frame.beyond[side]) for side in range(len(shape))
    ]
    large = any(len(side) > n for side, n in zip(sides, most, strict=True))
    rows, columns = (
        _part(side, part, [place[at] for place in marked]) if large else list[int | None](side)
        for at, (side, part) in enumerate(zip(sides, (PART_ROWS, PART_COLUMNS), strict=True))
    )
    return rows, columns


def _part(whole: range, part: int, around: Sequence[int]) -> list[int | None]:
    start = whole.start
    if around and max(around) - min(around) < MOST_ROWS:
        part = max(part, max(around) - min(around) + 1)
        start = max(start, min((min(around) + max(around) - part + 1) // 2, whole.stop - part))
    stop = min(whole.stop, start + part)
    return [None] * (start > whole.start) + list[int | None](range(start, stop)) + [None] * (stop < whole.stop)


def beside(parts: Sequence[Block | str], width: int = WIDTH) -> list[str] | None:
    """Blocks beside each other, with signs such as ``*`` between at half height; None where they are too wide.

    Example:
        >>> print("\\n".join(beside([Block("a", ("1 2", "3 4")), "->", Block("b", ("5",))])))
        a         b
        1 2   ->  5
        3 4
    """
    blocks = [part for part in parts if isinstance(part, Block)]
    height = max(len(block.lines) for block in blocks)
    columns = []
    for part in parts:
        if isinstance(part, str):
            lines = [""] * (height + 1)
            lines[(height + 1) // 2] = part
            columns.append([line.ljust(len(part)) for line in lines])
        else:
            lines = [part.caption, *part.lines, *[""] * (height - len(part.lines))]
            columns.append([line.ljust(part.width) for line in lines])
    joined = [_joined(row, parts).rstrip() for row in zip(*columns, strict=True)]
    return joined if max(map(len, joined)) <= width else None


def _joined(row: Sequence[str], parts: Sequence[Block | str]) -> str:
    text = row[0]
    for word, part in zip(row[1:], parts[1:], strict=True):
        text += (GAP if isinstance(part, str) else "  ") + word
    return text


def flow(blocks: Sequence[Block], width: int = WIDTH) -> list[str]:
    """Blocks beside each other in as many rows as they need."""
    lines: list[str] = []
    row: list[Block] = []
    for block in blocks:
        if row and sum(b.width + len(GAP) for b in row) + block.width > width:
            lines += [*_row(row), ""]
            row = []
        row.append(block)
    return lines + _row(row)


def _row(blocks: Sequence[Block]) -> list[str]:
    height = max(len(block.lines) for block in blocks)
    captioned = any(block.caption for block in blocks)
    columns = [
        [
            line.ljust(block.width)
            for line in (*([block.caption] if captioned else []), *block.lines, *[""] * (height - len(block.lines)))
        ]
        for block in blocks
    ]
    return [GAP.join(row).rstrip() for row in zip(*columns, strict=True)]


# Tensors

Index = tuple[int, ...]

MOST_PLANES, MOST_CELLS = 8, 200
"""Channels of a tensor that are shown, and numbers of them together: more is a wall."""


@dataclass(frozen=True)
class Tensor:
    """A tensor to be shown.

    Args:
        name: what it is.
        values: ``(C, H, W)``, ``(rows, columns)`` or a vector.
        marked: places in brackets.
        frame: padding around each matrix.
        known: places whose numbers are shown; None for all.
    """

    name: str
    values: Values
    marked: Collection[Index] = ()
    frame: Frame = Frame()
    known: Collection[Index] | None = None

    def blocks(self) -> list[Block]:
        """A block a channel; those with a window in them where they are too many."""
        planes = self.values.reshape(-1, *_plane_shape(self.values.shape))
        first = min((place[0] for place in self.marked), default=0) if self.values.ndim > 2 else 0
        rows, columns = kept(planes[0].shape, _in_plane(self.marked, first, self.values.ndim), self.frame)
        most = max(1, min(MOST_PLANES, MOST_CELLS // (len(rows) * len(columns)), len(planes)))
        first = min(first, len(planes) - most)
        blocks = []
        for number in range(first, first + most):
            marked = _in_plane(self.marked, number, self.values.ndim)
            known = None if self.known is None else _in_plane(self.known, number, self.values.ndim)
            drawn = draw_matrix(planes[number], marked, self.frame, known)
            name = f"channel {number}" if len(planes) > 1 else ""
            blocks.append(Block(", ".join(filter(None, (name, drawn.caption))), drawn.lines))
        return blocks

    def lines(self) -> list[str]:
        """The tensor with its title, as much of it as can be read."""
        blocks = self.blocks()
        left = self.values.size // int(np.prod(_plane_shape(self.values.shape))) - len(blocks)
        return [
            self.title,
            *flow(blocks),
            *([f"... {left} more channel{'s' * (left > 1)}"] if left else []),
        ]

    @property
    def title(self) -> str:
        """Its name and shape."""
        shape = spell_shape(self.values.shape)
        return f"{self.name} ({shape})" if self.name[-1].isdigit() else f"{self.name} {shape}"


def _plane_shape(shape: Shape) -> Place:
    return (1, shape[0]) if len(shape) == 1 else (shape[-2], shape[-1])


def _in_plane(places: Collection[Index], number: int, rank: int) -> set[Place]:
    """Places of a tensor as places of one of its matrices."""
    if rank == 1:
        return {(0, place[0]) for place in places}
    if rank == 2:
        return {(place[0], place[1]) for place in places}
    return {(place[1], place[2]) for place in places if place[0] == number}


def in_one_row(parts: Sequence[Tensor | str]) -> list[str] | None:
    """Everything beside each other, if it is small."""
    row: list[Block | str] = []
    for part in parts:
        if isinstance(part, str):
            row.append(part)
            continue
        blocks = part.blocks()
        if len(blocks) > 1 or blocks[0].caption:
            return None
        row.append(Block(part.title, blocks[0].lines))
    return beside(row)
