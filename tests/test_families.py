"""Every family of the zoo: trained a few steps, exported, compiled, by the NumPy reference the same numbers."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from convscope.data.dataset import Dataset, Split
from convscope.data.image.decode import ImagePreprocess
from convscope.data.image.normalise import Normalise, measure
from convscope.engine.module import GraphModule, to_module
from convscope.learning.events import Stepped
from convscope.learning.recipe import Recipe
from convscope.learning.state import begin
from convscope.learning.train import train
from convscope.model.folder import Model
from convscope.network import zoo
from convscope.ops import Shape
from convscope.reference import forward as reference

SMALL: dict[str, Shape] = {  # of each family, and an input that it is quick with
    "airbench94": (3, 32, 32),
    "alexnet": (3, 64, 64),
    "alexnet_2012": (3, 227, 227),
    "convnext_tiny": (3, 32, 32),
    "densenet121": (3, 32, 32),
    "efficientnet_lite0": (3, 32, 32),
    "googlenet": (3, 64, 64),
    "inception_v1": (3, 64, 64),
    "inception_v3": (3, 107, 107),
    "lenet5_1998": (1, 32, 32),
    "mnist_cnn": (1, 28, 28),
    "mobilenet_v1_025": (3, 32, 32),
    "mobilenet_v2_035": (3, 32, 32),
    "mobilenet_v3_small": (3, 32, 32),
    "resnet18": (3, 32, 32),
    "resnet50": (3, 32, 32),
    "resnext50_32x4d": (3, 32, 32),
    "resnet20_cifar": (3, 32, 32),
    "seresnet50": (3, 32, 32),
    "shufflenet_v2_x0_5": (3, 32, 32),
    "squeezenet1_1": (3, 64, 64),
    "tinyvgg": (3, 64, 64),
    "vgg11_bn": (3, 32, 32),
}
SLOW = {
    "inception_v1",
    "inception_v3",
    "googlenet",
    "alexnet",
    "alexnet_2012",
    "vgg11_bn",
    "densenet121",
    "convnext_tiny",
    "resnext50_32x4d",
    "resnet50",
    "seresnet50",
}
NETWORKS = [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in SMALL]


def test_every_family_is_here() -> None:
    assert {zoo.family(name) for name in SMALL} == {zoo.family(name) for name in zoo.names()}


TRACED = ("mobilenet_v3_small",)
"""Sums, products, branches and every kind of convolution; the proofs trace all."""


def _answered(name: str) -> tuple[GraphModule, torch.Tensor, torch.Tensor]:
    """A family's network, an input and its scores."""
    module = to_module(zoo.known(name).with_input(SMALL[name]).with_classes(5).graph(), seed=1).eval()
    x = torch.randn(2, *SMALL[name], generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return module, x, module(x)


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n in TRACED else [pytest.mark.slow]) for n in SMALL])
def test_exported_and_compiled_alike(name: str) -> None:
    module, x, expected = _answered(name)
    close = {"rtol": 0, "atol": 1e-5 * float(expected.abs().max())}
    with torch.no_grad():
        torch.testing.assert_close(torch.export.export(module, (x,)).module()(x), expected, **close)
        torch.testing.assert_close(torch.compile(module, backend="eager")(x), expected, **close)


@pytest.mark.parametrize("name", NETWORKS)
def test_by_hand_alike(name: str) -> None:
    module, x, expected = _answered(name)
    scale = float(expected.abs().max())
    assert scale > 0
    state = {key: value.double().numpy() for key, value in module.state_dict().items()}
    by_hand = reference.run(module.graph, state, x.double().numpy())[module.graph.output.path]
    np.testing.assert_allclose(expected.numpy(), by_hand, rtol=0, atol=1e-4 * scale)


@pytest.mark.parametrize("name", NETWORKS)
def test_saved_and_loaded_alike(name: str, tmp_path: Path) -> None:
    network = zoo.known(name).with_input(SMALL[name]).with_classes(3)
    channels, height, width = SMALL[name]
    module = to_module(network.graph(), seed=2).eval()
    normalise = Normalise((0.4,) * channels, (0.3,) * channels)
    model = Model(network.graph(), module, ("a", "b", "c"), ImagePreprocess(*SMALL[name]), normalise)
    again = Model.load(model.save(tmp_path / "model"))
    images = np.random.default_rng(0).integers(0, 255, (2, height, width, channels), np.uint8)
    assert again.network.text() == network.text()
    np.testing.assert_allclose(again.probabilities(images), model.probabilities(images), rtol=0, atol=1e-6)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile's own backend needs a C++ compiler")
@pytest.mark.parametrize("name", SMALL)
def test_compiled_to_machine_code(name: str) -> None:
    module, x, expected = _answered(name)
    with torch.no_grad():
        torch.testing.assert_close(torch.compile(module)(x), expected, rtol=0, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize("name", NETWORKS)
def test_every_family_trains(name: str) -> None:
    network = zoo.known(name).with_input(SMALL[name]).with_classes(4)
    channels, *size = SMALL[name]
    images = np.random.default_rng(0).integers(0, 255, (8, *size, channels), np.uint8)
    split = Split(images, np.arange(8) % 4, [str(n) for n in range(8)])
    dataset = Dataset("noise", ("0", "1", "2", "3"), split, split, split, ImagePreprocess(*SMALL[name]), (), "")
    state = begin(network.graph(), Recipe(epochs=3, batch_size=8, lr=1e-4).resolved(8), torch.device("cpu"))
    steps = [event for event in train(state, dataset, measure(images)) if isinstance(event, Stepped)]
    assert len(steps) == 3
    assert all(math.isfinite(step.loss) for step in steps)
