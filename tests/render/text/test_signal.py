"""Tables and charts of what initialisation and depth do: every number has its place, in both languages."""

from __future__ import annotations

import pytest

from convscope.inspection.signal import DepthExperiment, depth_experiment, signal
from convscope.network.network import Network
from convscope.render.text.signal import depth_table, kind_name, short, shown_layers, signal_table, verdict


@pytest.fixture(scope="module")
def experiment() -> DepthExperiment:
    return depth_experiment(6, ["sigmoid", "relu + residual"], ["small", "lecun"], width=20, examples=16)


def test_a_line_a_network_with_its_numbers(experiment: DepthExperiment) -> None:
    text = depth_table(experiment)
    assert text.startswith("6 layers, each: linear 20")
    for kind in experiment.kinds:
        for scheme in experiment.schemes:
            rows = experiment.network(kind, scheme)
            lines = [line for line in text.splitlines() if line.startswith(kind) and f" {scheme} " in line]
            assert len(lines) == 3
            for line, what in zip(lines, ("std", "gradient_size", "weight_gradient_size"), strict=True):
                for n in shown_layers(6):
                    assert short(getattr(rows[n - 1], what)) in line.split()
            assert lines[1].endswith(verdict(experiment.carried(kind, scheme)))
    assert short(0.25**6) in text
    assert short(experiment.network("sigmoid", "lecun")[0].slopes) in text


def test_a_line_a_node() -> None:
    rows = signal(Network.parse("input 1x8x8\nconv 4 3x3 > relu > flatten > linear 3").graph())
    lines = signal_table(rows).splitlines()
    assert [line.split()[0] for line in lines[1 : len(rows) + 1]] == [row.path for row in rows]
    for row, line in zip(rows, lines[1:], strict=False):
        assert short(row.std) in line.split()
        assert short(row.gradient_size) in line.split()


def test_both_languages_say_the_same(experiment: DepthExperiment) -> None:
    english, korean = depth_table(experiment), depth_table(experiment, "ko")
    assert len(english.splitlines()) == len(korean.splitlines())
    assert "기울기 소실" in korean
    assert "vanishes" not in korean
    assert kind_name("relu + batch norm + residual", "ko") == "relu + 배치 정규화 + 잔차 연결"


def test_what_overflows_and_what_is_nothing() -> None:
    assert [verdict(value) for value in (0.0, 1e-3, 1.0, 1e3, float("inf"), float("nan"))] == [
        "vanishes", "vanishes", "stays", "explodes", "explodes", "explodes",
    ]  # fmt: skip
    done = depth_experiment(60, ["relu"], ["large", "zeros"], width=10, examples=4)
    assert "inf" in depth_table(done) or "nan" in depth_table(done)
    assert depth_table(done)
