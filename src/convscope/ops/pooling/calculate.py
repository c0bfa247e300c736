"""How a person calculates it by hand."""

from __future__ import annotations

import dataclasses

from convscope.ops.calculate import (
    CALCULATE,
    Given,
    Prepared,
    Use,
    arguments_of,
    rank_of,
    signal,
)
from convscope.ops.pooling.spec import AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool
from convscope.ops.spec import OPERATIONS, Misfit, build


def make_pool(given: Given) -> Prepared:
    """A sliding or adaptive pooling."""
    cls = OPERATIONS[given.word]
    size_name = cls.positional[0]
    names = [entry.name for entry in dataclasses.fields(cls)]
    arguments = arguments_of(given, *names)
    if size_name not in arguments:
        raise Misfit("no window")
    rank = rank_of(given, given.values, *(v for v in arguments.values() if not isinstance(v, str | bool)))
    return Prepared(build(cls, (), arguments), [given.first[:, 0] if rank == 1 else given.first])


def make_global_pool(given: Given) -> Prepared:
    """One value a channel."""
    return Prepared(OPERATIONS[given.word](), [signal(given.first)])


CALCULATE.enter(MaxPool)(
    Use(
        "INPUT SIZE",
        make_pool,
        ("stride", "padding", "dilation", "dimensions", "kernel_size", "ceil_mode", "return_indices"),
        "maxpool '1 1 2 3 / 4 6 6 8' 2",
        1,
        2,
    )
)
CALCULATE.enter(AvgPool)(
    Use(
        "INPUT SIZE",
        make_pool,
        (
            "stride",
            "padding",
            "dilation",
            "dimensions",
            "kernel_size",
            "ceil_mode",
            "count_include_pad",
            "divisor_override",
        ),
        "avgpool '1 1 2 3 / 4 6 6 8' 2",
        1,
        2,
    )
)
for _cls in (AdaptiveAvgPool, AdaptiveMaxPool):
    _example = f"{_cls.word} '1 2 3 / 0 1 5 / 1 0 2' 2"
    CALCULATE.enter(_cls)(Use("INPUT SIZE", make_pool, ("output_size", "dimensions"), _example, 1, 2))
for _pool in (GlobalAvgPool, GlobalMaxPool):
    CALCULATE.enter(_pool)(Use("INPUT", make_global_pool, (), f"{_pool.word} '1 2 3 / 0 1 5 / 1 0 2'"))
