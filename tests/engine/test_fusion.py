"""Evaluation's fast path gives the module's numbers: random graphs, the known families, every choice it makes."""

from __future__ import annotations

import random

import pytest
import torch
from sample_graphs import RESIDUAL, SMALL, assert_close, batch_of, build, loaded, random_graph

from convscope import ops
from convscope.engine.fusion import fold, fuse
from convscope.engine.initialise import initialise
from convscope.engine.module import GraphModule, load_state
from convscope.errors import UserError
from convscope.network import zoo
from convscope.network.graph import INPUT, Graph

EXACT = 1e-4
"""Of the largest value: float32 in another order. A batch norm left out, or a wrong offset, is far beyond it."""


def _batch(graph: Graph, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    x = torch.from_numpy(batch_of(graph)).to(dtype)
    return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_random_graphs_give_the_modules_numbers(rank: int, cases: int) -> None:
    for seed in range(cases):
        graph = random_graph(seed, rank)
        module, x = loaded(graph, torch.float32), _batch(graph)
        kept = x.clone()
        # Any node may be asked for: nothing may then be fused across it.
        some = random.Random(seed).sample([node.path for node in graph.nodes], min(2, len(graph.nodes)))
        wanted = dict.fromkeys([*some, graph.output.path])
        with torch.no_grad():
            expected = module.forward_all(x)
            found = fold(module, wanted)(x)
        assert list(found) == list(wanted)
        for path, value in found.items():
            assert value.dtype == torch.float32
            assert_close(value, expected[path], EXACT)
        assert torch.equal(x, kept)


def test_in_float64_it_is_the_module_to_the_last_digits(cases: int) -> None:
    for seed in range(cases):
        graph = random_graph(seed, 2)
        module, x = loaded(graph, torch.float64), _batch(graph, torch.float64)
        with torch.no_grad():
            (value,) = fold(module, [graph.output.path], torch.float64)(x).values()
            assert_close(value, module(x), 1e-10)


FAMILIES = {
    "lenet5_1998": (1, 32, 32),
    "mnist_cnn": (1, 28, 28),
    "resnet20_cifar": (3, 32, 32),
    "mobilenet_v1_025": (3, 64, 64),
    "mobilenet_v2_035": (3, 64, 64),
    "efficientnet_lite0": (3, 65, 63),
    "squeezenet1_1": (3, 64, 64),
    "resnet18": (3, 64, 64),
}
LARGE = (
    "densenet121",
    "googlenet",
    "convnext_tiny",
    "resnet50",
    "seresnet50",
    "vgg11_bn",
    "alexnet",
    "resnext50_32x4d",
)


def _with_statistics(graph: Graph) -> GraphModule:
    """Drawn weights, and running statistics that are not those of nothing seen yet."""
    draw = torch.Generator().manual_seed(1)
    state = dict(initialise(graph, "default", 0))
    for name, value in state.items():
        if name.endswith("running_mean"):
            state[name] = 0.3 * torch.randn(value.shape, generator=draw)
        if name.endswith(("running_var", "batchnorm1.weight")):
            state[name] = 0.5 + torch.rand(value.shape, generator=draw)
    module = GraphModule(graph).eval()
    load_state(module, state)
    return module


def _check_family(name: str, shape: tuple[int, ...]) -> None:
    graph = zoo.known(name).graph(shape)
    module = _with_statistics(graph)
    x = torch.rand(2, *shape, generator=torch.Generator().manual_seed(0)).contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        (found,) = fold(module, [graph.output.path])(x).values()
        assert_close(found, module(x), EXACT)
    left = [step.node.op.word for step in fuse(graph, [graph.output.path])]
    if name not in ("densenet121", "seresnet50"):
        assert "batchnorm" not in left
    assert "relu6" not in left


@pytest.mark.parametrize("name", FAMILIES)
def test_families_of_the_zoo(name: str) -> None:
    _check_family(name, FAMILIES[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_large_families_of_the_zoo(name: str) -> None:
    _check_family(name, (3, 64, 64) if name != "alexnet" else (3, 96, 96))


def test_a_residual_block_is_one_convolution_that_adds_and_clips() -> None:
    (identity, block) = fuse(RESIDUAL, ["basic1.relu1"])
    assert identity.node.op.word == "identity"
    assert block.node.path == "basic1.add1.a.conv1"
    assert [node.path for node in block.affine] == ["basic1.add1.a.batchnorm1"]
    assert (block.added, block.writes) == ("basic1.add1.b.identity1", "basic1.relu1")


def test_a_value_that_two_read_is_kept() -> None:
    graph = build(
        (3, 6, 6),
        ("conv1", ops.Conv(3, 3, padding=1)),
        ("batchnorm1", ops.BatchNorm()),
        ("relu1", ops.ReLU(), ("batchnorm1",)),
        ("add1", ops.Add(), ("batchnorm1", "relu1")),
    )
    assert [step.writes for step in fuse(graph, ["add1"])] == ["batchnorm1", "relu1", "add1"]
    module, x = loaded(graph, torch.float32), _batch(graph)
    with torch.no_grad():
        assert_close(fold(module, ["add1"])(x)["add1"], module(x), EXACT)


AFTER = {
    "a norm after an activation": (ops.ReLU(), ops.BatchNorm(), ops.ReLU6()),
    "two activations": (ops.LeakyReLU(0.3), ops.GELU()),
    "norm, scale, activation": (ops.BatchNorm(), ops.Scale(bias=True), ops.SiLU()),
    "an activation without a post-operation": (ops.BatchNorm(), ops.ELU()),
}


@pytest.mark.parametrize("name", AFTER)
@pytest.mark.parametrize(
    "first", [ops.Conv(4, 3), ops.Conv(4, 3, bias=False), ops.Linear(5)], ids=["bias", "none", "vector"]
)
def test_what_may_follow_a_product(first: ops.Op, name: str) -> None:
    shape = (7,) if isinstance(first, ops.Linear) else (3, 6, 6)
    graph = build(shape, ("first", first), *((f"node{k}", op) for k, op in enumerate(AFTER[name])))
    module, x = loaded(graph, torch.float32), _batch(graph)
    with torch.no_grad():
        assert_close(fold(module, [graph.output.path])(x)[graph.output.path], module(x), EXACT)


def test_what_may_follow_a_sum() -> None:
    graph = build(
        (3, 6, 6),
        ("conv1", ops.Conv(3, 3, padding=1)),
        ("conv2", ops.Conv(3, 1), ("input",)),
        ("add1", ops.Add(), ("conv1", "conv2")),
        ("batchnorm1", ops.BatchNorm()),
        ("conv3", ops.Conv(3, 1)),
        ("add2", ops.Add(), ("conv3", "batchnorm1")),
        ("add3", ops.Add(), ("add2", "batchnorm1")),
        ("relu1", ops.ReLU()),
        ("add4", ops.Add(), ("relu1", "relu1")),
    )
    module, x = loaded(graph, torch.float32), _batch(graph)
    with torch.no_grad():
        assert_close(fold(module, ["add4"])(x)["add4"], module(x), EXACT)


def test_a_sum_of_one_branch_is_no_new_value() -> None:
    graph = build((3, 6, 6), ("add1", ops.Add(), ("input",)), ("relu1", ops.ReLU()))
    module, x = loaded(graph, torch.float32), _batch(graph)
    kept = x.clone()
    with torch.no_grad():
        assert torch.equal(fold(module, ["relu1"])(x)["relu1"], kept.relu())
    assert torch.equal(x, kept)


@pytest.mark.parametrize("size", [5, 6])
@pytest.mark.parametrize("kernel", [2, 3, 4, 5])
def test_uneven_padding_of_depthwise_convolutions(kernel: int, size: int) -> None:
    conv = ops.Conv(4, kernel, stride=2, padding="same", groups=4, bias=False)
    graph = build((4, size, size + 1), ("conv1", conv), ("batchnorm1", ops.BatchNorm()), ("relu61", ops.ReLU6()))
    module, x = loaded(graph, torch.float32), _batch(graph)
    with torch.no_grad():
        assert_close(fold(module, ["relu61"])(x)["relu61"], module(x), EXACT)


@pytest.mark.parametrize("padding", ["same", (0, 0, 1, 0), (1, 2, 0, 1), (0, 1, 2, 3)])
@pytest.mark.parametrize("dilation", [1, 2, (1, 3)])
@pytest.mark.parametrize("groups", [1, 4])
def test_uneven_padding(padding: str | tuple[int, ...], dilation: int | tuple[int, int], groups: int) -> None:
    conv = ops.Conv(4, (3, 2), stride=2, padding=padding, dilation=dilation, groups=groups)
    graph = build((4, 10, 9), ("conv1", conv), ("batchnorm1", ops.BatchNorm()), ("relu1", ops.ReLU()))
    module, x = loaded(graph, torch.float32), _batch(graph)
    with torch.no_grad():
        assert_close(fold(module, ["relu1"])(x)["relu1"], module(x), EXACT)


def test_the_weights_are_those_of_the_moment() -> None:
    module, x = loaded(SMALL, torch.float32), _batch(SMALL)
    folded = fold(module, ["linear1"])
    with torch.no_grad():
        before = folded(x)["linear1"]
        module.get_submodule("conv2").weight.mul_(2)
        assert torch.equal(folded(x)["linear1"], before)
        assert not torch.allclose(fold(module, ["linear1"])(x)["linear1"], before)


def test_any_batch_and_number_of_threads_fits_the_weights_laid_out() -> None:
    graph = zoo.known("mobilenet_v2_035").graph((3, 32, 32))
    module = _with_statistics(graph)
    folded = fold(module, ["flatten1"])
    x = torch.rand(9, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    threads = torch.get_num_threads()
    try:
        with torch.no_grad():
            expected = module.forward_all(x, ["flatten1"])["flatten1"]
            for count in (1, 2, 3, 4, 5, 9):
                for number in (1, 2):
                    torch.set_num_threads(number)
                    assert_close(folded(x[:count])["flatten1"], expected[:count], EXACT)
    finally:
        torch.set_num_threads(threads)


def test_bfloat16_is_near_and_gives_float32() -> None:
    graph = zoo.known("resnet20_cifar").graph()
    module, x = _with_statistics(graph), _batch(graph)
    with torch.no_grad():
        (found,) = fold(module, ["flatten1"], torch.bfloat16)(x).values()
        expected = module.forward_all(x, ["flatten1"])["flatten1"]
    assert found.dtype == torch.float32
    assert 0 < (found - expected).square().mean().sqrt() < 0.05 * expected.square().mean().sqrt()


def test_what_is_not_there_is_refused() -> None:
    module = loaded(SMALL, torch.float32)
    with pytest.raises(UserError, match="no such node"):
        fold(module, ["conv9"])
    with pytest.raises(UserError, match="examples of shape"):
        fold(module, ["linear1"])(torch.zeros(2, 1, 9, 9))
    assert torch.equal(fold(module, [INPUT])(torch.ones(2, 1, 12, 12))[INPUT], torch.ones(2, 1, 12, 12))


@pytest.mark.parametrize("wide", [(4, 1, 1), (1, 9, 8), (1, 1, 8)])
@pytest.mark.parametrize("first", ["conv1", "input"])
def test_a_sum_is_never_written_into_the_smaller_branch(wide: tuple[int, int, int], first: str) -> None:
    conv = ops.Conv(4 if first == "input" else wide[0], 1)
    shape = (4, 9, 8) if first == "conv1" else wide
    small = ops.Conv(wide[0] if first == "conv1" else 4, 1)
    inputs = ("pool1", "input") if first == "conv1" else ("conv1", "input")
    lines = [("conv1", small, ("input",))]
    if first == "conv1":
        pooled = ops.AdaptiveAvgPool(wide[1:])
        lines = [("pool0", pooled, ("input",)), ("pool1", conv, ("pool0",))]
    graph = build(shape, *lines, ("add1", ops.Add(), inputs), ("relu1", ops.ReLU(), ("add1",)))
    module, x = loaded(graph, torch.float32), _batch(graph)
    kept = x.clone()
    with torch.no_grad():
        assert_close(fold(module, ["relu1"])(x)["relu1"], module(x), EXACT)
    assert torch.equal(x, kept)
