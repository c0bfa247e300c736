"""The operands and the output of a calculation as text, the window of one output in brackets."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from convscope import ops
from convscope.calculation.build import operand_names
from convscope.calculation.calculation import Calculation
from convscope.calculation.functions import CrossEntropy, Im2col
from convscope.ops import spell_shape
from convscope.ops.windows import padding_of
from convscope.render.text.matrix import Block, Frame, Place, Values, beside, draw_matrix, flow, kept

Index = tuple[int, ...]

MOST_PLANES, MOST_CELLS = 8, 200
"""Channels of a tensor that are shown, and numbers of them together: more is a wall."""
MOST_KERNELS = 8
"""Matrices of all kernels together; beyond, only the chosen output's."""


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


def _plane_shape(shape: ops.Shape) -> Place:
    return (1, shape[0]) if len(shape) == 1 else (shape[-2], shape[-1])


def _in_plane(places: Collection[Index], number: int, rank: int) -> set[Place]:
    """Places of a tensor as places of one of its matrices."""
    if rank == 1:
        return {(0, place[0]) for place in places}
    if rank == 2:
        return {(place[0], place[1]) for place in places}
    return {(place[1], place[2]) for place in places if place[0] == number}


# Which numbers an output reads


def covered(calculation: Calculation, index: Index) -> list[set[Index]]:
    """The places of each input under the window of an output; those in the padding lie outside the input.

    Example:
        >>> from convscope.calculation.calculation import calculate
        >>> done = calculate(ops.AvgPool(2, padding=1), [np.ones((1, 2, 2))])
        >>> sorted(covered(done, (0, 0, 0))[0])
        [(0, -1, -1), (0, -1, 0), (0, 0, -1), (0, 0, 0)]
    """
    window, found = calculation.window, [set[Index]() for _ in calculation.inputs]
    if window is not None and isinstance(calculation.op, ops.Conv | ops.MaxPool | ops.AvgPool | Im2col):
        place = (
            calculation.columns.places[index[1]] if isinstance(calculation.op, Im2col) and calculation.columns else ()
        )
        sides = [
            [at * stride - before + dilation * k for k in range(kernel)]
            for at, kernel, stride, dilation, (before, _) in zip(
                place or index[1:], window.kernel, window.stride, window.dilation, window.padding, strict=True
            )
        ]
        found[0] = set(product(_channels(calculation, index[0]), *sides))
        return found
    for term in calculation.walk(index).terms:
        if term.index is not None:
            found[term.operand].add(term.index)
    if isinstance(calculation.op, CrossEntropy):
        found[1].add(index)
    return found


def _channels(calculation: Calculation, out: int) -> Sequence[int]:
    """The channels of the input that an output's channel reads."""
    if isinstance(calculation.op, ops.Conv):
        channels = calculation.shapes[0][0] // calculation.op.groups
        first = out // (calculation.op.out_channels // calculation.op.groups) * channels
        return range(first, first + channels)
    return range(calculation.shapes[0][0]) if isinstance(calculation.op, Im2col) else [out]


def frame_of(calculation: Calculation) -> Frame:
    """The padding around the input's matrices, with what windows of ``ceil_mode`` cover beyond."""
    window, shape = calculation.window, calculation.shapes[0]
    if window is None or len(window.kernel) > 2:
        return Frame()
    ceil = bool(getattr(calculation.op, "ceil_mode", False))
    reached = padding_of(shape, window, ceil)
    sides = [
        (before, behind, most - behind) for (before, behind), (_, most) in zip(window.padding, reached, strict=True)
    ]
    rows, columns = sides if len(sides) == 2 else [(0, 0, 0), sides[0]]
    return Frame(*zip(rows, columns, strict=True))


# The operands and the output


def stage_lines(calculation: Calculation, index: Index, known: Collection[Index] | None = None) -> list[str]:
    """Operands and output, the window of one output in brackets.

    Args:
        calculation: what is shown.
        index: the output whose window is marked.
        known: the outputs that are shown already; None for all.
    """
    op, marks = calculation.op, covered(calculation, index)
    names = operand_names(op.word)
    parts: list[Tensor | str] = []
    sign = {"add": "+", "mul": "*"}.get(op.word, "")
    for operand, values in enumerate(calculation.inputs):
        name = names[min(operand, len(names) - 1)]
        several = len(calculation.inputs) > len(names)
        frame = frame_of(calculation) if operand == 0 else Frame()
        parts += [sign] if operand and sign else []
        parts.append(Tensor(f"{name} {operand + 1}" if several else name, values, marks[operand], frame))
    kernels = _kernels(calculation, index)
    parts += ["*", *kernels] if kernels else []
    parts.append("=" if kernels or sign else "->")
    output = Tensor("output", calculation.output, {index}, known=known)
    parts.append(output)
    if not isinstance(op, Im2col):
        row = in_one_row(parts)
        if row is not None:
            return row
    lines: list[str] = []
    for part in parts:
        if isinstance(part, Tensor):
            lines += [*([""] if lines else []), *part.lines()]
    return lines


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


def _kernels(calculation: Calculation, index: Index) -> list[Tensor]:
    """The kernels: all of them, or the chosen output's where they are many."""
    weight, op = calculation.parameters.get("weight"), calculation.op
    if weight is None or not isinstance(op, ops.Conv | ops.Linear):
        return []
    if isinstance(op, ops.Linear):
        return [Tensor("weight", weight, {(index[0], at) for at in range(weight.shape[1])})]
    planes = weight[0].size // int(np.prod(weight.shape[-2:])) if weight.ndim > 3 else 1
    if len(weight) == 1:
        return [Tensor("kernel", weight[0])]
    if planes * len(weight) <= MOST_KERNELS:
        return [Tensor(f"kernel {number}", kernel) for number, kernel in enumerate(weight)]
    return [Tensor(f"kernel {index[0]} of {len(weight)}", weight[index[0]])]
