"""A linear classifier on features that are there: multinomial logistic regression, its strength chosen by itself.

The loss is convex, so that it has one answer: no learning rate, no epochs, no luck.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from convscope.engine.workers import in_order, one_thread_each
from convscope.evaluation.calibration import best_temperature, losses
from convscope.seeds import stream_seed

STRENGTHS = tuple(10 ** (exponent / 2) for exponent in range(2, -9, -1))
"""Strengths of the penalty that are tried, from 10 down to 0.0001: of standardised features, a picture."""
FOLDS = 5
DOUBLE = 2**24
"""Numbers up to which features are computed with in float64."""
MANY = 10_000
"""Pictures from which one fold of the five says enough."""
WORTH = 0.01
"""The share of the loss that a weaker penalty must have saved for a still weaker one to be tried."""
TOLERANCE, ROUGH = 1e-5, 3e-4
"""The largest slope that may be left, of the head that is kept and of those that are compared."""

Floats = NDArray[np.float32] | NDArray[np.float64]


@dataclass(frozen=True)
class Head:
    """Weights and biases that read features as they are.

    Args:
        weight_KD: float64.
        bias_K: float64.
    """

    weight_KD: NDArray[np.float64]
    bias_K: NDArray[np.float64]

    def scores(self, features_ND: Floats) -> NDArray[np.float64]:
        """Scores (N, K) before softmax."""
        scores_NK: NDArray[np.float64] = features_ND.astype(np.float64) @ self.weight_KD.T + self.bias_K
        return scores_NK


@dataclass(frozen=True)
class Chosen:
    """A head and how its strength was chosen.

    Args:
        head: fitted to all pictures with the strength; its scores are divided by the temperature.
        strength: of the penalty.
        temperature: that made the scores of pictures that were held out most probable.
        losses: mean loss of pictures that were held out, by strength, each at its best temperature.
        accuracy: of pictures that were held out, with the strength.
        held_rows_M: which pictures were held out.
        held_scores_MK: their scores at the temperature, each by a head that had not seen it.
    """

    head: Head
    strength: float
    temperature: float
    losses: dict[float, float]
    accuracy: float
    held_rows_M: NDArray[np.int64]
    held_scores_MK: NDArray[np.float64]


def fit(
    views_ND: Sequence[Floats],
    labels_N: NDArray[np.int64],
    classes: int,
    strength: float,
    weights_K: NDArray[np.float64] | None = None,
    start: Head | None = None,
) -> Head:
    """Multinomial logistic regression with a squared penalty on the weights, biases free; by L-BFGS (Liu and Nocedal
    1989).

    The features are standardised, and the standardisation is multiplied into the weights. Minimises, a sample of N,
    ``mean(weight of its class * cross entropy) + strength / 2 * sum(weights ** 2)``; scikit-learn's ``C`` is
    ``1 / (strength * N)``.

    Args:
        views_ND: the features of the pictures, and of their views, such as the mirror images: all count alike.
        labels_N: of the pictures.
        classes: K; one that has no picture gets what the penalty leaves it.
        strength: of the penalty, above 0.
        weights_K: of the classes' samples in the loss; None: all 1.
        start: where to start from; None: zero.

    Example:
        >>> two_ND = np.array([[0.0, 5.0], [2.0, 5.0]])
        >>> head = fit([two_ND], np.array([0, 1]), 2, strength=0.01)
        >>> head.scores(two_ND).argmax(1).tolist()
        [0, 1]
    """
    problem = _Problem.of(views_ND, labels_N, classes, weights_K)
    with one_thread_each():
        return problem.folded(problem.solve(strength, None if start is None else problem.standardised(start)))


def choose(
    views_ND: Sequence[Floats],
    labels_N: NDArray[np.int64],
    classes: int,
    seed: int = 0,
    strengths: Sequence[float] = STRENGTHS,
    weights_K: NDArray[np.float64] | None = None,
    in_turn: int | None = None,
) -> Chosen:
    """A head whose strength is chosen by cross-validation among the training pictures alone.

    The validation pictures take no part, so that what is read off them later (temperature, threshold, whether
    fine-tuning helps) is of pictures that the head has not seen. A picture and its views are always on one side.
    The strength is the largest whose loss is within one standard error of the least one (Breiman et al. 1984). A
    stronger penalty also makes smaller scores; that is no
    reason to refuse it, so losses are compared at the temperature that suits each (Guo et al. 2017).

    Args:
        views_ND, labels_N, classes, weights_K: as for :func:`fit`.
        seed: of the folds.
        strengths: that are tried, from the largest to the smallest.
        in_turn: how many of the five parts of the pictures are held out; None: all, of very many pictures one.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> labels_N = np.arange(200) % 2
        >>> features_ND = rng.normal(size=(200, 3)) + 2 * labels_N[:, None]
        >>> 0.9 < choose([features_ND], labels_N, 2).accuracy < 1
        True
    """
    folds_N = _folds(labels_N, seed)
    held = [np.flatnonzero(folds_N == fold) for fold in range(in_turn or (FOLDS if len(labels_N) < MANY else 1))]
    held = [rows for rows in held if len(rows) and len(rows) < len(labels_N)]
    if not held:
        strength, none_M = strengths[len(strengths) // 2], np.zeros(0, np.int64)
        return Chosen(
            fit(views_ND, labels_N, classes, strength, weights_K),
            strength,
            1.0,
            {},
            math.nan,
            none_M,
            np.zeros((0, classes)),
        )
    problems, shown_ND = [], []
    for rows in held:
        rest = np.setdiff1d(np.arange(len(labels_N)), rows)
        single = [np.asarray(view[rest], np.float32) for view in views_ND]
        problems.append(_Problem.of(single, labels_N[rest], classes, weights_K, double=False))
        shown_ND.append(problems[-1].input(views_ND[0][rows]))
    rows_M = np.concatenate(held)
    tried: dict[float, tuple[NDArray[np.float64], float, NDArray[np.float64]]] = {}
    least = math.inf
    # Each solution by one thread: the bits do not depend on how many cores there are.
    with one_thread_each() as cores:
        # The strongest penalty is the same problem for all folds but for details: one answer is where the others start.
        solutions = [problems[0].solve(strengths[0], tolerance=ROUGH)] * len(held)
        for strength in strengths:
            solve = partial(_again, strength=strength)
            solutions = list(in_order(solve, zip(problems, solutions, strict=True), cores))
            scores_MK = torch.cat(list(map(_Problem.scores, problems, solutions, shown_ND)))
            scores = scores_MK.double().numpy()
            temperature = best_temperature(scores, labels_N[rows_M])
            losses_M = losses(scores / temperature, labels_N[rows_M])
            tried[strength] = (losses_M, temperature, scores)
            if losses_M.mean() > (1 - WORTH) * least:
                break
            least = min(least, float(losses_M.mean()))
    best_M = min((losses for losses, _, _ in tried.values()), key=lambda losses: float(losses.mean()))

    most = float(best_M.mean() + best_M.std() / math.sqrt(len(best_M)))
    strength = next(strength for strength, (losses_M, _, _) in tried.items() if float(losses_M.mean()) <= most)
    _, temperature, scores = tried[strength]
    head = fit(views_ND, labels_N, classes, strength, weights_K)
    return Chosen(
        Head(head.weight_KD / temperature, head.bias_K / temperature),
        strength,
        temperature,
        {strength: float(losses_M.mean()) for strength, (losses_M, _, _) in tried.items()},
        float((scores.argmax(1) == labels_N[rows_M]).mean()),
        rows_M,
        scores / temperature,
    )


def _folds(labels_N: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """A stratified fold for every picture.

    By hand, not by scikit-learn's StratifiedKFold: that one refuses data whose classes all have fewer pictures than
    there are folds, and its other assignment would choose other strengths, and so other weights, for the same seed.
    """
    order = np.random.Generator(np.random.PCG64(stream_seed(seed, "folds"))).permutation(len(labels_N))
    order = order[np.argsort(labels_N[order], kind="stable")]
    folds_N = np.empty(len(labels_N), np.int64)
    folds_N[order] = np.arange(len(labels_N)) % FOLDS
    return folds_N


@dataclass(frozen=True)
class _Problem:
    """Standardised samples; a solution is (K, D + 1), the biases its last column."""

    x_SD: Tensor
    share_S: Tensor
    labels_S: Tensor
    mean_D: NDArray[np.float64]
    deviation_D: NDArray[np.float64]
    classes: int

    @classmethod
    def of(
        cls,
        views_ND: Sequence[Floats],
        labels_N: NDArray[np.int64],
        classes: int,
        weights_K: NDArray[np.float64] | None,
        double: bool = True,
    ) -> _Problem:
        raw_SD = np.concatenate([np.asarray(view, np.float32) for view in views_ND])
        mean_D = raw_SD.mean(0, dtype=np.float64)
        deviation_D = raw_SD.std(0, dtype=np.float64)
        # A feature that never moves tells nothing, and would be divided by nothing.
        deviation_D[deviation_D < 1e-6 * np.maximum(1e-6, np.abs(mean_D))] = np.inf
        double = double and raw_SD.size <= DOUBLE
        labels_S = np.tile(labels_N, len(views_ND))
        share_S = np.ones(len(labels_S)) if weights_K is None else weights_K[labels_S]
        problem = cls(
            torch.empty(0, dtype=torch.float64 if double else torch.float32),
            torch.from_numpy(share_S / len(labels_S)).to(torch.float64 if double else torch.float32),
            torch.from_numpy(labels_S),
            mean_D,
            deviation_D,
            classes,
        )
        return cls(problem.input(raw_SD), *[getattr(problem, name) for name in list(problem.__annotations__)[1:]])

    def input(self, raw_ND: Floats) -> Tensor:
        """Features as a solution reads them."""
        kind = np.float64 if self.x_SD.dtype == torch.float64 else np.float32
        return torch.from_numpy((raw_ND.astype(kind) - self.mean_D.astype(kind)) / self.deviation_D.astype(kind))

    def solve(self, strength: float, start: Tensor | None = None, tolerance: float = TOLERANCE) -> Tensor:
        """The least loss by L-BFGS, to where no slope is above the tolerance."""
        # Not torch's: its optimisers load a compiler at their first step, which takes longer than all of this.
        from scipy.optimize import minimize

        shape, kind = (self.classes, self.x_SD.shape[1] + 1), self.x_SD.dtype
        rows_S = torch.arange(len(self.labels_S))

        def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            at = torch.from_numpy(flat).view(shape)
            weight, bias = at[:, :-1], at[:, -1]
            # Both products with the long side last: the other way round they take up to six times as long.
            logs_SK = torch.log_softmax((weight.to(kind) @ self.x_SD.T).T + bias.to(kind), 1)
            value = -float(logs_SK[rows_S, self.labels_S].double() @ self.share_S.double())
            slope_SK = logs_SK.exp_()
            slope_SK[rows_S, self.labels_S] -= 1
            slope_SK *= self.share_S[:, None]
            gradient = torch.empty(shape, dtype=torch.float64)
            gradient[:, :-1] = slope_SK.T.contiguous() @ self.x_SD
            gradient[:, :-1].add_(weight, alpha=strength)
            gradient[:, -1] = slope_SK.sum(0)
            return value + strength / 2 * float(weight.square().sum()), gradient.numpy().reshape(-1)

        first = np.zeros(math.prod(shape)) if start is None else start.double().numpy().reshape(-1)
        options = {"maxiter": 500, "maxfun": 1000, "gtol": tolerance, "ftol": 0.0}
        found = minimize(loss, first, jac=True, method="L-BFGS-B", options=options)
        return torch.from_numpy(found.x).view(shape).to(kind)

    def scores(self, at: Tensor, features_ND: Tensor) -> Tensor:
        """Of features from :meth:`input`: (N, K)."""
        return features_ND @ at[:, :-1].T + at[:, -1]

    def folded(self, at: Tensor) -> Head:
        """A solution as weights of features as they are."""
        weight_KD = at[:, :-1].double().numpy() / self.deviation_D
        return Head(weight_KD, at[:, -1].double().numpy() - weight_KD @ self.mean_D)

    def standardised(self, head: Head) -> Tensor:
        """Weights of features as they are, as a solution."""
        finite_D = np.where(np.isfinite(self.deviation_D), self.deviation_D, 0.0)
        bias_K = head.bias_K + head.weight_KD @ self.mean_D
        return torch.from_numpy(np.concatenate([head.weight_KD * finite_D, bias_K[:, None]], 1))


def _again(pair: tuple[_Problem, Tensor], strength: float) -> Tensor:
    """A problem solved from where it was solved before with another strength."""
    return pair[0].solve(strength, pair[1], ROUGH)
