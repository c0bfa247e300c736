"""Others' weights as a model folder: the same answers as those weights give, and what must be told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from convscope.engine.initialise import initialise
from convscope.engine.module import GraphModule, load_state
from convscope.errors import UserError
from convscope.model.folder import Model
from convscope.model.load_weights import load, read_names
from convscope.network.network import Network

NET = """input 3x8x8
conv 4 3x3 > relu
aux 0.3 { flatten > linear 3 } as side
maxpool 2 > flatten > linear 3
"""


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    graph = Network.parse(NET).graph().with_heads
    file = tmp_path / "weights.safetensors"
    save_file({f"module.{name}": value for name, value in initialise(graph, seed=5).items()}, file)
    return file


def test_the_model_answers_as_the_weights_do(weights: Path, tmp_path: Path) -> None:
    network = Network.parse(NET)
    model = load(network, weights, names=["a", "b", "c"], mean=[0.0] * 3, std=[1.0] * 3)
    assert model.facts["weights"]["left_over"] == []
    again = Model.load(model.save(tmp_path / "model"))
    assert again.classes == ("a", "b", "c")
    plain = GraphModule(network.graph()).eval()
    load_state(plain, {k: v for k, v in initialise(network.graph().with_heads, seed=5).items() if "side" not in k})
    images = np.random.default_rng(0).integers(0, 255, (5, 8, 8, 3), np.uint8)
    with torch.no_grad():
        expected = torch.softmax(plain(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255).double(), 1)
    np.testing.assert_allclose(again.probabilities(images), expected.numpy(), atol=1e-6)


def test_what_does_not_fit_is_said(weights: Path, tmp_path: Path) -> None:
    network = Network.parse(NET)
    with pytest.raises(UserError, match="2 class names"):
        load(network, weights, names=["a", "b"])
    with pytest.raises(UserError, match="starts anew: 3 classes there, 7 here"):
        load(network, weights, classes=7)
    with pytest.raises(UserError, match="1 means"):
        load(network, weights, mean=[0.5], std=[0.5])
    with pytest.raises(UserError, match="--keep"):
        load(network, weights, keep=0.0)
    with pytest.raises(UserError, match="--fit stretch keeps the whole"):
        load(network, weights, fit="stretch", keep=0.5)
    with pytest.raises(UserError, match="one without the other"):
        load(network, weights, mean=[0.5] * 3)
    for std in (0.0, float("nan"), float("inf"), -1.0):
        with pytest.raises(UserError, match="--std"):
            load(network, weights, mean=[0.5] * 3, std=[std] * 3)
    with pytest.raises(UserError, match="outputs of 4x6x6"):
        load(Network.parse("input 3x8x8\nconv 4 3x3"), weights)
    assert read_names(_written(tmp_path / "names.txt", "a\nb\n\nb\n")) == ("a", "b (1)", "b (2)")
    with pytest.raises(UserError, match="the file cannot be read"):
        read_names(tmp_path / "none.txt")
    assert read_names(_written(tmp_path / "good.txt", "a\n\nnine lives\n")) == ("a", "nine lives")


def _written(file: Path, text: str) -> Path:
    file.write_text(text)
    return file
