"""How a person calculates it by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from convscope.errors import UserError
from convscope.ops.calculate import (
    CALCULATE,
    KERNEL_LAYOUTS,
    Given,
    Prepared,
    Use,
    arguments_of,
    channels_of,
    rank_of,
    tensors_of,
)
from convscope.ops.convolution.spec import Conv
from convscope.ops.spec import Shape, build, spell_shape


def make_conv(given: Given) -> Prepared:
    """Kernels over an input, in one or two dimensions."""
    image, kernels = given.first, given.values[1:]
    arguments = arguments_of(given, "stride", "padding", "dilation", "groups")
    for number, kernel in enumerate(kernels[1:], 2):
        if kernel.shape != kernels[0].shape:
            got = f"kernel {number} is {spell_shape(kernel.shape)}, kernel 1 is {spell_shape(kernels[0].shape)}"
            raise UserError(given.where, got, "kernels of one size")
    rank = rank_of(given, given.values, *(arguments.get(name) for name in ("stride", "padding", "dilation")))
    if arguments.get("padding") == "causal" and rank_of(given, given.values) == 1:
        rank = 1
    weight = np.stack(kernels)
    if rank == 1:
        image, weight = image[:, 0], weight[:, :, 0]
    groups = arguments.get("groups", 1)
    bias = tensors_of(given, "bias")
    op = build(Conv, (len(kernels), weight.shape[2:]), {**arguments, "bias": bool(bias)})
    op.shape([image.shape])
    if weight.shape[1] != len(image) // groups:
        got = f"a kernel of {channels_of(weight.shape[1])} for an input of {channels_of(len(image))}"
        share = f"{channels_of(len(image) // groups)} in every kernel" + (
            f", for {groups} groups" if groups > 1 else ""
        )
        hint = "channels are separated by |" if groups == 1 else ""
        raise UserError(given.where, got, share, hint)
    return Prepared(op, [image], {"weight": weight, **bias})


def group_channels(op: Conv, shapes: Sequence[Shape], out: int) -> Sequence[int]:
    """The input's channels that a kernel covers: those of its group."""
    channels = shapes[0][0] // op.groups
    first = out // (op.out_channels // op.groups) * channels
    return range(first, first + channels)


CALCULATE.enter(Conv)(
    Use(
        "INPUT KERNEL...",
        make_conv,
        ("stride", "padding", "dilation", "dimensions", "groups", "bias", "kernel_layout"),
        "conv '1 2 3 / 0 1 5 / 1 0 2' '1 0 / 0 1'",
        2,
        10_000,
        ("input", "kernel"),
        covers=group_channels,
        unfolds=True,
        layouts=KERNEL_LAYOUTS,
    )
)
