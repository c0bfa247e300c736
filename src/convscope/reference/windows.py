"""Windows sliding over an image in plain NumPy: im2col, convolution, pooling, in any number of dimensions.

Everything that slides starts from one view, :func:`windows`, which lays the values under the window at each
place side by side. A convolution is then a matrix product with it, a pooling a maximum or mean over it.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from convscope.ops import Shape, Window
from convscope.ops.spec import places as count_places

Array = npt.NDArray[np.floating[Any]]
"""An array of real numbers; its precision is that of the input."""


def window_places(shape: Shape, window: Window, ceil: bool = False) -> tuple[int, ...]:
    """How many places the window takes in each spatial dimension of ``shape`` (``(C, *spatial)``)."""
    return tuple(
        count_places(length, kernel, stride, dilation, padding, ceil)
        for length, kernel, stride, dilation, padding in zip(
            shape[1:], window.kernel, window.stride, window.dilation, window.padding, strict=True
        )
    )


def _reach(window: Window) -> tuple[int, ...]:
    """How far the window spans with the holes that dilation leaves: a kernel of 3 with dilation 2 spans 5 values."""
    return tuple(d * (k - 1) + 1 for k, d in zip(window.kernel, window.dilation, strict=True))


def padding_of(shape: Shape, window: Window, ceil: bool = False) -> list[tuple[int, int]]:
    """What lies (before, after) each spatial dimension of ``shape``, with what ``ceil`` lets the last place overrun.

    Example:
        >>> padding_of((1, 6), Window(kernel=(3,), stride=(2,), dilation=(1,), padding=((0, 0),)), ceil=True)
        [(0, 1)]
    """
    found = []
    for length, place, stride, span, (before, after) in zip(
        shape[1:], window_places(shape, window, ceil), window.stride, _reach(window), window.padding, strict=True
    ):
        overrun = (place - 1) * stride + span - (before + length + after)
        found.append((before, after + max(0, overrun)))
    return found


def windows(image_NC_spatial: Array, window: Window, fill: float = 0.0, ceil: bool = False) -> Array:
    """The values under the window at every place.

    Args:
        image_NC_spatial: ``(N, C, *spatial)``.
        window: kernel, stride, dilation and padding.
        fill: the value of the padding: 0, or -inf for a maximum.
        ceil: also the last place whose window runs over the end (PyTorch's ``ceil_mode``).

    Returns:
        ``(N, C, *places, *kernel)``; a view into the padded image, so do not write to it.

    Example:
        >>> signal = np.array([[[1.0, 2.0, 3.0, 4.0]]])
        >>> windows(signal, Window(kernel=(2,), stride=(2,), dilation=(1,), padding=((0, 0),)))
        array([[[[1., 2.],
                 [3., 4.]]]])
    """
    rank = len(window.kernel)
    places = window_places(image_NC_spatial.shape[1:], window, ceil)
    reach = _reach(window)
    padding = [(0, 0), (0, 0), *padding_of(image_NC_spatial.shape[1:], window, ceil)]
    padded = np.pad(image_NC_spatial, padding, constant_values=fill)
    every_place = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=tuple(range(2, 2 + rank)))
    kept = [slice(None), slice(None)]
    kept += [slice(0, (p - 1) * s + 1, s) for p, s in zip(places, window.stride, strict=True)]
    kept += [slice(None, None, d) for d in window.dilation]
    view: Array = every_place[tuple(kept)]
    return view


def im2col(image_NC_spatial: Array, window: Window) -> Array:
    """The windows unfolded into a matrix: a convolution is then one matrix product (Chellapilla et al. 2006).

    Args:
        image_NC_spatial: ``(N, C, *spatial)``.
        window: kernel, stride, dilation and padding; the padding is zeros.

    Returns:
        ``(N, C * prod(kernel), prod(places))``: one column a place, channels first, then the kernel's rows. The
        same order as a weight of ``(out, C, *kernel)`` with its last dimensions flattened, and as ``torch.unfold``.

    Example:
        >>> image = np.arange(9.0).reshape(1, 1, 3, 3)
        >>> im2col(image, Window(kernel=(2, 2), stride=(1, 1), dilation=(1, 1), padding=((0, 0), (0, 0))))[0]
        array([[0., 1., 3., 4.],
               [1., 2., 4., 5.],
               [3., 4., 6., 7.],
               [4., 5., 7., 8.]])
    """
    view = windows(image_NC_spatial, window)
    rank = len(window.kernel)
    batch, channels = view.shape[:2]
    places = view.shape[2 : 2 + rank]
    # (N, C, *places, *kernel) -> (N, C, *kernel, *places): the kernel belongs to the rows, the place to the columns.
    order = (0, 1, *range(2 + rank, 2 + 2 * rank), *range(2, 2 + rank))
    return view.transpose(order).reshape(batch, channels * prod(window.kernel), prod(places))


def convolve(image_NC_spatial: Array, weight: Array, bias: Array | None, window: Window, groups: int = 1) -> Array:
    """Cross-correlation, as ``torch.nn.Conv2d`` computes it and notes draw it: the kernel is not flipped.

    Args:
        image_NC_spatial: ``(N, C, *spatial)``.
        weight: ``(out, C / groups, *kernel)``.
        bias: ``(out,)`` or None.
        window: kernel, stride, dilation and padding.
        groups: the channels are split into so many groups, each seen only by its own share of the outputs.

    Returns:
        ``(N, out, *places)``.

    Example:
        >>> picture = np.array([[[[1.0, 2, 3], [0, 1, 5], [1, 0, 2]]]])
        >>> kernel = np.array([[[[1.0, 0, 1], [0, 1, 0], [1, 0, 1]]]])
        >>> convolve(picture, kernel, None, Window((3, 3), (1, 1), (1, 1), ((0, 0), (0, 0))))
        array([[[[8.]]]])
    """
    columns = im2col(image_NC_spatial, window)
    batch, rows, place_count = columns.shape
    out_channels = weight.shape[0]
    # Channels are contiguous by group in the rows, so a group is a slice of rows: (N, G, rows of a group, places).
    grouped = columns.reshape(batch, groups, rows // groups, place_count)
    kernels = weight.reshape(groups, out_channels // groups, rows // groups)
    product = np.matmul(kernels, grouped)
    places = window_places(image_NC_spatial.shape[1:], window)
    out: Array = product.reshape(batch, out_channels, *places)
    return out if bias is None else out + bias.reshape(-1, *(1 for _ in places))


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


def average_pool(image_NC_spatial: Array, window: Window, ceil: bool = False, count_include_pad: bool = True) -> Array:
    """The mean of each window: ``(N, C, *spatial)`` to ``(N, C, *places)``.

    The divisor is PyTorch's. With ``count_include_pad`` a zero of the padding counts as a value, but what a window
    of ``ceil_mode`` covers beyond the padding does not; without it only values of the image count.

    Example:
        >>> signal = np.array([[[2.0, 4.0, 6.0]]])
        >>> pair = Window(kernel=(2,), stride=(2,), dilation=(1,), padding=((0, 0),))
        >>> average_pool(signal, pair, ceil=True)
        array([[[3., 6.]]])
    """
    total = windows(image_NC_spatial, window, ceil=ceil).sum(axis=tuple(range(-len(window.kernel), 0)))
    out: Array = total / divisors(image_NC_spatial.shape[1:], window, ceil, count_include_pad).astype(total.dtype)
    return out


def divisors(shape: Shape, window: Window, ceil: bool = False, count_include_pad: bool = True) -> Array:
    """By what the sum at each place is divided in average pooling, ``(*places,)``; see :func:`average_pool`.

    Example:
        >>> pair = Window(kernel=(2,), stride=(2,), dilation=(1,), padding=((0, 0),))
        >>> divisors((1, 3), pair, ceil=True)
        array([2., 1.])
    """
    divisor: Array = np.ones(())
    for length, place, kernel, stride, (before, after) in zip(
        shape[1:], window_places(shape, window, ceil), window.kernel, window.stride, window.padding, strict=True
    ):
        start = np.arange(place) * stride - before
        end = np.minimum(start + kernel, length + after)
        if not count_include_pad:
            start, end = np.maximum(start, 0), np.minimum(end, length)
        # The number of values under a window is a product over the dimensions, so an outer product over all places.
        divisor = np.multiply.outer(divisor, (end - start).astype(np.float64))
    return divisor


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
