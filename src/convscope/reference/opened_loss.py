"""One example's loss opened: every step from its scores to its part of the batch's mean, and its slope, in float64.

A network's task says which loss it is: softmax and cross entropy, sigmoid and binary cross entropy, or the squared
error of a number. It imports no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convscope.errors import UserError
from convscope.ops.arrays import Array
from convscope.ops.functions import sigmoid
from convscope.ops.step import Step, make_step
from convscope.reference.losses import (
    Labels,
    Loss,
    binary_cross_entropy_with_logits,
    class_numbers,
    cross_entropy,
    log_softmax,
    mean_squared_error,
    one_hot,
)

Kind = Literal["classification", "binary", "regression"]
"""Of a task: one of several classes, one of two by one output, a number."""
Targets = Labels | NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class ExampleLoss:
    """One example's loss, from its scores to its part of the mean.

    Args:
        kind: of the task, and so of the loss.
        example: which of the batch.
        label: the class that it is of; None of a number.
        scores_K: what the network gave: a score a class, one score of the second class, or the number.
        predictions_K: what is held against the target: probabilities, or the number itself.
        target_K: 1 at the label and 0 elsewhere, smoothed if smoothing was asked for; or the true number.
        weights_K: what is between target and slope for each output: the weight of the probability and of the target.
        gradient_K: of the batch's loss with respect to the scores.
        steps: from the scores to the loss; last the part of the batch's mean.
        loss: of this example.
        divisor: what the sum over the batch is divided by: the examples, or their weights' sum.
    """

    kind: Kind
    example: int
    label: int | None
    scores_K: Array
    predictions_K: Array
    target_K: Array
    weights_K: tuple[Array, Array]
    gradient_K: Array
    steps: tuple[Step, ...]
    loss: float
    divisor: float

    def slope(self, place: int = 0) -> Step:
        """The loss's slope towards one score, as a formula: of cross entropies ``(probability - target) / examples``.

        Args:
            place: of the score.
        """
        prediction, target = float(self.predictions_K[place]), float(self.target_K[place])
        value, count = float(self.gradient_K[place]), self.divisor
        name = "slope of the loss"
        if self.kind == "regression":
            numbers = {"prediction": prediction, "target": target, "examples": count}
            return make_step(name, "2 * ({0} - {1}) / {2}", value, **numbers)
        of_prediction, of_target = (float(weight[place]) for weight in self.weights_K)
        if of_prediction == of_target == 1:
            return make_step(name, "({0} - {1}) / {2}", value, probability=prediction, target=target, examples=count)
        form = "({0} * {1} - {2} * {3}) / {4}"
        numbers = {
            "probability": prediction,
            "its_weight": of_prediction,
            "target": target,
            "target's_weight": of_target,
        }
        return make_step(name, form, value, **numbers, divisor=count)

    def rounding_scale(self, place: int) -> float:
        """The size of the numbers that the slope towards a score is made of: its rounding is measured by it."""
        prediction, target = abs(float(self.predictions_K[place])), abs(float(self.target_K[place]))
        if self.kind == "regression":
            return 2 * (prediction + target) / self.divisor
        of_prediction, of_target = (float(weight[place]) for weight in self.weights_K)
        # An exponential is off by the rounding of its exponent, as often as that is large.
        spread = 2 + float(np.abs(self.scores_K).max()) + abs(float(self.scores_K[place]))
        return (prediction * of_prediction * spread + target * of_target) / self.divisor


def loss_of(kind: Kind, scores_NK: Array, targets_N: Targets | Sequence[float], label_smoothing: float = 0.0) -> Loss:
    """A batch's mean loss by the task, as a network is trained with it.

    Args:
        kind: of the task.
        scores_NK: the batch's scores; of two classes by one output and of a number (N, 1).
        targets_N: classes from 0, or numbers on the scale of the scores.
        label_smoothing: of classes; so much of the target is spread over all classes alike.

    Raises:
        UserError: what :func:`cross_entropy` and its like say, several outputs, or smoothing of a number.

    Example:
        >>> scores = np.array([[0.0], [2.0]])
        >>> [round(loss_of(kind, scores, [0, 1]).value, 4) for kind in ("binary", "regression")]
        [0.41, 0.5]
    """
    if kind == "classification":
        return cross_entropy(scores_NK, targets_N, label_smoothing)  # type: ignore[arg-type]
    _one_output(kind, scores_NK)
    if kind == "binary":
        labels_N = class_numbers("binary cross entropy", targets_N, 2)  # type: ignore[arg-type]
        whole = binary_cross_entropy_with_logits(scores_NK[:, 0], _smoothed(labels_N, label_smoothing))
    else:
        if label_smoothing:
            raise UserError("label smoothing", f"{label_smoothing:g}", "0: a number is no class")
        whole = mean_squared_error(scores_NK[:, 0], np.asarray(targets_N, np.float64))
    return Loss(whole.value, whole.each, whole.gradient[:, None])


def open_loss(
    kind: Kind, scores_NK: Array, targets_N: Targets, example: int, label_smoothing: float = 0.0
) -> ExampleLoss:
    """One example's loss by the task, every step of it; the arguments are those of :func:`loss_of`.

    Raises:
        UserError: as :func:`loss_of`.
        IndexError: there is no such example.

    Example:
        >>> opened = open_loss("binary", np.array([[0.0]]), np.array([1]), 0)
        >>> [(step.name, round(step.value, 4)) for step in opened.steps], opened.slope().symbols()
        ([('probability', 0.5), ('loss', 0.6931), ('part of the mean', 0.6931)], '(probability - target) / examples')
    """
    if kind == "classification":
        return open_cross_entropy(scores_NK, targets_N, example, label_smoothing)  # type: ignore[arg-type]
    _one_output(kind, np.asarray(scores_NK))
    if kind == "binary":
        labels_N = class_numbers("binary cross entropy", targets_N, 2)  # type: ignore[arg-type]
        return open_binary_cross_entropy(np.asarray(scores_NK)[:, 0], labels_N, example, label_smoothing)
    if label_smoothing:
        raise UserError("label smoothing", f"{label_smoothing:g}", "0: a number is no class")
    return open_squared_error(np.asarray(scores_NK)[:, 0], np.asarray(targets_N), example)


def open_cross_entropy(
    scores_NK: Array,
    labels_N: Labels,
    example: int,
    label_smoothing: float = 0.0,
    weight_K: Array | None = None,
    ignore_index: int | None = None,
) -> ExampleLoss:
    """One example's cross entropy, every step of it, in float64.

    Args:
        scores_NK: the batch's scores.
        labels_N: its labels.
        example: which one.
        label_smoothing, weight_K, ignore_index: as in :func:`cross_entropy`.

    Raises:
        UserError: as :func:`cross_entropy`, or the example's label is ignored: it has no loss.
        IndexError: there is no such example.

    Example:
        >>> opened = open_cross_entropy(np.array([[2.0, 1.0, 0.0]]), np.array([0]), 0)
        >>> [(step.name, step.symbols(), round(step.value, 4)) for step in opened.steps][1:3]
        [('probability', 'exponential / sum', 0.6652), ('loss', '-log(probability)', 0.4076)]
    """
    scores_NK = np.asarray(scores_NK, np.float64)
    whole = cross_entropy(scores_NK, labels_N, label_smoothing, weight_K, ignore_index=ignore_index)
    count, classes = scores_NK.shape
    _among(example, count)
    scores, label = scores_NK[example], int(labels_N[example])
    if label == ignore_index:
        raise UserError(f"example {example}", f"its label is ignored: {label}", "an example that the loss reads")
    weight = np.ones(classes) if weight_K is None else np.asarray(weight_K, np.float64)
    counted = [int(one) for one in labels_N if one != ignore_index]
    divisor = float(weight[counted].sum())
    largest = float(scores.max())
    powers = np.exp(scores - largest)
    total, own = float(powers.sum()), float(powers[label])
    # An exponential may be too small for its logarithm: the loss is taken from the scores.
    logs = log_softmax(scores_NK[example : example + 1])[0]
    loss = -float(logs[label])
    steps = [
        make_step("exponential", "exp({0} - {1})", own, score=scores[label], largest=largest),
        make_step("probability", "{0} / {1}", own / total, exponential=own, sum=total),
    ]
    if own > 0:
        steps.append(make_step("loss", "-log({0})", loss, probability=own / total))
    else:
        form = "log({0}) + {1} - {2}"
        steps.append(make_step("loss", form, loss, sum=total, largest=largest, score=scores[label]))
    if weight_K is not None:
        loss *= float(weight[label])
        operands = {"weight_of_the_class": float(weight[label]), "loss": -float(logs[label])}
        steps.append(make_step("weighted loss", "{0} * {1}", loss, **operands))
    if label_smoothing:
        over_all = -float((weight * logs).mean())
        operands = {"loss_of_the_label": loss, "smoothing": label_smoothing, "mean_loss_of_all_classes": over_all}
        loss = (1 - label_smoothing) * loss + label_smoothing * over_all
        steps.append(make_step("smoothed loss", "(1 - {1}) * {0} + {1} * {2}", loss, **operands))
    steps.append(_part_of_the_mean(loss, divisor, weighted=weight_K is not None))
    target = (1 - label_smoothing) * one_hot([label], classes)[0] + label_smoothing / classes
    return ExampleLoss(
        kind="classification",
        example=example,
        label=label,
        scores_K=scores,
        predictions_K=powers / total,
        target_K=target,
        weights_K=(np.full(classes, (target * weight).sum() if weight_K is not None else 1.0), weight),
        gradient_K=whole.gradient[example],
        steps=tuple(steps),
        loss=loss,
        divisor=divisor,
    )


def open_binary_cross_entropy(
    logits_N: Array, labels_N: Labels, example: int, label_smoothing: float = 0.0, pos_weight: float | None = None
) -> ExampleLoss:
    """One example's binary cross entropy, from the score of the second class, in float64.

    Args:
        logits_N: the batch's scores, before a sigmoid.
        labels_N: 0 or 1.
        example: which one.
        label_smoothing: fraction of a label given to both classes alike.
        pos_weight: as in :func:`binary_cross_entropy_with_logits`.

    Raises:
        UserError: as :func:`binary_cross_entropy_with_logits`.
        IndexError: there is no such example.

    Example:
        >>> opened = open_binary_cross_entropy(np.array([2.0, -1.0]), np.array([0, 1]), 0)
        >>> [(step.name, step.symbols(), round(step.value, 4)) for step in opened.steps][1:]
        [('loss', '-log(1 - probability)', 2.1269), ('part of the mean', 'loss / examples', 1.0635)]
    """
    x_N = np.asarray(logits_N, np.float64)
    target_N = _smoothed(labels_N, label_smoothing)
    whole = binary_cross_entropy_with_logits(x_N, target_N, pos_weight=pos_weight)
    _among(example, len(x_N))
    x, label, target = float(x_N[example]), int(labels_N[example]), float(target_N[example])
    p, weight = float(sigmoid(x_N[example : example + 1])[0]), 1.0 if pos_weight is None else float(pos_weight)
    form = "1 / (1 + exp(-({0})))" if x >= 0 else "exp({0}) / (1 + exp({0}))"  # neither overflows
    steps = [make_step("probability", form, p, score=x)]
    of_class = [float(np.logaddexp(0, x)), float(np.logaddexp(0, -x))]
    for k in (0, 1) if label_smoothing else (label,):
        steps.append(_log_loss(f"loss of class {k}" if label_smoothing else "loss", k, x, p, of_class[k]))
        if k == 1 and pos_weight is not None:
            plain, of_class[1] = of_class[1], weight * of_class[1]
            steps.append(make_step("weighted loss", "{0} * {1}", of_class[1], pos_weight=weight, loss=plain))
    loss = of_class[label]
    if label_smoothing:
        loss = target * of_class[1] + (1 - target) * of_class[0]
        operands = {"target": target, "loss_of_class_1": of_class[1], "loss_of_class_0": of_class[0]}
        steps.append(make_step("smoothed loss", "{0} * {1} + (1 - {0}) * {2}", loss, **operands))
    steps.append(_part_of_the_mean(loss, len(x_N)))
    return ExampleLoss(
        kind="binary",
        example=example,
        label=label,
        scores_K=x_N[example : example + 1],
        predictions_K=np.array([p]),
        target_K=np.array([target]),
        weights_K=(np.array([1 - target + weight * target]), np.array([weight])),
        gradient_K=whole.gradient[example : example + 1],
        steps=tuple(steps),
        loss=loss,
        divisor=float(len(x_N)),
    )


def open_squared_error(values_N: Array, targets_N: Array, example: int) -> ExampleLoss:
    """One example's squared error, in float64.

    Args:
        values_N: what is predicted.
        targets_N: what is true, on the same scale.
        example: which one.

    Raises:
        UserError: as :func:`mean_squared_error`.
        IndexError: there is no such example.

    Example:
        >>> opened = open_squared_error(np.array([3.0, 0.0]), np.array([1.0, 0.0]), 0)
        >>> [(step.name, step.value) for step in opened.steps], opened.slope().value
        ([('error', 2.0), ('loss', 4.0), ('part of the mean', 2.0)], 2.0)
    """
    x_N, t_N = np.asarray(values_N, np.float64), np.asarray(targets_N, np.float64)
    whole = mean_squared_error(x_N, t_N)
    _among(example, len(x_N))
    x, t = float(x_N[example]), float(t_N[example])
    loss = (x - t) ** 2
    steps = (
        make_step("error", "{0} - {1}", x - t, prediction=x, target=t),
        make_step("loss", "{0} * {0}", loss, error=x - t),
        _part_of_the_mean(loss, len(x_N)),
    )
    one = np.ones(1)
    here = slice(example, example + 1)
    return ExampleLoss(
        "regression", example, None, x_N[here], x_N[here], t_N[here], (one, one), whole.gradient[here], steps, loss,
        float(len(x_N)),
    )  # fmt: skip


FAR = 700.0
"""Beyond it an exponential overflows in float64."""
LOSES_DIGITS = 1e-6
"""A probability nearer than this to 0 or 1 is left with few digits on that side."""


def _log_loss(name: str, label: int, x: float, p: float, loss: float) -> Step:
    """The loss of one class: from the probability, or from the score where that has lost its digits."""
    if min(p, 1 - p) > LOSES_DIGITS:
        return make_step(name, "-log({0})" if label else "-log(1 - {0})", loss, probability=p)
    against = -x if label else x
    if against > FAR:
        return make_step(name, "-({0})" if label else "{0}", loss, score=x)
    return make_step(name, "log(1 + exp(-({0})))" if label else "log(1 + exp({0}))", loss, score=x)


def _part_of_the_mean(loss: float, divisor: float, weighted: bool = False) -> Step:
    if weighted:
        return make_step("part of the mean", "{0} / {1}", loss / divisor, loss=loss, sum_of_weights=divisor)
    return make_step("part of the mean", "{0} / {1}", loss / divisor, loss=loss, examples=divisor)


def _smoothed(labels_N: Labels, label_smoothing: float) -> NDArray[np.float64]:
    if not 0 <= label_smoothing <= 1:
        raise UserError("label smoothing", f"{label_smoothing:g}", "from 0 to 1")
    target_N: NDArray[np.float64] = np.asarray(labels_N, np.float64) * (1 - label_smoothing) + label_smoothing / 2
    return target_N


def _one_output(kind: Kind, scores_NK: Array) -> None:
    if scores_NK.ndim != 2 or scores_NK.shape[1] != 1 or not len(scores_NK):
        raise UserError(f"loss of a {kind} task", f"scores of {'x'.join(map(str, scores_NK.shape))}", "N x 1")


def _among(example: int, count: int) -> None:
    if not 0 <= example < count:
        raise IndexError(f"example {example} of {count}")
