"""What a function outside a network is: an operation that no graph holds, calculated and opened like one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from convscope.ops import Op
from convscope.ops.opening import UnitOperands, finish
from convscope.ops.spec import no_products
from convscope.ops.step import Step
from convscope.ops.terms import Terms
from convscope.ops.walk import Combine, Walk


class Function(Op):
    """What is no layer of a network: no graph holds it, so it states no traits.

    Each is one room as an operation is: its class, and beside it the same facets, of which those of the engine, of
    source and of gradients opened are never asked. They see a batch of one.
    """

    macs = no_products


def opened(op: Op, given: UnitOperands, terms: Terms, steps: Sequence[Step], combine: Combine = "value") -> Walk:
    """The walk of a function's output; what is added up on the way is as large as terms and steps together."""
    scale = float(np.abs(terms.result_N).sum()) + sum(abs(step.value) for step in steps)
    return finish(op, given, terms, combine, steps, scale)
