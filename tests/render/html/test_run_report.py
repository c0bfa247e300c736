"""What a report says of how its model was made."""

from __future__ import annotations

import numpy as np
from untrained_models import untrained_model

from convscope.evaluation.metrics import evaluate_probabilities
from convscope.render.html.report import render_report
from convscope.render.html.run_report import model_facts
from convscope.render.i18n import words


def test_what_was_run_is_said_in_the_reports_language() -> None:
    model = untrained_model("input 1x8x8 > flatten > linear 3", ("cat", "dog", "owl"))
    english, korean = (model_facts(model, words("evaluation", lang)) for lang in ("en", "ko"))
    assert english["Network"] == "195 parameters, 192 MACs a picture"
    assert english["Calibration"] == "none"
    assert korean["신경망"] == "파라미터 195개, 사진 하나에 곱셈-누산 192회"
    assert len(korean) == len(english)
    assert not set(korean) & set(english)


def test_many_macs_are_told_in_millions() -> None:
    facts = model_facts(untrained_model("input 1x200x200 > flatten > linear 50"), words("evaluation"))
    assert facts["Network"].endswith(", 2.00 M MACs a picture")


def test_the_positive_class_has_its_scores() -> None:
    answers, labels = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]]), np.array([0, 1, 1, 1])
    values = {"inputs_N": np.zeros((4, 2), np.float32), "labels_N": labels, "probabilities_NK": answers}
    scored, plain = (
        render_report(
            evaluate_probabilities(answers, labels, ("no", "yes"), binary),
            title="t",
            names="abcd",
            columns=("a", "b"),
            words=words("evaluation", modality="vector"),
            **values,
        )
        for binary in (True, False)
    )
    section = scored.split('<section id="binary"')[1].split("</section>")[0]
    assert "The positive class is yes: 3 of 4 rows." in section
    assert '<td class="number">0.6667</td>' in section  # recall: 2 of 3
    assert "Brier" in section
    assert 'id="binary"' not in plain
