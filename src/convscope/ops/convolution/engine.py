"""Convolution in torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  the name by which everyone knows it

from convscope.ops.convolution.spec import Conv
from convscope.ops.tensors import COMPUTE, Compute, Place, by_rank, pads_of


def _of_volumes(convolve: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A convolution that computes in float32 where a processor is asked for bfloat16, which the result is rounded to.

    In bfloat16 torch 2.13 returns memory that nothing was written to, or crashes, for some volumes: of depth 1, or with
    a stride over rows that have a single place left.
    """

    def run(x: Tensor, weight: Tensor, bias: Tensor | None, *window: Any) -> Tensor:
        low = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
        if x.device.type != "cpu" or low != torch.bfloat16:
            return convolve(x, weight, bias, *window)
        with torch.autocast("cpu", enabled=False):
            wide = [None if value is None else value.float() for value in (x, weight, bias)]
            return convolve(*wide, *window).to(low)

    return run


def conv(op: Conv, node: Place, biased: bool = True) -> Compute:
    """A convolution, without its bias where it is added later."""
    convolve = by_rank(node, "conv{}d")
    convolve = _of_volumes(convolve) if len(node.shape) == 4 else convolve
    window = op.window(node.input_shapes)
    stride, dilation, groups = window.stride, window.dilation, op.groups
    pads: list[int] | None = None
    padding: tuple[int, ...] | int = tuple(before for before, _ in window.padding)
    if any(before != after for before, after in window.padding):
        # "same" with an odd number of zeros: torch pads both sides alike, so the zeros are put there beforehand.
        pads, padding = pads_of(window.padding), 0

    def compute(part: Any, inputs: Sequence[Tensor]) -> Tensor:
        x = inputs[0] if pads is None else F.pad(inputs[0], pads)
        return convolve(x, part.weight, part.bias if biased else None, stride, padding, dilation, groups)

    return compute


def add_bias(node: Place, in_place: bool) -> Compute:
    """The bias alone, of a convolution whose product was computed before."""
    add = Tensor.add_ if in_place else Tensor.add
    shape = (-1, *[1] * (len(node.shape) - 1))
    # An autocast convolution wrote bfloat16, and so it stays.
    return lambda part, inputs: add(inputs[0], cast("Tensor", part.bias).view(shape).to(inputs[0].dtype))


COMPUTE.enter(Conv)(conv)
