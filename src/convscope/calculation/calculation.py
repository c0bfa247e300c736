"""One operation on numbers at hand: its output, the rule of its shape, any of its outputs opened, gradients; no torch.

What the command ``calc`` shows: the values are a person's own, so every number can be checked by hand. The functions
that are no layer of a network (odds, losses, ...) are operations too, see :mod:`convscope.calculation.functions`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

from convscope import ops
from convscope.calculation.im2col import Columns, Indices, unfold
from convscope.ops import Misfit, Shape, Window, spell_shape
from convscope.ops.arrays import Gradients
from convscope.ops.calculate import CALCULATE, Use, Values
from convscope.ops.shape_rules import ShapeRule
from convscope.ops.step import Operand, Step
from convscope.ops.walk import Walk
from convscope.reference.backward import backward
from convscope.reference.forward import forward
from convscope.reference.walk import walk

MOST_IN_COLUMNS = 50_000_000
"""Values in an unfolded matrix: beyond, the memory of a small machine ends."""


@dataclass(frozen=True, eq=False)
class Calculation:
    """One operation with its operands and what it gives, in float64.

    Args:
        op: the operation, or a function such as the odds.
        inputs: ``(C, *spatial)`` or ``(features,)`` each, without a batch.
        parameters: the trained tensors by name, in the shapes of ``op.parameters``.
        buffers: the kept ones.
        output: what it gives, in the shape ``op.shape``.
        before: steps that gave a buffer its numbers: mean and variance of batch normalisation in training.
        read: how the operands were read, where there is a choice of layouts: ``"kernel 3x3x2x4 (height, width, in,
            out)"``.
        after: steps from the outputs to one number: the mean of the losses.

    Example:
        >>> picture = np.array([[[1.0, 2, 3], [0, 1, 5], [1, 0, 2]]])
        >>> kernel = np.array([[[[1.0, 0, 1], [0, 1, 0], [1, 0, 1]]]])
        >>> done = calculate(ops.Conv(1, 3, bias=False), [picture], {"weight": kernel})
        >>> done.output, done.walk((0, 0, 0)).value, done.macs
        (array([[[8.]]]), 8.0, 9)
        >>> [rule.step.symbols() for rule in done.rules][:1]
        ['floor((rows + 2*padding - dilation*(kernel - 1) - 1) / stride) + 1']
    """

    op: ops.Op
    inputs: tuple[Values, ...]
    parameters: Mapping[str, Values]
    buffers: Mapping[str, Values]
    output: Values
    before: tuple[Step, ...] = ()
    after: tuple[Step, ...] = ()
    read: tuple[str, ...] = ()

    @property
    def use(self) -> Use:
        """How it is calculated, and what of it is shown."""
        return CALCULATE.of(type(self.op))

    @property
    def shapes(self) -> list[Shape]:
        """The inputs' shapes."""
        return [value.shape for value in self.inputs]

    @cached_property
    def window(self) -> Window | None:
        """What slides over the input, in numbers; None where nothing does."""
        return self.op.window(self.shapes)

    @cached_property
    def rules(self) -> tuple[ShapeRule, ...]:
        """Why the output's dimensions are as long as they are; empty where the shape is the input's."""
        return self.use.rules(self.op, self.shapes)

    @property
    def macs(self) -> int:
        """Multiply-adds."""
        return self.op.macs(self.shapes)

    @property
    def weights(self) -> int:
        """Trained numbers without the biases."""
        return sum(value.size for name, value in self.parameters.items() if name != "bias")

    @property
    def biases(self) -> int:
        """Biases."""
        return self.parameters["bias"].size if "bias" in self.parameters else 0

    @property
    def indices(self) -> Iterator[tuple[int, ...]]:
        """The places of the output in the order in which the window takes them: filter by filter, row by row."""
        return np.ndindex(*self.output.shape)

    def walk(self, index: tuple[int, ...]) -> Walk:
        """One output opened into terms and steps.

        Raises:
            IndexError: the output has no such place.
        """
        if len(index) != self.output.ndim or not all(
            0 <= place < n for place, n in zip(index, self.output.shape, strict=True)
        ):
            raise IndexError(f"{index} is not in an output of {spell_shape(self.output.shape)}")
        return walk(self.op, self.inputs, self.parameters, self.buffers, index)

    def walks(self) -> Iterator[Walk]:
        """Every output opened, in the order of :attr:`indices`."""
        return (self.walk(index) for index in self.indices)

    def winners(self) -> Indices | None:
        """Of a maximum: where in the input each output was found, as ``return_indices`` of ``torch.nn.MaxPool2d``.

        Returns:
            ``(C, *places)``: places counted through row by row within the channel; None of other operations.
        """
        found = self.use.winners
        return None if found is None else found(self.op, self.inputs[0])

    @property
    def is_matrix(self) -> bool:
        """Whether the output is the unfolded windows themselves."""
        return self.use.unfolds and "weight" not in self.parameters

    @cached_property
    def columns(self) -> Columns | None:
        """The windows unfolded into a matrix; None where nothing slides or the sum is no product."""
        return unfold(self.op, self.inputs[0], self.parameters.get("weight")) if self.use.unfolds else None


def calculate(
    op: ops.Op,
    inputs: Sequence[Values],
    parameters: Mapping[str, Values] | None = None,
    buffers: Mapping[str, Values] | None = None,
    before: Sequence[Step] = (),
) -> Calculation:
    """Apply an operation to numbers.

    Args:
        op: the operation, or a function of :mod:`convscope.calculation.functions`.
        inputs: ``(C, *spatial)`` or ``(features,)`` each.
        parameters: the trained tensors by name.
        buffers: the kept ones.
        before: how the buffers came about, if that is to be shown.

    Raises:
        Misfit: shapes that do not fit one another.
    """
    values = tuple(np.asarray(value, np.float64) for value in inputs)
    shapes = [value.shape for value in values]
    op.shape(shapes)
    window = op.window(shapes)
    if window is not None:
        cells = shapes[0][0] * prod(window.kernel) * prod(op.shape(shapes)[1:])
        if cells > MOST_IN_COLUMNS:
            raise Misfit(f"{cells:,} values under all windows", f"at most {MOST_IN_COLUMNS:,}", "a smaller input")
    given = {name: np.asarray(value, np.float64) for name, value in (parameters or {}).items()}
    kept = {name: np.asarray(value, np.float64) for name, value in (buffers or {}).items()}
    for what, tensors, needed in (("parameter", given, op.parameters(shapes)), ("buffer", kept, op.buffers(shapes))):
        for name, shape in needed.items():
            if name not in tensors:
                raise Misfit(f"{op.word} lacks its {what} {name}", f"{name} of {spell_shape(shape)}", argument=name)
            if tensors[name].shape != shape:
                got = spell_shape(tensors[name].shape)
                raise Misfit(f"{name} of {got}", f"{name} of {spell_shape(shape)}", argument=name)
    output = compute(op, values, given, kept)
    after = (_mean_loss(output),) if CALCULATE.of(type(op)).losses and output.size > 1 else ()
    return Calculation(op, values, given, kept, output, tuple(before), after)


def compute(
    op: ops.Op, inputs: Sequence[Values], parameters: Mapping[str, Values], buffers: Mapping[str, Values]
) -> Values:
    """An operation's output in float64, of inputs without a batch."""
    batches = [value[None] for value in inputs]
    return np.asarray(forward(op, batches, parameters, buffers)[0], np.float64)


def _mean_loss(losses: Values) -> Step:
    """What training would make of several examples' losses."""
    operands = (Operand("sum of the losses", float(losses.sum())), Operand("examples", float(losses.size)))
    return Step("mean", "{0} / {1}", operands, float(losses.mean()))


# Gradients


def default_gradient(calculation: Calculation) -> Values:
    """What the loss's gradient at the output is taken for where none is given.

    Ones, as if the outputs were added up; of several losses that of their mean.
    """
    if calculation.use.losses:
        return np.full(calculation.output.shape, 1 / calculation.output.size)
    return np.ones(calculation.output.shape)


def gradients(calculation: Calculation, gradient: Values | None = None) -> Gradients:
    """What a small change of each operand does to the loss.

    Args:
        calculation: the operation with its operands.
        gradient: of the loss with respect to the output, in its shape; None for :func:`default_gradient`.

    Returns:
        One an input and one a parameter, in their shapes. Labels have none: their gradient is 0.

    Raises:
        Misfit: a gradient of another shape, or a function without one.

    Example:
        >>> gradients(calculate(ops.Sigmoid(), [np.array([0.0, 4.0])])).inputs[0].round(4)
        array([0.25  , 0.0177])
    """
    outward = default_gradient(calculation) if gradient is None else np.asarray(gradient, np.float64)
    if outward.shape != calculation.output.shape:
        expected = spell_shape(calculation.output.shape)
        raise Misfit(f"a gradient of {spell_shape(outward.shape)}", f"the output's {expected}", argument="gradient")
    given = backward(
        calculation.op,
        [value[None] for value in calculation.inputs],
        calculation.parameters,
        calculation.buffers,
        outward[None],
        training=bool(calculation.before),
    )
    return Gradients(tuple(value[0] for value in given.inputs), given.parameters)
