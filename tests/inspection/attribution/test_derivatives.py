"""What all attributions share: the class by name, derivatives at any node, and whether they point at the object."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from convscope.data.image.decode import in_photograph
from convscope.errors import UserError
from convscope.inspection.attribution.class_map import Method, class_map
from convscope.inspection.attribution.derivatives import class_index, gradients, normalised, target_of
from convscope.inspection.look import Look, look_at
from convscope.model.folder import Model
from convscope.model.load_weights import load, read_names
from convscope.network.graph import INPUT

BRANCHED = """input 3x12x12
conv 8 3x3 padding=1 > relu > maxpool 2
concat { conv 6 1x1 > batchnorm > relu6 | conv 4 3x3 padding=1 > sigmoid }
mul { identity | globalavgpool > conv 10 1x1 > sigmoid }
add { conv 10 3x3 padding=1 bias=no > batchnorm | identity } > relu > flatten > linear 5 > softmax"""
BOXES = Path(__file__).parents[1] / "boxes_imagenet20.json"


def test_a_class_by_one_of_its_names(untrained: Callable[..., Model]) -> None:
    names = ("crane (134)", "jeep, landrover", "Bull mastiff", "bull", "bull, ox")
    model = dataclasses.replace(untrained(BRANCHED), classes=names)
    assert [class_index(model, word) for word in ("jeep", "Landrover ", "BULL MASTIFF", "bull")] == [1, 1, 2, 3]
    with pytest.raises(UserError, match="did you mean Bull mastiff"):
        class_index(model, "bull mastif")


def test_a_name_of_several_classes_is_refused(untrained: Callable[..., Model]) -> None:
    model = dataclasses.replace(untrained(BRANCHED), classes=("crane, bird", "crane, machine", "a", "b", "c"))
    with pytest.raises(UserError, match="any of 2: crane, bird; crane, machine"):
        class_index(model, "crane")


def test_the_predicted_class_is_the_default(seen: Callable[..., Look]) -> None:
    look = seen(BRANCHED)
    target = target_of(look)
    assert target.index == look.probabilities.argmax()
    assert target.name == f"class {target.index}"
    assert target.score == pytest.approx(look.values["linear1"].max())
    assert target.probability == pytest.approx(look.probabilities.max())


@pytest.mark.parametrize("net", [BRANCHED, "lenet5", "mnist_cnn", "resnet20_cifar"], ids=lambda net: net.split()[0])
def test_derivatives_at_every_node(
    net: str, seen: Callable[..., Look], plain: Callable[[Model], torch.nn.Module]
) -> None:
    """The plan moves and overwrites values; each node by itself, with nothing in place, has the same derivatives."""
    look = seen(net)
    model = look.model
    paths = [INPUT, *(node.path for node in model.module.graph.nodes if node.path != "softmax1")]
    image_NCHW = normalised(model, look.input[None])
    module = plain(model)
    score = module(image_NCHW.clone().requires_grad_())[0, 2]
    for path, slope in zip(paths, torch.autograd.grad(score, [module.values[path] for path in paths]), strict=True):
        found, slopes, scores_NK = gradients(model, image_NCHW, 2, [path])
        torch.testing.assert_close(slopes[path], slope, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(found[path], module.values[path], rtol=1e-4, atol=1e-5)
        assert scores_NK[0, 2].item() == pytest.approx(score.item(), abs=1e-5)


def test_the_model_stays_as_it_was(seen: Callable[..., Look]) -> None:
    look = seen(BRANCHED)
    module = look.model.module.train()
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    _, slopes, _ = gradients(look.model, normalised(look.model, look.input[None]), 0, ["relu1"])
    assert slopes["relu1"].any()  # frozen weights make no difference
    assert module.training
    assert all(parameter.grad is None for parameter in module.parameters())
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())


def test_behind_the_scores_nothing_speaks_for_a_class(seen: Callable[..., Look]) -> None:
    look = seen(BRANCHED)
    with pytest.raises(UserError, match="softmax1: nothing of it reaches the scores"):
        gradients(look.model, normalised(look.model, look.input[None]), 0, ["softmax1"])


@pytest.fixture(scope="module")
def mobilenet(shared: Path, shared_sets: Callable[[str], Path]) -> Model:
    (weights,) = shared_sets("mobilenet_v2").glob("*.pth")
    names = read_names(shared / "reference" / "imagenet1k_class_names.txt")
    return load("mobilenet_v2", weights, names=names, keep=0.875)


@pytest.mark.shared
@pytest.mark.parametrize("method", ["gradcam", "layercam"])
def test_pointing_game(method: Method, mobilenet: Model, shared_sets: Callable[[str], Path]) -> None:
    """The map's maximum for the true class lies in a box around an object of that class, in 16 of 20 photographs.

    J. Zhang et al. 2016, "Top-down Neural Attention by Excitation Backprop", without their margin of 15 pixels.
    """
    folder, boxes = shared_sets("imagenet-20"), json.loads(BOXES.read_text())["boxes"]
    missed = []
    for file, objects in boxes.items():
        name = mobilenet.classes[int(Path(file).stem.split("_")[-1])]
        found = class_map(look_at(mobilenet, folder / file), name, method)
        with Image.open(folder / file) as photograph:
            size = photograph.height, photograph.width
        assert found.peak is not None, found.empty
        y, x = in_photograph(*found.peak, size, mobilenet.preprocess)
        if not any(left <= x <= right and top <= y <= bottom for left, top, right, bottom in objects):
            missed.append(file)
    assert len(boxes) == 20
    assert len(missed) <= 4, missed
