"""Where a number was used in an operation, and the derivative of each use: what a gradient is put together from.

A weight is used at every place that its kernel takes and in every example; a unit by every unit that reads it. It
needs numpy, so that the operations' own specifications do not import it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from convscope.ops.walk import Indices, Vector

Factor = Literal["value", "weight", "slope", "share", "winner", "standardised", "others", "mask", "copy"]
"""What a derivative is: a value that the weight met, a weight that the unit met, the slope of a function, the share
in a mean, 1 for the winner of a maximum and 0 for the others, a standardised value, the product of the other
branches, a dropout's mask, or 1 of what is passed on or added."""


@dataclass(frozen=True, eq=False)
class Uses:
    """All uses of one number in an operation, one row a use.

    Args:
        example_N: in which example of the batch.
        index_NR: which unit of the operation's output.
        factor_N: the derivative of that unit with respect to the number.
        kind: what the derivative is.
        at_NS: where the factor stands, if it is a value (in the first input; -1 for a zero of the padding) or a
            weight (in the node's weight); None if it is computed.
        size_N: the size of what is added up in the factor: an engine's rounding is measured by it.
    """

    example_N: Indices
    index_NR: Indices
    factor_N: Vector
    kind: Factor
    at_NS: Indices | None = None
    size_N: Vector | None = None

    def __len__(self) -> int:
        return len(self.factor_N)
