"""Backward of sliding windows in plain NumPy: what each place gives back to the values that lay under its window.

Forward reads every value under a window; backward gives to every one of them, and a value that lay under several
windows gets the sum. Gradients of maxima go to the first of the largest, in the order of the rows, as torch's do.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from convscope.ops import Window
from convscope.reference.windows import Array, adaptive_windows, divisors, im2col, padding_of, window_places, windows


def give_back(
    given: Callable[[tuple[int, ...]], Array], image_NC_spatial: Array, window: Window, ceil: bool = False
) -> Array:
    """The reverse of :func:`~convscope.reference.windows.windows`: what the places give, added up by value.

    Args:
        given: for one offset in the kernel, what every place gives to the value there, ``(N, C, *places)``.
        image_NC_spatial: the input of the windows; its shape and precision are those of the result.
        window: kernel, stride, dilation and padding; what is given to the padding is dropped.
        ceil: as in ``windows``.

    Returns:
        ``(N, C, *spatial)``.

    Example:
        >>> three = Window(kernel=(3,), stride=(1,), dilation=(1,), padding=((0, 0),))
        >>> give_back(lambda offset: np.ones((1, 1, 3)), np.zeros((1, 1, 5)), three)
        array([[[1., 2., 3., 2., 1.]]])
    """
    shape = image_NC_spatial.shape
    places, padding = window_places(shape[1:], window, ceil), padding_of(shape[1:], window, ceil)
    around = tuple(n + sum(pads) for n, pads in zip(shape[2:], padding, strict=True))
    padded = np.zeros((*shape[:2], *around), image_NC_spatial.dtype)
    for offset in np.ndindex(*window.kernel):
        under = tuple(
            slice(k * d, k * d + (place - 1) * s + 1, s)
            for k, d, s, place in zip(offset, window.dilation, window.stride, places, strict=True)
        )
        padded[(slice(None), slice(None), *under)] += given(offset)
    inside = tuple(slice(before, before + n) for n, (before, _) in zip(shape[2:], padding, strict=True))
    out: Array = padded[(slice(None), slice(None), *inside)]
    return out


def convolve_backward(
    image_NC_spatial: Array, weight: Array, gradient_NC_places: Array, window: Window, groups: int = 1
) -> tuple[Array, Array]:
    """Gradients of a convolution's input and weight.

    The weight's is the output's gradient times the im2col matrix of the input; the input's is the transposed weight
    times the output's gradient, each column given back to its window.

    Args:
        image_NC_spatial: ``(N, C, *spatial)``.
        weight: ``(out, C / groups, *kernel)``.
        gradient_NC_places: of the output, ``(N, out, *places)``.
        window: kernel, stride, dilation and padding.
        groups: as in the forward pass.

    Returns:
        of the input and of the weight, in their shapes. The bias's is the sum over examples and places.

    Example:
        >>> signal, kernel = np.array([[[1.0, 2.0, 3.0]]]), np.array([[[10.0, 1.0]]])
        >>> pair = Window(kernel=(2,), stride=(1,), dilation=(1,), padding=((0, 0),))
        >>> convolve_backward(signal, kernel, np.array([[[1.0, 1.0]]]), pair)
        (array([[[10., 11.,  1.]]]), array([[[3., 5.]]]))
    """
    columns = im2col(image_NC_spatial, window)
    batch, rows, place_count = columns.shape
    out_channels, places = weight.shape[0], gradient_NC_places.shape[2:]
    grouped = columns.reshape(batch, groups, rows // groups, place_count)
    kernels = weight.reshape(groups, out_channels // groups, rows // groups)
    outward = gradient_NC_places.reshape(batch, groups, out_channels // groups, place_count)
    of_weight = np.matmul(outward, grouped.swapaxes(-1, -2)).sum(0).reshape(weight.shape)
    inward = np.matmul(kernels.swapaxes(-1, -2), outward)
    under = inward.reshape(batch, image_NC_spatial.shape[1], *window.kernel, *places)
    of_image = give_back(lambda offset: under[(slice(None), slice(None), *offset)], image_NC_spatial, window)
    return of_image, of_weight


def winners(image_NC_spatial: Array, window: Window, ceil: bool = False) -> np.ndarray:
    """Which value under the window is the largest at each place, by its number in the kernel: ``(N, C, *places)``."""
    view = windows(image_NC_spatial, window, fill=-np.inf, ceil=ceil)
    flat = view.reshape(*view.shape[: -len(window.kernel)], prod(window.kernel))
    found: np.ndarray = flat.argmax(-1)  # the first of equals
    return found


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
) -> Array:
    """The gradient of an average pooling's input: each place gives every value under it the same share.

    Example:
        >>> pair = Window(kernel=(2,), stride=(2,), dilation=(1,), padding=((0, 0),))
        >>> average_pool_backward(np.zeros((1, 1, 4)), np.array([[[2.0, 6.0]]]), pair)
        array([[[1., 1., 3., 3.]]])
    """
    divisor = divisors(image_NC_spatial.shape[1:], window, ceil, count_include_pad)
    share = gradient_NC_places / divisor.astype(gradient_NC_places.dtype)
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
        won = np.unravel_index(inside.reshape(*inside.shape[:2], -1).argmax(-1), inside.shape[2:])
        at = tuple(side.start + row for side, row in zip(box, won, strict=True))
        out[(example, channel, *at)] += gradient_NC_places[(..., *place)]
    return out
