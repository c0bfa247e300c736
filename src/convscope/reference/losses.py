"""Losses and what they are made of, each with its derivative, in plain NumPy: odds, logit, cross entropies.

Results keep the input's precision. Values and gradients are torch's, at the edges too: a logarithm in a binary cross
entropy is at least -100, and its slope at a probability of 0 or 1 is cut off at 1e12. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convscope.errors import UserError
from convscope.ops import spell_shape
from convscope.ops.arrays import Array
from convscope.ops.functions import sigmoid, softmax
from convscope.ops.step import Operand, Step

__all__ = [
    "ExampleLoss",
    "Loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "logit",
    "logit_slope",
    "odds",
    "odds_slope",
    "one_hot",
    "open_cross_entropy",
    "sigmoid",
    "sigmoid_slope",
]

Labels = NDArray[np.integer[Any]]
Reduction = Literal["mean", "sum"]

LOWEST_LOG = -100.0
"""Of a probability in a binary cross entropy: without it, one sure mistake would make the mean infinite."""
STEEPEST = 1e12
"""Of a binary cross entropy's slope, for the same reason."""


@dataclass(frozen=True, eq=False)
class Loss:
    """A loss and its derivative.

    Args:
        value: the mean, or the sum.
        each: before the mean: one an example of a cross entropy over classes, else one an element.
        gradient: of ``value`` with respect to what was given (scores, probabilities, logits), in its shape.
    """

    value: float
    each: Array
    gradient: Array


# Probabilities, odds, logits


def odds(probability: Array) -> Array:
    """``p / (1 - p)``: how many times likelier than not; infinite at 1.

    Raises:
        UserError: a probability outside 0..1.

    Example:
        >>> odds(np.array([0.5, 0.8, 1.0])).round(12)
        array([ 1.,  4., inf])
    """
    p = _probabilities("odds", probability)
    with np.errstate(divide="ignore"):
        out: Array = p / (1 - p)
    return out


def odds_slope(probability: Array) -> Array:
    """The derivative of :func:`odds`: ``1 / (1 - p)^2``.

    Raises:
        UserError: a probability outside 0..1.
    """
    p = _probabilities("odds", probability)
    with np.errstate(divide="ignore"):
        out: Array = 1 / np.square(1 - p)
    return out


def logit(probability: Array) -> Array:
    """``log(p / (1 - p))``, the logarithm of the odds: the sigmoid's inverse. Minus infinity at 0, infinity at 1.

    Raises:
        UserError: a probability outside 0..1.

    Example:
        >>> logit(np.array([0.0, 0.5, 0.8])).round(4), sigmoid(logit(np.array([0.3]))).round(12)
        (array([  -inf, 0.    , 1.3863]), array([0.3]))
    """
    p = _probabilities("logit", probability)
    with np.errstate(divide="ignore"):
        out: Array = np.log(p) - np.log1p(-p)
    return out


def logit_slope(probability: Array) -> Array:
    """The derivative of :func:`logit`: ``1 / (p (1 - p))``, at least 4.

    Raises:
        UserError: a probability outside 0..1.

    Example:
        >>> logit_slope(np.array([0.5])), 1 / sigmoid_slope(np.array([0.0]))
        (array([4.]), array([4.]))
    """
    p = _probabilities("logit", probability)
    with np.errstate(divide="ignore"):
        out: Array = 1 / (p * (1 - p))
    return out


def sigmoid_slope(x: Array) -> Array:
    """The derivative of the sigmoid: ``s (1 - s)``, at most 0.25.

    Example:
        >>> sigmoid_slope(np.array([0.0, 4.0])).round(4)
        array([0.25  , 0.0177])
    """
    out: Array = sigmoid(x) * sigmoid(-x)
    return out


def one_hot(labels_N: Labels | Sequence[int], classes: int) -> Array:
    """A row a label: 1 at the label's place, 0 elsewhere, ``(N, classes)`` in float64.

    Raises:
        UserError: a label that is no whole number from 0 to ``classes - 1``.

    Example:
        >>> one_hot([0, 2], classes=3)
        array([[1., 0., 0.],
               [0., 0., 1.]])
    """
    if classes < 1:
        raise UserError("one-hot", f"{classes} classes", "at least one")
    return np.eye(classes)[class_numbers("one-hot", labels_N, classes)]


# Losses


def cross_entropy(
    scores_NK: Array,
    labels: Labels | Array | Sequence[int],
    label_smoothing: float = 0.0,
    weight_K: Array | None = None,
    reduction: Reduction = "mean",
) -> Loss:
    """Softmax and the negative logarithm of the label's probability, in one: ``torch.nn.CrossEntropyLoss``.

    The scores come first, the labels second. The derivative is the probability less the target, over the batch.

    Args:
        scores_NK: any real numbers, one a class, before a softmax.
        labels: ``(N,)`` whole numbers, or ``(N, K)`` probabilities that say how much of each class there is.
        label_smoothing: so much of the target is spread over all classes alike (Szegedy et al. 2015).
        weight_K: a weight a class; the mean is then over the labels' weights.
        reduction: the mean over the examples, or the sum.

    Raises:
        UserError: shapes that do not fit, a label outside the classes, target probabilities that do not sum to 1.

    Example:
        >>> loss = cross_entropy(np.array([[2.0, 1.0, 0.0]]), [0])
        >>> round(loss.value, 4), loss.gradient.round(4)
        (0.4076, array([[-0.3348,  0.2447,  0.09  ]]))
    """
    scores_NK = np.asarray(scores_NK)
    if scores_NK.ndim != 2 or not scores_NK.size:
        raise UserError("cross entropy", f"scores of {spell_shape(scores_NK.shape)}", "one row an example: N x classes")
    count, classes = scores_NK.shape
    if not 0 <= label_smoothing <= 1:
        raise UserError("label smoothing", f"{label_smoothing:g}", "from 0 to 1")
    weight = np.ones(classes) if weight_K is None else np.asarray(weight_K, np.float64)
    if weight.shape != (classes,):
        raise UserError("class weights", spell_shape(weight.shape), f"one a class: {classes}")
    target_NK, divisor = _targets(labels, count, classes, weight)
    if reduction == "sum":
        divisor = 1.0
    if divisor == 0:
        raise UserError("class weights", "those of all labels are 0", "a mean over something")
    target_NK = (1 - label_smoothing) * target_NK + label_smoothing / classes
    weighted_NK = (target_NK * weight).astype(scores_NK.dtype)
    each = -(weighted_NK * log_softmax(scores_NK)).sum(1)
    gradient = (softmax(scores_NK) * weighted_NK.sum(1, keepdims=True) - weighted_NK) / divisor
    return Loss(float(each.sum() / divisor), each, gradient.astype(scores_NK.dtype))


def log_softmax(scores_NK: Array) -> Array:
    """The logarithm of the softmax, exact where the probability itself would be 0.

    Example:
        >>> log_softmax(np.array([[0.0, 1000.0]]))
        array([[-1000.,     0.]])
    """
    shifted = scores_NK - scores_NK.max(axis=1, keepdims=True)
    out: Array = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return out


def binary_cross_entropy(probability: Array, target: Array, reduction: Reduction = "mean") -> Loss:
    """``-(t log p + (1 - t) log(1 - p))`` of probabilities, of any shape: ``torch.nn.BCELoss``.

    Args:
        probability: from 0 to 1, after a sigmoid.
        target: from 0 to 1, of the same shape.
        reduction: the mean over the elements, or the sum.

    Raises:
        UserError: a value outside 0..1 (scores belong to :func:`binary_cross_entropy_with_logits`), or other shapes.

    Example:
        >>> loss = binary_cross_entropy(np.array([0.8, 0.4]), np.array([1.0, 0.0]))
        >>> loss.each.round(4), loss.gradient.round(4)
        (array([0.2231, 0.5108]), array([-0.625 ,  0.8333]))
    """
    p, t = _probabilities("binary cross entropy", probability), np.asarray(target)
    t = _like(p, t)
    with np.errstate(divide="ignore"):
        of_one, of_zero = (np.maximum(np.log(q), LOWEST_LOG) for q in (p, 1 - p))
    each = 0 - (t * of_one + (1 - t) * of_zero)  # 0, not -0, of a sure hit
    gradient = (p - t) / np.maximum(p * (1 - p), 1 / STEEPEST)
    return _reduced(each, gradient, reduction)


def binary_cross_entropy_with_logits(logits: Array, target: Array, reduction: Reduction = "mean") -> Loss:
    """Sigmoid and binary cross entropy in one, exact for large logits: ``torch.nn.BCEWithLogitsLoss``.

    The derivative is the probability less the target.

    Args:
        logits: any real numbers, of any shape.
        target: from 0 to 1, of the same shape.
        reduction: the mean over the elements, or the sum.

    Raises:
        UserError: a target outside 0..1, or other shapes.

    Example:
        >>> loss = binary_cross_entropy_with_logits(np.array([0.0, 1000.0]), np.array([1.0, 0.0]))
        >>> loss.each.round(4), loss.gradient
        (array([6.931e-01, 1.000e+03]), array([-0.25,  0.5 ]))
    """
    x = np.asarray(logits)
    t = _like(x, np.asarray(target))
    each = np.maximum(x, 0) - x * t + np.log1p(np.exp(-np.abs(x)))
    return _reduced(each, sigmoid(x) - t, reduction)


def _reduced(each: Array, gradient: Array, reduction: Reduction) -> Loss:
    divisor = each.size if reduction == "mean" else 1
    return Loss(float(each.sum()) / divisor, each, gradient / divisor)


# A cross entropy opened


@dataclass(frozen=True, eq=False)
class ExampleLoss:
    """One example's cross entropy, from its scores to its part of the mean.

    Args:
        example: which of the batch.
        label: the class that it is of.
        scores_K, exponentials_K, probabilities_K: a value a class; exponentials are of the score less the largest.
        target_K: 1 at the label and 0 elsewhere, smoothed if smoothing was asked for.
        gradient_K: of the batch's loss with respect to the scores: ``(probability - target) / examples``.
        steps: exponential, probability, loss of the label; with smoothing the mean over all classes, and both mixed;
            last the part of the batch's mean.
        loss: of this example.
        count: examples in the batch.
    """

    example: int
    label: int
    scores_K: Array
    exponentials_K: Array
    probabilities_K: Array
    target_K: Array
    gradient_K: Array
    steps: tuple[Step, ...]
    loss: float
    count: int


def open_cross_entropy(scores_NK: Array, labels_N: Labels, example: int, label_smoothing: float = 0.0) -> ExampleLoss:
    """One example's cross entropy, every step of it, in float64.

    Args:
        scores_NK: the batch's scores.
        labels_N: its labels.
        example: which one.
        label_smoothing: as in :func:`cross_entropy`.

    Raises:
        UserError: as :func:`cross_entropy`.
        IndexError: there is no such example.

    Example:
        >>> opened = open_cross_entropy(np.array([[2.0, 1.0, 0.0]]), np.array([0]), 0)
        >>> [(step.name, step.symbols(), round(step.value, 4)) for step in opened.steps][1:3]
        [('probability', 'exponential / sum', 0.6652), ('loss', '-log(probability)', 0.4076)]
    """
    scores_NK = np.asarray(scores_NK, np.float64)
    whole = cross_entropy(scores_NK, labels_N, label_smoothing)
    count, classes = scores_NK.shape
    if not 0 <= example < count:
        raise IndexError(f"example {example} of {count}")
    scores, label = scores_NK[example], int(labels_N[example])
    largest = float(scores.max())
    powers = np.exp(scores - largest)
    total, own = float(powers.sum()), float(powers[label])
    # An exponential may be too small for its logarithm: the loss is taken from the scores.
    logs = log_softmax(scores_NK[example : example + 1])[0]
    of_label = -float(logs[label])
    steps = [
        _step("exponential", "exp({0} - {1})", own, score=scores[label], largest=largest),
        _step("probability", "{0} / {1}", own / total, exponential=own, sum=total),
    ]
    if own > 0:
        steps.append(_step("loss", "-log({0})", of_label, probability=own / total))
    else:
        form = "log({0}) + {1} - {2}"
        steps.append(_step("loss", form, of_label, sum=total, largest=largest, score=scores[label]))
    loss = of_label
    if label_smoothing:
        over_all = -float(logs.mean())
        loss = (1 - label_smoothing) * of_label + label_smoothing * over_all
        operands = {"loss of the label": of_label, "smoothing": label_smoothing, "mean loss of all classes": over_all}
        steps.append(Step("smoothed loss", "(1 - {1}) * {0} + {1} * {2}", _operands(operands), loss))
    steps.append(_step("part of the mean", "{0} / {1}", loss / count, loss=loss, examples=count))
    target = (1 - label_smoothing) * one_hot([label], classes)[0] + label_smoothing / classes
    return ExampleLoss(
        example, label, scores, powers, powers / total, target, whole.gradient[example], tuple(steps), loss, count
    )


def _step(name: str, form: str, value: float, **operands: float) -> Step:
    return Step(name, form, _operands(operands), value)


def _operands(values: dict[str, float]) -> tuple[Operand, ...]:
    return tuple(Operand(name, float(value)) for name, value in values.items())


# What is given


def _probabilities(where: str, values: Array) -> Array:
    found = np.asarray(values)
    if not np.issubdtype(found.dtype, np.floating):
        found = found.astype(np.float64)
    if not ((found >= 0) & (found <= 1)).all():
        wrong = found[~((found >= 0) & (found <= 1))].flat[0]
        hint = "a score becomes a probability by the sigmoid, or by softmax among classes"
        raise UserError(where, f"a probability of {wrong:g}", "from 0 to 1", hint)
    return found


def _like(values: Array, target: Array) -> Array:
    if target.shape != values.shape:
        got = f"targets of {spell_shape(target.shape) or '1'}"
        raise UserError("binary cross entropy", got, f"one a value: {spell_shape(values.shape) or '1'}")
    wrong = target[~((target >= 0) & (target <= 1))]
    if wrong.size:
        raise UserError("binary cross entropy", f"a target of {wrong.flat[0]:g}", "from 0 to 1")
    return target.astype(values.dtype)


def class_numbers(where: str, labels: Labels | Sequence[int], classes: int) -> NDArray[np.int64]:
    """Labels as numbers of classes, ``(N,)``.

    Args:
        where: what a mistake is said to be in.
        labels: whole numbers, of any type.
        classes: how many there are.

    Raises:
        UserError: one that is no whole number from 0 to ``classes - 1``.

    Example:
        >>> class_numbers("labels", [2, 0], 3)
        array([2, 0])
    """
    found = np.asarray(labels)
    if found.ndim != 1:
        raise UserError(where, f"labels of {spell_shape(found.shape)}", "one a row")
    if found.size and not np.issubdtype(found.dtype, np.integer):
        if not (np.isfinite(found).all() and (found == np.rint(found)).all()):
            raise UserError(where, f"a label of {found[found != np.rint(found)].flat[0]:g}", "whole numbers from 0")
        found = found.astype(np.int64)
    wrong = found[(found < 0) | (found >= classes)]
    if wrong.size:
        expected = f"a class from 0 to {classes - 1}"
        hint = "classes are counted from 0" if wrong.max() == classes else ""
        raise UserError(where, f"a label of {int(wrong.flat[0])}", expected, hint)
    return found.astype(np.int64)


def _targets(labels: Labels | Array | Sequence[int], count: int, classes: int, weight: Array) -> tuple[Array, float]:
    """The target distribution of each example, and what the sum of their losses is divided by."""
    given = np.asarray(labels)
    if given.ndim == 2:
        if given.shape != (count, classes):
            raise UserError("cross entropy", f"targets of {spell_shape(given.shape)}", f"{count}x{classes}")
        target = _probabilities("cross entropy's target", given.astype(np.float64))
        if not np.allclose(target.sum(1), 1, atol=1e-4):
            raise UserError("cross entropy's target", f"a row sums to {target.sum(1).flat[0]:g}", "each row to 1")
        return target, float(count)
    if given.ndim != 1 or len(given) != count:
        got = f"labels of {spell_shape(given.shape)}"
        hint = "scores come first, labels second" if given.ndim > 1 else ""
        raise UserError("cross entropy", got, f"one an example: {count}", hint)
    found = class_numbers("cross entropy", given, classes)
    return np.eye(classes)[found], float(weight[found].sum())
