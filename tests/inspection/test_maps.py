"""Feature maps and kernels as values: ranges, dead ones, vectors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from convscope.engine.module import load_state
from convscope.errors import UserError
from convscope.inspection.look import Look, look_at
from convscope.inspection.maps import convolutions, feature_maps, kernels, maps_of
from convscope.model.folder import Model

NET = """input 3x10x10
conv 6 3x3 > relu > conv 4 3x3 groups=2 > globalavgpool > flatten > linear 5 > relu"""


def test_maps_of_every_node(seen: Callable[..., Look]) -> None:
    look = seen(NET)
    for path, values in look.values.items():
        maps = feature_maps(look, path)
        assert maps.path == path
        assert maps.shape == values.shape
        np.testing.assert_array_equal(maps.maps_CHW.reshape(-1), values.reshape(-1))
        np.testing.assert_array_equal(maps.low_C, maps.maps_CHW.min((1, 2)))
        np.testing.assert_array_equal(maps.high_C, maps.maps_CHW.max((1, 2)))
    assert feature_maps(look, "input").signed
    assert not feature_maps(look, "relu1").signed
    assert not feature_maps(look, "relu1").is_vector
    for path in ("globalavgpool1", "flatten1"):
        vector = feature_maps(look, path)
        assert vector.is_vector
        assert vector.maps_CHW.shape == (1, 1, 4)
    with pytest.raises(UserError, match="did you mean conv2"):
        feature_maps(look, "conv3")


def test_dead_maps_are_named() -> None:
    values = np.zeros((5, 4, 4), np.float32)
    values[0] = np.arange(16).reshape(4, 4)
    values[2] = 2.5
    values[3] = np.linspace(0, 1e-20, 16).reshape(4, 4)  # a filter that weight decay has worn away
    values[4, 1, 1] = 1e-3
    maps = maps_of("relu1", "relu", values)
    assert maps.zero == (1, 3)
    assert maps.constant == (2,)
    assert maps.dead == (1, 2, 3)


def test_small_numbers_alone_are_not_dead() -> None:
    maps = maps_of("a", "", np.linspace(1e-12, 2e-12, 8, dtype=np.float32).reshape(2, 2, 2))
    assert maps.dead == ()
    assert maps_of("a", "", np.zeros((3, 2, 2), np.float32)).zero == (0, 1, 2)


def test_a_signal_is_maps_of_one_row_and_a_vector_one_map() -> None:
    signal = maps_of("conv1", "", np.arange(6, dtype=np.float32).reshape(2, 3))
    assert signal.maps_CHW.shape == (2, 1, 3)
    vector = maps_of("relu1", "", np.array([0, 2, 0, 1], np.float32))
    assert vector.maps_CHW.shape == (1, 1, 4)
    assert vector.zero == vector.dead == (0, 2)
    with pytest.raises(UserError, match="3 dimensions"):
        maps_of("conv1", "", np.zeros((2, 3, 3, 3), np.float32))


def test_kernels(untrained: Callable[..., Model]) -> None:
    model = untrained(NET)
    state = {name: value.clone() for name, value in model.module.state_dict().items()}
    state["conv1.weight"][4] = 1e-21
    load_state(model.module, state)
    first = kernels(model)
    assert first.path == "conv1"
    assert first.reads_colours
    assert first.dead == (4,)
    np.testing.assert_array_equal(first.weights_OIHW, state["conv1.weight"])
    assert first.high_O[2] == state["conv1.weight"][2].max()
    second = kernels(model, "conv2")
    assert second.weights_OIHW.shape == (4, 3, 3, 3)  # three input channels, but no picture's colours
    assert not second.reads_colours
    assert second.dead == ()
    assert convolutions(model.module.graph) == ("conv1", "conv2")


def test_kernels_of_a_look_are_its_models(seen: Callable[..., Look]) -> None:
    look = seen(NET)
    torch.testing.assert_close(
        torch.from_numpy(kernels(look).weights_OIHW), look.model.module.state_dict()["conv1.weight"]
    )


def test_what_has_no_kernels(untrained: Callable[..., Model]) -> None:
    model = untrained(NET)
    for path, words in (("relu1", "relu1 is a relu"), ("conv9", "did you mean conv")):
        with pytest.raises(UserError, match=words):
            kernels(model, path)
    with pytest.raises(UserError, match="no convolution"):
        kernels(untrained("input 1x4x4\nflatten > linear 2"))


def test_a_picture_of_noise_leaves_the_maps_readable(untrained: Callable[..., Model]) -> None:
    """What a caller changes in the values of a look would change every other picture of it."""
    look = look_at(untrained(NET), np.zeros((10, 10, 3), np.uint8))
    assert feature_maps(look, "conv1").constant == (0, 1, 2, 3, 4, 5)  # of an even picture every map is even
