"""What ``convscope calc`` makes of the operands of functions that are no operation of a network, and of dropout."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from convscope import ops
from convscope.calculation.functions import (
    BinaryCrossEntropy,
    CrossEntropy,
    DropoutDrawn,
    Im2col,
    Logit,
    Odds,
    OneHot,
    RowSoftmax,
)
from convscope.errors import UserError
from convscope.ops import Misfit, build
from convscope.ops.calculate import Given, Prepared, Use, arguments_of, channels_of, flat, rank_of
from convscope.ops.convolution.calculate import make_conv
from convscope.seeds import stream_seed


def make_im2col(given: Given) -> Prepared:
    """The windows as a matrix: of a convolution where kernels are given, else of a window's size."""
    if len(given.values) > 1:
        return make_conv(given)
    arguments = arguments_of(given, "kernel_size", "stride", "padding", "dilation")
    if "kernel_size" not in arguments:
        raise Misfit("neither a kernel nor its size")
    for name in ("groups", "bias"):
        if name in given.options:
            raise UserError(given.where, f"--{name} without a kernel", "a kernel behind the input")
    rank = rank_of(given, given.values, *arguments.values())
    return Prepared(build(Im2col, (), arguments), [given.first[:, 0] if rank == 1 else given.first])


def make_function(op: ops.Op) -> Callable[[Given], Prepared]:
    """A function of each value that has no arguments."""
    return lambda given: Prepared(op, [flat(given.first)])


def make_softmax(given: Given) -> Prepared:
    """Over a row, or over the channels of a picture."""
    image = given.first
    if len(image) == 1 and image.shape[1] > 1:
        return Prepared(RowSoftmax(), [image[0]])
    return Prepared(ops.Softmax(), [flat(image)])


def make_dropout(given: Given) -> Prepared:
    """In training, with a mask drawn from the seed."""
    image = flat(given.first)
    op = build(DropoutDrawn, (), arguments_of(given, "p"))
    assert isinstance(op, DropoutDrawn)
    numbers = np.random.default_rng(stream_seed(int(given.options.get("seed", 0)), "calc dropout"))
    mask = (numbers.random(image.shape) >= op.p).astype(np.float64)
    return Prepared(op, [image], {}, {"mask": mask})


def make_cross_entropy(given: Given) -> Prepared:
    """Scores, a row an example, and labels."""
    scores, labels = given.values
    if len(scores) > 1:
        raise UserError("scores", channels_of(len(scores)), "a row an example, a column a class")
    return Prepared(CrossEntropy(), [scores[0], labels.reshape(-1)])


def make_binary_cross_entropy(given: Given) -> Prepared:
    """Probabilities or logits, and labels."""
    op = BinaryCrossEntropy(logits=bool(given.options.get("logits", False)))
    return Prepared(op, [values.reshape(-1) for values in given.values])


def make_one_hot(given: Given) -> Prepared:
    """Labels as rows."""
    labels = given.first.reshape(-1)
    classes = int(given.options.get("classes") or max(labels.max(), 0) + 1)
    if classes * labels.size > 10_000_000:
        raise UserError(given.where, f"{labels.size:,} labels of {classes:,} classes", "fewer of them")
    return Prepared(OneHot(classes), [labels])


_PICTURE = "'1 2 3 / 0 1 5 / 1 0 2'"
_WINDOW = ("stride", "padding", "dilation", "dimensions", "groups", "bias", "kernel_size")

FUNCTIONS = {
    "im2col": Use(
        "INPUT [KERNEL...]", make_im2col, _WINDOW, f"im2col {_PICTURE} --kernel-size 2", 1, 10_000, ("input", "kernel")
    ),
    "softmax": Use("INPUT", make_softmax, (), "softmax '2 1 0.1'"),
    "odds": Use("PROBABILITIES", make_function(Odds()), (), "odds '0.5 0.8'", operands=("probabilities",)),
    "logit": Use("PROBABILITIES", make_function(Logit()), (), "logit '0.5 0.8'", operands=("probabilities",)),
    "crossentropy": Use(
        "SCORES LABELS", make_cross_entropy, (), "crossentropy '2 1 0.1' 0", 2, 2, ("scores", "labels")
    ),
    "bce": Use(
        "PROBABILITIES LABELS",
        make_binary_cross_entropy,
        ("logits",),
        "bce '0.9 0.2' '1 0'",
        2,
        2,
        ("probabilities", "labels"),
    ),
    "onehot": Use("LABELS", make_one_hot, ("classes",), "onehot '0 2 1' --classes 3", operands=("labels",)),
    "dropout": Use("INPUT", make_dropout, ("p", "seed"), "dropout '1 2 3 4' --p 0.5"),
}
"""Functions without a place in a network, softmax of rows, and dropout as it is in training, by their words."""
