"""Labels that are probably wrong, by what a model sees in the pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convscope.data.audit import Checked, Finding
from convscope.data.cache import prepare
from convscope.data.sources import Source
from convscope.engine.inference import prepare as prepared
from convscope.evaluation.calibration import softmax
from convscope.learning.transfer.fine_tuning import head_of
from convscope.learning.transfer.head import FOLDS, choose
from convscope.model.folder import Model

FEWEST = 30
"""Pictures below which nothing is learnt of labels."""


def suspicious(
    model: str | Path | Model,
    source: Source,
    found: Checked,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> list[Finding]:
    """Labels of a data set that a linear classifier on the model's features contradicts, the most improbable first.

    The classifier is fitted anew, by cross-validation: no picture is judged by one that has seen its label. So the
    model may have been trained on the very pictures, or on quite other classes.

    Args:
        model: a model folder, or a model.
        source: the data.
        found: what was checked already; pictures that could not be read are left out.
        progress: told (what, so many, of so many).

    Raises:
        UserError: the model or the data cannot be read.
    """
    model = model if isinstance(model, Model) else Model.load(model)
    dataset = prepare(source, model.preprocess, progress=lambda done, total: progress("decoding", done, total))
    graph = model.module.graph
    head = head_of(graph)
    path = model.scores_path if head is None else head.inputs[0]
    splits = [split for split in (dataset.train, dataset.val, dataset.test) if len(split)]
    names = [name for split in splits for name in split.names]
    labels_N = np.concatenate([split.labels_N for split in splits])
    if len(labels_N) < FEWEST:
        return []
    body = prepared(model.module, model.normalise, path)
    features: list[NDArray[np.float32]] = []
    for split in splits:
        progress("features", sum(len(some) for some in features), len(names))
        features.append(body.all(split.inputs_N).float().flatten(1).numpy())
    chosen = choose([np.concatenate(features)], labels_N, len(dataset.classes), in_turn=FOLDS)
    rows_M, probabilities_MK = chosen.held_rows_M, softmax(chosen.held_scores_MK)
    findings = []
    for place in improbable(probabilities_MK, labels_N[rows_M]).tolist():
        row, probabilities_K = int(rows_M[place]), probabilities_MK[place]
        label, instead = int(labels_N[row]), int(probabilities_K.argmax())
        said = f"labelled {dataset.classes[label]} ({100 * probabilities_K[label]:.1f} %)"
        detail = f"{said}, looks like {dataset.classes[instead]} ({100 * probabilities_K[instead]:.1f} %)"
        findings.append(Finding("suspicious", (names[row],), detail, (names[row],)))
    return findings


def improbable(probabilities_NK: NDArray[np.float64], labels_N: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pictures whose label is probably another, the least probable label first: confident learning.

    A class is likely for a picture where its probability reaches the mean that it has over the pictures labelled so;
    a label is suspicious where another class is likely, and it is not the label that is the most probable of those
    (Northcutt, Jiang and Chuang 2021, "Confident learning: estimating uncertainty in dataset labels").

    Args:
        probabilities_NK: of classifiers that have not seen the picture's label.
        labels_N: as they are given.

    Example:
        >>> probabilities_NK = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.95, 0.05], [0.2, 0.8]])
        >>> improbable(probabilities_NK, np.array([0, 0, 1, 1, 1])).tolist()
        [3]
    """
    n, classes = probabilities_NK.shape
    own_N = probabilities_NK[np.arange(n), labels_N]
    counts_K = np.bincount(labels_N, minlength=classes)
    means_K = np.bincount(labels_N, weights=own_N, minlength=classes) / np.maximum(1, counts_K)
    means_K[counts_K == 0] = np.inf
    likely_NK = np.where(probabilities_NK >= means_K, probabilities_NK, -1.0)
    best_N = likely_NK.argmax(1)
    wrong_N = (likely_NK.max(1) >= 0) & (best_N != labels_N)
    margin_N = own_N - probabilities_NK.max(1)
    order: Sequence[int] = np.argsort(margin_N, kind="stable").tolist()
    return np.array([i for i in order if wrong_N[i]], np.int64)
