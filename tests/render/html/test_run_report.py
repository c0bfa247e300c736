"""What a report says of how its model was made."""

from __future__ import annotations

from untrained_models import untrained_model

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
