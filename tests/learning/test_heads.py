"""Auxiliary heads: they help in training and are in no evaluated or saved model."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from convscope.data.dataset import Dataset, Split
from convscope.data.image.decode import ImagePreprocess
from convscope.data.image.normalise import Normalise
from convscope.engine.module import GraphModule
from convscope.learning.events import Stepped
from convscope.learning.recipe import Recipe
from convscope.learning.state import TrainingState, begin
from convscope.learning.train import train, weighted
from convscope.network import zoo
from convscope.network.network import Network
from convscope.ops import Shape


def some_pictures(shape: Shape, classes: int, count: int = 8) -> Dataset:
    generator = np.random.default_rng(0)
    images = generator.integers(0, 255, (count, *shape[1:], shape[0]), np.uint8)
    split = Split(images, np.arange(count) % classes, [str(n) for n in range(count)])
    names = tuple(str(n) for n in range(classes))
    return Dataset("noise", names, split, split, split, ImagePreprocess(*shape), (), "")


def after(network: Network, steps: int, **settings: object) -> tuple[TrainingState, list[float]]:
    shape = network.input or ()
    dataset = some_pictures(shape, 4)
    recipe = Recipe(epochs=steps, batch_size=8, augment="none", **settings).resolved(8)  # type: ignore[arg-type]
    state = begin(network.graph(), recipe, torch.device("cpu"))
    normalise = Normalise((0.5,) * shape[0], (0.25,) * shape[0])
    return state, [event.loss for event in train(state, dataset, normalise) if isinstance(event, Stepped)]


AUX = "input 1x8x8\nconv 4 3x3 > relu\naux 0.5 { flatten > linear 4 } as side\nmaxpool 2 > flatten > linear 4"
BARE = "input 1x8x8\nconv 4 3x3 > relu\nmaxpool 2 > flatten > linear 4"


@pytest.mark.parametrize("settings", [{}, {"ema": 0.9}], ids=["plain", "average"])
def test_a_head_adds_its_loss_and_its_gradient_and_nothing_else(settings: dict[str, float]) -> None:
    with_head, losses = after(Network.parse(AUX), 1, **settings)
    without, plain = after(Network.parse(BARE), 1, **settings)
    # At the first step both networks have the same weights: the difference is the head's loss.
    assert 0.2 * math.log(4) < losses[0] - plain[0] < 2 * math.log(4)
    assert with_head.evaluated().keys() == without.evaluated().keys()
    assert not torch.equal(with_head.evaluated()["conv1.weight"], without.evaluated()["conv1.weight"])
    assert any(name.startswith("side.") for name in with_head.module.state_dict())
    assert isinstance(weighted(with_head), GraphModule)
    assert weighted(with_head).state_dict().keys() == without.evaluated().keys()


def test_googlenet_is_trained_with_both_heads() -> None:
    network = zoo.known("googlenet").with_input((3, 64, 64)).with_classes(4)
    state, _ = after(network, 1)
    images = torch.rand(2, 3, 64, 64)
    scores, *heads = state.module.eval().scores_and_heads(images)
    assert [tuple(s.shape) for s in (scores, *heads)] == [(2, 4)] * 3
    torch.testing.assert_close(scores, state.module.scores(images))
