"""The pictures behind the cells: every mistake is in one, none is in two."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from convscope.evaluation.metrics import evaluate_probabilities
from convscope.evaluation.mistakes import cells


@given(st.integers(0, 10**6), st.integers(2, 6), st.integers(1, 80))
def test_every_mistake_is_behind_its_cell(seed: int, classes: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    probabilities_NK = rng.dirichlet(np.ones(classes), count)
    labels_N = rng.integers(0, classes, count)
    evaluation = evaluate_probabilities(probabilities_NK, labels_N, tuple(map(str, range(classes))))
    found = cells(evaluation, probabilities_NK, labels_N, [f"{i}.png" for i in range(count)])
    for cell in found:
        assert cell.pair.count == len(cell.pictures) == evaluation.confusion[cell.pair.true][cell.pair.predicted]
        sure = [one.probability for one in cell.pictures]
        assert sure == sorted(sure, reverse=True)
        for one in cell.pictures:
            assert labels_N[one.index] == cell.pair.true
            assert probabilities_NK[one.index].argmax() == cell.pair.predicted
            assert one.probability == probabilities_NK[one.index].max()
            assert one.name == f"{one.index}.png"
    counts = [cell.pair.count for cell in found]
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) == evaluation.count - evaluation.correct
    assert len({one.index for cell in found for one in cell.pictures}) == sum(counts)


def test_as_json_a_cell_names_its_classes_and_files() -> None:
    answers_NK = np.array([[0.1, 0.9], [0.8, 0.2]])
    evaluation = evaluate_probabilities(answers_NK, np.array([0, 0]), ("cat", "dog"))
    (cell,) = cells(evaluation, answers_NK, np.array([0, 0]), ["a.png", "b.png"])
    assert cell.to_dict(evaluation.classes) == {
        "true": "cat",
        "predicted": "dog",
        "count": 1,
        "share": 0.5,
        "pictures": [{"index": 0, "file": "a.png", "probability": 0.9}],
    }
