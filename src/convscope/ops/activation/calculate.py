"""How a person calculates it by hand."""

from __future__ import annotations

import dataclasses

from convscope.ops.activation.spec import Activation, LogSoftmax
from convscope.ops.calculate import CALCULATE, Given, Prepared, Use, arguments_of, flat, pointwise
from convscope.ops.spec import OPERATIONS, build


def _activation(given: Given) -> Prepared:
    cls = OPERATIONS[given.word]
    named = arguments_of(given, *(entry.name for entry in dataclasses.fields(cls)))
    return Prepared(build(cls, (), named), [flat(given.first)])


def use_of(cls: type[Activation]) -> Use:
    """An activation's own: its arguments are its options."""
    names = tuple(entry.name for entry in dataclasses.fields(cls))
    return Use("INPUT", _activation, names, f"{cls.word} '-2 -1 0 1 2'")


CALCULATE.enter_for(Activation)(use_of)
CALCULATE.enter(LogSoftmax)(Use("INPUT", pointwise, (), "logsoftmax '2 1 0.1'"))
