"""Activations in torch: the function that each names; softmax and its logarithm."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  the name by which everyone knows it

from convscope.ops.activation.spec import Activation, Clip, Hardsigmoid, LogSoftmax, ReLU, ReLU6, Softmax
from convscope.ops.tensors import COMPUTE, COMPUTE_IN_PLACE, Compute, Place


@COMPUTE.enter(Softmax)
def _softmax(op: Softmax, node: Place) -> Compute:
    return lambda part, inputs: F.softmax(inputs[0], dim=1)


@COMPUTE.enter(LogSoftmax)
def _log_softmax(op: LogSoftmax, node: Place) -> Compute:
    return lambda part, inputs: F.log_softmax(inputs[0], dim=1)


class _Clip(torch.autograd.Function):
    """``F.hardtanh(x, low, high, inplace=True)``, whose own backward pass keeps a copy of what it overwrites; the
    result says as much: the slope is 1 strictly between the bounds and 0 elsewhere, for the result as for the operand.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, low: float, high: float) -> Tensor:
        ctx.mark_dirty(x)
        x.clamp_(low, high)
        ctx.save_for_backward(x)
        ctx.low, ctx.high = low, high
        return x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (y,) = ctx.saved_tensors
        return torch.ops.aten.hardtanh_backward(gradient, y, ctx.low, ctx.high), None, None


def _clip_in_place(x: Tensor, low: float, high: float) -> Tensor:
    if torch.compiler.is_compiling() or not x.requires_grad:
        return F.hardtanh(x, low, high, inplace=True)
    return cast("Tensor", _Clip.apply(x, low, high))  # type: ignore[no-untyped-call]


@COMPUTE.enter(Activation)
def _activation(op: Activation, node: Place) -> Compute:
    function, arguments = getattr(F, op.torch), dict(op.arguments())
    return lambda part, inputs: cast("Tensor", function(inputs[0], **arguments))


@COMPUTE_IN_PLACE.enter(ReLU)
def _overwriting_relu(op: ReLU, node: Place) -> Compute:
    return lambda part, inputs: F.relu(inputs[0], inplace=True)


@COMPUTE_IN_PLACE.enter(ReLU6)
def _overwriting_relu6(op: ReLU6, node: Place) -> Compute:
    return lambda part, inputs: _clip_in_place(inputs[0], 0.0, 6.0)


@COMPUTE_IN_PLACE.enter(Clip)
def _overwriting_clip(op: Clip, node: Place) -> Compute:
    return lambda part, inputs: _clip_in_place(inputs[0], op.min, op.max)


@COMPUTE.enter(Hardsigmoid)
def _hardsigmoid(op: Hardsigmoid, node: Place) -> Compute:
    if op.usual:
        return lambda part, inputs: F.hardsigmoid(inputs[0])
    # Not clamp, whose slope at the bounds themselves is 1.
    return lambda part, inputs: F.hardtanh(op.alpha * inputs[0] + op.beta, 0.0, 1.0)
