"""im2col: the windows of a picture as the columns of a matrix, so that a convolution is a matrix product."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from convscope.calculation.function import Function, opened
from convscope.errors import UserError
from convscope.ops import Misfit, Op, Shape, Size, Window, build
from convscope.ops.arrays import BACKWARD, FORWARD, Array, Gradients, Operands, gradient_of
from convscope.ops.calculate import CALCULATE, KERNEL_LAYOUTS, Given, Prepared, Use, Values, arguments_of, rank_of
from convscope.ops.convolution.calculate import make_conv
from convscope.ops.convolution.spec import resolve_window
from convscope.ops.opening import OPEN, UnitOperands, terms_at
from convscope.ops.spec import per_dimension, size, slide
from convscope.ops.walk import Walk
from convscope.ops.windows import im2col
from convscope.ops.words import WORDS, named

Indices = NDArray[np.int64]


class Im2col(Function):
    """The windows of a picture as the columns of a matrix, as ``torch.nn.Unfold``."""

    word: ClassVar[str] = "im2col"
    summary: ClassVar[str] = "every window a column of one matrix"
    explained = (
        "Every window becomes a column of one matrix, so that the convolution is one matrix product.",
        "모든 윈도우를 행렬의 열로 펼쳐 합성곱을 행렬 곱 하나로 바꿉니다.",
    )
    positional: ClassVar[tuple[str, ...]] = ("kernel_size",)

    kernel_size: Size = size()
    stride: Size = size(1)
    padding: Size | str = size(0, minimum=0, words=("same", "valid"))
    dilation: Size = size(1)

    def window(self, inputs: Sequence[Shape]) -> Window:
        """The kernel with its stride, dilation and padding in numbers."""
        return resolve_window("im2col", inputs[0], self.kernel_size, self.stride, self.dilation, self.padding)

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """``(channels * kernel, places)``."""
        rows = inputs[0][0] * math.prod(per_dimension("kernel_size", self.kernel_size, inputs[0]))
        return (rows, math.prod(slide("im2col", inputs[0], self.window(inputs))))


@dataclass(frozen=True, eq=False)
class Columns:
    """A picture unfolded: R rows, one a value under the window; P columns, one a place of the window.

    Args:
        matrix_RP: the unfolded values; 0 for padding.
        places: the place in the output that each column belongs to, ``(row, column)`` for pictures.
        index_RPI: the place in the input that each cell comes from, ``(channel, row, column)``; -1 for padding.
        rows: what each row is: ``(channel, *place in the kernel)``.
        weight_FR: the filters unfolded, one a row of the matrix on the left; 0 where a filter of another group does
            not look. None where there are no filters.
        groups: the channels are split into so many, each with filters of its own.
    """

    matrix_RP: Values
    places: tuple[tuple[int, ...], ...]
    index_RPI: Indices
    rows: tuple[tuple[int, ...], ...]
    weight_FR: Values | None
    groups: int = 1

    def weight_index(self, filter_: int, row: int) -> tuple[int, ...] | None:
        """The place in the weight ``(out, in / groups, *kernel)`` that a row meets; None in another group."""
        channel, *inside = self.rows[row]
        share = (self.rows[-1][0] + 1) // self.groups
        if self.weight_FR is None or channel // share != filter_ // (len(self.weight_FR) // self.groups):
            return None
        return (filter_, channel % share, *inside)


def unfold(op: Op, image: Values, weight: Values | None = None) -> Columns:
    """The windows of a picture as the columns of a matrix, each cell with the place that it comes from.

    Args:
        op: says what slides.
        image: ``(C, *spatial)``.
        weight: the filters, ``(out, C / groups, *kernel)``.

    Example:
        >>> columns = unfold(Im2col(2), np.arange(9.0).reshape(1, 3, 3))
        >>> columns.matrix_RP[:, 3], columns.places[3], columns.index_RPI[0, 3], columns.rows[0]
        (array([4., 5., 7., 8.]), (1, 1), array([0, 1, 1]), (0, 0, 0))
    """
    window = op.window([image.shape])
    assert window is not None
    matrix_RP = im2col(image[None], window)[0]
    # Unfolding each value's number, from 1, leaves 0 where the padding is.
    numbers = np.arange(1.0, image.size + 1).reshape(1, *image.shape)
    flat_RP = im2col(numbers, window)[0].astype(np.int64) - 1
    index_RPI = np.stack(np.unravel_index(np.maximum(flat_RP, 0), image.shape), -1)
    index_RPI[flat_RP < 0] = -1
    places = slide(op.word, image.shape, window)
    rows = tuple(np.ndindex(image.shape[0], *window.kernel))
    filters = None if weight is None else _beside_each_other(weight, image.shape[0])
    groups = 1 if weight is None else image.shape[0] // weight.shape[1]
    return Columns(matrix_RP, tuple(np.ndindex(*places)), index_RPI, rows, filters, groups)


def _beside_each_other(weight: Values, channels: int) -> Values:
    """The filters as rows over all channels: zeros where a filter's group does not look."""
    filters, share = weight.shape[:2]
    groups = channels // share
    wide = np.zeros((filters, channels, *weight.shape[2:]))
    for filter_ in range(filters):
        first = filter_ // (filters // groups) * share
        wide[filter_, first : first + share] = weight[filter_]
    return wide.reshape(filters, -1)


# The function


@FORWARD.enter(Im2col)
def _forward(op: Im2col, given: Operands) -> Array:
    return im2col(given.x, op.window(given.shapes))


@BACKWARD.enter(Im2col)
def _backward(op: Im2col, given: Operands, gradient: Array) -> Gradients:
    inward = np.zeros(given.x.shape)
    index_RPI = unfold(op, given.x[0]).index_RPI
    inside = (index_RPI >= 0).all(-1)
    # A value stands in as many columns as windows cover it: its gradients add up.
    np.add.at(inward[0], tuple(index_RPI[inside].T), gradient[0][inside])
    return gradient_of(inward)


@OPEN.enter(Im2col)
def _open(op: Im2col, given: UnitOperands) -> Walk:
    image = given.x
    numbers = np.arange(1.0, image.size + 1).reshape(1, *image.shape)
    flat = int(im2col(numbers, op.window(given.shapes))[0][given.index]) - 1
    place = tuple(map(int, np.unravel_index(flat, image.shape))) if flat >= 0 else (-1,) * image.ndim
    return opened(op, given, terms_at(given, np.array([place])), [])


def every_channel(op: Im2col, shapes: Sequence[Shape], out: int) -> Sequence[int]:
    """A column holds what a window covers of all channels."""
    return range(shapes[0][0])


def make_im2col(given: Given) -> Prepared:
    """The windows as a matrix: of a convolution where kernels are given, else of a window's size."""
    if len(given.values) > 1:
        return make_conv(given)
    arguments = arguments_of(given, "kernel_size", "stride", "padding", "dilation")
    if "kernel_size" not in arguments:
        raise Misfit("neither a kernel nor its size")
    for name in ("groups", "bias"):
        if name in given.options:
            raise UserError(given.where, f"--{name} without a kernel", "a kernel behind the input")
    rank = rank_of(given, given.values, *arguments.values())
    return Prepared(build(Im2col, (), arguments), [given.first[:, 0] if rank == 1 else given.first])


WORDS.enter(Im2col)(named())
CALCULATE.enter(Im2col)(
    Use(
        "INPUT [KERNEL...]",
        make_im2col,
        ("stride", "padding", "dilation", "dimensions", "groups", "bias", "kernel_size", "kernel_layout"),
        "im2col '1 2 3 / 0 1 5 / 1 0 2' --kernel-size 2",
        1,
        10_000,
        ("input", "kernel"),
        covers=every_channel,
        unfolds=True,
        layouts=KERNEL_LAYOUTS,
    )
)
