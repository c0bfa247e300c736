"""The end of a run: the model calibrated on pictures that it has not learnt, and measured on those of the test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from convscope.data.data_path import DataPath
from convscope.data.dataset import Dataset, Split
from convscope.data.image.modality import IMAGE
from convscope.data.image.sizes import sizes_of
from convscope.data.modality import Normalisation
from convscope.data.sources import open_source
from convscope.errors import UserError
from convscope.evaluation.calibration import Calibration, calibrate
from convscope.evaluation.metrics import Evaluation, calibration_error, evaluate_probabilities, reliability_bins
from convscope.evaluation.regression import RegressionEvaluation, evaluate_numbers
from convscope.evaluation.report import LEARNT, NEW, EvaluationReport, evaluation_report
from convscope.learning.device import precision_of
from convscope.learning.record import Settings, versions
from convscope.learning.train import task_for
from convscope.learning.transfer.run import TransferResult
from convscope.model.folder import Model
from convscope.model.task import Regression
from convscope.network.network import Network


@dataclass(frozen=True)
class FinalEvaluation:
    """A model with all its facts, and what it is worth on the test inputs: numbers, probabilities (N, K), report.

    Where a number is predicted ``probabilities_NK`` are the predictions (N, 1), and there is no report.
    """

    model: Model
    evaluation: Evaluation | RegressionEvaluation
    probabilities_NK: NDArray[np.float64]
    report: EvaluationReport | None


def final_evaluation(
    found: TransferResult, dataset: Dataset, normalise: Normalisation, network: Network, settings: Settings
) -> FinalEvaluation:
    """Calibrate a model, and measure it; the test pictures take no part in the calibration.

    Where time is short, in the numbers that it was trained in, on some processors twice as fast as float32.
    """
    recipe = settings.recipe
    numbers = torch.float32 if recipe.time is None else precision_of(recipe, next(found.module.parameters()).device)
    task = task_for(found.module.graph, dataset)
    views: dict[str, Any] = {"tta": settings.recipe.tta}
    if dataset.preprocess.modality != IMAGE.name or task.kind != "classification":
        views["task"] = task.to_dict()
    if isinstance(task, Regression):
        return _numbers(found, dataset, normalise, network, settings, views, numbers)
    draft = Model(network.graph(), found.module, dataset.classes, dataset.preprocess, normalise, views)
    calibration = _calibrated(draft, found, dataset, numbers)
    temperature = 1.0 if calibration is None else calibration.temperature
    test_scores = found.scores.get("test")
    if test_scores is None:
        test_scores = draft.scores(dataset.test.inputs_N, precision=numbers, checked=False)
    probabilities = torch.softmax(test_scores.double() / temperature, 1).numpy()
    binary = task.kind == "binary"
    evaluation = evaluate_probabilities(probabilities, dataset.test.labels_N, dataset.classes, binary)
    right_N = probabilities.argmax(1) == dataset.test.labels_N
    plain = reliability_bins(torch.softmax(test_scores.double(), 1).numpy().max(1), right_N)
    facts = {
        **views,
        "temperature": temperature,
        "calibration": None if calibration is None else calibration.to_dict(),
        "sure": settings.recipe.sure,
        "metrics": {
            "top1": evaluation.top1,
            "top5": evaluation.top5,
            "interval": list(evaluation.interval),
            "balanced_accuracy": evaluation.balanced_accuracy,
            "ece": evaluation.ece,
            "ece_uncalibrated": calibration_error(plain),
            "loss": evaluation.loss,
            "count": evaluation.count,
            "precision": str(numbers).removeprefix("torch."),
        },
        **_origin(dataset, settings),
    }
    model = Model(network.graph(), found.module, dataset.classes, dataset.preprocess, normalise, facts)
    test = dataset.test
    sizes_N2 = _sizes(settings.source, test) if dataset.preprocess.modality == IMAGE.name else None
    part = LEARNT if dataset.measured_on_train else NEW
    told = evaluation_report(model, evaluation, probabilities, test.labels_N, test.names, sizes_N2=sizes_N2, part=part)
    return FinalEvaluation(model, evaluation, probabilities, told)


def _origin(dataset: Dataset, settings: Settings) -> dict[str, Any]:
    """What the model was made of."""
    return {
        "trained_on": {"data": dataset.name, "fingerprint": dataset.fingerprint, "pictures": len(dataset.train)},
        "seed": settings.recipe.seed,
        "recipe": settings.recipe.to_dict(),
        "versions": versions(),
    }


def _numbers(
    found: TransferResult,
    dataset: Dataset,
    normalise: Normalisation,
    network: Network,
    settings: Settings,
    views: dict[str, Any],
    precision: torch.dtype,
) -> FinalEvaluation:
    """The same of a model that predicts a number."""
    draft = Model(network.graph(), found.module, (), dataset.preprocess, normalise, views)
    task = draft.task
    assert isinstance(task, Regression)
    predicted_N = task.values(draft.scores(dataset.test.inputs_N, precision=precision, checked=False))
    targets_N = np.asarray(dataset.test.labels_N, np.float64)
    part = LEARNT if dataset.measured_on_train else NEW
    seed, names = settings.recipe.seed, list(dataset.test.names)
    evaluation = evaluate_numbers(predicted_N, targets_N, task.target, task.mean, names, part, seed)
    metrics = {key: value for key, value in evaluation.to_dict().items() if key not in ("worst", "definitions")}
    facts = {**views, "metrics": metrics, **_origin(dataset, settings)}
    model = Model(network.graph(), found.module, (), dataset.preprocess, normalise, facts)
    return FinalEvaluation(model, evaluation, predicted_N[:, None], None)


def _sizes(data: DataPath, split: Split) -> NDArray[np.int64] | None:
    """As the files have them; not known where the data has gone since it was decoded."""
    try:
        return sizes_of(open_source(data), split.names)
    except (UserError, OSError):
        return None


def _calibrated(draft: Model, found: TransferResult, dataset: Dataset, numbers: torch.dtype) -> Calibration | None:
    """By the validation pictures, and where a head was fitted by the training pictures that were held out in turn."""
    labels, scores = [], []
    words = []
    if len(dataset.val):
        val_scores = found.scores.get("val")
        val_scores = (
            draft.scores(dataset.val.inputs_N, precision=numbers, checked=False) if val_scores is None else val_scores
        )
        labels.append(np.asarray(dataset.val.labels_N))
        scores.append(val_scores.double().numpy())
        words.append(f"validation {draft.modality.many}")
    if found.held_labels_M is not None and found.held_scores_MK is not None and len(found.held_labels_M):
        labels.append(found.held_labels_M)
        scores.append(found.held_scores_MK)
        words.append("training pictures held out in turn")
    if not labels or not np.isfinite(np.concatenate(scores)).all():
        return None
    return calibrate(np.concatenate(scores), np.concatenate(labels), " and ".join(words))
