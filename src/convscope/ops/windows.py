"""Windows sliding over an image in plain NumPy, in any number of dimensions: unfolded, and given back to.

Everything that slides starts from one view, :func:`windows`, which lays the values under the window at each
place side by side. A convolution is then a matrix product with it, a pooling a maximum or mean over it. Backward
gives to every value the sum of what the places over it give: :func:`give_back`.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from convscope.ops.arrays import Array
from convscope.ops.spec import Shape, Window
from convscope.ops.spec import places as count_places


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


def give_back(
    given: Callable[[tuple[int, ...]], Array], image_NC_spatial: Array, window: Window, ceil: bool = False
) -> Array:
    """The reverse of :func:`~convscope.ops.windows.windows`: what the places give, added up by value.

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
