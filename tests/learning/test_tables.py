"""Tables from end to end by the command line: XOR, two classes by one output, a number."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import convscope
from sklearn.datasets import load_breast_cancer, load_diabetes
from walk_schema import validate

from convscope.api import compare, evaluate, look, predict, train
from convscope.errors import UserError
from convscope.inspection.training_step import TrainingStep, training_step
from convscope.model.folder import Model
from convscope.network.address import Address
from convscope.reference.backpropagation import backpropagate
from convscope.render.html.look_training import training
from convscope.render.i18n import words
from convscope.render.text.gradient import gradient_dict, gradient_text
from convscope.render.text.regression import to_text as numbers_text

XOR = "a,b,label\n0,0,no\n0,1,yes\n1,0,yes\n1,1,no\n"


def _write(path: Path, data, target: str) -> Path:
    lines = [",".join([*data.feature_names, target])]
    lines += [",".join(map(str, [*row, label])) for row, label in zip(data.data, data.target, strict=True)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    "net", ["input 2 > linear 8 > tanh > linear 2", "input 2 > linear 8 > tanh > linear 1 > sigmoid"]
)
def test_exclusive_or(tmp_path, net):
    (tmp_path / "xor.csv").write_text(XOR)
    result = train(tmp_path / "xor.csv", net, out=tmp_path / "run", epochs=500, lr=0.02)
    assert result.evaluation.top1 == 1.0
    assert result.dataset.measured_on_train
    assert (tmp_path / "run" / "report.html").is_file()
    model = Model.load(tmp_path / "run")
    done = evaluate(model, tmp_path / "xor.csv")
    assert (done.evaluation.top1, done.report.part) == (1.0, "learnt")
    answers = predict(model, [tmp_path / "xor.csv"])
    assert [answer.name for answer in answers] == ["no", "yes", "yes", "no"]
    assert answers[1].file == "xor[1]"
    seen = look(model, f"{tmp_path / 'xor.csv'}:1")
    unit = seen.unit("linear2[0]")
    assert unit.agrees
    assert seen.trail("linear2[0]")[-1].operation == "value"
    assert seen.unit("input[1]").agrees
    step = training_step(model, [f"{tmp_path / 'xor.csv'}:{n}" for n in range(4)], lr=0.1)
    assert step.labels == ("no", "yes", "yes", "no")
    scores = model.module.scores(model.normalise(torch.from_numpy(step.inputs_N)))
    loss = model.task.training_loss(scores, torch.tensor([0, 1, 1, 0]), None, 0.0)
    assert step.loss_before == pytest.approx(loss.item(), rel=1e-5)
    assert step.loss_after < step.loss_before
    every_gradient_agrees(step)


def every_gradient_agrees(step: TrainingStep) -> None:
    """All weights and units of a small network: NumPy's sum beside autograd's, and the same by the reference's step."""
    back = step.backpropagation
    reference = backpropagate(
        back.graph, back.state, back.values["input"].astype(np.float64), back.targets_N, kind=back.kind
    )
    # The engine computes in float32: a small loss is off by the rounding of scores of about 10.
    assert reference.loss.value == pytest.approx(step.loss_before, rel=1e-5, abs=1e-6)
    for name, gradient in back.parameters.items():
        np.testing.assert_allclose(gradient, reference.parameters[name], rtol=1e-4, atol=2e-6)
        path, _, tensor = name.rpartition(".")
        for index in list(np.ndindex(*gradient.shape))[:20]:
            assert step.open(Address(path, index, tensor)).agrees
    for path, value in back.values.items():
        for index in list(np.ndindex(*value.shape[1:]))[:10]:
            opened = step.open(Address(path, index), 1)
            assert opened.agrees
            document = gradient_dict(step, opened)
            validate(document, "gradient")
            assert f"the loss of row {opened.way.example} (" in gradient_text(step, opened)
            assert document["chain"] or document["from_loss"]
    page = training(step)
    assert "<table>" in page
    slope = step.loss_of().slope()
    assert slope.value == pytest.approx(back.loss.gradient[0, 0], rel=1e-5, abs=1e-6)


def test_two_classes_by_one_output(tmp_path):
    data = _write(tmp_path / "cancer.csv", load_breast_cancer(), "benign")
    result = train(data, out=tmp_path / "run", report=False)
    assert result.model.task.kind == "binary"
    binary = result.evaluation.binary
    assert binary is not None
    assert binary.auc > 0.97
    assert binary.f1 > 0.93
    document = json.loads((tmp_path / "run" / "model" / "model.json").read_text())
    assert document["task"] == {"kind": "binary"}
    assert document["preprocess"]["target"] == "benign"
    again = evaluate(tmp_path / "run", data)
    assert again.evaluation.binary == binary


def test_two_models_of_one_table(tmp_path, capsys):
    data = tmp_path / "xor.csv"
    data.write_text(XOR)
    for name, net in (("two", "input 2 > linear 2"), ("one", "input 2 > linear 4 > tanh > linear 1 > sigmoid")):
        train(data, net, out=tmp_path / name, epochs=3, report=False)
    status, out, err = convscope("compare", str(tmp_path / "two"), str(tmp_path / "one"), str(data), capsys=capsys)
    assert status == 0, err
    assert out.startswith("4 rows, ")
    assert "picture" not in out
    (found,) = compare([tmp_path / "two", tmp_path / "one"], data)
    right = [evaluate(tmp_path / name, data).evaluation.top1 for name in ("two", "one")]
    assert list(found.top1) == right


def test_a_number(tmp_path, capsys):
    data = _write(tmp_path / "diabetes.csv", load_diabetes(), "progression")
    result = train(data, out=tmp_path / "run")
    found = result.evaluation
    assert 0.3 < found.r2 < 0.7
    low, high = found.intervals["r2"]
    assert low < found.r2 < high
    assert found.mae < found.baseline_mae
    assert (tmp_path / "run" / "report.html").read_text().count("R2") >= 1
    again = evaluate(tmp_path / "run", data).evaluation
    assert again.r2 == found.r2
    values = np.array([answer.value for answer in predict(tmp_path / "run", [data])])
    assert values.shape == (442,)
    assert 100 < values.mean() < 200
    seen = look(tmp_path / "run", f"{data}:0")
    assert seen.number is not None
    assert seen.unit("linear3[0]").agrees
    step = training_step(tmp_path / "run", [f"{data}:{n}" for n in range(3)], lr=0.01)
    assert step.labels == ("151", "75", "141")
    task = Model.load(tmp_path / "run").task
    assert step.loss_before == pytest.approx(np.mean(((values[:3] - [151, 75, 141]) / task.std) ** 2), rel=1e-3)
    every_gradient_agrees(step)
    row = seen.input
    alone = training_step(tmp_path / "run", [row], [151])
    assert alone.loss_before == pytest.approx(step.backpropagation.loss.each[0], rel=1e-5)
    for label, told in ((None, "the progression of a row is not known"), ("many", "'many' as progression")):
        with pytest.raises(UserError, match=told):
            training_step(tmp_path / "run", [row], None if label is None else [label])
    with pytest.raises(UserError, match="models of classes"):
        compare([tmp_path / "run", tmp_path / "run"], data)
    page, said = tmp_path / "number.html", numbers_text(found, words("evaluation", "ko", "vector"))
    status, out, _ = convscope("evaluate", str(tmp_path / "run"), str(data), "--lang", "ko", "--report", str(page),
                               capsys=capsys)  # fmt: skip
    assert status == 0
    for text in ("결정 계수", "백분위수 부트스트랩", "오차가 가장 큰 행"):
        assert text in said
        assert text in out
        assert text in page.read_text(encoding="utf-8")
    with pytest.raises(UserError, match="any number"):
        train(data, "input 10 > linear 1 > sigmoid", out=tmp_path / "other")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"augment": "light"}, "--augment"),
        ({"tta": "flip"}, "--tta"),
        ({"progressive": 0.5}, "--progressive"),
        ({"fit": "crop"}, "--fit"),
        ({"net": "lenet5"}, "--net"),
        ({"target": "c"}, "no column 'c'"),
    ],
)
def test_what_is_for_pictures_is_refused_in_one_message(tmp_path, options, told):
    (tmp_path / "xor.csv").write_text(XOR)
    with pytest.raises(UserError, match=told):
        train(tmp_path / "xor.csv", out=tmp_path / "run", epochs=1, **options)


def test_a_run_on_a_table_goes_on_where_it_stood(tmp_path):
    from convscope.api import training

    (tmp_path / "xor.csv").write_text(XOR)
    whole = train(tmp_path / "xor.csv", out=tmp_path / "whole", epochs=30, report=False)
    events = training(tmp_path / "xor.csv", out=tmp_path / "cut", epochs=30, checkpoint_seconds=0.0)
    for event in events:
        if type(event).__name__ == "Saved" and event.step >= 10:
            break
    events.close()
    going = training(tmp_path / "xor.csv", out=tmp_path / "cut", resume=True)
    for _ in going:
        pass
    first, second = ((tmp_path / name / "model" / "weights.safetensors").read_bytes() for name in ("whole", "cut"))
    assert first == second
    assert whole.dataset.train is whole.dataset.test
