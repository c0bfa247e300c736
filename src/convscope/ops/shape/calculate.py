"""How a person calculates it by hand."""

from __future__ import annotations

from convscope.ops.calculate import (
    CALCULATE,
    Given,
    Prepared,
    Use,
    arguments_of,
    pointwise,
    signal,
)
from convscope.ops.shape.spec import Flatten, Identity, PadChannels
from convscope.ops.spec import build


def make_flatten(given: Given) -> Prepared:
    """All values in one vector."""
    return Prepared(Flatten(), [signal(given.first)])


def make_pad_channels(given: Given) -> Prepared:
    """Channels of zeros around."""
    return Prepared(build(PadChannels, (), arguments_of(given, "before", "after")), [signal(given.first)])


CALCULATE.enter(Flatten)(Use("INPUT", make_flatten, (), "flatten '1 2 3 / 0 1 5 / 1 0 2'"))
CALCULATE.enter(Identity)(Use("INPUT", pointwise, (), "identity '1 2 3'"))
CALCULATE.enter(PadChannels)(
    Use("INPUT", make_pad_channels, ("before", "after"), "padchannels '1 2 | 3 4' --before 1 --after 0")
)
