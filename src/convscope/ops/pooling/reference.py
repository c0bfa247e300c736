"""Pooling in NumPy: forward, backward, one unit opened, its gradient opened.

The gradient of a maximum goes to the first of the largest, in the order of the rows, as in torch.
"""

from __future__ import annotations

from math import prod

import numpy as np

from convscope.ops.arrays import (
    BACKWARD,
    FORWARD,
    Array,
    Gradients,
    Operands,
    gradient_of,
)
from convscope.ops.opening import OPEN, UnitOperands, finish, grid, mean_of, terms_at, under
from convscope.ops.pooling.spec import AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool
from convscope.ops.spec import Op, Shape, Window, per_dimension
from convscope.ops.step import Step, make_step
from convscope.ops.terms import Indices, Terms
from convscope.ops.uses import (
    STEPS,
    USES,
    Index,
    Place,
    Uses,
    at_places,
    no_steps,
    pairs,
    with_channel,
)
from convscope.ops.walk import Walk
from convscope.ops.windows import give_back, window_places, windows


def max_pool(image_NC_spatial: Array, window: Window, ceil: bool = False) -> Array:
    """The largest value of each window: ``(N, C, *spatial)`` to ``(N, C, *places)``.

    Padding counts as minus infinity: it never wins over a value of the image, however negative.

    Example:
        >>> grid = np.array([[[[1.0, 1, 2, 3], [4, 6, 6, 8], [3, 1, 1, 0], [1, 2, 2, 4]]]])
        >>> max_pool(grid, Window((2, 2), (2, 2), (1, 1), ((0, 0), (0, 0))))[0, 0]
        array([[6., 8.],
               [3., 4.]])
    """
    view = windows(image_NC_spatial, window, fill=-np.inf, ceil=ceil)
    out: Array = view.max(axis=tuple(range(-len(window.kernel), 0)))
    return out


def average_pool(
    image_NC_spatial: Array,
    window: Window,
    ceil: bool = False,
    count_include_pad: bool = True,
    divisor: int | None = None,
) -> Array:
    """The mean of each window: ``(N, C, *spatial)`` to ``(N, C, *places)``.

    The divisor is PyTorch's. With ``count_include_pad`` a zero of the padding counts as a value, but what a window
    of ``ceil_mode`` covers beyond the padding does not; without it only values of the image count. A ``divisor`` that
    is given stands in place of it.

    Example:
        >>> signal = np.array([[[2.0, 4.0, 6.0]]])
        >>> pair = Window(kernel=(2,), stride=(2,), dilation=(1,), padding=((0, 0),))
        >>> average_pool(signal, pair, ceil=True)
        array([[[3., 6.]]])
    """
    total = windows(image_NC_spatial, window, ceil=ceil).sum(axis=tuple(range(-len(window.kernel), 0)))
    by = divisors(image_NC_spatial.shape[1:], window, ceil, count_include_pad, divisor)
    out: Array = total / by.astype(total.dtype)
    return out


def divisors(
    shape: Shape, window: Window, ceil: bool = False, count_include_pad: bool = True, divisor: int | None = None
) -> Array:
    """By what the sum at each place is divided in average pooling, ``(*places,)``; see :func:`average_pool`.

    Example:
        >>> pair = Window(kernel=(2,), stride=(2,), dilation=(1,), padding=((0, 0),))
        >>> divisors((1, 3), pair, ceil=True)
        array([2., 1.])
    """
    places = window_places(shape, window, ceil)
    if divisor is not None:
        return np.full(places, float(divisor))
    counts: Array = np.ones(())
    for dimension, place in enumerate(places):
        # The number of values under a window is a product over the dimensions, so an outer product over all places.
        under_N = [len(_counted(at, dimension, shape, window, count_include_pad)) for at in range(place)]
        counts = np.multiply.outer(counts, np.array(under_N, np.float64))
    return counts


def _counted(at: int, dimension: int, shape: Shape, window: Window, count_include_pad: bool) -> list[int]:
    """The rows that a mean counts at one place of a dimension, one of the padding as -1.

    What a window of ``ceil_mode`` covers beyond the padding counts as nothing at all.
    """
    length, (before, after) = shape[1 + dimension], window.padding[dimension]
    start, step = at * window.stride[dimension] - before, window.dilation[dimension]
    covered = [row for k in range(window.kernel[dimension]) if (row := start + step * k) < length + after]
    marked = [row if 0 <= row < length else -1 for row in covered]
    return marked if count_include_pad else [row for row in marked if row >= 0]


def adaptive_windows(length: int, places: int) -> list[slice]:
    """PyTorch's windows for adaptive pooling: place i reads from ``floor(i L / n)`` to ``ceil((i + 1) L / n)``.

    Example:
        >>> adaptive_windows(5, 3)
        [slice(0, 2, None), slice(1, 4, None), slice(3, 5, None)]
    """
    return [slice(i * length // places, -(-(i + 1) * length // places)) for i in range(places)]


def adaptive_pool(image_NC_spatial: Array, output_size: tuple[int, ...], maximum: bool = False) -> Array:
    """The mean or the largest value of as many windows as the output has places.

    Args:
        image_NC_spatial: ``(N, C, *spatial)``.
        output_size: places in each spatial dimension.
        maximum: the largest value in place of the mean.

    Returns:
        ``(N, C, *output_size)``.

    Example:
        >>> adaptive_pool(np.array([[[1.0, 2.0, 3.0, 4.0, 5.0]]]), (3,))
        array([[[1.5, 3. , 4.5]]])
    """
    out = image_NC_spatial
    # One dimension after another: all rows under a window are equally long, so the mean of their means is the mean.
    for axis, places in enumerate(output_size, start=2):
        parts = np.split(out, range(1, out.shape[axis]), axis=axis)
        bands = [np.concatenate(parts[band], axis=axis) for band in adaptive_windows(len(parts), places)]
        out = np.concatenate(
            [b.max(axis=axis, keepdims=True) if maximum else b.mean(axis=axis, keepdims=True) for b in bands],
            axis=axis,
        )
    return out


def winners(image_NC_spatial: Array, window: Window, ceil: bool = False) -> np.ndarray:
    """Which value under the window is the largest at each place, by its number in the kernel: ``(N, C, *places)``.

    The first of equals, but never the padding: where all under a window are minus infinity, the first value is it.

    Example:
        >>> pair = Window(kernel=(2,), stride=(2,), dilation=(1,), padding=((1, 1),))
        >>> winners(np.array([[[-np.inf, 3.0]]]), pair)
        array([[[1, 0]]])
    """
    view = windows(image_NC_spatial, window, fill=-np.inf, ceil=ceil)
    flat = view.reshape(*view.shape[: -len(window.kernel)], prod(window.kernel))
    found: np.ndarray = flat.argmax(-1)
    inside = windows(np.ones((1, 1, *image_NC_spatial.shape[2:])), window, ceil=ceil)[0, 0] > 0
    inside_PK = inside.reshape(*found.shape[2:], prod(window.kernel))
    won = np.take_along_axis(np.broadcast_to(inside_PK, flat.shape), found[..., None], -1)[..., 0]
    return np.where(won, found, inside_PK.argmax(-1))


def max_pool_backward(image_NC_spatial: Array, gradient_NC_places: Array, window: Window, ceil: bool = False) -> Array:
    """The gradient of a max pooling's input: each place gives all of its own to the value that won.

    Example:
        >>> pair = Window(kernel=(2,), stride=(2,), dilation=(1,), padding=((0, 0),))
        >>> max_pool_backward(np.array([[[1.0, 5.0, 4.0, 4.0]]]), np.array([[[7.0, 8.0]]]), pair)
        array([[[0., 7., 8., 0.]]])
    """
    won = winners(image_NC_spatial, window, ceil)
    number = {offset: n for n, offset in enumerate(np.ndindex(*window.kernel))}
    return give_back(
        lambda offset: np.where(won == number[offset], gradient_NC_places, 0), image_NC_spatial, window, ceil
    )


def average_pool_backward(
    image_NC_spatial: Array,
    gradient_NC_places: Array,
    window: Window,
    ceil: bool = False,
    count_include_pad: bool = True,
    divisor: int | None = None,
) -> Array:
    """The gradient of an average pooling's input: each place gives every value under it the same share.

    Example:
        >>> pair = Window(kernel=(2,), stride=(2,), dilation=(1,), padding=((0, 0),))
        >>> average_pool_backward(np.zeros((1, 1, 4)), np.array([[[2.0, 6.0]]]), pair)
        array([[[1., 1., 3., 3.]]])
    """
    by = divisors(image_NC_spatial.shape[1:], window, ceil, count_include_pad, divisor)
    share = gradient_NC_places / by.astype(gradient_NC_places.dtype)
    return give_back(lambda offset: share, image_NC_spatial, window, ceil)


def adaptive_average_backward(image_NC_spatial: Array, gradient_NC_places: Array) -> Array:
    """The gradient of an adaptive average pooling's input.

    Example:
        >>> adaptive_average_backward(np.zeros((1, 1, 3)), np.array([[[2.0, 4.0]]]))
        array([[[1., 3., 2.]]])
    """
    given = gradient_NC_places
    for axis in range(2, given.ndim):
        length = image_NC_spatial.shape[axis]
        wider = np.zeros((*given.shape[:axis], length, *given.shape[axis + 1 :]), given.dtype)
        before = (slice(None),) * axis
        for place, band in enumerate(adaptive_windows(length, given.shape[axis])):
            share = given[(*before, slice(place, place + 1))] / (band.stop - band.start)
            wider[(*before, band)] += share
        given = wider
    return given


def adaptive_max_backward(image_NC_spatial: Array, gradient_NC_places: Array) -> Array:
    """The gradient of an adaptive max pooling's input: to the first of the largest of each window.

    Example:
        >>> adaptive_max_backward(np.array([[[1.0, 5.0, 2.0]]]), np.array([[[2.0, 4.0]]]))
        array([[[0., 6., 0.]]])
    """
    places = gradient_NC_places.shape[2:]
    bands = [adaptive_windows(n, count) for n, count in zip(image_NC_spatial.shape[2:], places, strict=True)]
    out = np.zeros_like(image_NC_spatial)
    example, channel = np.indices(image_NC_spatial.shape[:2])
    for place in np.ndindex(*places):
        box = tuple(side[at] for side, at in zip(bands, place, strict=True))
        inside = image_NC_spatial[(..., *box)]
        flat = inside.reshape(*inside.shape[:2], prod(inside.shape[2:]))
        won = np.unravel_index(flat.argmax(-1), inside.shape[2:])
        at = tuple(side.start + row for side, row in zip(box, won, strict=True))
        out[(example, channel, *at)] += gradient_NC_places[(..., *place)]
    return out


@FORWARD.enter(MaxPool)
def _forward_max_pool(op: MaxPool, given: Operands) -> Array:
    return max_pool(given.x, op.window(given.shapes), op.ceil_mode)


@FORWARD.enter(AvgPool)
def _forward_avg_pool(op: AvgPool, given: Operands) -> Array:
    return average_pool(given.x, op.window(given.shapes), *_rule(op))


def _rule(op: AvgPool) -> tuple[bool, bool, int | None]:
    """What decides the divisor, beside the window."""
    return op.ceil_mode, op.count_include_pad, op.divisor_override


@FORWARD.enter(AdaptiveAvgPool)
def _forward_adaptive_avg_pool(op: AdaptiveAvgPool, given: Operands) -> Array:
    return adaptive_pool(given.x, per_dimension("output_size", op.output_size, given.shapes[0]))


@FORWARD.enter(AdaptiveMaxPool)
def _forward_adaptive_max_pool(op: AdaptiveMaxPool, given: Operands) -> Array:
    return adaptive_pool(given.x, per_dimension("output_size", op.output_size, given.shapes[0]), maximum=True)


@FORWARD.enter(GlobalAvgPool)
def _forward_global_avg_pool(op: GlobalAvgPool, given: Operands) -> Array:
    out: Array = given.x.mean(axis=tuple(range(2, given.x.ndim)), keepdims=True)
    return out


@FORWARD.enter(GlobalMaxPool)
def _forward_global_max_pool(op: GlobalMaxPool, given: Operands) -> Array:
    out: Array = given.x.max(axis=tuple(range(2, given.x.ndim)), keepdims=True)
    return out


@BACKWARD.enter(MaxPool)
def _backward_max_pool(op: MaxPool, given: Operands, gradient: Array) -> Gradients:
    return gradient_of(max_pool_backward(given.x, gradient, op.window(given.shapes), op.ceil_mode))


@BACKWARD.enter(AvgPool)
def _backward_avg_pool(op: AvgPool, given: Operands, gradient: Array) -> Gradients:
    return gradient_of(average_pool_backward(given.x, gradient, op.window(given.shapes), *_rule(op)))


@BACKWARD.enter(AdaptiveAvgPool, GlobalAvgPool)
def _backward_adaptive_avg_pool(op: AdaptiveAvgPool | GlobalAvgPool, given: Operands, gradient: Array) -> Gradients:
    return gradient_of(adaptive_average_backward(given.x, gradient))


@BACKWARD.enter(AdaptiveMaxPool, GlobalMaxPool)
def _backward_adaptive_max_pool(op: AdaptiveMaxPool | GlobalMaxPool, given: Operands, gradient: Array) -> Gradients:
    return gradient_of(adaptive_max_backward(given.x, gradient))


def _box(op: AdaptiveAvgPool | AdaptiveMaxPool, given: UnitOperands) -> Terms:
    size = per_dimension("output_size", op.output_size, given.shapes[0])
    bands = [adaptive_windows(n, k)[at] for n, k, at in zip(given.x.shape[1:], size, given.index[1:], strict=True)]
    return terms_at(given, grid([given.index[0]], *(range(band.start, band.stop) for band in bands)))


def _channel(given: UnitOperands) -> Terms:
    return terms_at(given, grid([given.index[0]], *(range(n) for n in given.x.shape[1:])))


@OPEN.enter(MaxPool)
def _open_max_pool(op: MaxPool, given: UnitOperands) -> Walk:
    rows = under(op.window(given.shapes), given.index[1:], given.x.shape)
    inside = [[row for row in side if row >= 0] for side in rows]  # the padding never wins
    return finish(op, given, terms_at(given, grid([given.index[0]], *inside)), "max")


@OPEN.enter(AvgPool)
def _open_avg_pool(op: AvgPool, given: UnitOperands) -> Walk:
    window = op.window(given.shapes)
    sides = [
        _counted(at, dimension, given.x.shape, window, op.count_include_pad)
        for dimension, at in enumerate(given.index[1:])
    ]
    return mean_of(op, given, terms_at(given, grid([given.index[0]], *sides)), op.divisor_override)


@OPEN.enter(AdaptiveAvgPool)
def _open_adaptive_avg_pool(op: AdaptiveAvgPool, given: UnitOperands) -> Walk:
    return mean_of(op, given, _box(op, given))


@OPEN.enter(AdaptiveMaxPool)
def _open_adaptive_max_pool(op: AdaptiveMaxPool, given: UnitOperands) -> Walk:
    return finish(op, given, _box(op, given), "max")


@OPEN.enter(GlobalAvgPool)
def _open_global_avg_pool(op: GlobalAvgPool, given: UnitOperands) -> Walk:
    return mean_of(op, given, _channel(given))


@OPEN.enter(GlobalMaxPool)
def _open_global_max_pool(op: GlobalMaxPool, given: UnitOperands) -> Walk:
    return finish(op, given, _channel(given), "max")


def _winner_uses(example: int, index_NR: Indices, won_N: np.ndarray) -> Uses:
    return at_places(example, index_NR, won_N.astype(np.float64), "winner")


def _boxes(op: Op, shape: Shape, index: Index) -> list[tuple[Index, tuple[slice, ...]]]:
    """The places of an adaptive or global pooling that read a unit, each with its box of the input."""
    if isinstance(op, (AdaptiveAvgPool, AdaptiveMaxPool)):
        size = per_dimension("output_size", op.output_size, shape)
    else:
        size = (1,) * (len(shape) - 1)
    sides = []
    for at, length, places in zip(index[1:], shape[1:], size, strict=True):
        bands = enumerate(adaptive_windows(length, places))
        sides.append([(place, band) for place, band in bands if band.start <= at < band.stop])
    found = []
    for chosen in grid(*(range(len(side)) for side in sides)):
        pairs = [side[n] for side, n in zip(sides, chosen, strict=True)]
        found.append((tuple(place for place, _ in pairs), tuple(band for _, band in pairs)))
    return found


@USES.enter(MaxPool)
def _uses_max_pool(op: MaxPool, given: Operands, operand: int, example: int, index: Index) -> Uses:
    window = op.window(given.shapes)
    place, kernel = pairs(index, window, given.shapes[0], op.ceil_mode)
    channel = index[0]
    won = winners(given.x[example : example + 1, channel : channel + 1], window, op.ceil_mode)[0, 0]
    own = np.ravel_multi_index(tuple(kernel.T), window.kernel)
    return _winner_uses(example, with_channel(channel, place), won[tuple(place.T)] == own)


@USES.enter(AvgPool)
def _uses_avg_pool(op: AvgPool, given: Operands, operand: int, example: int, index: Index) -> Uses:
    window = op.window(given.shapes)
    place, _ = pairs(index, window, given.shapes[0], op.ceil_mode)
    divisor = divisors(given.shapes[0], window, *_rule(op))
    return at_places(example, with_channel(index[0], place), 1 / divisor[tuple(place.T)], "share")


@USES.enter(AdaptiveAvgPool, GlobalAvgPool)
def _uses_adaptive_avg_pool(op: Op, given: Operands, operand: int, example: int, index: Index) -> Uses:
    boxes = _boxes(op, given.shapes[0], index)
    shares = [1 / np.prod([band.stop - band.start for band in box]) for _, box in boxes]
    places = np.array([place for place, _ in boxes], np.int64)
    return at_places(example, with_channel(index[0], places), np.array(shares), "share")


@USES.enter(AdaptiveMaxPool, GlobalMaxPool)
def _uses_adaptive_max_pool(op: Op, given: Operands, operand: int, example: int, index: Index) -> Uses:
    places, won = [], []
    for place, box in _boxes(op, given.shapes[0], index):
        inside = given.x[example, index[0]][box]
        at = tuple(at - band.start for at, band in zip(index[1:], box, strict=True))
        places.append(place)
        won.append(inside.argmax() == np.ravel_multi_index(at, inside.shape))
    return _winner_uses(example, with_channel(index[0], np.array(places, np.int64)), np.array(won))


@STEPS.enter(AvgPool, AdaptiveAvgPool, GlobalAvgPool)
def _steps_avg_pool(op: Op, given: Operands, operand: int, read: Place, reader: Place) -> tuple[Step, ...]:
    uses = USES.of(type(op))(op, given, operand, read[0], read[1:])
    at = int(np.flatnonzero((uses.index_NR == np.array(reader[1:])).all(1))[0])
    share = float(uses.factor_N[at])
    return (make_step("share", "1 / {0}", share, count=round(1 / share)),)


STEPS.enter(MaxPool)(no_steps)
STEPS.enter(AdaptiveMaxPool)(no_steps)
STEPS.enter(GlobalMaxPool)(no_steps)
