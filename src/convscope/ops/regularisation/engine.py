"""Dropout in torch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  the name by which everyone knows it

from convscope.ops.regularisation.spec import Dropout
from convscope.ops.tensors import COMPUTE, Compute, Place


@COMPUTE.enter(Dropout)
def _dropout(op: Dropout, node: Place) -> Compute:
    p = op.p
    return lambda part, inputs: dropout(inputs[0], p, part.generator) if part.training else inputs[0]


def dropout(x: Tensor, p: float, generator: torch.Generator | None = None) -> Tensor:
    """Zero with probability p, the rest scaled so that the mean stays: ``F.dropout`` in training, but faster.

    torch's own draws a 53-bit number a value on a processor, which is an eighth of a small network's whole step.
    Here a value takes 16 random bits of the generator, by default torch's own, so the probability to keep is a multiple
    of 1/65536; the scale is exactly its inverse. Compiled, exported or on a GPU, ``F.dropout`` is used.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> dropout(torch.ones(6), 0.5)
        tensor([2., 2., 0., 2., 2., 2.])
    """
    kept = round((1 - p) * 65536)
    if kept == 65536:
        return x
    if x.device.type != "cpu" or torch.compiler.is_compiling():
        return F.dropout(x, p, training=True)
    mask = torch.empty_like(x)
    words = torch.empty(-(-mask.numel() // 4), dtype=torch.int64).random_(-(2**63), None, generator=generator)
    # A tensor of empty_like is dense in some order of its dimensions, so its strides fit a flat run of numbers.
    numbers = words.view(torch.int16).as_strided(mask.shape, mask.stride())
    torch.lt(numbers, kept - 32768, out=mask)
    return x * mask.mul_(65536 / kept)
