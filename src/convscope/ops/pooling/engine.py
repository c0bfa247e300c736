"""Pooling in torch."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  the name by which everyone knows it

from convscope.ops.pooling.spec import AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool
from convscope.ops.spec import Misfit, Window, padded_behind, per_dimension, spell_shape
from convscope.ops.tensors import COMPUTE, Compute, Place, by_rank, pads_of


@COMPUTE.enter(MaxPool)
def _max_pool(op: MaxPool, node: Place) -> Compute:
    pool = by_rank(node, "max_pool{}d")
    window = op.window(node.input_shapes)
    kernel, stride, dilation, ceil = window.kernel, window.stride, window.dilation, op.ceil_mode
    if all(before == after <= k // 2 for (before, after), k in zip(window.padding, kernel, strict=True)):
        padding = tuple(before for before, _ in window.padding)
        return lambda part, inputs: pool(inputs[0], kernel, stride, padding, dilation, ceil)
    # Padding that torch refuses: uneven, or more than half a window, as "same" has of a dilated one.
    pads = pads_of(padded_behind(window, node.input_shapes[0][1:], node.shape[1:]))
    return lambda part, inputs: pool(F.pad(inputs[0], pads, value=-torch.inf), kernel, stride, 0, dilation)


@COMPUTE.enter(AvgPool)
def _avg_pool(op: AvgPool, node: Place) -> Compute:
    pool = by_rank(node, "avg_pool{}d")
    window, lengths = op.window(node.input_shapes), node.input_shapes[0][1:]
    if op.dilated > 1:
        return _padded_mean(op, node, lambda x: _dilated_sums(x, window, node.shape[1:]))
    kernel, stride, padding = window.kernel, window.stride, tuple(before for before, _ in window.padding)
    if len(kernel) == 3 and any(k > n for k, n in zip(kernel, lengths, strict=True)):
        got = f"a window {spell_shape(kernel)} larger than its input {spell_shape(lengths)}"
        raise Misfit(got, "in three dimensions, torch averages only within the input")
    ceil, count_pad, divisor = op.ceil_mode, op.count_include_pad, op.divisor_override
    sums = _signal_sums if len(kernel) == 1 else pool
    if any(before != after or before > k // 2 for (before, after), k in zip(window.padding, kernel, strict=True)):
        return _padded_mean(op, node, lambda x: sums(x, kernel, stride, 0, False, divisor_override=1))
    tiles = all(k == s and n % k == 0 for k, s, n in zip(kernel, stride, lengths, strict=True)) and not any(padding)
    if divisor is None and tiles and len(kernel) == 2:
        return lambda part, inputs: _tile_mean(inputs[0], kernel)
    if divisor is None:
        return lambda part, inputs: pool(inputs[0], kernel, stride, padding, ceil, count_pad)
    return lambda part, inputs: sums(inputs[0], kernel, stride, padding, ceil, divisor_override=divisor)


class _TileMean(torch.autograd.Function):
    """``F.avg_pool2d`` where every value lies in one window: its slope is then that of the window, copied.

    torch's own backward pass adds window by window, which takes up to four times as long.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: tuple[int, int]) -> Tensor:
        ctx.kernel = kernel
        return F.avg_pool2d(x, kernel)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        high, wide = ctx.kernel
        return F.interpolate(gradient / (high * wide), scale_factor=(float(high), float(wide))), None


def _tile_mean(x: Tensor, kernel: Sequence[int]) -> Tensor:
    if x.device.type != "cpu" or torch.compiler.is_compiling() or not x.requires_grad:
        return F.avg_pool2d(x, tuple(kernel))
    return cast("Tensor", _TileMean.apply(x, tuple(kernel)))  # type: ignore[no-untyped-call]


def _signal_sums(
    x: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int] | int,
    ceil: bool,
    divisor_override: int,
) -> Tensor:
    """``avg_pool1d`` with a divisor, which torch has in two dimensions."""
    around = 0 if isinstance(padding, int) else (0, *padding)
    wide = F.avg_pool2d(x.unsqueeze(2), (1, *kernel), (1, *stride), around, ceil, divisor_override=divisor_override)
    return wide.squeeze(2)


def _padded_mean(op: AvgPool, node: Place, sums: Callable[[Tensor], Tensor]) -> Compute:
    """What torch has no words for: the sums of an operand padded beforehand, over how many values lay below."""
    window, lengths = op.window(node.input_shapes), node.input_shapes[0][1:]
    needed = padded_behind(window, lengths, node.shape[1:])
    pads = pads_of(needed) if any(map(any, needed)) else None
    counts: Tensor | float = float(op.divisor_override or 0)
    if op.divisor_override is None:
        ones = F.pad(torch.ones((1, 1, *lengths)), pads_of(window.padding), value=float(op.count_include_pad))
        # What ceil_mode reads behind the padding is never counted.
        beyond = tuple((0, after[1] - stated[1]) for after, stated in zip(needed, window.padding, strict=True))
        counts = sums(F.pad(ones, pads_of(beyond)))

    def compute(part: Any, inputs: Sequence[Tensor]) -> Tensor:
        # A sum in half the digits would be rounded before it is divided.
        x = inputs[0].to(torch.promote_types(inputs[0].dtype, torch.float32))
        total = sums(x if pads is None else F.pad(x, pads))
        by = counts.to(total) if isinstance(counts, Tensor) else counts
        return (total / by).to(inputs[0].dtype)

    return compute


def _dilated_sums(x: Tensor, window: Window, places: tuple[int, ...]) -> Tensor:
    """The sums of windows with holes in a padded operand, as the sum of shifted ones."""
    sides = list(zip(places, window.kernel, window.stride, window.dilation, x.shape[2:], strict=True))
    offsets = product(*map(range, window.kernel))
    shifted = (x[_under(at, sides)] for at in offsets)
    return functools.reduce(Tensor.add, shifted)


def _under(at: tuple[int, ...], sides: Sequence[tuple[int, ...]]) -> tuple[slice, ...]:
    """What lies under one value of the kernel, at every place."""
    pairs = zip(at, sides, strict=True)
    inside = (slice(k * d, k * d + (place - 1) * s + 1, s) for k, (place, _, s, d, _) in pairs)
    return (slice(None), slice(None), *inside)


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
