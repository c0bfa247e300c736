"""One operation on numbers at hand: its output, the rule of its shape, any of its outputs opened; no torch.

What the command ``calc`` shows: the values are a person's own, so every number can be checked by hand. The functions
that are no layer of a network (odds, losses, ...) are in :mod:`convscope.calculation.functions`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
from numpy.typing import NDArray

from convscope import ops
from convscope.calculation.functions import BinaryCrossEntropy, CrossEntropy, Im2col, compute, open_unit
from convscope.ops import Misfit, Shape, Window, spell_shape
from convscope.ops.pooling.reference import adaptive_windows, winners
from convscope.ops.step import Operand, Step
from convscope.ops.walk import Walk
from convscope.ops.windows import im2col, windows

Values = NDArray[np.float64]
Indices = NDArray[np.int64]

MOST_IN_COLUMNS = 50_000_000
"""Values in an unfolded matrix: beyond, the memory of a small machine ends."""


@dataclass(frozen=True)
class ShapeRule:
    """Why one dimension of the output is as long as it is.

    Args:
        step: the formula with its operands (``rows``, ``padding``, ``stride`` ...), named as the dimension; besides
            ``+ - * /`` it uses ``floor`` and ``ceil``.
        padding: the zeros before and behind along this dimension; None where nothing slides.
        shortened: of ``ceil_mode``: one place less, because the last window would start in the padding behind.
    """

    step: Step
    padding: tuple[int, int] | None = None
    shortened: bool = False


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


@dataclass(frozen=True, eq=False)
class Calculation:
    """One operation with its operands and what it gives, in float64.

    Args:
        op: the operation, or a function such as the odds.
        inputs: ``(C, *spatial)`` or ``(features,)`` each, without a batch.
        parameters: the trained tensors by name, in the shapes of ``op.parameters``.
        buffers: the kept ones.
        output: what it gives, in the shape ``op.shape``.
        before: steps that gave a buffer its numbers: mean and variance of batch normalisation in training.
        after: steps from the outputs to one number: the mean of the losses.

    Example:
        >>> picture = np.array([[[1.0, 2, 3], [0, 1, 5], [1, 0, 2]]])
        >>> kernel = np.array([[[[1.0, 0, 1], [0, 1, 0], [1, 0, 1]]]])
        >>> done = calculate(ops.Conv(1, 3, bias=False), [picture], {"weight": kernel})
        >>> done.output, done.walk((0, 0, 0)).value, done.macs
        (array([[[8.]]]), 8.0, 9)
        >>> [rule.step.symbols() for rule in done.rules][:1]
        ['floor((rows + 2*padding - dilation*(kernel - 1) - 1) / stride) + 1']
    """

    op: ops.Op
    inputs: tuple[Values, ...]
    parameters: Mapping[str, Values]
    buffers: Mapping[str, Values]
    output: Values
    before: tuple[Step, ...] = ()
    after: tuple[Step, ...] = ()

    @property
    def shapes(self) -> list[Shape]:
        """The inputs' shapes."""
        return [value.shape for value in self.inputs]

    @cached_property
    def window(self) -> Window | None:
        """What slides over the input, in numbers; None where nothing does."""
        return self.op.window(self.shapes)

    @cached_property
    def rules(self) -> tuple[ShapeRule, ...]:
        """Why the output's dimensions are as long as they are; empty where the shape is the input's."""
        return shape_rules(self.op, self.shapes)

    @property
    def macs(self) -> int:
        """Multiply-adds."""
        return self.op.macs(self.shapes)

    @property
    def weights(self) -> int:
        """Trained numbers without the biases."""
        return sum(value.size for name, value in self.parameters.items() if name != "bias")

    @property
    def biases(self) -> int:
        """Biases."""
        return self.parameters["bias"].size if "bias" in self.parameters else 0

    @property
    def indices(self) -> Iterator[tuple[int, ...]]:
        """The places of the output in the order in which the window takes them: filter by filter, row by row."""
        return np.ndindex(*self.output.shape)

    def walk(self, index: tuple[int, ...]) -> Walk:
        """One output opened into terms and steps.

        Raises:
            IndexError: the output has no such place.
        """
        if len(index) != self.output.ndim or not all(
            0 <= place < n for place, n in zip(index, self.output.shape, strict=True)
        ):
            raise IndexError(f"{index} is not in an output of {spell_shape(self.output.shape)}")
        return open_unit(self.op, self.inputs, self.parameters, self.buffers, index)

    def walks(self) -> Iterator[Walk]:
        """Every output opened, in the order of :attr:`indices`."""
        return (self.walk(index) for index in self.indices)

    def winners(self) -> Indices | None:
        """Of a maximum: where in the input each output was found, as ``return_indices`` of ``torch.nn.MaxPool2d``.

        Returns:
            ``(C, *places)``: places counted through row by row within the channel; None of other operations.
        """
        image, window = self.inputs[0], self.window
        places = np.arange(float(prod(image.shape[1:]))).reshape(1, 1, *image.shape[1:])
        if isinstance(self.op, ops.MaxPool) and window is not None:
            ceil = self.op.ceil_mode
            numbers = windows(places, window, -1.0, ceil)[0].reshape(1, *self.output.shape[1:], -1)
            won = winners(image[None], window, ceil)[0][..., None]
            every = np.broadcast_to(numbers, (*self.output.shape, numbers.shape[-1]))
            return np.take_along_axis(every, won, -1)[..., 0].astype(np.int64)
        if not isinstance(self.op, ops.AdaptiveMaxPool | ops.GlobalMaxPool):
            return None
        found = np.zeros(self.output.shape, np.int64)
        bands = [adaptive_windows(n, k) for n, k in zip(image.shape[1:], self.output.shape[1:], strict=True)]
        for place in np.ndindex(*self.output.shape[1:]):
            box = tuple(band[at] for band, at in zip(bands, place, strict=True))
            won = image[(slice(None), *box)].reshape(len(image), -1).argmax(axis=1)
            found[(slice(None), *place)] = places[(0, 0, *box)].reshape(-1)[won]
        return found

    @cached_property
    def columns(self) -> Columns | None:
        """The windows unfolded into a matrix; None where nothing slides or the sum is no product."""
        if not isinstance(self.op, ops.Conv | Im2col):
            return None
        return unfold(self.op, self.inputs[0], self.parameters.get("weight"))


def calculate(
    op: ops.Op,
    inputs: Sequence[Values],
    parameters: Mapping[str, Values] | None = None,
    buffers: Mapping[str, Values] | None = None,
    before: Sequence[Step] = (),
) -> Calculation:
    """Apply an operation to numbers.

    Args:
        op: the operation, or a function of :mod:`convscope.calculation.functions`.
        inputs: ``(C, *spatial)`` or ``(features,)`` each.
        parameters: the trained tensors by name.
        buffers: the kept ones.
        before: how the buffers came about, if that is to be shown.

    Raises:
        Misfit: shapes that do not fit one another.
    """
    values = tuple(np.asarray(value, np.float64) for value in inputs)
    shapes = [value.shape for value in values]
    op.shape(shapes)
    window = op.window(shapes)
    if window is not None:
        cells = shapes[0][0] * prod(window.kernel) * prod(op.shape(shapes)[1:])
        if cells > MOST_IN_COLUMNS:
            raise Misfit(f"{cells:,} values under all windows", f"at most {MOST_IN_COLUMNS:,}", "a smaller input")
    given = {name: np.asarray(value, np.float64) for name, value in (parameters or {}).items()}
    kept = {name: np.asarray(value, np.float64) for name, value in (buffers or {}).items()}
    for what, tensors, needed in (("parameter", given, op.parameters(shapes)), ("buffer", kept, op.buffers(shapes))):
        for name, shape in needed.items():
            if name not in tensors:
                raise Misfit(f"{op.word} lacks its {what} {name}", f"{name} of {spell_shape(shape)}", argument=name)
            if tensors[name].shape != shape:
                got = spell_shape(tensors[name].shape)
                raise Misfit(f"{name} of {got}", f"{name} of {spell_shape(shape)}", argument=name)
    output = compute(op, values, given, kept)
    return Calculation(op, values, given, kept, output, tuple(before), _mean_loss(op, output))


def _mean_loss(op: ops.Op, losses: Values) -> tuple[Step, ...]:
    """What training would make of several examples' losses."""
    if not isinstance(op, CrossEntropy | BinaryCrossEntropy) or losses.size < 2:
        return ()
    operands = (Operand("sum of the losses", float(losses.sum())), Operand("examples", float(losses.size)))
    return (Step("mean", "{0} / {1}", operands, float(losses.mean())),)


# Shapes

DIMENSIONS = {1: ("length",), 2: ("rows", "columns"), 3: ("depth", "rows", "columns")}
"""What the spatial dimensions are called, by their number."""


def dimension_names(rank: int) -> tuple[str, ...]:
    """The names of some spatial dimensions.

    Example:
        >>> dimension_names(2)
        ('rows', 'columns')
    """
    return DIMENSIONS.get(rank, tuple(f"dimension {at}" for at in range(rank)))


def shape_rules(op: ops.Op, shapes: Sequence[Shape]) -> tuple[ShapeRule, ...]:
    """Why each dimension of an operation's output is as long as it is.

    Example:
        >>> [rule.step.value for rule in shape_rules(ops.Conv(1, 3, padding="same", stride=2), [(1, 5, 5)])]
        [3.0, 3.0]
        >>> shape_rules(ops.MaxPool(2), [(64, 28, 28)])[0].step.value
        14.0
    """
    names = dimension_names(len(shapes[0]) - 1)
    window = op.window(shapes)
    if window is not None:
        sides = zip(names, shapes[0][1:], window.kernel, window.stride, window.dilation, window.padding, strict=True)
        return tuple(_sliding(op, *side) for side in sides)
    if isinstance(op, ops.AdaptiveAvgPool | ops.AdaptiveMaxPool):
        size = op.shape(shapes)[1:]
        pairs = zip(names, size, strict=True)
        return tuple(ShapeRule(Step(name, "{0}", (Operand("output_size", float(n)),), float(n))) for name, n in pairs)
    if isinstance(op, ops.Flatten):
        sides_of = ("channels", *names) if len(shapes[0]) > 1 else ("features",)
        operands = tuple(Operand(name, float(n)) for name, n in zip(sides_of, shapes[0], strict=True))
        form = " * ".join(f"{{{at}}}" for at in range(len(operands)))
        return (ShapeRule(Step("features", form, operands, float(prod(shapes[0])))),)
    if isinstance(op, ops.Concat):
        operands = tuple(Operand(f"channels of {at + 1}", float(shape[0])) for at, shape in enumerate(shapes))
        form = " + ".join(f"{{{at}}}" for at in range(len(operands)))
        return (ShapeRule(Step("channels", form, operands, float(op.shape(shapes)[0]))),)
    return ()


def _sliding(
    op: ops.Op, name: str, length: int, kernel: int, stride: int, dilation: int, padding: tuple[int, int]
) -> ShapeRule:
    """The rule of one dimension along which a window slides, as PyTorch's documentation writes it."""
    if getattr(op, "padding", 0) == "same":
        pair = (Operand(name, float(length)), Operand("stride", float(stride)))
        return ShapeRule(Step(name, "ceil({0} / {1})", pair, float(-(-length // stride))), padding)
    ceil = bool(getattr(op, "ceil_mode", False))
    value = ops.spec.places(length, kernel, stride, dilation, padding, ceil)
    room = length + sum(padding) - dilation * (kernel - 1) - 1
    shortened = value < (-(-room // stride) if ceil else room // stride) + 1
    rounded = "ceil" if ceil else "floor"
    form = f"{rounded}(({{0}} + 2*{{1}} - {{2}}*({{3}} - 1) - 1) / {{4}}) + 1"
    numbers = {name: length, "padding": padding[0], "dilation": dilation, "kernel": kernel, "stride": stride}
    if padding[0] != padding[1]:
        form = f"{rounded}(({{0}} + {{1}} + {{2}} - {{3}}*({{4}} - 1) - 1) / {{5}}) + 1"
        del numbers["padding"]
        both = {"padding before": padding[0], "padding behind": padding[1]}
        numbers = {name: numbers.pop(name), **both, **numbers}
    operands = tuple(Operand(word, float(n)) for word, n in numbers.items())
    return ShapeRule(Step(name, form + " - 1" * shortened, operands, float(value)), padding, shortened)


# im2col


def unfold(op: ops.Conv | Im2col, image: Values, weight: Values | None = None) -> Columns:
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
    places = ops.spec.slide(op.word, image.shape, window)
    rows = tuple(np.ndindex(image.shape[0], *window.kernel))
    filters = None if weight is None else _beside_each_other(weight, image.shape[0])
    groups = op.groups if isinstance(op, ops.Conv) else 1
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
