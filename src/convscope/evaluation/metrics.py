"""What probabilities are worth: how often they are right, how sure that is, and whether they mean what they say."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.errors import UserError
from convscope.evaluation.binary import BinaryScores, binary_scores
from convscope.intervals import wilson_interval

BINS = 15
"""Equal-width bins of the top probability, as in Guo et al. 2017."""
SMALLEST = float(np.finfo(np.float32).tiny)
"""A probability below this counts as this in the loss, so that one certain mistake does not make it infinite."""

FEWEST_GUESSES = 10
"""Answers below which it is not said from where on they are guesses."""

Probabilities = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class ClassScore:
    """One class. All fractions are None where the test set has no picture of it: nothing was asked.

    Args:
        precision: of the pictures called so, the share that are; None where none was called so.
        recall: of the pictures that are so, the share called so.
        f1: the harmonic mean of both, as 2 TP / (2 TP + FP + FN); 0 where none is right.
        support: how many pictures are so.
    """

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int


@dataclass(frozen=True)
class Bin:
    """The pictures whose top probability lies in (lower, upper]; both means are None where there are none."""

    lower: float
    upper: float
    count: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True)
class ConfusedPair:
    """``count`` pictures of class ``true`` were taken for ``predicted``: ``share`` of the pictures of ``true``."""

    true: int
    predicted: int
    count: int
    share: float


@dataclass(frozen=True)
class Evaluation:
    """A classifier's answers on labelled pictures, in numbers. Fractions are 0-1.

    Args:
        count: pictures.
        top1: the share whose most probable class is right; of equal probabilities the first class counts.
        top5: the share whose class is among the min(5, K) most probable: always 1 where there are five or fewer.
        interval: 95 % Wilson score interval of ``top1``.
        loss: mean negative log likelihood, in nats.
        ece: expected calibration error over ``bins``.
        bins: the reliability diagram.
        per_class: one score a class, in the order of the labels.
        macro_f1: mean F1 of the classes that occur.
        balanced_accuracy: mean recall of the classes that occur.
        confusion: K x K counts, a row a true class, a column a predicted one.
        guessing: the top probability below which at most half of the answers are right; None where too few are.
        binary: of the positive class, where one output scores it; else None.
    """

    count: int
    top1: float
    top5: float
    interval: tuple[float, float]
    loss: float
    ece: float
    bins: tuple[Bin, ...]
    per_class: tuple[ClassScore, ...]
    macro_f1: float
    balanced_accuracy: float
    confusion: tuple[tuple[int, ...], ...]
    guessing: float | None = None
    binary: BinaryScores | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names, in the order of the labels."""
        return tuple(score.name for score in self.per_class)

    @property
    def correct(self) -> int:
        """How many pictures were named rightly."""
        return sum(row[index] for index, row in enumerate(self.confusion))

    @property
    def baseline(self) -> float:
        """What always naming the commonest class would get right: the number that ``top1`` has to beat."""
        return max(score.support for score in self.per_class) / self.count

    @property
    def overconfidence(self) -> float:
        """Mean top probability minus ``top1``: above 0 it is surer than it may be, below 0 too modest."""
        stated = sum(b.count * b.confidence for b in self.bins if b.confidence is not None)
        return stated / self.count - self.top1

    def _repr_html_(self) -> str:
        low, high = self.interval
        numbers = (
            ("accuracy", f"{100 * self.top1:.2f} % ({100 * low:.1f} to {100 * high:.1f} with 95 % confidence)"),
            ("examples", f"{self.count:,}"),
            ("balanced accuracy", f"{100 * self.balanced_accuracy:.2f} %"),
            ("calibration error", f"{100 * self.ece:.2f} %"),
            ("loss", f"{self.loss:.4f}"),
        )
        return "<table>" + "".join(f"<tr><th>{name}</th><td>{text}</td></tr>" for name, text in numbers) + "</table>"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, never NaN: ``per_class`` under ``classes``, what is not defined as null."""
        return {
            "count": self.count,
            "top1": self.top1,
            "top5": self.top5,
            "interval": list(self.interval),
            "baseline": self.baseline,
            "balanced_accuracy": self.balanced_accuracy,
            "macro_f1": self.macro_f1,
            "loss": self.loss,
            "ece": self.ece,
            "bins": [asdict(b) for b in self.bins],
            "classes": [asdict(score) for score in self.per_class],
            "confusion": [list(row) for row in self.confusion],
            "guessing": self.guessing,
            **({} if self.binary is None else {"binary": self.binary.to_dict()}),
        }


def evaluate_probabilities(
    probabilities_NK: Probabilities, labels_N: NDArray[np.int64], classes: tuple[str, ...], binary: bool = False
) -> Evaluation:
    """Compare a classifier's probabilities with the labels.

    Args:
        probabilities_NK: (N, K) floats, each row summing to 1.
        labels_N: (N,) indices into ``classes``.
        classes: the K class names.
        binary: whether the second of two classes is scored by one output: then it has numbers of its own.

    Raises:
        UserError: there is no picture, or a probability is not a number (the training diverged).
        ValueError: the shapes, the labels or the rows' sums do not fit.

    Example:
        >>> import numpy as np
        >>> evaluation = evaluate_probabilities(
        ...     np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]), np.array([0, 1, 1]), ("cat", "dog")
        ... )
        >>> round(evaluation.top1, 3), evaluation.confusion
        (0.667, ((1, 0), (1, 1)))
    """
    _check(probabilities_NK, labels_N, classes)
    predicted_N = probabilities_NK.argmax(axis=1)
    rank_N = _ranks(probabilities_NK, labels_N)
    correct_N = predicted_N == labels_N
    confusion_KK = confusion_matrix(labels_N, predicted_N, len(classes))
    scores = _class_scores(confusion_KK, classes)
    bins = reliability_bins(probabilities_NK.max(axis=1).astype(np.float64), correct_N)
    count, correct = len(labels_N), int(correct_N.sum())
    label_probability_N = probabilities_NK[np.arange(count), labels_N].astype(np.float64)
    occurring = [score for score in scores if score.support]
    return Evaluation(
        count=count,
        top1=correct / count,
        top5=float((rank_N < 5).mean()),
        interval=wilson_interval(correct, count),
        loss=float(-np.log(np.maximum(label_probability_N, SMALLEST)).mean()) + 0.0,
        ece=calibration_error(bins),
        bins=bins,
        per_class=scores,
        macro_f1=sum(score.f1 or 0.0 for score in occurring) / len(occurring),
        balanced_accuracy=sum(score.recall or 0.0 for score in occurring) / len(occurring),
        confusion=tuple(map(tuple, confusion_KK.tolist())),
        guessing=guessing_below(probabilities_NK.max(axis=1), correct_N),
        binary=binary_scores(probabilities_NK, labels_N, classes) if binary else None,
    )


def guessing_below(top_N: Probabilities, correct_N: NDArray[np.bool_]) -> float | None:
    """The probability below which no more than half of the answers are right; None where there are too few such.

    Example:
        >>> round(guessing_below(np.linspace(0.5, 1, 100), np.arange(100) >= 20), 2)
        0.7
    """
    order = np.argsort(top_N, kind="stable")
    shares_N = np.cumsum(correct_N[order]) / np.arange(1, len(order) + 1)
    guesses = np.flatnonzero(shares_N <= 0.5)
    if not len(guesses) or guesses[-1] + 1 < FEWEST_GUESSES:
        return None
    after = guesses[-1] + 1
    return float(top_N[order[after]]) if after < len(order) else 1.0


def reliability_bins(confidence_N: Probabilities, correct_N: NDArray[np.bool_], bins: int = BINS) -> tuple[Bin, ...]:
    """Pictures grouped by how sure the classifier was; bins are open below and closed above, as in Guo et al.

    Args:
        confidence_N: (N,) top probabilities.
        correct_N: (N,) whether the top class was right.
        bins: how many, of equal width over 0-1.
    """
    edges = np.linspace(0.0, 1.0, bins + 1)
    index_N = bin_of(confidence_N, bins)
    counts = np.bincount(index_N, minlength=bins)
    stated = np.bincount(index_N, weights=confidence_N, minlength=bins)
    right = np.bincount(index_N, weights=correct_N, minlength=bins)
    return tuple(
        Bin(
            lower=float(edges[i]),
            upper=float(edges[i + 1]),
            count=int(counts[i]),
            confidence=min(1.0, float(stated[i] / counts[i])) if counts[i] else None,
            accuracy=float(right[i] / counts[i]) if counts[i] else None,
        )
        for i in range(bins)
    )


def bin_of(confidence_N: Probabilities, bins: int = BINS) -> NDArray[np.int64]:
    """Which of so many bins of equal width over 0-1 each probability lies in; bins are closed above."""
    edges = np.linspace(0.0, 1.0, bins + 1)
    index_N: NDArray[np.int64] = np.clip(np.digitize(confidence_N, edges, right=True) - 1, 0, bins - 1)
    return index_N


def calibration_error(bins: tuple[Bin, ...]) -> float:
    """Expected calibration error (Guo et al., ICML 2017): mean distance of sureness and share right, by picture.

    Example:
        >>> round(calibration_error((Bin(0.0, 0.5, 1, 0.4, 0.0), Bin(0.5, 1.0, 3, 0.9, 1.0))), 3)
        0.175
    """
    distances = (
        b.count * abs(b.accuracy - b.confidence) for b in bins if b.accuracy is not None and b.confidence is not None
    )
    return sum(distances) / sum(b.count for b in bins)


def confusion_matrix(labels_N: NDArray[np.int64], predicted_N: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """(K, K) counts: a row a true class, a column a predicted one."""
    flat = np.bincount(labels_N * classes + predicted_N, minlength=classes * classes)
    return flat.reshape(classes, classes).astype(np.int64)


def most_confused(evaluation: Evaluation, n: int) -> tuple[ConfusedPair, ...]:
    """The ``n`` commonest mistakes, by count, then by share of the true class."""
    pairs = [
        ConfusedPair(true, predicted, count, count / evaluation.per_class[true].support)
        for true, row in enumerate(evaluation.confusion)
        for predicted, count in enumerate(row)
        if count and true != predicted
    ]
    return tuple(sorted(pairs, key=lambda pair: (-pair.count, -pair.share, pair.true, pair.predicted))[:n])


def surest_mistakes(probabilities_NK: Probabilities, labels_N: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Indices of up to ``n`` wrongly named pictures, the surest first."""
    wrong = np.flatnonzero(probabilities_NK.argmax(axis=1) != labels_N)
    order = np.argsort(-probabilities_NK[wrong].max(axis=1), kind="stable")
    return wrong[order[:n]].astype(np.int64)


def _check(probabilities_NK: Probabilities, labels_N: NDArray[np.int64], classes: tuple[str, ...]) -> None:
    if len(labels_N) == 0:
        raise UserError("evaluation", "there is nothing to evaluate on", "at least one labelled example")
    if probabilities_NK.shape != (len(labels_N), len(classes)):
        raise ValueError(f"probabilities {probabilities_NK.shape} for {len(labels_N)} labels, {len(classes)} classes")
    broken = int((~np.isfinite(probabilities_NK)).any(axis=1).sum())
    if broken:
        raise UserError(
            "evaluation",
            f"the network's outputs for {broken:,} of {len(labels_N):,} examples are not finite numbers",
            hint="its training diverged: train again with a lower learning rate",
        )
    if labels_N.min() < 0 or labels_N.max() >= len(classes):
        raise ValueError(f"labels {labels_N.min()} to {labels_N.max()} for {len(classes)} classes")
    if probabilities_NK.min() < 0 or np.abs(probabilities_NK.sum(axis=1, dtype=np.float64) - 1).max() > 0.01:
        raise ValueError("rows are not probabilities: softmax first")


def _ranks(probabilities_NK: Probabilities, labels_N: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many classes come before the right one; among equals the first comes first, as in argmax."""
    own_N1 = np.take_along_axis(probabilities_NK, labels_N[:, None], axis=1)
    before_NK = np.arange(probabilities_NK.shape[1]) < labels_N[:, None]
    ahead_NK = (probabilities_NK > own_N1) | ((probabilities_NK == own_N1) & before_NK)
    ranks: NDArray[np.int64] = ahead_NK.sum(axis=1, dtype=np.int64)
    return ranks


def _class_scores(confusion_KK: NDArray[np.int64], classes: tuple[str, ...]) -> tuple[ClassScore, ...]:
    def score(index: int, name: str) -> ClassScore:
        hits = int(confusion_KK[index, index])
        support, called = int(confusion_KK[index].sum()), int(confusion_KK[:, index].sum())
        if not support:
            return ClassScore(name, None, None, None, 0)
        precision = hits / called if called else None
        return ClassScore(name, precision, hits / support, 2 * hits / (support + called), support)

    return tuple(score(index, name) for index, name in enumerate(classes))
