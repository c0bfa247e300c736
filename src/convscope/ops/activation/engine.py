"""Activations in torch: the function that each names; and softmax."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  the name by which everyone knows it

from convscope.ops.activation.spec import Activation, ReLU, ReLU6, Softmax
from convscope.ops.tensors import COMPUTE, COMPUTE_IN_PLACE, Compute, Place


@COMPUTE.enter(Softmax)
def _softmax(op: Softmax, node: Place) -> Compute:
    return lambda part, inputs: F.softmax(inputs[0], dim=1)


class _ReLU6(torch.autograd.Function):
    """``F.relu6(x, inplace=True)``, whose own backward pass keeps a copy of what it overwrites; the result says as
    much: the slope is 1 strictly between 0 and 6 and 0 elsewhere, for the result as for the operand.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.mark_dirty(x)
        x.clamp_(0, 6)
        ctx.save_for_backward(x)
        return x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return cast("Tensor", torch.ops.aten.hardtanh_backward(gradient, y, 0.0, 6.0))


def _relu6_in_place(x: Tensor) -> Tensor:
    if torch.compiler.is_compiling() or not x.requires_grad:
        return F.relu6(x, inplace=True)
    return cast("Tensor", _ReLU6.apply(x))  # type: ignore[no-untyped-call]


@COMPUTE.enter(Activation)
def _activation(op: Activation, node: Place) -> Compute:
    function, arguments = getattr(F, op.torch), dict(op.arguments())
    return lambda part, inputs: cast("Tensor", function(inputs[0], **arguments))


@COMPUTE_IN_PLACE.enter(ReLU)
def _overwriting_relu(op: ReLU, node: Place) -> Compute:
    return lambda part, inputs: F.relu(inputs[0], inplace=True)


@COMPUTE_IN_PLACE.enter(ReLU6)
def _overwriting_relu6(op: ReLU6, node: Place) -> Compute:
    return lambda part, inputs: _relu6_in_place(inputs[0])
