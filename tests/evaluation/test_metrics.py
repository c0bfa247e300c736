import json

import numpy as np
import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import (
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    log_loss,
    precision_recall_fscore_support,
    top_k_accuracy_score,
)

from convscope.errors import UserError
from convscope.evaluation.metrics import evaluate_probabilities, most_confused, reliability_bins, surest_mistakes


def names(count):
    return tuple(f"class {index}" for index in range(count))


@st.composite
def answers(draw):
    count, classes = draw(st.integers(1, 40)), draw(st.integers(1, 9))
    weights = draw(arrays(np.float64, (count, classes), elements=st.floats(0, 1, width=16)))
    weights[:, 0] += 1e-3  # a row of zeros has no shares
    labels = draw(arrays(np.int64, count, elements=st.integers(0, classes - 1)))
    return weights / weights.sum(axis=1, keepdims=True), labels


def drawn(count, classes, seed=0, sharpness=3.0):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, count)
    logits = generator.normal(size=(count, classes))
    logits[np.arange(count), labels] += 1.5
    weights = np.exp(sharpness * logits)
    return weights / weights.sum(axis=1, keepdims=True), labels


@given(answers())
@settings(max_examples=examples(80), deadline=None)
def test_the_numbers_hang_together(case):
    probabilities, labels = case
    classes = probabilities.shape[1]
    evaluation = evaluate_probabilities(probabilities, labels, names(classes))
    matrix = np.array(evaluation.confusion)
    assert matrix.sum() == evaluation.count == len(labels) == sum(b.count for b in evaluation.bins)
    assert evaluation.correct == np.trace(matrix) == round(evaluation.top1 * evaluation.count)
    assert evaluation.interval[0] <= evaluation.top1 <= evaluation.interval[1]
    assert 0 <= evaluation.interval[0] < evaluation.interval[1] <= 1
    assert evaluation.top1 <= evaluation.top5 <= 1
    if classes <= 5:
        assert evaluation.top5 == 1.0
    assert 0 <= evaluation.ece <= 1
    assert abs(evaluation.overconfidence) <= evaluation.ece + 1e-9
    assert evaluation.loss >= 0
    assert [score.support for score in evaluation.per_class] == matrix.sum(axis=1).tolist()
    pairs = most_confused(evaluation, 10_000)
    assert sum(pair.count for pair in pairs) == evaluation.count - evaluation.correct
    assert all(pair.true != pair.predicted and 0 < pair.share <= 1 for pair in pairs)
    json.dumps(evaluation.to_dict(), allow_nan=False)


@given(answers())
@settings(max_examples=examples(60), deadline=None)
def test_precision_recall_and_f1_are_those_of_scikit_learn(case):
    probabilities, labels = case
    classes = range(probabilities.shape[1])
    evaluation = evaluate_probabilities(probabilities, labels, names(len(classes)))
    predicted = probabilities.argmax(axis=1)
    theirs = precision_recall_fscore_support(labels, predicted, labels=classes, zero_division=0)
    for score, precision, recall, f1, support in zip(evaluation.per_class, *theirs, strict=True):
        assert score.support == support
        if support:
            assert score.precision == (pytest.approx(precision) if score.name in _called(predicted) else None)
            assert (score.recall, score.f1) == (pytest.approx(recall), pytest.approx(f1))
        else:
            assert (score.precision, score.recall, score.f1) == (None, None, None)
    present = np.unique(labels)
    macro = f1_score(labels, predicted, labels=present, average="macro", zero_division=0)
    assert evaluation.macro_f1 == pytest.approx(macro)
    if len(classes) > 1:
        assert np.array_equal(evaluation.confusion, confusion_matrix(labels, predicted, labels=classes))


def _called(predicted):
    return {f"class {index}" for index in predicted}


def test_top_five_loss_and_balanced_accuracy_are_those_of_scikit_learn():
    probabilities, labels = drawn(500, 12)
    evaluation = evaluate_probabilities(probabilities, labels, names(12))
    assert evaluation.top5 == pytest.approx(top_k_accuracy_score(labels, probabilities, k=5))
    assert evaluation.loss == pytest.approx(log_loss(labels, probabilities))
    assert evaluation.balanced_accuracy == pytest.approx(balanced_accuracy_score(labels, probabilities.argmax(axis=1)))


def test_calibration_error_worked_by_hand():
    # Three pictures at 0.95 (two right) and one at 0.55 (wrong): 3/4 * |2/3 - 0.95| + 1/4 * |0 - 0.55|.
    probabilities = np.array([[0.95, 0.05], [0.05, 0.95], [0.95, 0.05], [0.55, 0.45]])
    evaluation = evaluate_probabilities(probabilities, np.array([0, 1, 1, 1]), ("a", "b"))
    assert evaluation.ece == pytest.approx(0.75 * (0.95 - 2 / 3) + 0.25 * 0.55)
    assert evaluation.overconfidence == pytest.approx((3 * 0.95 + 0.55) / 4 - 0.5)


def test_bins_are_closed_above():
    bins = reliability_bins(np.array([0.2, 0.2000001, 1.0]), np.array([True, False, True]), bins=5)
    assert [b.count for b in bins] == [1, 1, 0, 0, 1]
    assert bins[0].accuracy == 1.0
    assert bins[2].accuracy is None


def test_a_class_that_is_not_in_the_test_set_shifts_nothing():
    probabilities = np.array([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8], [0.1, 0.8, 0.1]])
    evaluation = evaluate_probabilities(probabilities, np.array([0, 2, 2]), ("a", "absent", "c"))
    assert evaluation.to_dict()["classes"][1] == {
        "name": "absent", "precision": None, "recall": None, "f1": None, "support": 0,
    }  # fmt: skip
    assert evaluation.balanced_accuracy == pytest.approx(0.75)
    assert most_confused(evaluation, 5)[0].predicted == 1


def test_equal_probabilities_count_as_argmax_counts_them():
    evaluation = evaluate_probabilities(np.full((8, 8), 1 / 8), np.arange(8), names(8))
    assert evaluation.top1 == pytest.approx(1 / 8)
    assert evaluation.top5 == pytest.approx(5 / 8)


def test_a_certain_mistake_leaves_the_loss_finite():
    evaluation = evaluate_probabilities(np.array([[1.0, 0.0]], dtype=np.float32), np.array([1]), ("a", "b"))
    assert 80 < evaluation.loss < 90
    assert evaluation.ece == 1.0


def test_the_surest_mistakes_come_first():
    probabilities, labels = drawn(300, 4)
    indices = surest_mistakes(probabilities, labels, 20)
    predicted = probabilities.argmax(axis=1)
    assert (predicted[indices] != labels[indices]).all()
    sureness = probabilities.max(axis=1)
    assert (np.diff(sureness[indices]) <= 0).all()
    rest = np.setdiff1d(np.flatnonzero(predicted != labels), indices)
    assert sureness[rest].max() <= sureness[indices].min()
    assert len(surest_mistakes(np.eye(3), np.arange(3), 5)) == 0


def test_confused_pairs_are_ordered_by_count():
    probabilities, labels = drawn(300, 6)
    pairs = most_confused(evaluate_probabilities(probabilities, labels, names(6)), 7)
    assert len(pairs) == 7
    assert [pair.count for pair in pairs] == sorted((pair.count for pair in pairs), reverse=True)


def test_what_cannot_be_evaluated_is_refused():
    with pytest.raises(UserError, match="nothing to evaluate on"):
        evaluate_probabilities(np.zeros((0, 2)), np.zeros(0, np.int64), ("a", "b"))
    with pytest.raises(UserError, match="1 of 2 examples are not finite numbers"):
        evaluate_probabilities(np.array([[np.nan, 1], [0.5, 0.5]]), np.array([0, 1]), ("a", "b"))
    with pytest.raises(ValueError, match="labels"):
        evaluate_probabilities(np.eye(2), np.array([0, 2]), ("a", "b"))
    with pytest.raises(ValueError, match="softmax"):
        evaluate_probabilities(np.array([[3.0, -1.0]]), np.array([0]), ("a", "b"))
    with pytest.raises(ValueError, match="2 classes"):
        evaluate_probabilities(np.eye(3), np.array([0, 1, 2]), ("a", "b"))
