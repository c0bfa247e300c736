"""What every operation must state of itself: its traits, none of which has a default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Reads = Literal["element", "place", "window", "channels", "everything", "box"]
"""What of an operand one value of the output reads:

- ``element``: the value at its own place and channel (a dimension of 1 is stretched).
- ``place``: several channels at its own place.
- ``window``: what lies under :meth:`~convscope.ops.spec.Op.window` at its place.
- ``channels``: one or several whole channels.
- ``everything``: the whole operand.
- ``box``: what :meth:`~convscope.ops.spec.Op.box` says.
"""

Monotone = Literal["no", "rounded", "exact"]
"""Whether a larger input never gives a smaller output; ``exact`` where it is computed without rounding, so that it and
a maximum give the same bits in either order, gradients included."""

Linearity = Literal["none", "channel", "affine"]
"""Whether the output is an affine function of the operands, in evaluation; ``channel``: by two numbers a channel."""

Nonlinearity = Literal["none", "rectifier", "saturating", "other"]
"""What first weights are drawn for: ``rectifier`` passes about half of what it gets, ``saturating`` flattens at both
ends, ``other`` is neither, ``none`` is no activation."""

Keeps = tuple[Literal["input", "output", "mask", "indices", "value", "partial"], ...]
"""What a training step keeps for the backward pass: its operands, the output, a mask of a value an output element,
indices of eight bytes an output element, a further value an output element, and ``partial``: a result on the way for
every operand after the second."""

Aliases = Literal["never", "always", "evaluation", "vector"]
"""When the output is the operand's own memory: ``evaluation`` where nothing is trained, ``vector`` where a flat layout
is the layout already, of an operation that lays its operand out flat and does nothing else."""

Gradient = Literal["made", "passed"]
"""Whether the gradient of the input is a new tensor, or the output's own, passed on; of an operand that a merge
stretches it is a new one, summed."""

Pools = Literal["no", "maximum", "mean"]
"""Whether each channel's values are gathered by their maximum or their mean."""


@dataclass(frozen=True, kw_only=True)
class Traits:
    """What an operation states of itself; every one of these, none has a default.

    Args:
        reads: what of an operand one value of the output depends on, in evaluation.
        monotone, linearity: as a function of its operands, in evaluation.
        nonlinearity: what the weights before it are drawn for.
        keeps: what a training step must keep of it for the backward pass.
        aliases: when its output is its operand's memory.
        gradient: whether its operand's gradient is new memory.
        pools: whether it gathers each channel's values.
        product: whether it multiplies its input by a weight matrix or kernels: what autocast casts and schemes of
            initialisation draw.
        overwritable: whether what follows may overwrite its output, as new memory that its own backward pass does
            not read.
        precise: whether it computes in float32 at least, whatever the network's precision: statistics, powers,
            exponentials.
        random: whether it draws numbers in training.

    Raises:
        TypeError: one is left out.

    Example:
        >>> Traits(reads="element", monotone="exact")
        Traceback (most recent call last):
        TypeError: Traits.__init__() missing 10 required keyword-only arguments: 'linearity', 'nonlinearity', ...
    """

    reads: Reads
    monotone: Monotone
    linearity: Linearity
    nonlinearity: Nonlinearity
    keeps: Keeps
    aliases: Aliases
    gradient: Gradient
    pools: Pools
    product: bool
    overwritable: bool
    precise: bool
    random: bool
