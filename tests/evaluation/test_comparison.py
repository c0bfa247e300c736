"""Paired comparisons: the test is exact, its interval covers, and the words follow the numbers."""

from __future__ import annotations

import json
import shutil
from math import comb
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convscope import UserError, train
from convscope.cli.commands.compare import compare_command
from convscope.evaluation.comparison import compare, holm, mcnemar, paired_comparison
from convscope.model.folder import Model
from convscope.render.text.comparison import to_text


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_both_tails_of_a_fair_coin(b: int, c: int) -> None:
    tail = sum(comb(b + c, k) for k in range(min(b, c) + 1))
    assert mcnemar(b, c) == pytest.approx(min(1.0, 2 * tail / 2 ** (b + c)), rel=1e-9)
    assert mcnemar(b, c) == pytest.approx(mcnemar(c, b), rel=1e-12)


def test_many_differences_are_tested_exactly_too() -> None:
    assert mcnemar(24_700, 25_300) == pytest.approx(0.0074, abs=1e-4)  # z = 599 / sqrt(50,000) with continuity
    assert mcnemar(25_000, 25_000) == 1.0


def test_chance_alone_is_called_a_difference_in_one_case_of_twenty() -> None:
    rng = np.random.default_rng(0)
    called = covered = 0
    for _ in range(1000):
        found = paired_comparison(rng.random((400, 2)) < 0.8, [""] * 400)
        called += found.differ
        covered += found.interval[0] <= 0 <= found.interval[1]
    assert 0.01 < called / 1000 <= 0.05
    assert 0.93 < covered / 1000 < 0.98


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_never_lowers_and_keeps_the_order(p_values: list[float]) -> None:
    corrected = holm(p_values)
    assert all(after >= before for before, after in zip(p_values, corrected, strict=True))
    assert min(corrected) == pytest.approx(min(1.0, len(p_values) * min(p_values)))


def test_two_models_on_the_digits(run: Path, tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train("digits", tiny, out=tmp_path / "poor", epochs=0.3, report=False)
    poor, good = str(tmp_path / "poor"), str(run)
    compare_command([poor, good], "digits", None, as_json=True)
    (found,) = json.loads(capsys.readouterr().out)["comparisons"]
    assert found["count"] == 359
    assert found["both"] + sum(found["only"]) + found["neither"] == 359
    assert len(found["pictures"][1]) == found["only"][1]
    assert found["p"] == found["p_holm"] < 1e-4
    assert found["difference"] > 0.1
    compare_command([poor, good], "digits", None, as_json=False)
    assert "B is better" in capsys.readouterr().out
    same = compare(Model.load(good), Model.load(good), "digits", ("a", "b"))
    assert same.p == 1.0
    assert "the same pictures" in to_text(same)


def test_the_order_of_classes_does_not_matter_but_their_names_do(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    model = Model.load(tmp_path / "run")
    document = json.loads((tmp_path / "run/model/model.json").read_text())
    document["classes"] = [f"digit {name}" for name in document["classes"]]
    (tmp_path / "run/model/model.json").write_text(json.dumps(document))
    with pytest.raises(UserError, match="do not know the same classes: 0, 1"):
        compare(model, Model.load(tmp_path / "run"), "digits", ("a", "b"))
    with pytest.raises(UserError, match="1 model"):
        compare_command(["one"], "digits", None, as_json=False)
