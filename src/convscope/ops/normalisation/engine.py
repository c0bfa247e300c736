"""Normalisations in torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  the name by which everyone knows it

from convscope.ops.normalisation.spec import BatchNorm, GroupNorm, LayerNorm, LocalResponseNorm, Scale
from convscope.ops.spec import elements
from convscope.ops.tensors import COMPUTE, Compute, Place


@COMPUTE.enter(BatchNorm)
def _batch_norm(op: BatchNorm, node: Place) -> Compute:
    places, eps, momentum = elements(node.input_shapes[0][1:]), op.eps, op.momentum

    def normalise(part: Any, inputs: Sequence[Tensor]) -> Tensor:
        x = inputs[0]
        # One value a channel has no variance: torch refuses it. A last batch of one then takes the running
        # statistics, and leaves them as they are.
        batch = part.training and (places > 1 or x.shape[0] > 1)
        weight = cast("Tensor | None", part.weight)
        return F.batch_norm(x, part.running_mean, part.running_var, weight, part.bias, batch, momentum, eps)

    return normalise


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
