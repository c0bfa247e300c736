"""Which network, resolution and recipe: what the time allows, and never against what was asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from convscope import training
from convscope.learning import events
from convscope.learning.choice import choose, speed_of
from convscope.learning.recipe import Recipe
from convscope.network.default import deep_network, default_network

CIFAR = ((3, 32, 32), 45_000, 10)
PHOTOGRAPHS = ((3, 375, 500), 900, 10)
FAST = 250e9
"""Multiply-adds a second."""


@pytest.mark.parametrize(
    ("seconds", "shape", "widths"),
    [
        (720, (3, 32, 32), (64, 256, 256)),
        (240, (3, 32, 32), (32, 128, 128)),
        (90, (3, 32, 32), (32, 128, 128)),
        (10, (3, 32, 32), None),
    ],
)
def test_the_time_decides_the_width(
    seconds: float, shape: tuple[int, int, int], widths: tuple[int, int, int] | None
) -> None:
    found = choose(*CIFAR, Recipe(time=seconds), FAST).network
    expected = default_network(shape, 10) if widths is None else deep_network(shape, 10, widths)
    assert found.text() == expected.text()


@pytest.mark.parametrize(("seconds", "side"), [(3600, 128), (600, 64), (250, 48), (200, 32)])
def test_the_time_decides_what_photographs_are_brought_to(seconds: float, side: int) -> None:
    found = choose(*PHOTOGRAPHS, Recipe(time=seconds), FAST)
    assert found.network.input == (3, side, side)
    assert f"3x{side}x{side}" in found.words


def test_without_a_time_or_with_little_of_it_it_is_the_default_network() -> None:
    for recipe in (Recipe(), Recipe(epochs=10), Recipe(time=1), Recipe(time=720, optimizer="adamw")):
        found = choose(*CIFAR, recipe, FAST)
        assert (found.network.text(), found.recipe, found.words) == (
            default_network((3, 32, 32), 10).text(),
            recipe,
            "",
        )
    assert choose(*PHOTOGRAPHS, Recipe(), FAST).network.input == (3, 128, 128)
    assert choose((1, 8, 8), 1000, 10, Recipe(time=720), FAST).words == ""


def test_a_size_that_was_asked_for_stays() -> None:
    found = choose((3, 160, 160), 900, 10, Recipe(time=3600), FAST, sized=True)
    assert found.network.input == (3, 160, 160)


@given(
    st.sampled_from([1, 3]),
    st.integers(8, 600),
    st.integers(8, 600),
    st.integers(20, 10**6),
    st.floats(0.1, 1e5),
    st.floats(1e8, 1e13),
)
def test_whatever_is_chosen_is_a_network_for_the_pictures(
    channels: int, height: int, width: int, pictures: int, seconds: float, speed: float
) -> None:
    found = choose((channels, height, width), pictures, 7, Recipe(time=seconds), speed)
    graph = found.network.graph()
    assert graph.input[0] == channels
    assert graph.output.shape == (7,)
    found.recipe.resolved(pictures)


def test_what_was_asked_for_is_kept() -> None:
    asked = Recipe(time=720, progressive=0.0, micro_batch=100, tta="none", lr=0.1)
    found = choose(*CIFAR, asked, FAST).recipe.resolved(45_000)
    assert (found.progressive, found.micro_batch, found.tta, found.lr) == (0.0, 100, "none", 0.1)
    chosen = choose(*CIFAR, Recipe(time=720), FAST).recipe.resolved(45_000)
    assert (chosen.progressive, chosen.micro_batch, chosen.tta, chosen.optimizer) == (0.5, 250, "flip", "muon")
    assert choose((1, 28, 28), 60_000, 10, Recipe(time=720), FAST).recipe.tta == "none"


def test_speed_is_measured() -> None:
    one = speed_of(torch.device("cpu"), torch.float32, 0.02)
    assert 1e8 < one < 1e14


def test_a_run_says_what_was_chosen(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for index in range(40):
        file = tmp_path / "pictures" / f"class{index % 2}" / f"{index}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(file)
    going = training(str(tmp_path / "pictures"), out=tmp_path / "run", time=3600)
    for event in going:
        if isinstance(event, events.Decided):
            assert event.what == "network"
            assert event.choice.startswith("deep, 3x32x32")
            break
    else:
        pytest.fail("nothing was decided")
    going.close()
