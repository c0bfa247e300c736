"""Losses and what they are made of, each with its derivative, in plain NumPy: odds, cross entropies, squared error.

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

__all__ = [
    "Loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "logit",
    "logit_slope",
    "mean_squared_error",
    "odds",
    "odds_slope",
    "one_hot",
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
    ignore_index: int | None = None,
) -> Loss:
    """Softmax and the negative logarithm of the label's probability, in one: ``torch.nn.CrossEntropyLoss``.

    The scores come first, the labels second. The derivative is the probability less the target, over the batch.

    Args:
        scores_NK: any real numbers, one a class, before a softmax.
        labels: ``(N,)`` whole numbers, or ``(N, K)`` probabilities that say how much of each class there is.
        label_smoothing: so much of the target is spread over all classes alike (Szegedy et al. 2015).
        weight_K: a weight a class; the mean is then over the labels' weights.
        reduction: the mean over the examples, or the sum.
        ignore_index: a label that counts for nothing: its example has no loss, no gradient and no part in the mean's
            divisor; None: every label counts. Torch's own default is -100.

    Raises:
        UserError: shapes that do not fit, a label outside the classes, target probabilities that do not sum to 1, a
            mean over nothing, or an ``ignore_index`` beside target probabilities.

    Example:
        >>> loss = cross_entropy(np.array([[2.0, 1.0, 0.0]]), [0])
        >>> round(loss.value, 4), loss.gradient.round(4)
        (0.4076, array([[-0.3348,  0.2447,  0.09  ]]))
        >>> cross_entropy(np.zeros((2, 2)), [0, -100], ignore_index=-100).each.round(4)
        array([0.6931, 0.    ])
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
    target_NK, counts_N, divisor = _targets(labels, count, classes, weight, ignore_index)
    if reduction == "sum":
        divisor = 1.0
    if divisor == 0:
        if not counts_N.any():
            raise UserError("cross entropy", f"every label is ignored: {ignore_index}", "a mean over something")
        raise UserError("class weights", "those of all labels are 0", "a mean over something")
    target_NK = ((1 - label_smoothing) * target_NK + label_smoothing / classes) * counts_N[:, None]
    weighted_NK = (target_NK * weight).astype(scores_NK.dtype)
    each = 0 - (weighted_NK * log_softmax(scores_NK)).sum(1)  # 0, not -0, of an ignored label
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


def binary_cross_entropy_with_logits(
    logits: Array, target: Array, reduction: Reduction = "mean", pos_weight: Array | float | None = None
) -> Loss:
    """Sigmoid and binary cross entropy in one, exact for large logits: ``torch.nn.BCEWithLogitsLoss``.

    The derivative is the probability less the target; with ``pos_weight`` ``p (1 - t + w t) - w t``.

    Args:
        logits: any real numbers, of any shape.
        target: from 0 to 1, of the same shape.
        reduction: the mean over the elements, or the sum.
        pos_weight: what the target 1 counts, in one of the target 0; one number, or one an element of the last axes.
            The divisor of the mean stays the number of elements.

    Raises:
        UserError: a target outside 0..1, other shapes, or a negative weight.

    Example:
        >>> loss = binary_cross_entropy_with_logits(np.array([0.0, 1000.0]), np.array([1.0, 0.0]))
        >>> loss.each.round(4), loss.gradient
        (array([6.931e-01, 1.000e+03]), array([-0.25,  0.5 ]))
        >>> binary_cross_entropy_with_logits(np.array([0.0]), np.array([1.0]), pos_weight=3.0).each.round(4)
        array([2.0794])
    """
    x = np.asarray(logits)
    t = _like(x, np.asarray(target))
    w = _pos_weight(x, pos_weight)
    # -log(sigmoid(x)) is the softplus of -x, -log(1 - sigmoid(x)) that of x.
    tail = np.log1p(np.exp(-np.abs(x)))
    each = w * t * (np.maximum(-x, 0) + tail) + (1 - t) * (np.maximum(x, 0) + tail)
    return _reduced(each, sigmoid(x) * (1 - t + w * t) - w * t, reduction)


def mean_squared_error(values: Array, target: Array, reduction: Reduction = "mean") -> Loss:
    """``(x - t)^2`` of numbers of any shape: ``torch.nn.MSELoss``. The derivative is ``2 (x - t)``, over the elements.

    Args:
        values: what is predicted.
        target: what is true, in the same shape.
        reduction: the mean over the elements, or the sum.

    Raises:
        UserError: other shapes, no values at all, or a target that is no number.

    Example:
        >>> loss = mean_squared_error(np.array([1.0, 3.0]), np.array([1.0, 1.0]))
        >>> loss.value, loss.each, loss.gradient
        (2.0, array([0., 4.]), array([0., 2.]))
    """
    x, t = np.asarray(values), np.asarray(target)
    if t.shape != x.shape:
        got = f"targets of {spell_shape(t.shape) or '1'}"
        raise UserError("mean squared error", got, f"one a value: {spell_shape(x.shape) or '1'}")
    if not x.size:
        raise UserError("mean squared error", "no values", "a mean over something")
    if not np.isfinite(t).all():
        raise UserError("mean squared error", f"a target of {t[~np.isfinite(t)].flat[0]:g}", "a number")
    apart = x - t.astype(x.dtype)
    return _reduced(np.square(apart), 2 * apart, reduction)


def _pos_weight(x: Array, pos_weight: Array | float | None) -> Array:
    weight = np.asarray(1.0 if pos_weight is None else pos_weight, x.dtype)
    if not (np.isfinite(weight) & (weight >= 0)).all():
        raise UserError("pos_weight", f"{weight[~(np.isfinite(weight) & (weight >= 0))].flat[0]:g}", "at least 0")
    if weight.ndim > x.ndim or any(w not in (1, n) for w, n in zip(weight.shape[::-1], x.shape[::-1], strict=False)):
        got, expected = spell_shape(weight.shape), f"one number, or one an element of {spell_shape(x.shape)}"
        raise UserError("pos_weight", f"weights of {got}", expected)
    return weight


def _reduced(each: Array, gradient: Array, reduction: Reduction) -> Loss:
    divisor = each.size if reduction == "mean" else 1
    return Loss(float(each.sum()) / divisor, each, gradient / divisor)


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
        raise UserError("binary cross entropy", f"a target of {wrong.flat[0]:.12g}", "from 0 to 1")
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
    if not np.issubdtype(found.dtype, np.integer):
        broken = found[~np.isfinite(found) | (found != np.rint(found))]
        if broken.size:
            raise UserError(where, f"a label of {broken[0]:g}", "whole numbers from 0")
    wrong = found[(found < 0) | (found >= classes)]
    if wrong.size:
        expected = f"a class from 0 to {classes - 1}"
        hint = "classes are counted from 0" if wrong.max() == classes else ""
        raise UserError(where, f"a label of {wrong.flat[0]:g}", expected, hint)
    return found.astype(np.int64)


def _targets(
    labels: Labels | Array | Sequence[int], count: int, classes: int, weight: Array, ignore_index: int | None
) -> tuple[Array, NDArray[np.bool_], float]:
    """The target distribution of each example, which examples count, and what the sum of the losses is divided by."""
    given = np.asarray(labels)
    if given.ndim == 2:
        if ignore_index is not None:
            raise UserError("ignore_index", "the targets are probabilities", "labels: whole numbers, one an example")
        if given.shape != (count, classes):
            raise UserError("cross entropy", f"targets of {spell_shape(given.shape)}", f"{count}x{classes}")
        target = _probabilities("cross entropy's target", given.astype(np.float64))
        if not np.allclose(target.sum(1), 1, atol=1e-4):
            raise UserError("cross entropy's target", f"a row sums to {target.sum(1).flat[0]:g}", "each row to 1")
        return target, np.ones(count, bool), float(count)
    if given.ndim != 1 or len(given) != count:
        got = f"labels of {spell_shape(given.shape)}"
        hint = "scores come first, labels second" if given.ndim > 1 else ""
        raise UserError("cross entropy", got, f"one an example: {count}", hint)
    counts_N = np.ones(count, bool) if ignore_index is None else given != ignore_index
    found = class_numbers("cross entropy", np.where(counts_N, given, 0), classes)
    return np.eye(classes)[found], counts_N, float(weight[found][counts_N].sum())
