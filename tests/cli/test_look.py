"""``convscope look``: the answer, a unit's arithmetic, the way back, one JSON document, readable mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import convscope
from walk_schema import validate

from convscope.api import train
from convscope.ops.walk import Walk

NET = "input 1x8x8\nconv 8 3x3 > batchnorm > relu > maxpool 2 > flatten > linear 10"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("look") / "run"
    train("digits", NET, out=folder, epochs=2, augment="none", report=False)
    return str(folder)


def test_the_answer_and_every_node(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = convscope("look", run, "digits:3", capsys=capsys)
    assert status == 0
    assert out.startswith("digits[3], labelled 3: ")
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
    validate(document, "unit")
    assert Walk.from_json(document).value == document["value"]
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


def test_one_training_step_from_a_weights_side(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("look", run, "digits:3", "--step", "--at", "conv1.weight[2,0,1,1]", "--lr", "0.1")
    status, out, _ = convscope(*words, capsys=capsys)
    assert status == 0
    for part in ("gradient = ", "the engine: ", "after: before - learning rate * gradient", "loss: -log(probability)"):
        assert part in out
    document = json.loads(convscope(*words, "--json", capsys=capsys)[1])
    validate(document, "gradient")
    assert Walk.from_json(document).value == document["value"]
    update = {**document["update"]["operands"], "after": document["update"]["value"]}
    assert update["after"] == pytest.approx(update["before"] - 0.1 * document["value"], rel=1e-6)


@pytest.mark.parametrize(
    "words",
    [
        ["maps"],
        ["maps", "--node", "relu1"],
        ["kernels"],
        ["gradcam", "--class", "3"],
        ["layercam", "--node", "conv1"],
        ["hirescam"],
        ["occlusion"],
        ["integrated"],
        ["field", "--at", "maxpool1[0,1,1]"],
    ],
    ids=" ".join,
)
def test_pictures(run: str, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "picture.png"
    status, out, err = convscope("look", run, "digits:3", "--show", *words, "--png", str(file), capsys=capsys)
    assert (status, err) == (0, "")
    assert f"wrote {file}" in out
    assert file.read_bytes().startswith(b"\x89PNG")


def test_what_excites_a_channel_most(run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "most.png"
    words = ("look", run, "digits", "--excite", "conv1[3]", "--png", str(file), "--json")
    status, out, _ = convscope(*words, capsys=capsys)
    assert status == 0
    values = [row["value"] for row in json.loads(out)["most"]]
    assert values == sorted(values, reverse=True)
    assert file.exists()


def test_the_page(run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "look.html"
    status, out, _ = convscope("look", run, "digits:3", "--html", str(file), "--lang", "ko", capsys=capsys)
    assert (status, out) == (0, f"wrote {file}\n")
    text = file.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert "default-src 'none'" in text


def test_first_weights_layer_by_layer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "init.html"
    status, out, _ = convscope("look", "--init", NET, "--scheme", "small", "--html", str(file), capsys=capsys)
    assert status == 0
    assert "batchnorm1" in out
    assert file.exists()
    document = json.loads(convscope("look", "--init", NET, "--json", capsys=capsys)[1])
    assert list(document["network"]) == ["default", "small", "large"]


def test_twenty_layers_of_sigmoid_lose_the_gradient(capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(convscope("look", "--init", "--scheme", "lecun", "--json", capsys=capsys)[1])
    rows = [row for row in document["experiment"]["rows"] if row["kind"] == "sigmoid"]
    first, last = rows[0]["gradient_size"], rows[-1]["gradient_size"]
    assert first < 1e-9 * last


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["digits:3", "--show", "map"], "did you mean maps?"),
        (["digits:3", "--show", "maps"], "--png maps.png"),
        (["digits:3", "--show", "field", "--png", "x.png"], "no --at"),
        (["digits:3", "--step"], "--at 'conv1.weight[0,0,0,0]'"),
        (["digits:3", "--step", "--at", "conv1.weight[0,0,0,0]", "--label", "cat"], "cat"),
        (["digits:3", "--show", "gradcam", "--class", "cat", "--png", "x.png"], "cat"),
        ([], "no PICTURE"),
        (["digits:3", "--trail"], "no effect without --at"),
        (["digits:3", "--png", "x.png"], "no effect without --show or --excite"),
        (["digits:3", "--lang", "ko"], "no effect without --html or --init"),
        (["--init", "--scheme", "lecum"], "did you mean lecun?"),
    ],
)
def test_mistakes_of_pictures_and_steps(
    run: str, words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = convscope("look", run, *words, capsys=capsys)
    assert (status, out) == (2, "")
    assert told in err
