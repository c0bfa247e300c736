"""Normalisations in torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  the name by which everyone knows it

from convscope.ops.normalisation.spec import BatchNorm, GroupNorm, LayerNorm, LocalResponseNorm, Scale
from convscope.ops.spec import elements
from convscope.ops.tensors import COMPUTE, Compute, Floats, Place


@COMPUTE.enter(BatchNorm)
def _batch_norm(op: BatchNorm, node: Place) -> Compute:
    places, eps, momentum = elements(node.input_shapes[0][1:]), op.eps, op.momentum

    def normalise(part: Any, inputs: Sequence[Tensor]) -> Tensor:
        x = inputs[0]
        # One value a channel has no variance: torch refuses it. A last batch of one then takes the running
        # statistics, and leaves them as they are.
        batch = part.training and (places > 1 or (x.shape[0] if part.seat is None else sum(part.seat.sizes)) > 1)
        weight = cast("Tensor | None", part.weight)
        if batch and part.seat is not None:
            return cast("Tensor", _WholeBatchNorm.apply(x, weight, part.bias, part, momentum, eps))  # type: ignore[no-untyped-call]
        return F.batch_norm(x, part.running_mean, part.running_var, weight, part.bias, batch, momentum, eps)

    return normalise


class _WholeBatchNorm(torch.autograd.Function):
    """Batch norm of a part of a batch by the mean and variance of the whole, as data-parallel training has it.

    Each part adds up its own values; one exchange on the way forward and one on the way back make them the batch's.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, part: Any, momentum: float, eps: float
    ) -> Tensor:
        sizes_P1 = np.array(part.seat.sizes, np.float64)[:, None]
        shares_P1, count = sizes_P1 / sizes_P1.sum(), float(sizes_P1.sum()) * (x[0].numel() // x.shape[1])

        def whole(own_P2C: Floats) -> Floats:
            mean_PC, var_PC = own_P2C[:, 0], own_P2C[:, 1]
            mean_C = (shares_P1 * mean_PC).sum(0)
            return np.stack([mean_C, (shares_P1 * (var_PC + np.square(mean_PC - mean_C))).sum(0)])

        # In float32 whatever the values are in: torch takes the type of the running statistics for them.
        none_2C = x.new_zeros(2, x.shape[1], dtype=torch.float32)
        own_2C = torch.stack(torch.batch_norm_update_stats(x, none_2C[0], none_2C[1], 0.0))
        statistics_2C = part.seat.gather(own_2C, whole)
        mean_C, var_C = statistics_2C[0], statistics_2C[1]
        if part.seat.first:
            part.running_mean.lerp_(mean_C, momentum)
            part.running_var.lerp_(var_C * (count / max(1.0, count - 1)), momentum)
        ctx.save_for_backward(x, weight, mean_C, var_C)
        ctx.seat, ctx.eps, ctx.count, ctx.biased = part.seat, eps, count, bias is not None
        return F.batch_norm(x, mean_C, var_C, weight, bias, False, 0.0, eps)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean_C, var_C = ctx.saved_tensors
        scale_C = torch.ones_like(mean_C) if weight is None else weight
        # As if mean and variance were fixed; what they owe to every value follows.
        moved, slope_C, shift_C = torch.ops.aten.native_batch_norm_backward(
            gradient, x, scale_C, mean_C, var_C, None, None, False, ctx.eps, (True, True, True)
        )
        sums_2C = ctx.seat.gather(torch.stack([slope_C, shift_C]), _added)
        if ctx.needs_input_grad[0]:
            owed_2C = sums_2C * (scale_C * (var_C + ctx.eps).rsqrt() / -ctx.count)
            moved += F.batch_norm(x, mean_C, var_C, owed_2C[0], owed_2C[1], False, 0.0, ctx.eps)
        return moved, None if weight is None else slope_C, shift_C if ctx.biased else None, None, None, None


def _added(own_P2C: Floats) -> Floats:
    total_2C: Floats = own_P2C.sum(0)
    return total_2C


@COMPUTE.enter(LayerNorm)
def _layer_norm(op: LayerNorm, node: Place) -> Compute:
    shape, eps = node.input_shapes[0], op.eps
    if op.over == "all" or len(shape) == 1:
        return lambda part, inputs: F.layer_norm(inputs[0], shape, part.weight, part.bias, eps)
    channels = shape[:1]

    def over_channels(part: Any, inputs: Sequence[Tensor]) -> Tensor:
        # torch normalises the last dimensions, so the channels are moved there; with channels_last they are already.
        moved = F.layer_norm(inputs[0].movedim(1, -1), channels, part.weight, part.bias, eps)
        return moved.movedim(-1, 1)

    return over_channels


@COMPUTE.enter(GroupNorm)
def _group_norm(op: GroupNorm, node: Place) -> Compute:
    groups, eps = op.num_groups, op.eps
    # Not F.group_norm, which refuses a batch of one vector for having one value a channel, as if it were batch norm.
    return lambda part, inputs: torch.group_norm(inputs[0], groups, part.weight, part.bias, eps)


@COMPUTE.enter(LocalResponseNorm)
def _local_response_norm(op: LocalResponseNorm, node: Place) -> Compute:
    size, alpha, beta, k = op.size, op.alpha, op.beta, op.k
    return lambda part, inputs: F.local_response_norm(inputs[0], size, alpha, beta, k)


@COMPUTE.enter(Scale)
def _scale(op: Scale, node: Place) -> Compute:
    shape = (-1, *[1] * (len(node.shape) - 1))

    def scale(part: Any, inputs: Sequence[Tensor]) -> Tensor:
        scaled: Tensor = inputs[0] * part.weight.view(shape)
        return scaled if part.bias is None else scaled + part.bias.view(shape)

    return scale
