"""How a person calculates it by hand."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from convscope.ops.calculate import (
    CALCULATE,
    Given,
    Prepared,
    Use,
    arguments_of,
    pointwise,
    rank_of,
    signal,
)
from convscope.ops.shape.spec import ChannelShuffle, ChannelSplit, Flatten, Identity, Pad, PadChannels
from convscope.ops.shape_rules import ShapeRule, dimension_names
from convscope.ops.spec import OPERATIONS, Shape, build
from convscope.ops.step import Operand, Step


def make_flatten(given: Given) -> Prepared:
    """All values in one vector."""
    return Prepared(Flatten(), [signal(given.first)])


def flatten_rules(op: Flatten, shapes: Sequence[Shape]) -> tuple[ShapeRule, ...]:
    """The product of all dimensions."""
    names = dimension_names(len(shapes[0]) - 1)
    sides = ("channels", *names) if len(shapes[0]) > 1 else ("features",)
    operands = tuple(Operand(name, float(n)) for name, n in zip(sides, shapes[0], strict=True))
    form = " * ".join(f"{{{at}}}" for at in range(len(operands)))
    return (ShapeRule(Step("features", form, operands, float(prod(shapes[0])))),)


def make_pad_channels(given: Given) -> Prepared:
    """Channels of zeros around."""
    return Prepared(build(PadChannels, (), arguments_of(given, "before", "after")), [signal(given.first)])


CALCULATE.enter(Flatten)(Use("INPUT", make_flatten, (), "flatten '1 2 3 / 0 1 5 / 1 0 2'", rules=flatten_rules))
CALCULATE.enter(Identity)(Use("INPUT", pointwise, (), "identity '1 2 3'"))
CALCULATE.enter(PadChannels)(
    Use("INPUT", make_pad_channels, ("before", "after"), "padchannels '1 2 | 3 4' --before 1 --after 0")
)


def make_pad(given: Given) -> Prepared:
    """Zeros around."""
    arguments = arguments_of(given, "before", "after")
    rank = rank_of(given, given.values, *arguments.values())
    return Prepared(build(Pad, (), arguments), [given.first[:, 0] if rank == 1 else given.first])


def make_channels(given: Given) -> Prepared:
    """Channels moved or taken."""
    return Prepared(build(OPERATIONS[given.word], (), arguments_of(given, *given.options)), [signal(given.first)])


CALCULATE.enter(Pad)(Use("INPUT", make_pad, ("before", "after", "dimensions"), "pad '1 2 / 3 4' --before 0 --after 1"))
CALCULATE.enter(ChannelSplit)(
    Use("INPUT", make_channels, ("start", "end"), "channelsplit '1 2 | 3 4 | 5 6' --start 1 --end 3")
)
CALCULATE.enter(ChannelShuffle)(
    Use("INPUT", make_channels, ("groups",), "channelshuffle '1 2 | 3 4 | 5 6 | 7 8' --groups 2")
)
