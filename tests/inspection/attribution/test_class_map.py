"""Class activation maps: which layer, what is added up, and why a map may be empty."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from convscope.engine.module import load_state
from convscope.errors import UserError
from convscope.inspection.attribution.class_map import (
    CHOSEN,
    EMPTY,
    METHODS,
    ClassMap,
    class_map,
    coarse_layer,
    fine_layer,
    weighed,
)
from convscope.inspection.attribution.derivatives import Target, gradients, normalised
from convscope.inspection.look import Look, look_at
from convscope.model.folder import Model
from convscope.network import zoo
from convscope.network.graph import INPUT
from convscope.network.network import Network

POOLED = "input 1x8x8\nconv 3 3x3 > relu > globalavgpool > flatten > linear 2"


def changed(model: Model, **values: torch.Tensor | float) -> Model:
    """The model with some of its tensors filled; ``conv1__weight=0`` is ``conv1.weight``."""
    state = {name: tensor.clone() for name, tensor in model.module.state_dict().items()}
    for name, value in values.items():
        key = name.replace("__", ".")
        state[key] = torch.as_tensor(value, dtype=torch.float32).expand(state[key].shape).clone()
    load_state(model.module, state)
    return model


def test_the_layer_is_chosen_from_the_graph() -> None:
    expected = {
        "resnet50": ("layer4.bottleneck3.relu1", "layer3.bottleneck6.relu1"),
        "resnet20_cifar": ("layer3.basic2.relu1", "layer2.basic2.relu1"),
        "mobilenet_v2": ("features.relu62", "features.inverted5.relu61"),
        "densenet121": ("features.relu2", "features.transition3.conv1"),
        "googlenet": ("inception5b.concat1", "inception4e.concat1"),
        "vgg16": ("plain5.relu3", "plain4.relu3"),
        "squeezenet1_1": ("relu2", "fire4.concat1"),
        "seresnet50": ("layer4.bottleneck3.relu1", "layer3.bottleneck6.relu1"),
        "lenet5": ("tanh2", "tanh1"),
    }
    graphs = {name: zoo.known(name).graph() for name in expected}
    assert {name: (coarse_layer(graph), fine_layer(graph)) for name, graph in graphs.items()} == expected


def test_a_layer_inside_a_branch_is_not_chosen() -> None:
    """What leads past it would be left out of the map."""
    graph = Network.parse(
        "input 1x8x8\nconv 4 3x3 padding=1\nadd { conv 4 3x3 padding=1 > relu | identity }\n"
        "add { conv 8 3x3 stride=2 padding=1 > relu | conv 8 1x1 stride=2 } > flatten > linear 3"
    ).graph()
    assert (coarse_layer(graph), fine_layer(graph)) == ("add2", "add1")


def test_branches_that_meet_as_vectors_leave_the_last_map() -> None:
    text = "input 1x8x8\nconcat { conv 4 3x3 > flatten | conv 2 5x5 > flatten } > linear 3"
    assert coarse_layer(Network.parse(text).graph()) == "concat1.b.conv1"


@pytest.mark.parametrize("net", ["resnet20_cifar", "lenet5"])
def test_grad_cam_agrees_with_captum(
    net: str, seen: Callable[..., Look], plain: Callable[[Model], torch.nn.Module]
) -> None:
    from captum.attr import LayerGradCam

    look = seen(net)
    module, image_NCHW = plain(look.model), normalised(look.model, look.input[None])
    for layer in (coarse_layer(look.model.module.graph), fine_layer(look.model.module.graph)):
        captum = LayerGradCam(module, module.nodes[layer])  # type: ignore[index]
        for index in range(3):
            expected_NCHW = captum.attribute(image_NCHW, target=index, relu_attributions=True)
            found = class_map(look, f"class {index}", "gradcam", layer)
            largest = expected_NCHW.max().item()
            np.testing.assert_allclose(found.map_HW, expected_NCHW[0, 0].detach(), atol=1e-5 * largest, rtol=1e-4)
            assert largest > 0 or found.empty == "against"


@pytest.mark.parametrize("method", ["gradcam", "hirescam"])
def test_before_a_mean_and_a_linear_layer_the_map_adds_up_to_the_score(method: str, seen: Callable[..., Look]) -> None:
    """Draelos and Carin 2020, section 3: the map is then exactly what each place adds to the score."""
    look = seen(POOLED)
    values, slopes, scores_NK = gradients(look.model, normalised(look.model, look.input[None]), 1, ["relu1"])
    places = values["relu1"][0].numel() // 3 if method == "gradcam" else 1
    map_HW = weighed(values["relu1"][0], slopes["relu1"][0] * places, method)  # type: ignore[arg-type]
    bias = look.state["linear1.bias"][1]
    total = map_HW.sum().item() / places
    assert total == pytest.approx(scores_NK[0, 1].item() - bias, rel=1e-4)


def test_layercam_counts_each_place_where_the_channel_speaks_for_the_class(seen: Callable[..., Look]) -> None:
    """Jiang et al. 2021, equations 5 and 6."""
    look = seen("resnet20_cifar")
    layer = "layer2.basic2.relu1"
    values, slopes, _ = gradients(look.model, normalised(look.model, look.input[None]), 0, [layer])
    expected_HW = np.zeros((16, 16))
    for value_HW, slope_HW in zip(values[layer][0].numpy(), slopes[layer][0].numpy(), strict=True):
        expected_HW += np.where(slope_HW > 0, slope_HW, 0) * value_HW
    np.testing.assert_allclose(class_map(look, "class 0", "layercam").map_HW, expected_HW, rtol=1e-4, atol=1e-6)


def test_sharper_methods_look_at_a_finer_layer(seen: Callable[..., Look]) -> None:
    look = seen("resnet20_cifar")
    found = {method: class_map(look, method=method) for method in METHODS}
    assert {method: (m.layer, m.chosen, m.map_HW.shape) for method, m in found.items()} == {
        "gradcam": ("layer3.basic2.relu1", "last", (8, 8)),
        "layercam": ("layer2.basic2.relu1", "finer", (16, 16)),
        "hirescam": ("layer2.basic2.relu1", "finer", (16, 16)),
    }
    asked = class_map(look, "class 4", "layercam", "layer1.basic1.relu1")
    assert (asked.chosen, asked.target.name, asked.map_HW.shape) == ("asked", "class 4", (32, 32))
    assert min(m.map_HW.min() for m in found.values()) >= 0
    assert class_map(seen(POOLED), method="layercam").chosen == "last"  # there is no finer one


def test_the_peak_is_the_middle_of_its_place() -> None:
    map_HW = np.zeros((2, 4), np.float32)
    map_HW[1, 2] = 3
    found = ClassMap("gradcam", Target(0, "a", 0, 0), "relu1", "last", map_HW, "", (20, 40))
    assert found.peak == (15, 25)
    large_HW = found.enlarged()
    assert large_HW.shape == (20, 40)
    assert abs(large_HW[14:16, 24:26] - 3).max() < 0.5
    assert large_HW.max() <= 3


@pytest.mark.parametrize(
    ("empty", "text", "values"),
    [
        ("silent", POOLED, {"conv1__weight": 0, "conv1__bias": -1}),
        ("no gradient", POOLED, {"linear1__weight": 0}),
        ("against", POOLED, {"conv1__bias": 5, "linear1__weight": -1}),
        ("even", POOLED, {"conv1__weight": 0, "conv1__bias": 1, "linear1__weight": 1}),
        ("no places", "input 1x8x8\nflatten > linear 5 > relu > linear 2", {}),
        ("", POOLED, {"conv1__bias": 1, "linear1__weight": 1}),
    ],
)
def test_an_empty_map_says_why(
    empty: str, text: str, values: dict[str, float], untrained: Callable[..., Model]
) -> None:
    model = changed(untrained(text), **values)
    image_HWC = np.random.default_rng(0).integers(0, 256, (8, 8, 1), np.uint8)
    found = class_map(look_at(model, image_HWC), "class 0")
    assert found.empty == empty
    assert (found.peak is None) == bool(empty)
    assert EMPTY[found.empty] or not empty
    assert CHOSEN[found.chosen]


def test_a_single_place_cannot_say_where(seen: Callable[..., Look]) -> None:
    found = class_map(seen(POOLED), layer="globalavgpool1")
    assert found.empty == "single place"
    assert found.peak is None


def test_what_cannot_be_asked_for(seen: Callable[..., Look]) -> None:
    look = seen(POOLED)
    with pytest.raises(UserError, match="did you mean gradcam"):
        class_map(look, method="grad-cam")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="did you mean relu1"):
        class_map(look, layer="relu")
    with pytest.raises(UserError, match=r"linear1 is a vector of 2(.|\n)*the last one that has them is relu1"):
        class_map(look, layer="linear1")
    assert class_map(look, layer=INPUT).map_HW.shape == (8, 8)
