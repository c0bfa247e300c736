"""Convolution in torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from torch import Tensor
from torch.nn import functional as F  # noqa: N812  the name by which everyone knows it

from convscope.ops.convolution.spec import Conv
from convscope.ops.tensors import COMPUTE, Compute, Place, by_rank, pads_of


def conv(op: Conv, node: Place, biased: bool = True) -> Compute:
    """A convolution, without its bias where it is added later."""
    convolve = by_rank(node, "conv{}d")
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
