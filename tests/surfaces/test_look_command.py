"""``convscope look``: the answer, a unit's arithmetic, the way back, one JSON document, readable mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import convscope

from convscope.api import train

NET = "input 1x8x8\nconv 8 3x3 > batchnorm > relu > maxpool 2 > flatten > linear 10"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("look") / "run"
    train("digits", NET, out=folder, epochs=2, augment="none", report=False)
    return str(folder)


def test_the_answer_and_every_node(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = convscope("look", run, "digits:3", capsys=capsys)
    assert status == 0
    assert out.startswith("digits digits[3], labelled 3: ")
    for node in ("input", "conv1", "batchnorm1", "relu1", "maxpool1", "flatten1", "linear1"):
        assert f"\n{node} " in out
    assert "--at 'conv1[4,3,3]'" in out


def test_a_unit_and_the_way_back(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = convscope("look", run, "digits:3", "--at", "conv1[2,3,4]", "--trail", capsys=capsys)
    assert status == 0
    assert "conv1[2,3,4]   conv 8 3x3   reads input   sees rows 3 to 5, columns 4 to 6" in out
    assert "input[0,4,5]  x conv1.weight[2,0,1,1]" in out
    assert "with bias: sum + bias" in out
    assert "rounding explains up to" in out
    assert "pixel" in out.split("the way back")[1]


def test_as_json(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = convscope("look", run, "digits:3", "--at", "linear1[3]", "--trail", "--json", capsys=capsys)
    assert status == 0
    document = json.loads(out)
    assert len(document["terms"]) == 72
    assert sum(term["result"] for term in document["terms"]) == pytest.approx(document["combined"])
    assert document["value"] == pytest.approx(document["engine"], rel=1e-5)
    assert document["trail"][-1]["operation"] == "pixel"
    overview = json.loads(convscope("look", run, "digits:3", "--json", capsys=capsys)[1])
    assert overview["label"] == "3"
    assert [node["path"] for node in overview["nodes"]][:2] == ["input", "conv1"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["digits:3", "--at", "conv9[0,0,0]"], "did you mean conv1?"),
        (["digits:3", "--at", "conv1[0,0]"], "conv1 is 8x6x6"),
        (["digits:3", "--at", "conv1[0,0,0]", "--most", "few"], "a number of terms, or all"),
        (["digits:9999"], "from 0 to 1796"),
        (["none.png"], "no such file"),
        (["digits:3", "--precision", "float61"], "did you mean"),
    ],
)
def test_mistakes(run: str, words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = convscope("look", run, *words, capsys=capsys)
    assert (status, out) == (2, "")
    assert told in err
    assert "Traceback" not in err


def test_no_model_is_a_mistake_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = convscope("look", str(tmp_path), "digits:3", capsys=capsys)
    assert status == 2
    assert "model folder" in err
