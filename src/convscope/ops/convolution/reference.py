"""Convolution in NumPy: forward, backward, one unit opened, its gradient opened."""

from __future__ import annotations

import numpy as np

from convscope.ops.arrays import (
    BACKWARD,
    FORWARD,
    Array,
    Gradients,
    Operands,
    with_bias_gradient,
)
from convscope.ops.convolution.spec import Conv
from convscope.ops.opening import OPEN, UnitOperands, grid, terms_at, under, with_bias
from convscope.ops.spec import Window
from convscope.ops.uses import (
    STEPS,
    USES,
    WEIGHT_STEPS,
    WEIGHT_USES,
    Index,
    Uses,
    at_places,
    everywhere,
    no_steps,
    pairs,
)
from convscope.ops.walk import Walk
from convscope.ops.windows import give_back, im2col, window_places


def convolve(image_NC_spatial: Array, weight: Array, bias: Array | None, window: Window, groups: int = 1) -> Array:
    """Cross-correlation, as ``torch.nn.Conv2d`` computes it and notes draw it: the kernel is not flipped.

    Args:
        image_NC_spatial: ``(N, C, *spatial)``.
        weight: ``(out, C / groups, *kernel)``.
        bias: ``(out,)`` or None.
        window: kernel, stride, dilation and padding.
        groups: the channels are split into so many groups, each seen only by its own outputs.

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


@FORWARD.enter(Conv)
def _forward_conv(op: Conv, given: Operands) -> Array:
    window = op.window(given.shapes)
    return convolve(given.x, given.parameters["weight"], given.parameters.get("bias"), window, op.groups)


@BACKWARD.enter(Conv)
def _backward_conv(op: Conv, given: Operands, gradient: Array) -> Gradients:
    inward, of_weight = convolve_backward(
        given.x, given.parameters["weight"], gradient, op.window(given.shapes), op.groups
    )
    return with_bias_gradient(op.bias, inward, of_weight, gradient)


@OPEN.enter(Conv)
def _open_conv(op: Conv, given: UnitOperands) -> Walk:
    window, weight = op.window(given.shapes), given.parameters["weight"]
    filter_ = given.index[0]
    group_size = weight.shape[1]  # the channels of this filter's group
    first = filter_ // (op.out_channels // op.groups) * group_size
    index_NR = grid(range(first, first + group_size), *under(window, given.index[1:], given.x.shape))
    weights = weight[filter_].reshape(-1).astype(np.float64)
    places = grid([filter_], *(range(n) for n in weight.shape[1:]))
    return with_bias(op, given, terms_at(given, index_NR).times(weights, places, "weight"))


@USES.enter(Conv)
def _uses_conv(op: Conv, given: Operands, operand: int, example: int, index: Index) -> Uses:
    weight, shape = given.parameters["weight"], given.shapes[0]
    place, kernel = pairs(index, op.window(given.shapes), shape)
    group_size, filters = weight.shape[1], op.out_channels // op.groups
    group, channel = divmod(index[0], group_size)
    chosen = grid(range(group * filters, (group + 1) * filters), range(len(place)))
    out, at = chosen[:, 0], chosen[:, 1]
    index_NR = np.column_stack([out, place[at]])
    at_NS = np.column_stack([out, np.full(len(out), channel), kernel[at]])
    return at_places(example, index_NR, weight[tuple(at_NS.T)].astype(np.float64), "weight", at_NS)


@WEIGHT_USES.enter(Conv)
def _weight_uses_conv(op: Conv, given: Operands, index: Index) -> Uses:
    window, shape = op.window(given.shapes), given.shapes[0]
    filter_, channel, *kernel = index
    channel += filter_ // (op.out_channels // op.groups) * (shape[0] // op.groups)
    places = [list(range(n)) for n in op.shape(given.shapes)[1:]]
    example_N, index_NR = everywhere(len(given.x), [[filter_], *places])
    starts = np.array([before for before, _ in window.padding])
    under = index_NR[:, 1:] * np.array(window.stride) - starts + np.array(window.dilation) * np.array(kernel)
    inside = ((under >= 0) & (under < np.array(shape[1:]))).all(1)
    at_NS = np.column_stack([np.full(len(under), channel), under])
    factor = np.zeros(len(under))
    factor[inside] = given.x[(example_N[inside], *at_NS[inside].T)]
    at_NS[~inside] = -1
    return Uses(example_N, index_NR, factor, "value", at_NS)


STEPS.enter(Conv)(no_steps)
WEIGHT_STEPS.enter(Conv)(no_steps)
