"""Functions that are no layer of a network, opened like one: odds, logit, losses, one-hot, im2col.

Each is an :class:`~convscope.ops.Op` outside the vocabulary of the notation, so that whatever shows an
operation shows these as well. :func:`compute` and :func:`open_unit` take them and every operation alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import singledispatch
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from convscope import ops
from convscope.ops import Misfit, Shape, Size, Window
from convscope.ops.convolution.spec import resolve_window
from convscope.ops.functions import sigmoid, softmax
from convscope.ops.opening import put_together
from convscope.ops.spec import count, flag, no_products, per_dimension, size, slide
from convscope.ops.step import Operand, Step, make_step
from convscope.ops.terms import ITSELF, Arrays, Indices, TermFunction, Terms, exponential
from convscope.ops.walk import Combine, Walk
from convscope.ops.windows import im2col
from convscope.reference import losses
from convscope.reference.forward import forward
from convscope.reference.walk import walk

Values = NDArray[np.float64]


class Function(ops.Op):
    """What is no layer of a network: no graph holds it, so it states no traits."""

    macs = no_products


class Odds(Function):
    """``p / (1 - p)``: how many times likelier than not."""

    word: ClassVar[str] = "odds"
    summary: ClassVar[str] = "p / (1 - p)"


class Logit(Function):
    """``log(p / (1 - p))``: the logarithm of the odds, whose inverse is the sigmoid."""

    word: ClassVar[str] = "logit"
    summary: ClassVar[str] = "log(p / (1 - p)), the inverse of sigmoid"


class RowSoftmax(ops.Softmax):
    """Softmax of each row of a matrix ``(N, classes)``: one row an example."""

    word: ClassVar[str] = "softmax"
    summary: ClassVar[str] = ops.Softmax.summary


class CrossEntropy(Function):
    """Minus the logarithm of the probability that softmax gives the right class, as ``torch.nn.CrossEntropyLoss``.

    The inputs are scores ``(N, classes)`` and labels ``(N,)``, in this order; the output is a loss an example.
    """

    word: ClassVar[str] = "crossentropy"
    inputs: ClassVar[Any] = "several"
    summary: ClassVar[str] = "-log(softmax(scores)[label])"

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """``(N,)``."""
        _examples(self.word, inputs, 2)
        return (inputs[0][0],)


class BinaryCrossEntropy(Function):
    """``-(y * log(p) + (1 - y) * log(1 - p))``, as ``torch.nn.BCELoss``; with ``logits`` p is the input's sigmoid.

    The inputs are ``(N,)`` each: probabilities or logits first, labels from 0 to 1 second.
    """

    word: ClassVar[str] = "bce"
    inputs: ClassVar[Any] = "several"
    summary: ClassVar[str] = "-(y * log(p) + (1 - y) * log(1 - p))"

    logits: bool = flag(False)

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """``(N,)``."""
        _examples(self.word, inputs, 1)
        return inputs[0]


def _examples(word: str, shapes: Sequence[Shape], rank: int) -> None:
    if len(shapes) != 2 or len(shapes[0]) != rank or len(shapes[1]) != 1:
        raise Misfit(f"{word} got {len(shapes)} inputs", "scores or probabilities first, labels second")
    if shapes[0][0] != shapes[1][0]:
        examples, labels = (f"{shape[0]} {what}{'s' * (shape[0] != 1)}"
                            for shape, what in zip(shapes, ("example", "label"), strict=True))  # fmt: skip
        raise Misfit(f"{examples} and {labels}", "a label for each example")


class OneHot(Function):
    """Labels ``(N,)`` as rows ``(N, classes)``: 1 in the label's column, else 0."""

    word: ClassVar[str] = "onehot"
    summary: ClassVar[str] = "1 in the label's column, else 0"

    classes: int = count(1)

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """``(N, classes)``."""
        return (inputs[0][0], self.classes)


class DropoutDrawn(ops.Dropout):
    """Dropout in training with its mask at hand: the buffer ``mask``, 1 where a value is kept."""

    word: ClassVar[str] = "dropout"
    summary: ClassVar[str] = ops.Dropout.summary

    def buffers(self, inputs: Sequence[Shape]) -> dict[str, Shape]:
        """``mask``, one a value."""
        return {"mask": inputs[0]}


class Im2col(Function):
    """The windows of a picture as the columns of a matrix, as ``torch.nn.Unfold``."""

    word: ClassVar[str] = "im2col"
    summary: ClassVar[str] = "every window a column of one matrix"
    positional: ClassVar[tuple[str, ...]] = ("kernel_size",)

    kernel_size: Size = size()
    stride: Size = size(1)
    padding: Size | str = size(0, minimum=0, words=("same", "valid"))
    dilation: Size = size(1)

    def window(self, inputs: Sequence[Shape]) -> Window:
        """The kernel with its stride, dilation and padding in numbers."""
        return resolve_window("im2col", inputs[0], self.kernel_size, self.stride, self.dilation, self.padding)

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """``(channels * kernel, places)``."""
        rows = inputs[0][0] * math.prod(per_dimension("kernel_size", self.kernel_size, inputs[0]))
        return (rows, math.prod(slide("im2col", inputs[0], self.window(inputs))))


# Values


@singledispatch
def compute(op: ops.Op, inputs: Sequence[Values], parameters: Arrays, buffers: Arrays) -> Values:
    """An operation's or a function's output; without a batch."""
    batches = [value[None] for value in inputs]
    return np.asarray(forward(op, batches, parameters, buffers)[0], np.float64)


@compute.register
def _(op: Odds, inputs: Sequence[Values], parameters: Arrays, buffers: Arrays) -> Values:
    return np.asarray(losses.odds(inputs[0]), np.float64)


@compute.register
def _(op: Logit, inputs: Sequence[Values], parameters: Arrays, buffers: Arrays) -> Values:
    return np.asarray(losses.logit(inputs[0]), np.float64)


@compute.register
def _(op: RowSoftmax, inputs: Sequence[Values], parameters: Arrays, buffers: Arrays) -> Values:
    return np.asarray(softmax(inputs[0]), np.float64)


@compute.register
def _(op: CrossEntropy, inputs: Sequence[Values], parameters: Arrays, buffers: Arrays) -> Values:
    scores, labels = inputs
    return np.asarray(losses.cross_entropy(scores, labels).each, np.float64)


@compute.register
def _(op: BinaryCrossEntropy, inputs: Sequence[Values], parameters: Arrays, buffers: Arrays) -> Values:
    function = losses.binary_cross_entropy_with_logits if op.logits else losses.binary_cross_entropy
    values, labels = inputs
    return np.asarray(function(values, labels).each, np.float64)


@compute.register
def _(op: OneHot, inputs: Sequence[Values], parameters: Arrays, buffers: Arrays) -> Values:
    return np.asarray(losses.one_hot(inputs[0].tolist(), op.classes), np.float64)


@compute.register
def _(op: DropoutDrawn, inputs: Sequence[Values], parameters: Arrays, buffers: Arrays) -> Values:
    return np.asarray(inputs[0] * buffers["mask"] / (1 - op.p), np.float64)


@compute.register
def _(op: Im2col, inputs: Sequence[Values], parameters: Arrays, buffers: Arrays) -> Values:
    return np.asarray(im2col(inputs[0][None], op.window([inputs[0].shape]))[0], np.float64)


# Units


@singledispatch
def open_unit(
    op: ops.Op, inputs: Sequence[Values], parameters: Arrays, buffers: Arrays, index: tuple[int, ...]
) -> Walk:
    """One output of an operation or a function, opened."""
    return walk(op, inputs, parameters, buffers, index)


def _walk(
    op: ops.Op,
    index: tuple[int, ...],
    values: Sequence[tuple[float, int, tuple[int, ...]]],
    steps: Sequence[Step],
    combine: Combine = "value",
    becomes: TermFunction = ITSELF,
    results: Sequence[float] | None = None,
) -> Walk:
    """A walk from terms given as (value, operand, place)."""
    value_N = np.array([value for value, _, _ in values])
    operand_N: Indices = np.array([operand for _, operand, _ in values], np.int64)
    widest = max(len(place) for _, _, place in values)
    index_NR = np.full((len(values), widest), -1, np.int64)
    for at, (_, _, place) in enumerate(values):
        index_NR[at, : len(place)] = place
    terms = Terms.of(value_N, index_NR, operand_N)
    if results is not None:
        terms = terms.becoming(becomes, np.array(results))
    combined = put_together(terms, combine)
    size_of = float(np.abs(terms.result_N).sum()) + sum(abs(step.value) for step in steps)
    return Walk(op.text(), index, terms, combine, combined, tuple(steps), size_of)


@open_unit.register
def _(op: Odds, inputs: Sequence[Values], parameters: Arrays, buffers: Arrays, index: tuple[int, ...]) -> Walk:
    p = float(inputs[0][index])
    return _walk(
        op, index, [(p, 0, index)], [make_step("odds", "{0} / (1 - {0})", float(losses.odds(inputs[0][index])), p=p)]
    )


@open_unit.register
def _(op: Logit, inputs: Sequence[Values], parameters: Arrays, buffers: Arrays, index: tuple[int, ...]) -> Walk:
    p = float(inputs[0][index])
    odds, logit = float(losses.odds(inputs[0][index])), float(losses.logit(inputs[0][index]))
    steps = [make_step("odds", "{0} / (1 - {0})", odds, p=p), make_step("logit", "log({0})", logit, odds=odds)]
    return _walk(op, index, [(p, 0, index)], steps)


@open_unit.register
def _(op: RowSoftmax, inputs: Sequence[Values], parameters: Arrays, buffers: Arrays, index: tuple[int, ...]) -> Walk:
    row, column = index
    scores = inputs[0][row]
    largest, x = float(scores.max()), float(scores[column])
    powers = np.exp(scores - largest)
    own, total = math.exp(x - largest), float(powers.sum())
    steps = [
        make_step("exponential", "exp({0} - {1})", own, x=x, largest=largest),
        make_step("value", "{0} / {1}", own / total, exponential=own, sum=total),
    ]
    values = [(float(score), 0, (row, at)) for at, score in enumerate(scores)]
    return _walk(op, index, values, steps, "sum", exponential(largest), list(powers))


@open_unit.register
def _(op: CrossEntropy, inputs: Sequence[Values], parameters: Arrays, buffers: Arrays, index: tuple[int, ...]) -> Walk:
    scores, label = inputs[0][index[0]], int(inputs[1][index[0]])
    largest, x = float(scores.max()), float(scores[label])
    powers = np.exp(scores - largest)
    total, own = float(powers.sum()), math.exp(x - largest)
    loss, probability = largest + math.log(total) - x, own / total
    steps = [
        make_step("exponential", "exp({0} - {1})", own, score_of_the_label=x, largest=largest),
        make_step("probability", "{0} / {1}", probability, exponential=own, sum=total),
    ]
    if probability > 0:
        steps.append(make_step("loss", "-log({0})", loss, probability=probability))
    else:  # too small for a number; its logarithm is not
        steps.append(make_step("loss", "{0} + log({1}) - {2}", loss, largest=largest, sum=total, score_of_the_label=x))
    values = [(float(score), 0, (index[0], at)) for at, score in enumerate(scores)]
    return _walk(op, index, values, steps, "sum", exponential(largest), list(powers))


@open_unit.register
def _(
    op: BinaryCrossEntropy, inputs: Sequence[Values], parameters: Arrays, buffers: Arrays, index: tuple[int, ...]
) -> Walk:
    x, y = float(inputs[0][index]), float(inputs[1][index])
    loss = float(compute(op, [np.array([x]), np.array([y])], {}, {})[0])
    steps, p = [], x
    if op.logits:
        p = float(sigmoid(np.array(x)))
        form = "1 / (1 + exp(-{0}))" if x >= 0 else "exp({0}) / (1 + exp({0}))"
        steps.append(make_step("probability", form, p, x=x))
    values = [(x, 0, index), (y, 1, index)]
    if op.logits and not 1e-12 < p < 1 - 1e-12:
        form = "max({0}, 0) - {0}*{1} + log(1 + exp(-abs({0})))"
        return _walk(op, index, values, [*steps, make_step("loss", form, loss, x=x, y=y)])
    # A part times 0 is left out: the logarithm of 0 may stand in it.
    if y == 1:
        form = "-log({0})" if p > math.exp(losses.LOWEST_LOG) else "100"
        last = make_step("loss", form, loss, p=p)
    elif y == 0:
        form = "-log(1 - {0})" if p < 1 else "100"
        last = make_step("loss", form, loss, p=p)
    elif math.exp(losses.LOWEST_LOG) < p < 1:
        last = make_step("loss", "-({1} * log({0}) + (1 - {1}) * log(1 - {0}))", loss, p=p, y=y)
    else:
        last = make_step("loss", "{1} * 100" if p < 1 else "(1 - {1}) * 100", loss, p=p, y=y)
    return _walk(op, index, values, [*steps, last])


@open_unit.register
def _(op: OneHot, inputs: Sequence[Values], parameters: Arrays, buffers: Arrays, index: tuple[int, ...]) -> Walk:
    row, column = index
    label = float(inputs[0][row])
    indicator = TermFunction("indicator", "{0} == {1}", "label", operands=(Operand("class", float(column)),))
    return _walk(op, index, [(label, 0, (row,))], [], becomes=indicator, results=[float(label == column)])


@open_unit.register
def _(op: DropoutDrawn, inputs: Sequence[Values], parameters: Arrays, buffers: Arrays, index: tuple[int, ...]) -> Walk:
    x, kept = float(inputs[0][index]), float(buffers["mask"][index])
    last = make_step("value", "{0} * {1} / (1 - {2})", x * kept / (1 - op.p), x=x, mask=kept, p=op.p)
    return _walk(op, index, [(x, 0, index)], [last])


@open_unit.register
def _(op: Im2col, inputs: Sequence[Values], parameters: Arrays, buffers: Arrays, index: tuple[int, ...]) -> Walk:
    image, window = inputs[0], op.window([inputs[0].shape])
    numbers = np.arange(1.0, image.size + 1).reshape(1, *image.shape)
    flat = int(im2col(numbers, window)[0][index]) - 1
    place = tuple(map(int, np.unravel_index(flat, image.shape))) if flat >= 0 else (-1,) * image.ndim
    return _walk(op, index, [(float(image[place]) if flat >= 0 else 0.0, 0, place)], [])
