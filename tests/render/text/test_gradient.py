"""A gradient as text and as JSON: the numbers that are shown are those of the step, and they add up."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from convscope.data.image.decode import ImagePreprocess
from convscope.data.image.normalise import Normalise
from convscope.engine.module import to_module
from convscope.inspection.training_step import TrainingStep, training_step
from convscope.model.folder import Model
from convscope.network.network import Network
from convscope.render.text.gradient import FACTORS, gradient_dict, gradient_text
from convscope.render.text.walk import spell_number

NET = "input 1x8x8\nconv 4 3x3 > batchnorm > sigmoid > maxpool 2 > flatten > dropout 0.3 > linear 3 > softmax"


@pytest.fixture(scope="module")
def step() -> TrainingStep:
    network = Network.parse(NET)
    module = to_module(network.graph()).eval()
    model = Model(
        network.graph(), module, ("cat", "dog\x1b", "고양이"), ImagePreprocess(1, 8, 8), Normalise((0.5,), (0.3,))
    )
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), np.uint8)
    return training_step(model, images, ["cat", "고양이", "dog\x1b"], lr=0.1)


def test_a_weight(step: TrainingStep) -> None:
    opened = step.open("conv1.weight[2,0,1,1]")
    text = gradient_text(step, opened, 4)
    assert text.startswith(f"conv1.weight[2,0,1,1] = {spell_number(opened.number)}\nloss of 3 pictures: ")
    assert "108 uses in conv1; the factor: value it met" in text
    assert "104 more: " in text
    shown = [float(line.split()[2]) for line in re.findall(r"^.* of picture \d  input\[.*$", text, re.MULTILINE)]
    rest = float(re.search(r"104 more: (\S+)", text)[1])  # type: ignore[index]
    assert len(shown) == 4
    assert sum(shown) + rest == pytest.approx(opened.value, rel=1e-4, abs=1e-7)
    assert opened.update is not None
    assert f"= {spell_number(opened.update.after)}\n" in text
    assert "(rounding)" in text
    for node in ("batchnorm1[2", "sigmoid1[2", "slope = sigmoid * (1 - sigmoid)", "won the maximum", "dropout's mask"):
        assert node in text
    assert "the loss of picture" in text
    assert "\x1b" not in text


def test_a_unit_a_score_and_what_nobody_reads(step: TrainingStep) -> None:
    unit = gradient_text(step, step.open("flatten1[3]", 1))
    assert unit.startswith("flatten1[3] of picture 1 (고양이) = ")
    assert "1 use in dropout1; the factor: dropout's mask" in unit
    assert "the loss reads it itself" in gradient_text(step, step.open("linear1[0]"))
    alone = training_step(step.model, step.inputs_N[0], "cat")
    assert "loss of 1 picture: " in gradient_text(alone, alone.open("linear1.bias[0]"))


def test_what_nobody_reads_has_no_way() -> None:
    network = Network.parse("input 1x5x5\nmaxpool 2 > flatten > linear 2")
    module = to_module(network.graph()).eval()
    model = Model(network.graph(), module, ("a", "b"), ImagePreprocess(1, 5, 5), Normalise((0.5,), (0.3,)))
    step = training_step(model, np.zeros((5, 5, 1), np.uint8), "a")
    text = gradient_text(step, step.open("input[0,4,4]"))
    assert "no way leads to the loss" in text
    assert gradient_dict(step, step.open("input[0,4,4]"))["chain"] == []


def test_the_same_as_json(step: TrainingStep) -> None:
    opened = step.open("conv1.weight[2,0,1,1]")
    found = json.loads(json.dumps(gradient_dict(step, opened)))
    assert sum(term["result"] for part in found["parts"] for term in part["terms"]) == pytest.approx(found["value"])
    assert found["agrees"] is True
    assert found["update"]["operands"]["learning rate"] == 0.1
    assert found["chain"][-1]["unit"].startswith("linear1[")
    assert found["along"] == pytest.approx(
        np.prod([link["factor"] for link in found["chain"]]) * found["loss_slope"]["value"]
    )
    assert {link["kind"] for link in found["chain"]} <= set(FACTORS)
