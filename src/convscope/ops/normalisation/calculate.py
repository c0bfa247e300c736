"""How a person calculates it by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from convscope.errors import UserError
from convscope.ops.calculate import (
    CALCULATE,
    Given,
    Prepared,
    Use,
    Values,
    arguments_of,
    flat,
    signal,
    tensors_of,
    weight_and_bias,
)
from convscope.ops.normalisation.spec import BatchNorm, GroupNorm, LayerNorm, LocalResponseNorm, Scale
from convscope.ops.spec import build
from convscope.ops.step import Operand, Step


def batch_statistics(image: Values) -> tuple[Mapping[str, Values], tuple[Step, ...]]:
    """Mean and variance of each channel, as batch normalisation in training takes them of its batch, and the steps.

    Args:
        image: ``(C, *spatial)``, all of the batch.

    Returns:
        ``running_mean`` and ``running_var``, ``(C,)`` each; the variance is over the count, not one less.

    Example:
        >>> buffers, steps = batch_statistics(np.array([[1.0, 2, 3, 6]]))
        >>> buffers["running_mean"], buffers["running_var"], [step.name for step in steps]
        (array([3.]), array([3.5]), ['mean', 'variance'])
    """
    flat_CN = image.reshape(len(image), -1)
    steps = []
    for channel, values in enumerate(flat_CN):
        of = f" of channel {channel}" if len(flat_CN) > 1 else ""
        count = Operand("count", float(values.size))
        mean, squares = float(values.mean()), float(np.square(values - values.mean()).sum())
        total = Operand("sum", float(values.sum()))
        steps.append(Step("mean" + of, "{0} / {1}", (total, count), mean))
        spread = Operand("sum of squared differences", squares)
        steps.append(Step("variance" + of, "{0} / {1}", (spread, count), squares / values.size))
    return {"running_mean": flat_CN.mean(axis=1), "running_var": flat_CN.var(axis=1)}, tuple(steps)


def make_batch_norm(given: Given) -> Prepared:
    """By given statistics, or by the input's own as in training."""
    image = given.first
    buffers = tensors_of(given, "running_mean", "running_var")
    sizes = {value.size for value in buffers.values()}
    features = image.shape[:2] == (1, 1) and bool(sizes) and sizes != {1}
    image = image[0, 0] if features else signal(image)
    steps: Sequence[Any] = ()
    if len(buffers) == 1:
        expected = "both, or neither for the statistics of the input itself"
        raise UserError(given.where, f"--{next(iter(buffers)).replace('_', '-')} alone", expected)
    if not buffers:
        buffers, steps = batch_statistics(image)  # type: ignore[assignment]
    elif (buffers["running_var"] < 0).any():
        raise UserError("--running-var", "a negative variance", "variances of at least 0")
    tensors = weight_and_bias(given, image.shape[:1])
    op = build(BatchNorm, (), {**arguments_of(given, "eps"), "affine": bool(tensors)})
    return Prepared(op, [image], tensors, buffers, steps)


def make_layer_norm(given: Given) -> Prepared:
    """Over all values, or over the channels at each place."""
    image, arguments = flat(given.first), {"over": "all", **arguments_of(given, "eps", "over")}
    tensors = weight_and_bias(given, image.shape if arguments["over"] == "all" else image.shape[:1])
    return Prepared(build(LayerNorm, (), {**arguments, "affine": bool(tensors)}), [image], tensors)


def make_group_norm(given: Given) -> Prepared:
    """Over groups of channels."""
    image, arguments = flat(given.first), arguments_of(given, "num_groups", "eps")
    tensors = weight_and_bias(given, image.shape[:1])
    return Prepared(build(GroupNorm, (), {**arguments, "affine": bool(tensors)}), [image], tensors)


def make_local_response_norm(given: Given) -> Prepared:
    """Over neighbouring channels."""
    arguments = arguments_of(given, "size", "alpha", "beta", "k")
    return Prepared(build(LocalResponseNorm, (), arguments), [signal(given.first)])


def make_scale(given: Given) -> Prepared:
    """A number a channel."""
    image, tensors = signal(given.first), tensors_of(given, "weight", "bias")
    return Prepared(build(Scale, (), {"bias": "bias" in tensors}), [image], tensors)


CALCULATE.enter(BatchNorm)(
    Use("INPUT", make_batch_norm, ("running_mean", "running_var", "weight", "bias", "eps"), "batchnorm '1 2 3 6'")
)
CALCULATE.enter(LayerNorm)(Use("INPUT", make_layer_norm, ("weight", "bias", "eps", "over"), "layernorm '1 2 3 6'"))
CALCULATE.enter(GroupNorm)(
    Use("INPUT", make_group_norm, ("num_groups", "weight", "bias", "eps"), "groupnorm '1 2 | 3 6' --num-groups 2")
)
CALCULATE.enter(LocalResponseNorm)(
    Use(
        "INPUT",
        make_local_response_norm,
        ("size", "alpha", "beta", "k"),
        "localresponsenorm '1 2 | 3 4 | 5 6' --size 3",
    )
)
CALCULATE.enter(Scale)(Use("INPUT", make_scale, ("weight", "bias"), "scale '1 2 | 3 4' --weight '2 3'"))
