"""Predicted memory: small cases by hand, and what backward keeps against what autograd says it keeps."""

from __future__ import annotations

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from convscope.data.image.normalise import Normalise
from convscope.engine.inference import laid_out
from convscope.engine.module import to_module
from convscope.errors import UserError
from convscope.network import zoo
from convscope.network.graph import Graph
from convscope.network.memory import dtype_named, kept_by_node, largest_batch, memory, optimizer_named
from convscope.network.network import Network

SMALL = {
    "lenet5": None, "alexnet": None, "alexnet_2012": None, "vgg11_bn": (3, 32, 32), "googlenet": (3, 96, 96),
    "shufflenet_v2_x0_5": (3, 64, 64), "mobilenet_v3_small": (3, 64, 64), "inception_v1": (3, 96, 96),
    "input 4x8x8 > conv 8 1 > elu > conv 8 1 > prelu 8 > clip > pad 0 1 > conv 3 1 > flatten > linear 3": None,
    "resnet18": (3, 64, 64), "resnet20_cifar": None, "seresnet50": (3, 64, 64), "densenet121": (3, 64, 64),
    "squeezenet1_1": (3, 96, 96), "mobilenet_v1": (3, 64, 64), "mobilenet_v2": (3, 64, 64),
    "efficientnet_lite0": (3, 64, 64), "convnext_tiny": (3, 64, 64),
}  # fmt: skip
BATCH = 8


def kept_by_autograd(graph: Graph) -> int:
    """Bytes of all that autograd holds on to for the backward pass, each storage once, weights aside."""
    module = laid_out(to_module(graph)).train()
    weights = {tensor.untyped_storage().data_ptr() for tensor in module.state_dict().values()}
    pictures = torch.randint(0, 255, (BATCH, *graph.input[1:], graph.input[0]), dtype=torch.uint8)
    channels = graph.input[0]
    inputs = Normalise((0.5,) * channels, (0.5,) * channels)(pictures)
    found: dict[int, int] = {}
    alive = []

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            found[storage.data_ptr()] = storage.nbytes()
            alive.append(tensor)  # so that no later tensor has its address
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        module.scores(inputs)
    return sum(found.values())


@pytest.mark.parametrize("name", SMALL)
def test_what_backward_keeps_is_what_autograd_keeps(name: str) -> None:
    graph = zoo.find(name).graph(SMALL[name])
    kept = BATCH * sum(kept_by_node(graph).values())
    assert kept == pytest.approx(kept_by_autograd(graph), rel=0.02)


def test_by_hand() -> None:
    # 3 values in; a vector of 5 from 3*5+5 weights; relu overwrites it and is kept, linear keeps its input.
    graph = Network.parse("input 3\nlinear 5 > relu > linear 2").graph()
    parameters = [3 * 5, 5, 5 * 2, 2]
    weights, pictures = 4 * sum(parameters), 10 * 3 * (1 + 4)
    found = memory(graph, 10)
    assert found.weights == weights
    assert found.optimizer_state == 2 * weights
    assert found.inference == weights + pictures + 10 * (5 + 2) * 4
    # The fullest moment is relu's backward: its output, the gradient that arrives and the one it makes, the gradients
    # of the last layer's weights.
    assert found.training == 3 * weights + pictures + 10 * (5 + 5 + 5) * 4 + 4 * (10 + 2)
    assert memory(graph, 10, optimizer="sgd").training == found.training - weights


def test_kept_by_node_by_hand() -> None:
    # conv keeps the picture, batch norm the conv's output, relu its own (batch norm's memory), which conv2 reads too.
    graph = Network.parse("input 1x8x8 > conv 4 3x3 > batchnorm > relu > conv 2 1x1 > flatten > linear 3").graph()
    assert kept_by_node(graph) == {
        "conv1": 4 * 64, "batchnorm1": 4 * 4 * 36, "relu1": 4 * 4 * 36, "conv2": 0, "flatten1": 0, "linear1": 4 * 2 * 36
    }  # fmt: skip


@pytest.mark.parametrize("name", ["lenet5", "resnet18", "densenet121", "mobilenet_v2", "googlenet"])
def test_what_is_true_of_any_prediction(name: str) -> None:
    graph = zoo.find(name).graph()
    one, two, three = (memory(graph, batch) for batch in (1, 2, 3))
    for found in (one, two, three):
        assert found.weights < found.inference <= found.inference_held
        assert found.kept < found.training <= found.training_held
        assert found.inference < found.training
    assert one.training < two.training < three.training
    assert three.kept - two.kept == two.kept - one.kept > 0
    half = memory(graph, 64, "bfloat16")
    assert half.kept < 0.75 * memory(graph, 64).kept
    assert half.weights == one.weights


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(["lenet5", "tinyvgg", "resnet20_cifar"]), st.integers(5, 5000))
@example("tinyvgg", 443)  # from 1,070 pictures on a tensor lies outside the heap, which then has fewer gaps
def test_the_largest_batch_fits_and_a_larger_one_does_not(name: str, megabytes: int) -> None:
    graph, limit = zoo.find(name).graph(), megabytes * 10**6
    inference, training = largest_batch(graph, limit)
    assert inference >= training
    for batch, what in ((inference, "inference_held"), (training, "training_held")):
        if batch:
            assert getattr(memory(graph, batch), what) <= limit
        larger = max(batch + 1, batch + batch // 20)  # the allocator's gaps make the line a little rough
        assert getattr(memory(graph, larger), what) > 0.97 * limit


def test_nothing_fits_into_nothing() -> None:
    assert largest_batch(zoo.find("resnet18").graph(), 10**6) == (0, 0)


def test_unknown_names() -> None:
    with pytest.raises(UserError, match="did you mean bfloat16"):
        dtype_named("bfloat")
    with pytest.raises(UserError, match="adamw or sgd"):
        optimizer_named("lion")
