"""What a model is worth on labelled pictures; classes are matched by name, never by position."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from convscope.data.cache import prepare
from convscope.data.dataset import Dataset, Skipped, Split
from convscope.data.image.sizes import sizes_of
from convscope.data.parts import check_split, in_words, part_of
from convscope.data.sources import TableColumns, open_source
from convscope.data.splits import measured_part
from convscope.errors import UserError
from convscope.evaluation.metrics import Evaluation, evaluate_probabilities
from convscope.evaluation.regression import RegressionEvaluation, evaluate_numbers
from convscope.evaluation.report import JUDGED, LEARNT, NEW, EvaluationReport, evaluation_report
from convscope.evaluation.selective_prediction import SelectiveResult
from convscope.model.folder import Model
from convscope.model.task import Regression


@dataclass(frozen=True)
class Evaluated:
    """An evaluation with what it was made of.

    Args:
        evaluation: the numbers; its classes are the model's.
        probabilities_NK: one row an input; where a number is predicted the predictions (N, 1).
        split: the pictures, labels as indices into the model's classes.
        of: which pictures, in words.
        skipped: what was left out, and why.
        report: what the numbers leave open: calibration, ``unknown``, the pictures behind mistakes, sizes.
        remark: what was done to all inputs that a person should know; empty: nothing.
    """

    evaluation: Evaluation | RegressionEvaluation
    probabilities_NK: NDArray[np.float64]
    split: Split
    of: str
    skipped: tuple[Skipped, ...]
    report: EvaluationReport | None
    remark: str = ""

    @property
    def sure(self) -> tuple[SelectiveResult, ...]:
        """What came of asking for a precision, see :mod:`convscope.evaluation.selective_prediction`."""
        return () if self.report is None else self.report.sure

    def _repr_html_(self) -> str:
        return self.evaluation._repr_html_()


def evaluate(
    model: Model,
    data: str | os.PathLike[str],
    split: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    sure: float | None = None,
) -> Evaluated:
    """Measure a model.

    Args:
        model: a loaded model.
        data: labelled pictures, see :func:`convscope.data.sources.open_source`.
        split: ``train``, ``val``, ``test`` or ``all``. None: ``test`` where the data comes with one, or is the very
            data that the model was trained on (its test part then, with the model's seed); else ``all``.
        progress: told (pictures decoded, pictures in all).
        sure: an accuracy to ask for, beside the usual ones; None: what the model was trained with.

    Raises:
        UserError: the data cannot be read, has no such split, or shares no class with the model.
    """
    check_split(split)
    if isinstance(model.task, Regression):
        return _numbers(model, model.task, data, split, progress)
    chosen, classes, skipped, of, part = _chosen(model, data, split, progress)
    known = {name: index for index, name in enumerate(model.classes)}
    places = np.array([known.get(name, -1) for name in classes], np.int64)
    labels = places[chosen.labels_N]
    if not (labels >= 0).any():
        raise UserError(
            str(data),
            f"its classes are {', '.join(classes[:6])}",
            f"classes of the model: {', '.join(model.classes[:10])}",
            f"the model cannot know any of these {model.modality.many}",
        )
    if (labels < 0).any():
        strangers = sorted({classes[k] for k in np.unique(chosen.labels_N[labels < 0])})
        count = int((labels < 0).sum())
        reason = f"{count} {model.modality.many} of a class that the model does not know"
        skipped += tuple(Skipped(name, reason) for name in strangers)
        kept = np.flatnonzero(labels >= 0)
        chosen = Split(chosen.inputs_N[kept], labels[kept], [chosen.names[int(i)] for i in kept])
    else:
        chosen = replace(chosen, labels_N=labels)
    probabilities = model.probabilities(chosen.inputs_N)
    binary = model.task.kind == "binary"
    evaluation = evaluate_probabilities(probabilities, chosen.labels_N, model.classes, binary)
    columns = TableColumns.like(model.preprocess)
    source = open_source(data, training=False, columns=columns)
    sizes_N2 = sizes_of(source, chosen.names)
    told = evaluation_report(
        model, evaluation, probabilities, chosen.labels_N, chosen.names, sizes_N2=sizes_N2, sure=sure, part=part
    )
    return Evaluated(evaluation, probabilities, chosen, of, skipped, told, source.remark)


def _numbers(
    model: Model,
    task: Regression,
    data: str | os.PathLike[str],
    split: str | None,
    progress: Callable[[int, int], None] | None,
) -> Evaluated:
    """The same of a model that predicts a number."""
    chosen, classes, skipped, of, part = _chosen(model, data, split, progress)
    if classes:
        raise UserError(str(data), f"its labels are classes: {', '.join(classes[:6])}", f"numbers: {task.target}")
    predicted_N = model.numbers(chosen.inputs_N)
    seed, targets_N = int(model.facts.get("seed", 0)), np.asarray(chosen.labels_N, np.float64)
    evaluation = evaluate_numbers(predicted_N, targets_N, task.target, task.mean, list(chosen.names), part, seed)
    return Evaluated(evaluation, predicted_N[:, None], chosen, of, skipped, None)


def _chosen(
    model: Model, data: str | os.PathLike[str], split: str | None, progress: Callable[[int, int], None] | None
) -> tuple[Split, tuple[str, ...], tuple[Skipped, ...], str, str]:
    """The pictures, their classes, what was left out, which they are in words, and what they are to the model."""
    trained_on = model.facts.get("trained_on", {})
    given = open_source(data, training=False, columns=TableColumns.like(model.preprocess)).given
    if split is None and "fingerprint" in trained_on and not given:
        # Is this the data that the model was trained on? Then only its test part is new to the model.
        whole = _split(model, data, progress)
        if whole is not None and whole.fingerprint == trained_on["fingerprint"]:
            if whole.measured_on_train:
                return whole.test, whole.classes, whole.skipped, f"the training rows of {whole.name}", LEARNT
            return whole.test, whole.classes, whole.skipped, f"the test part of {whole.name}", NEW
    found = part_of(data, model.preprocess, split, int(model.facts.get("seed", 0)), progress)
    own = found.fingerprint == trained_on.get("fingerprint")
    if own and found.part == measured_part(given):
        return found.split, found.classes, found.skipped, in_words(found), NEW
    part = {"train": LEARNT, "all": LEARNT, "val": JUDGED}.get(found.part, NEW) if own else NEW
    return found.split, found.classes, found.skipped, in_words(found), part


def _split(model: Model, data: str | os.PathLike[str], progress: Callable[[int, int], None] | None) -> Dataset | None:
    try:
        return prepare(
            open_source(data, columns=TableColumns.like(model.preprocess)),
            model.preprocess,
            int(model.facts.get("seed", 0)),
            progress=progress,
        )
    except UserError:
        return None  # too few pictures or classes to split: not what a model was trained on
