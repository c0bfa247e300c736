"""The report of a model: what it says follows from the probabilities alone, and JSON holds all of it."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from convscope.evaluation.calibration import softmax
from convscope.evaluation.metrics import evaluate_probabilities
from convscope.evaluation.report import JUDGED, EvaluationReport, evaluation_report
from convscope.model.risk_coverage import RiskCoverageCurve

CLASSES = ("a", "b", "c")


def _told(
    stated: float | None = None, sure: float | None = None, curve: bool = True
) -> tuple[EvaluationReport, np.ndarray]:
    rng = np.random.default_rng(3)
    scores_NK = 4 * rng.normal(size=(600, 3))
    labels_N = (softmax(scores_NK).cumsum(1) < rng.random((600, 1))).sum(1)
    answers_NK = softmax(scores_NK / 2)
    evaluation = evaluate_probabilities(answers_NK, labels_N, CLASSES)
    vouching = RiskCoverageCurve.measured(answers_NK[:300].max(1), answers_NK[:300].argmax(1) == labels_N[:300])
    model = SimpleNamespace(temperature=2.0, facts={"sure": stated}, curve=vouching if curve else None)
    names = [f"{index}.png" for index in range(600)]
    found = evaluation_report(model, evaluation, answers_NK, labels_N, names, sure=sure, part=JUDGED)  # type: ignore[arg-type]
    return found, scores_NK


def test_the_diagram_before_is_that_of_the_scores_as_they_were() -> None:
    told, scores_NK = _told()
    before = softmax(scores_NK).max(1)
    assert sum(one.count for one in told.bins_before) == 600
    assert sum(one.count * (one.confidence or 0) for one in told.bins_before) / 600 == pytest.approx(before.mean())
    assert told.ece_before < 0.05, "labels were drawn from these"
    assert 0 < told.chance < 0.05


@pytest.mark.parametrize(
    ("stated", "sure", "levels", "asked"),
    [
        (None, None, (0.9, 0.95, 0.99), None),
        (0.8, None, (0.8, 0.9, 0.95, 0.99), 0.8),
        (0.8, 0.7, (0.7, 0.9, 0.95, 0.99), 0.7),
        (None, 0.9, (0.9, 0.95, 0.99), 0.9),
    ],
)
def test_what_was_asked_for_counts_and_asking_now_more_than_in_training(
    stated: float | None, sure: float | None, levels: tuple[float, ...], asked: float | None
) -> None:
    told, _ = _told(stated, sure)
    assert tuple(one.stated for one in told.sure) == levels
    if asked is not None:
        assert told.asked is not None
        assert told.asked.stated == asked
    for one in told.sure:
        assert (one.threshold is None) == (one.answered == 0)


def test_without_a_curve_nothing_is_said_of_unknown() -> None:
    told, _ = _told(0.8, curve=False)
    assert told.sure == ()
    assert told.asked is None


def test_json_holds_everything() -> None:
    told, _ = _told(0.8)
    document = json.loads(json.dumps(told.to_dict(CLASSES)))
    assert set(document) == {"part", "calibration", "sure", "coverage", "mistakes", "sizes"}
    assert document["part"] == "judged"
    assert document["calibration"]["temperature"] == 2.0
    assert sum(len(cell["pictures"]) for cell in document["mistakes"]) == sum(cell.pair.count for cell in told.cells)
