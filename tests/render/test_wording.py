import re

import numpy as np

from convscope.evaluation.metrics import evaluate_probabilities
from convscope.render.html.report import render_report
from convscope.render.i18n import words
from convscope.render.text.evaluation import to_text

KOREAN = words("evaluation", "ko")
FIELD = {"convscope", "ECE", "F1", "nat", "JPEG", "JSON", "unknown"}
"""What a Korean text writes in Latin letters too; `unknown` is the very word that a model answers."""


def test_an_evaluation_and_its_report_speak_korean():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, 200)
    probabilities = generator.dirichlet(np.ones(3), 200)
    evaluation = evaluate_probabilities(probabilities, labels, ("가", "나", "다"))
    assert "정확도" in to_text(evaluation, KOREAN)
    history = [{"epoch": 1, "train_loss": 1.0, "train_accuracy": 0.5, "val_loss": 1.1, "val_accuracy": 0.4, "lr": 0.1}]
    html = render_report(
        evaluation,
        title="가나다",
        inputs_N=np.zeros((200, 8, 8, 1), np.uint8),
        labels_N=labels,
        probabilities_NK=probabilities,
        names=["사진"] * 200,
        history=history,
        words=KOREAN,
    )
    assert '<html lang="ko">' in html
    text = re.sub(r"<style>.*?</style>|<[^>]*>|data:[^\"]*", " ", html, flags=re.DOTALL)
    assert set(re.findall(r"[A-Za-z]{2,}", text)) - FIELD - {"nbsp", "amp"} == set()
