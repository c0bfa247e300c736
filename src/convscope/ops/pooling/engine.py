"""Pooling in torch."""

from __future__ import annotations

import torch
from torch.nn import functional as F  # noqa: N812  the name by which everyone knows it

from convscope.ops.pooling.spec import AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool
from convscope.ops.spec import Misfit, per_dimension, spell_shape
from convscope.ops.tensors import COMPUTE, Compute, Place, by_rank, pads_of


@COMPUTE.enter(MaxPool)
def _max_pool(op: MaxPool, node: Place) -> Compute:
    pool = by_rank(node, "max_pool{}d")
    window = op.window(node.input_shapes)
    kernel, stride, dilation, ceil = window.kernel, window.stride, window.dilation, op.ceil_mode
    if all(before == after <= k // 2 for (before, after), k in zip(window.padding, kernel, strict=True)):
        padding = tuple(before for before, _ in window.padding)
        return lambda part, inputs: pool(inputs[0], kernel, stride, padding, dilation, ceil)
    # "same" padding that torch refuses: uneven, or more than half a window since the window is dilated.
    pads = pads_of(window.padding)
    return lambda part, inputs: pool(F.pad(inputs[0], pads, value=-torch.inf), kernel, stride, 0, dilation, ceil)


@COMPUTE.enter(AvgPool)
def _avg_pool(op: AvgPool, node: Place) -> Compute:
    pool = by_rank(node, "avg_pool{}d")
    window, lengths = op.window(node.input_shapes), node.input_shapes[0][1:]
    kernel, stride, padding = window.kernel, window.stride, tuple(before for before, _ in window.padding)
    if len(kernel) == 3 and any(k > n for k, n in zip(kernel, lengths, strict=True)):
        got = f"a window {spell_shape(kernel)} larger than its input {spell_shape(lengths)}"
        raise Misfit(got, "in three dimensions, torch averages only within the input")
    ceil, count_pad = op.ceil_mode, op.count_include_pad
    return lambda part, inputs: pool(inputs[0], kernel, stride, padding, ceil, count_pad)


@COMPUTE.enter(AdaptiveAvgPool)
def _adaptive_avg_pool(op: AdaptiveAvgPool, node: Place) -> Compute:
    pool = by_rank(node, "adaptive_avg_pool{}d")
    size = per_dimension("output_size", op.output_size, node.input_shapes[0])
    return lambda part, inputs: pool(inputs[0], size)


@COMPUTE.enter(AdaptiveMaxPool)
def _adaptive_max_pool(op: AdaptiveMaxPool, node: Place) -> Compute:
    pool = by_rank(node, "adaptive_max_pool{}d")
    size = per_dimension("output_size", op.output_size, node.input_shapes[0])
    return lambda part, inputs: pool(inputs[0], size)


@COMPUTE.enter(GlobalAvgPool)
def _global_avg_pool(op: GlobalAvgPool, node: Place) -> Compute:
    dimensions = tuple(range(2, 1 + len(node.input_shapes[0])))
    return lambda part, inputs: inputs[0].mean(dimensions, keepdim=True)


@COMPUTE.enter(GlobalMaxPool)
def _global_max_pool(op: GlobalMaxPool, node: Place) -> Compute:
    # Not amax, which shares the gradient among equal values where the other maxima give it to the first.
    pool = by_rank(node, "adaptive_max_pool{}d")
    return lambda part, inputs: pool(inputs[0], 1)
