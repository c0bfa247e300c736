"""Which pictures of a data set excite a unit: the same as when every picture is looked at by itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.datasets import load_digits

from convscope.data.image.decode import ImagePreprocess
from convscope.data.parts import part_of
from convscope.engine.module import load_state
from convscope.errors import UserError
from convscope.inspection.look import look_at
from convscope.inspection.top_activations import exciting
from convscope.model.folder import Model
from convscope.network.receptive_field import field_of

NET = "input 1x8x8\nconv 4 3x3 > relu > conv 3 3x3 padding=1 > maxpool 2 > flatten > linear 10 > relu"


@pytest.fixture(scope="module")
def model(untrained: Callable[..., Model]) -> Model:
    return untrained(NET, 3)


@pytest.mark.parametrize("by", ["max", "mean"])
def test_a_channel_of_every_picture(by: str, model: Model) -> None:
    told: list[tuple[int, int]] = []
    found = exciting(
        model,
        "digits",
        "conv2[1]",
        5,
        by,
        "test",
        batch=100,
        progress=lambda *now: told.append(now),  # type: ignore[arg-type]
    )
    pictures = part_of("digits", ImagePreprocess(1, 8, 8), "test").split
    assert told == [(100, 359), (200, 359), (300, 359), (359, 359)]
    maps_NHW = np.stack([look_at(model, image).values["conv2"][1] for image in np.array(pictures.inputs_N)])
    expected_N = maps_NHW.max((1, 2)) if by == "max" else maps_NHW.mean((1, 2))
    np.testing.assert_allclose(found.values_N, expected_N, atol=1e-5)
    assert found.by == by
    assert found.of == "the test part of digits"
    assert [entry.row for entry in found.most] == np.argsort(-found.values_N, kind="stable")[:5].tolist()
    assert [entry.row for entry in found.least] == np.argsort(found.values_N, kind="stable")[:5].tolist()
    for entry in (*found.most, *found.least):
        look = look_at(model, entry.image_HWC)
        assert look.values["conv2"][entry.at.index] == pytest.approx(maps_NHW[entry.row].max(), abs=1e-5)
        assert entry.at.index[0] == 1
        assert entry.field == field_of(model.module.graph, "conv2", entry.at.index)
        assert entry.name == pictures.names[entry.row]
        assert entry.label == str(pictures.labels_N[entry.row])


def test_a_unit_and_a_class_over_all_digits(model: Model) -> None:
    digits = np.rint(load_digits().images * 255 / 16).astype(np.uint8)[..., None]
    unit = exciting(model, "digits", "conv1[2,0,5]", 3)
    assert unit.by is None
    assert unit.of == "all of digits"
    assert len(unit.values_N) == len(digits)
    for entry in unit.most:
        assert str(entry.at) == "conv1[2,0,5]"
        assert entry.field.spans == ((0, 3), (5, 8))
        assert look_at(model, entry.image_HWC).values["conv1"][2, 0, 5] == pytest.approx(entry.value, abs=1e-5)
    output = exciting(model, "digits", "linear1[7]", 1)
    assert output.by is None
    assert output.most[0].field.whole
    assert output.most[0].value == output.values_N.max()
    pixel = exciting(model, "digits", "input[0]", 1)
    assert pixel.most[0].value == pytest.approx((1 - 0.4) / 0.25)


def test_equal_values_in_the_order_of_the_pictures(model: Model) -> None:
    state = {name: value.clone() for name, value in model.module.state_dict().items()}
    kept = state["conv1.bias"].clone()
    state["conv1.bias"][0] = -100
    load_state(model.module, state)
    found = exciting(model, "digits", "relu1[0]", 3)
    state["conv1.bias"] = kept
    load_state(model.module, state)
    assert found.dead
    assert [entry.row for entry in found.most] == [entry.row for entry in found.least] == [0, 1, 2]
    assert not exciting(model, "digits", "relu1[0]", 3).dead


def test_a_channel_of_one_place_is_a_unit(untrained: Callable[..., Model]) -> None:
    found = exciting(
        untrained("input 1x8x8\nconv 4 3x3 > globalavgpool > flatten > linear 2"), "digits", "globalavgpool1[3]", 2
    )
    assert found.by is None
    assert found.at == "globalavgpool1[3,0,0]"


def test_what_cannot_be_asked_for(model: Model) -> None:
    for at, options, words in (
        ("conv1[4]", {}, r"conv1 is 4x6x6(.|\n)*at most conv1\[3\]"),
        ("conv9[0]", {}, "the network has no such node"),
        ("conv1[0,9,9]", {}, r"at most conv1\[3,5,5\]"),
        ("conv1.weight[0,0,0,0]", {}, "the same for every picture"),
        ("conv1[0]", {"by": "maximum"}, "did you mean max"),
        ("conv1[0]", {"split": "tset"}, "did you mean test"),
        ("conv1[0]", {"count": 0}, "at least 1"),
    ):
        with pytest.raises(UserError, match=words):
            exciting(model, "digits", at, **options)  # type: ignore[arg-type]
