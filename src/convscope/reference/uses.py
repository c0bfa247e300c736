"""Where a number is used: who reads a unit, what a weight moves, and how each derivative is computed.

The transpose of :mod:`convscope.reference.walk`, which goes from a unit to what it reads. A normalisation by the
batch's statistics reads across examples, so a use carries its example.
"""

from __future__ import annotations

import numpy as np

from convscope import ops
from convscope.ops.arrays import Operands
from convscope.ops.step import Step
from convscope.ops.uses import (
    STEPS,
    USES,
    WEIGHT_STEPS,
    WEIGHT_USES,
    Index,
    Place,
    Uses,
    everywhere,
    own_places,
)


def uses_of_unit(op: ops.Op, given: Operands, operand: int, example: int, index: Index) -> Uses:
    """The units of an operation's output that read one unit of its input.

    Args:
        op: the operation.
        given: its operands, with the batch, in any precision; ``training`` says by which statistics batch norm goes.
        operand: which of its inputs the unit is of.
        example: which of the batch.
        index: the unit's place there, ``(C, *spatial)`` or ``(features,)``.

    Returns:
        A row a unit that reads it, those included that do not move with it (the losers of a maximum).

    Example:
        >>> given = Operands([np.zeros((1, 1, 3))], {"weight": np.array([[[10.0, 1.0]]])}, {}, False)
        >>> uses = uses_of_unit(ops.Conv(1, 2, bias=False), given, 0, 0, (0, 1))
        >>> uses.index_NR.tolist(), uses.factor_N
        ([[0, 1], [0, 0]], array([10.,  1.]))
    """
    return USES.of(type(op))(op, given, operand, example, index)


def uses_of_weight(op: ops.Op, given: Operands, name: str, index: Index) -> Uses:
    """The units of an operation's output that one of its weights or biases moves, in all examples.

    Args:
        op: the operation.
        given: its operands, with the batch, in any precision.
        name: ``"weight"`` or ``"bias"``.
        index: the number's place in that tensor.

    Returns:
        A row a use; the factor is the value that the weight met (0 in the padding), or 1 for a bias.

    Example:
        >>> given = Operands([np.array([[[1.0, 2.0, 3.0]]])], {"weight": np.ones((1, 1, 2))}, {}, False)
        >>> uses = uses_of_weight(ops.Conv(1, 2, bias=False), given, "weight", (0, 0, 1))
        >>> uses.index_NR.tolist(), uses.factor_N, uses.at_NS.tolist()
        ([[0, 0], [0, 1]], array([2., 3.]), [[0, 1], [0, 2]])
    """
    if name not in given.parameters:
        raise KeyError(f"{op.word} has no {name}")
    return _bias(op, given, index) if name == "bias" else WEIGHT_USES.of(type(op))(op, given, index)


def _bias(op: ops.Op, given: Operands, index: Index) -> Uses:
    example_N, index_NR = everywhere(len(given.x), own_places(index, op.shape(given.shapes)))
    return Uses(example_N, index_NR, np.ones(len(index_NR)), "copy")


def steps_of_unit(op: ops.Op, given: Operands, operand: int, read: Place, reader: Place) -> tuple[Step, ...]:
    """How the derivative of a unit by one that it reads is computed.

    Args:
        op: the operation.
        given: its operands, with the batch.
        operand: which of its inputs the unit that is read is of.
        read: the unit that is read, ``(example, *index)`` in that input.
        reader: the unit that reads it, ``(example, *index)`` in the output.

    Returns:
        Steps, the last of which gives the derivative; none where it is a weight or 1.

    Example:
        >>> given = Operands([np.array([[0.0]])], {}, {}, False)
        >>> [(s.name, s.symbols(), s.value) for s in steps_of_unit(ops.Sigmoid(), given, 0, (0, 0), (0, 0))]
        [('sigmoid', '1 / (1 + exp(-x))', 0.5), ('slope', 'sigmoid * (1 - sigmoid)', 0.25)]
    """
    return STEPS.of(type(op))(op, given, operand, read, reader)


def steps_of_weight(op: ops.Op, given: Operands, name: str, reader: Place) -> tuple[Step, ...]:
    """How the derivative of a unit by one of its weights is computed: of a normalisation, the standardised value."""
    return () if name == "bias" else WEIGHT_STEPS.of(type(op))(op, given, reader)
