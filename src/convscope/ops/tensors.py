"""What torch computes of an operation: a function made once a node, with every choice that its shape allows taken.

Each function takes the node's tensors and the operands. It works in any memory layout and precision, on any device,
and under ``torch.compile`` and ``torch.export``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  the name by which everyone knows it

from convscope.ops.registry import Facet
from convscope.ops.spec import Misfit
from convscope.ops.spec import Place as Place

Floats = NDArray[np.float64]
Compute = Callable[[Any, Sequence[Tensor]], Tensor]
"""From a node's tensors (``.weight``, ``.bias``, ``.training`` ...) and its operands, ``(N, C, *spatial)`` or
``(N, features)``, to its output."""


COMPUTE: Facet[Callable[[Any, Place], Compute]] = Facet("function in torch", "engine")
"""``(op, place)`` to the function that computes it."""

COMPUTE_IN_PLACE: Facet[Callable[[Any, Place], Compute]] = Facet("function in torch that overwrites", "engine")
"""The same where the operand may be overwritten; an operation without it is computed as ever."""


class Seat(Protocol):
    """The place of a part of a batch among those that are computed at the same time; ``part.seat`` of a node's tensors.

    What looks at a whole batch, as batch norm does, asks the others through it.
    """

    @property
    def first(self) -> bool:
        """Whether this part comes first: the one that moves what all share."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many examples each part has."""

    def gather(self, values: Tensor, combine: Callable[[Floats], Floats]) -> Tensor:
        """``combine`` of all parts' values, float64 (P, *values), as float32: the same for all; waits for them."""


def by_rank(place: Place, name: str) -> Callable[..., Tensor]:
    """``conv2d`` for a picture, ``conv1d`` for a signal, ``conv3d`` for a volume.

    Raises:
        Misfit: torch has no such operation in so many dimensions.
    """
    rank = len(place.input_shapes[0]) - 1
    if rank > 3:
        raise Misfit(f"{place.op.word} in {rank} dimensions", "at most 3 with torch")
    return cast("Callable[..., Tensor]", getattr(F, name.format(rank)))


def pads_of(padding: tuple[tuple[int, int], ...]) -> list[int]:
    """As ``F.pad`` takes them: the last dimension first."""
    return [value for pair in reversed(padding) for value in pair]
