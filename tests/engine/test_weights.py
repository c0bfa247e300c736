"""Others' checkpoints: names of every family, adaptations that are said, files that lie."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from convscope.engine.initialise import initialise
from convscope.engine.module import GraphModule, load_state
from convscope.engine.weight_names import NAMES, holders
from convscope.engine.weights import fit_state, read_state
from convscope.errors import UserError
from convscope.network import zoo
from convscope.network.network import Network
from convscope.ops import Scale

MAPPED = [name for name in zoo.names() if zoo.family(name) in NAMES]

KNOWN_NAMES = {
    # Written from torchvision's and timm's own modules; (a name of theirs, the shape it has there).
    "resnet18": [("layer2.0.downsample.0.weight", (128, 64, 1, 1)), ("layer4.1.bn2.running_var", (512,))],
    "resnet50": [("layer1.0.downsample.1.bias", (256,)), ("layer3.5.conv3.weight", (1024, 256, 1, 1))],
    "seresnet50": [("layer1.0.se.fc1.weight", (16, 256, 1, 1))],
    "vgg16": [("features.28.weight", (512, 512, 3, 3)), ("classifier.6.bias", (1000,))],
    "vgg16_bn": [("features.41.running_mean", (512,)), ("classifier.0.weight", (4096, 25088))],
    "alexnet": [("features.10.weight", (256, 256, 3, 3)), ("classifier.1.weight", (4096, 9216))],
    "googlenet": [
        ("inception4b.branch3.1.conv.weight", (64, 24, 3, 3)),
        ("inception5b.branch4.1.bn.weight", (128,)),
        ("aux1.fc1.weight", (1024, 2048)),
        ("fc.weight", (1000, 1024)),
    ],
    "densenet121": [
        ("features.denseblock4.denselayer16.conv2.weight", (32, 128, 3, 3)),
        ("features.transition3.conv.weight", (512, 1024, 1, 1)),
        ("features.norm5.weight", (1024,)),
    ],
    "squeezenet1_0": [("features.12.expand3x3.weight", (256, 64, 3, 3)), ("classifier.1.bias", (1000,))],
    "squeezenet1_1": [("features.11.squeeze.weight", (64, 384, 1, 1))],
    "mobilenet_v2": [("features.17.conv.2.weight", (320, 960, 1, 1)), ("features.18.1.running_mean", (1280,))],
    "efficientnet_lite0": [("blocks.6.0.conv_pwl.weight", (320, 1152, 1, 1)), ("conv_head.weight", (1280, 320, 1, 1))],
    "mobilenet_v3_large": [
        ("features.0.0.weight", (16, 3, 3, 3)),
        ("features.1.block.0.0.weight", (16, 1, 3, 3)),
        ("features.1.block.1.1.running_mean", (16,)),
        ("features.2.block.0.0.weight", (64, 16, 1, 1)),
        ("features.4.block.2.fc1.weight", (24, 72, 1, 1)),
        ("features.4.block.3.0.weight", (40, 72, 1, 1)),
        ("features.15.block.2.fc2.bias", (960,)),
        ("features.15.block.3.1.weight", (160,)),
        ("features.16.0.weight", (960, 160, 1, 1)),
        ("classifier.0.weight", (1280, 960)),
        ("classifier.3.bias", (1000,)),
    ],
    "mobilenet_v3_small": [
        ("features.1.block.0.0.weight", (16, 1, 3, 3)),
        ("features.1.block.1.fc1.weight", (8, 16, 1, 1)),
        ("features.1.block.2.0.weight", (16, 16, 1, 1)),
        ("features.2.block.2.1.bias", (24,)),
        ("features.11.block.3.0.weight", (96, 576, 1, 1)),
        ("features.12.1.running_var", (576,)),
        ("classifier.0.weight", (1024, 576)),
    ],
    "shufflenet_v2_x1_0": [
        ("conv1.0.weight", (24, 3, 3, 3)),
        ("stage2.0.branch1.0.weight", (24, 1, 3, 3)),
        ("stage2.0.branch1.2.weight", (58, 24, 1, 1)),
        ("stage2.0.branch2.3.weight", (58, 1, 3, 3)),
        ("stage3.7.branch2.6.running_mean", (116,)),
        ("stage4.3.branch2.5.weight", (232, 232, 1, 1)),
        ("conv5.0.weight", (1024, 464, 1, 1)),
        ("fc.weight", (1000, 1024)),
    ],
    "inception_v3": [
        ("Conv2d_2b_3x3.conv.weight", (64, 32, 3, 3)),
        ("Conv2d_4a_3x3.bn.weight", (192,)),
        ("Mixed_5b.branch5x5_2.conv.weight", (64, 48, 5, 5)),
        ("Mixed_5d.branch3x3dbl_3.conv.weight", (96, 96, 3, 3)),
        ("Mixed_5b.branch_pool.conv.weight", (32, 192, 1, 1)),
        ("Mixed_6a.branch3x3.conv.weight", (384, 288, 3, 3)),
        ("Mixed_6b.branch7x7_2.conv.weight", (128, 128, 1, 7)),
        ("Mixed_6e.branch7x7dbl_4.conv.weight", (192, 192, 7, 1)),
        ("Mixed_6e.branch7x7dbl_5.bn.running_var", (192,)),
        ("AuxLogits.conv1.conv.weight", (768, 128, 5, 5)),
        ("AuxLogits.fc.weight", (1000, 768)),
        ("Mixed_7a.branch7x7x3_4.conv.weight", (192, 192, 3, 3)),
        ("Mixed_7b.branch3x3_2a.conv.weight", (384, 384, 1, 3)),
        ("Mixed_7c.branch3x3dbl_3b.conv.weight", (384, 384, 3, 1)),
        ("Mixed_7c.branch1x1.conv.weight", (320, 2048, 1, 1)),
        ("fc.weight", (1000, 2048)),
    ],
    "convnext_tiny": [
        ("features.5.8.layer_scale", (384, 1, 1)),
        ("features.1.0.block.3.weight", (384, 96)),
        ("features.2.1.weight", (192, 96, 2, 2)),
        ("classifier.2.weight", (1000, 768)),
    ],
}


def foreign(name: str, style: int = 0) -> dict[str, torch.Tensor]:
    """A checkpoint of a known network under the family's own names, all of its values different."""
    graph = zoo.known(name).graph()
    names = NAMES[zoo.family(name)][style](graph)
    found = {}
    for node in holders(graph):
        for tensor, shape in {**node.parameters, **node.buffers}.items():
            key = names[node.path] + ("" if isinstance(node.op, Scale) else f".{tensor}")
            found[key] = torch.full(shape, float(len(found)))
    return found


@pytest.mark.parametrize("name", MAPPED)
def test_every_tensor_has_one_name_of_theirs(name: str) -> None:
    graph = zoo.known(name).graph()
    for names in NAMES[zoo.family(name)]:
        found = names(graph)
        assert {node.path for node in holders(graph)} == set(found)
        assert len(set(found.values())) == len(found)


@pytest.mark.parametrize("name", KNOWN_NAMES)
def test_names_are_those_of_the_published_files(name: str) -> None:
    state = foreign(name)
    for key, shape in KNOWN_NAMES[name]:
        assert state[key].numel() == np.prod(shape), key
        assert tuple(n for n in state[key].shape if n > 1) == tuple(n for n in shape if n > 1), key


@pytest.mark.parametrize(
    "name",
    ["resnet18", "googlenet", "efficientnet_lite0", "resnet20_cifar", "mobilenet_v3_small", "shufflenet_v2_x0_5"],
)
def test_each_tensor_comes_to_its_place(name: str) -> None:
    graph = zoo.known(name).graph()
    for style in range(len(NAMES[zoo.family(name)])):
        state = foreign(name, style)
        loaded = fit_state(graph, state, zoo.family(name))
        assert sorted(v.flatten()[0].item() for v in loaded.state.values()) == [float(i) for i in range(len(state))]
        assert (loaded.fresh, loaded.adapted, loaded.left_over) == ((), (), ())
        main = [name for name in loaded.state if not name.startswith("aux")]
        load_state(GraphModule(graph), {name: loaded.state[name] for name in main})


def test_prefixes_and_wrappers_are_taken_off(tmp_path: Path) -> None:
    state = foreign("resnet20_cifar")
    file = tmp_path / "checkpoint.pth"
    torch.save({"epoch": 3, "state_dict": {f"module._orig_mod.{name}": value for name, value in state.items()}}, file)
    assert read_state(file).keys() == state.keys()
    save_file({f"model.{name}": value for name, value in state.items()}, tmp_path / "checkpoint.safetensors")
    assert read_state(tmp_path / "checkpoint.safetensors").keys() == state.keys()


def test_another_class_count_starts_the_last_layer_anew() -> None:
    graph = zoo.known("resnet20_cifar").with_classes(7).graph()
    loaded = fit_state(graph, foreign("resnet20_cifar"), "resnet_cifar")
    assert loaded.fresh == ("linear1",)
    assert "linear1.weight" not in loaded.state
    assert loaded.adapted == ("linear1 starts anew: 10 classes there, 7 here",)


def test_grey_pictures_get_the_sum_over_the_colours() -> None:
    network = zoo.known("resnet20_cifar")
    colour, grey = network.graph(), network.with_input((1, 32, 32)).graph()
    state = initialise(colour, seed=3)
    three, one = GraphModule(colour).eval(), GraphModule(grey).eval()
    load_state(three, state)
    loaded = fit_state(grey, state, "resnet_cifar")
    load_state(one, loaded.state)
    assert loaded.adapted == ("conv1.weight: the weights of 3 colours were summed",)
    x = torch.randn(2, 1, 32, 32)
    torch.testing.assert_close(one(x), three(x.expand(-1, 3, -1, -1)))


def test_what_is_missing_or_of_another_shape_is_named() -> None:
    graph = zoo.known("resnet20_cifar").graph()
    state = foreign("resnet20_cifar")
    del state["layer3.2.bn2.bias"]
    with pytest.raises(UserError, match=r"it lacks layer3\.2\.bn2\.bias"):
        fit_state(graph, state, "resnet_cifar")
    with pytest.raises(UserError, match="is it the right --net"):
        fit_state(zoo.known("resnet32_cifar").graph(), foreign("resnet20_cifar"), "resnet_cifar")
    loaded = fit_state(graph, {**foreign("resnet20_cifar"), "extra.weight": torch.ones(1)}, "resnet_cifar")
    assert loaded.left_over == ("extra.weight",)
    with pytest.raises(UserError, match="none of its names"):
        fit_state(Network.parse("input 1x8x8\nconv 4 3x3 as stem").graph(), foreign("resnet20_cifar"), "network")


class _Code:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (Path("executed"),))  # type: ignore[return-value]


def test_files_that_are_no_checkpoints_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"a": torch.ones(3)}, tmp_path / "whole.pth")
    whole = (tmp_path / "whole.pth").read_bytes()
    save_file({"a": torch.ones(30)}, tmp_path / "whole.safetensors")
    files = {
        "code.pth": pickle.dumps({"state_dict": _Code()}),
        "cut.pth": whole[: len(whole) // 2],
        "empty.pth": b"",
        "text.pth": b"hello",
        "cut.safetensors": (tmp_path / "whole.safetensors").read_bytes()[:-8],
        "empty.safetensors": b"",
        "text.safetensors": b"hello, this is text",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError) as told:
            read_state(tmp_path / name)
        assert name in told.value.where
    torch.save({"epoch": 3}, tmp_path / "nothing.pth")
    torch.save(_Code(), tmp_path / "object.pth")
    for name in ("nothing.pth", "object.pth", "missing.pth"):
        with pytest.raises(UserError):
            read_state(tmp_path / name)
    assert not (tmp_path / "executed").exists()
