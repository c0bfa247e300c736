"""Root mean square normalisation in torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.nn import functional as F  # noqa: N812  the name by which everyone knows it

from convscope.ops.normalisation.rms.spec import RMSNorm
from convscope.ops.tensors import COMPUTE, Compute, Place


@COMPUTE.enter(RMSNorm)
def _rms_norm(op: RMSNorm, node: Place) -> Compute:
    shape, eps = list(node.input_shapes[0]), op.eps

    def over(x: Tensor, sizes: list[int], part: Any) -> Tensor:
        # torch wants both in one precision, which they are not where only the activations are bfloat16.
        return F.rms_norm(x, sizes, None if part.weight is None else part.weight.to(x.dtype), eps)

    def over_channels(part: Any, inputs: Sequence[Tensor]) -> Tensor:
        # torch normalises the last dimensions, so the channels are moved there; with channels_last they are already.
        return over(inputs[0].movedim(1, -1), shape[:1], part).movedim(-1, 1)

    if op.over == "all" or len(shape) == 1:
        return lambda part, inputs: over(inputs[0], shape, part)
    return over_channels
