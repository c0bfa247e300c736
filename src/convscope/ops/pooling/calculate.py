"""How a person calculates it by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from convscope.ops.calculate import (
    CALCULATE,
    Given,
    Prepared,
    Use,
    Values,
    arguments_of,
    rank_of,
    signal,
)
from convscope.ops.pooling.reference import adaptive_windows, winners
from convscope.ops.pooling.spec import AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool
from convscope.ops.shape_rules import ShapeRule, dimension_names
from convscope.ops.spec import OPERATIONS, Misfit, Op, Shape, build
from convscope.ops.step import Operand, Step
from convscope.ops.windows import windows


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


def own_channel(op: Op, shapes: Sequence[Shape], out: int) -> Sequence[int]:
    """A window of pooling covers its own channel."""
    return [out]


def output_size_rules(op: Op, shapes: Sequence[Shape]) -> tuple[ShapeRule, ...]:
    """The output's size is what is asked for."""
    pairs = zip(dimension_names(len(shapes[0]) - 1), op.shape(shapes)[1:], strict=True)
    return tuple(ShapeRule(Step(name, "{0}", (Operand("output_size", float(n)),), float(n))) for name, n in pairs)


def _numbered(image: Values) -> Values:
    """The places of one channel, counted through row by row, ``(1, 1, *places)``."""
    return np.arange(float(prod(image.shape[1:]))).reshape(1, 1, *image.shape[1:])


def max_pool_winners(op: MaxPool, image: Values) -> NDArray[np.int64]:
    """Where each maximum of a sliding window was found, as ``return_indices`` of ``torch.nn.MaxPool2d``.

    Args:
        op: the pooling.
        image: ``(C, *spatial)``.

    Returns:
        ``(C, *places)``.
    """
    window, shape = op.window([image.shape]), op.shape([image.shape])
    numbers = windows(_numbered(image), window, -1.0, op.ceil_mode)[0].reshape(1, *shape[1:], -1)
    won = winners(image[None], window, op.ceil_mode)[0][..., None]
    every = np.broadcast_to(numbers, (*shape, numbers.shape[-1]))
    return np.take_along_axis(every, won, -1)[..., 0].astype(np.int64)


def box_winners(op: Op, image: Values) -> NDArray[np.int64]:
    """Where each maximum of adaptive or global pooling was found; see :func:`max_pool_winners`."""
    places, shape = _numbered(image), op.shape([image.shape])
    found = np.zeros(shape, np.int64)
    bands = [adaptive_windows(n, k) for n, k in zip(image.shape[1:], shape[1:], strict=True)]
    for place in np.ndindex(*shape[1:]):
        box = tuple(band[at] for band, at in zip(bands, place, strict=True))
        won = image[(slice(None), *box)].reshape(len(image), -1).argmax(axis=1)
        found[(slice(None), *place)] = places[(0, 0, *box)].reshape(-1)[won]
    return found


CALCULATE.enter(MaxPool)(
    Use(
        "INPUT SIZE",
        make_pool,
        ("stride", "padding", "dilation", "dimensions", "kernel_size", "ceil_mode", "return_indices"),
        "maxpool '1 1 2 3 / 4 6 6 8' 2",
        1,
        2,
        covers=own_channel,
        winners=max_pool_winners,
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
        covers=own_channel,
    )
)
for _adaptive, _winners in ((AdaptiveAvgPool, None), (AdaptiveMaxPool, box_winners)):
    CALCULATE.enter(_adaptive)(
        Use(
            "INPUT SIZE",
            make_pool,
            ("output_size", "dimensions"),
            f"{_adaptive.word} '1 2 3 / 0 1 5 / 1 0 2' 2",
            1,
            2,
            rules=output_size_rules,
            winners=_winners,
        )
    )
CALCULATE.enter(GlobalAvgPool)(Use("INPUT", make_global_pool, (), "globalavgpool '1 2 3 / 0 1 5 / 1 0 2'"))
CALCULATE.enter(GlobalMaxPool)(
    Use("INPUT", make_global_pool, (), "globalmaxpool '1 2 3 / 0 1 5 / 1 0 2'", winners=box_winners)
)
