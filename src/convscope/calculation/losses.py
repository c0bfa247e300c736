"""Losses as functions of what a person types: cross entropy and binary cross entropy, each output an example's loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from convscope.calculation.function import Function, opened
from convscope.errors import UserError
from convscope.ops import Misfit, Shape
from convscope.ops.arrays import BACKWARD, FORWARD, Array, Gradients, Operands
from convscope.ops.calculate import CALCULATE, Given, Prepared, Use, channels_of
from convscope.ops.functions import sigmoid
from convscope.ops.opening import OPEN, UnitOperands, grid, terms_at
from convscope.ops.spec import flag
from convscope.ops.step import make_step
from convscope.ops.terms import Terms
from convscope.ops.walk import Walk
from convscope.ops.words import WORDS, named
from convscope.reference import losses


class CrossEntropy(Function):
    """Minus the logarithm of the probability that softmax gives the right class, as ``torch.nn.CrossEntropyLoss``.

    The inputs are scores ``(N, classes)`` and labels ``(N,)``, in this order; the output is a loss an example.
    """

    word: ClassVar[str] = "crossentropy"
    inputs: ClassVar[Any] = "several"
    summary: ClassVar[str] = "-log(softmax(scores)[label])"
    explained = (
        "Minus the logarithm of the probability that softmax gives the right class.",
        "소프트맥스가 정답 클래스에 준 확률의 로그에 음의 부호를 붙인 값입니다.",
    )

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
    explained = (
        "Minus the logarithm of the probability given to the right one of two answers.",
        "두 답 중 정답에 준 확률의 로그에 음의 부호를 붙인 값입니다.",
    )

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


@FORWARD.enter(CrossEntropy)
def _forward_cross_entropy(op: CrossEntropy, given: Operands) -> Array:
    (scores,), (labels,) = given.inputs
    return losses.cross_entropy(scores, labels).each[None]


@BACKWARD.enter(CrossEntropy)
def _backward_cross_entropy(op: CrossEntropy, given: Operands, gradient: Array) -> Gradients:
    (scores,), (labels,) = given.inputs
    inward = losses.cross_entropy(scores, labels, reduction="sum").gradient * gradient[0][:, None]
    return Gradients((inward[None], np.zeros((1, *labels.shape))), {})


@OPEN.enter(CrossEntropy)
def _open_cross_entropy(op: CrossEntropy, given: UnitOperands) -> Walk:
    (example,) = given.index
    scores, label = given.x[example], int(given.inputs[1][example])
    largest, x = float(scores.max()), float(scores[label])
    terms = terms_at(given, grid([example], range(len(scores)))).exponentials(largest)
    total, own = float(terms.result_N.sum()), math.exp(x - largest)
    loss, probability = largest + math.log(total) - x, own / total
    steps = [
        make_step("exponential", "exp({0} - {1})", own, score_of_the_label=x, largest=largest),
        make_step("probability", "{0} / {1}", probability, exponential=own, sum=total),
    ]
    if probability > 0:
        steps.append(make_step("loss", "-log({0})", loss, probability=probability))
    else:  # too small for a number; its logarithm is not
        steps.append(make_step("loss", "{0} + log({1}) - {2}", loss, largest=largest, sum=total, score_of_the_label=x))
    return opened(op, given, terms, steps, "sum")


def _binary(op: BinaryCrossEntropy) -> Callable[..., losses.Loss]:
    return losses.binary_cross_entropy_with_logits if op.logits else losses.binary_cross_entropy


@FORWARD.enter(BinaryCrossEntropy)
def _forward_binary(op: BinaryCrossEntropy, given: Operands) -> Array:
    return _binary(op)(*given.inputs).each


@BACKWARD.enter(BinaryCrossEntropy)
def _backward_binary(op: BinaryCrossEntropy, given: Operands, gradient: Array) -> Gradients:
    values, labels = given.inputs
    return Gradients((_binary(op)(values, labels, reduction="sum").gradient * gradient, np.zeros(labels.shape)), {})


@OPEN.enter(BinaryCrossEntropy)
def _open_binary(op: BinaryCrossEntropy, given: UnitOperands) -> Walk:
    x, y = given.own, float(given.inputs[1][given.index])
    loss = float(_binary(op)(np.array([x]), np.array([y])).each[0])
    steps, p = [], x
    if op.logits:
        p = float(sigmoid(np.array(x)))
        form = "1 / (1 + exp(-{0}))" if x >= 0 else "exp({0}) / (1 + exp({0}))"
        steps.append(make_step("probability", form, p, x=x))
    places = np.array([given.index, given.index])
    terms = Terms.of(np.array([x, y]), places, np.array([0, 1]))
    if op.logits and not 1e-12 < p < 1 - 1e-12:
        form = "max({0}, 0) - {0}*{1} + log(1 + exp(-abs({0})))"
        return opened(op, given, terms, [*steps, make_step("loss", form, loss, x=x, y=y)])
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
    return opened(op, given, terms, [*steps, last])


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


WORDS.enter(CrossEntropy, BinaryCrossEntropy)(
    named(
        {"loss": ("loss", "손실")},
        operands={
            "y": ("y", "y"),
            "score of the label": ("score of the label", "정답의 점수"),
            "examples": ("examples", "예제 수"),
            "sum of the losses": ("sum of the losses", "손실의 합"),
        },
    )
)
CALCULATE.enter(CrossEntropy)(
    Use(
        "SCORES LABELS",
        make_cross_entropy,
        (),
        "crossentropy '2 1 0.1' 0",
        2,
        2,
        ("scores", "labels"),
        losses=True,
    )
)
CALCULATE.enter(BinaryCrossEntropy)(
    Use(
        "PROBABILITIES LABELS",
        make_binary_cross_entropy,
        ("logits",),
        "bce '0.9 0.2' '1 0'",
        2,
        2,
        ("probabilities", "labels"),
        losses=True,
        symbols=lambda op: ("logit" if op.logits else "p", "y"),
    )
)
