"""The known networks: every published count, any input and class count, and what the listing says."""

from __future__ import annotations

import pytest

from convscope.errors import UserError
from convscope.network import zoo
from convscope.network.formatter import format_statements
from convscope.network.notation import parse

PUBLISHED = {
    # torchvision's table: parameters, and multiply-adds in units of 10^9 to the digits it prints.
    "alexnet": (61_100_840, "0.714"),
    "convnext_tiny": (28_589_128, "4.456"),
    "convnext_small": (50_223_688, "8.684"),
    "densenet121": (7_978_856, "2.834"),
    "densenet161": (28_681_000, "7.728"),
    "densenet169": (14_149_480, "3.360"),
    "densenet201": (20_013_928, "4.291"),
    "googlenet": (6_624_904, "1.498"),
    "inception_v3": (23_834_568, "5.713"),
    "mobilenet_v2": (3_504_872, "0.301"),
    "mobilenet_v3_large": (5_483_032, "0.217"),
    "mobilenet_v3_small": (2_542_856, "0.057"),
    "resnet18": (11_689_512, "1.814"),
    "resnet34": (21_797_672, "3.664"),
    "resnet50": (25_557_032, "4.089"),
    "resnet101": (44_549_160, "7.801"),
    "resnet152": (60_192_808, "11.514"),
    "resnext50_32x4d": (25_028_904, "4.230"),
    "resnext101_32x8d": (88_791_336, "16.414"),
    "shufflenet_v2_x0_5": (1_366_792, "0.040"),
    "shufflenet_v2_x1_0": (2_278_604, "0.145"),
    "shufflenet_v2_x1_5": (3_503_624, "0.296"),
    "shufflenet_v2_x2_0": (7_393_996, "0.583"),
    "squeezenet1_0": (1_248_424, "0.819"),
    "squeezenet1_1": (1_235_496, "0.349"),
    "vgg11": (132_863_336, "7.609"),
    "vgg11_bn": (132_868_840, "7.609"),
    "vgg13": (133_047_848, "11.308"),
    "vgg13_bn": (133_053_736, "11.308"),
    "vgg16": (138_357_544, "15.470"),
    "vgg16_bn": (138_365_992, "15.470"),
    "vgg19": (143_667_240, "19.632"),
    "vgg19_bn": (143_678_248, "19.632"),
    "wide_resnet50_2": (68_883_240, "11.398"),
    "wide_resnet101_2": (126_886_696, "22.753"),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_counts_are_the_published_ones(name: str) -> None:
    graph = zoo.known(name).graph()
    parameters, gmacs = PUBLISHED[name]
    assert graph.parameter_count == parameters
    assert f"{graph.macs / 1e9:.3f}" == gmacs


def test_every_entry_says_what_its_network_has() -> None:
    for entry in zoo.entries():
        graph = zoo.known(entry.name).graph()
        assert (entry.parameters, entry.macs) == (graph.parameter_count, graph.macs), entry.name
        assert graph.output.shape == (entry.output,), entry.name
        assert 1989 <= entry.year <= 2026, entry.name
        assert zoo.family(entry.name) == entry.family


def test_files_are_in_the_canonical_layout() -> None:
    for file in zoo.FOLDER.glob("*.net"):
        text = file.read_text(encoding="utf-8")
        assert format_statements(parse(text, file.name)[0]) == text, file.name


@pytest.mark.parametrize("name", zoo.names())
def test_any_class_count_and_a_larger_input(name: str) -> None:
    network = zoo.known(name)
    channels, height, width = network.input or ()
    changed = network.with_classes(7)
    assert changed.graph().output.shape == (7,)
    for head in changed.graph().heads:
        assert head.output.shape == (7,)
    convolutional = not name.startswith(("lenet", "tinyvgg", "mnist_cnn", "alexnet_2012"))
    if convolutional:  # the others end with a linear layer that counts its inputs
        assert network.with_input((channels, height + 32, width + 32)).graph().output.shape[0] > 1


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(UserError) as told:
        zoo.find("resnet51")
    assert told.value.hint == "did you mean resnet50?"


def test_a_network_on_one_long_line_is_not_taken_for_a_file() -> None:
    text = "input 3x8x8 > " + " > ".join(["conv 4 3x3 padding=1 > relu"] * 30)
    assert len(text) > 255
    assert len(zoo.find(text).graph().nodes) == 60
