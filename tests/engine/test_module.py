"""The torch module: the reference's numbers, everywhere that torch can take it."""

from __future__ import annotations

import copy
import warnings

import pytest
import torch
from sample_graphs import RESIDUAL, SMALL, assert_close, batch_of, build, loaded, random_graph, state_of
from torch import nn
from torch.nn import functional as F  # noqa: N812

from convscope import ops
from convscope.engine.module import GraphModule, load_state, to_module
from convscope.errors import UserError
from convscope.network.graph import Graph
from convscope.network.plan import plan, scores_path
from convscope.ops import OPERATIONS
from convscope.ops.tensors import COMPUTE
from convscope.reference.forward import run

SEEDS = range(30)


def test_torch_knows_every_operation() -> None:
    assert [cls.__name__ for cls in OPERATIONS.values() if COMPUTE.find(cls) is None] == []


def test_random_graphs_cover_every_operation() -> None:
    used = {type(node.op) for rank in (1, 2) for seed in SEEDS for node in random_graph(seed, rank).nodes}
    assert set(OPERATIONS.values()) - used == set()


# Agreement with the reference


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("seed", SEEDS)
def test_agrees_with_the_reference_at_every_node(seed: int, rank: int) -> None:
    graph = random_graph(seed, rank)
    batch, state = batch_of(graph), state_of(graph)
    expected = run(graph, state, batch)
    with torch.no_grad():
        got = loaded(graph).forward_all(torch.from_numpy(batch))
        output = loaded(graph)(torch.from_numpy(batch))
        single = loaded(graph, torch.float32)(torch.from_numpy(batch).float())
    for path, value in expected.items():
        assert_close(got[path], value, 1e-10)
    assert_close(output, expected[graph.output.path], 1e-10)
    assert_close(single, expected[graph.output.path], 1e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_channels_last_computes_the_same(seed: int) -> None:
    graph = random_graph(seed, 2)
    x = torch.from_numpy(batch_of(graph))
    plain = loaded(graph)
    packed = loaded(graph).to(memory_format=torch.channels_last)
    with torch.no_grad():
        assert_close(packed(x.to(memory_format=torch.channels_last)), plain(x), 1e-10)


@pytest.mark.parametrize("seed", range(12))
def test_autocast_in_bfloat16(seed: int) -> None:
    graph = random_graph(seed, 2)
    module = loaded(graph, torch.float32).to(memory_format=torch.channels_last).train()
    x = torch.from_numpy(batch_of(graph)).float().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        out = module(x)
    out.float().sum().backward()
    assert out.shape[1:] == graph.output.shape
    assert out.isfinite().all()


# Names and states


def test_state_is_named_by_the_graph() -> None:
    assert list(GraphModule(RESIDUAL).state_dict()) == [
        "basic1.add1.a.conv1.weight",
        "basic1.add1.a.batchnorm1.weight",
        "basic1.add1.a.batchnorm1.bias",
        "basic1.add1.a.batchnorm1.running_mean",
        "basic1.add1.a.batchnorm1.running_var",
    ]
    assert sum(p.numel() for p in GraphModule(RESIDUAL).parameters()) == RESIDUAL.parameter_count


@pytest.mark.parametrize("seed", SEEDS)
def test_state_has_every_tensor_and_no_other(seed: int) -> None:
    graph = random_graph(seed)
    want = {f"{n.path}.{k}": s for n in graph.nodes for k, s in {**n.parameters, **n.buffers}.items()}
    assert {name: tuple(value.shape) for name, value in GraphModule(graph).state_dict().items()} == want


def test_a_state_must_fit_exactly() -> None:
    module = GraphModule(RESIDUAL)
    state = module.state_dict()
    with pytest.raises(RuntimeError, match="Unexpected"):
        load_state(module, {**state, "conv9.weight": torch.zeros(1)})
    del state["basic1.add1.a.conv1.weight"]
    with pytest.raises(RuntimeError, match="Missing"):
        load_state(module, state)


def test_nodes_may_be_called_like_methods() -> None:
    names = ["training", "train", "forward", "scores", "graph", "weight", "T_destination", "_parts"]
    graph = build((2, 6, 6), *[(name, ops.Conv(2, 3, padding=1)) for name in names])
    module = to_module(graph).eval().train().double()
    assert list(module.state_dict()) == [f"{name}.{kind}" for name in names for kind in ("weight", "bias")]
    assert module(torch.ones(1, 2, 6, 6).double()).shape == (1, 2, 6, 6)
    assert all(module.get_parameter(name) is p for name, p in module.named_parameters())
    assert module.training is True
    assert copy.deepcopy(module).eval().training is False


def test_copies_are_independent() -> None:
    module = to_module(SMALL).eval()
    other = copy.deepcopy(module)
    x = torch.randn(2, 1, 12, 12)
    before = module(x)
    with torch.no_grad():
        for p in other.parameters():
            p.zero_()
    assert torch.equal(module(x), before)
    assert not torch.equal(other(x), before)


def test_initialised_by_the_seed_alone() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    one, same, other = to_module(SMALL, seed=1), to_module(SMALL, seed=1), to_module(SMALL, seed=2)
    assert torch.equal(torch.get_rng_state(), before)
    weight = "conv1.weight"
    assert torch.equal(one.state_dict()[weight], same.state_dict()[weight])
    assert not torch.equal(one.state_dict()[weight], other.state_dict()[weight])


# What is returned


def test_scores_come_before_a_last_softmax() -> None:
    module, x = to_module(SMALL).eval(), torch.randn(3, 1, 12, 12)
    assert scores_path(SMALL) == "linear1"
    assert torch.allclose(module.scores(x).softmax(1), module(x))
    head = GraphModule(SMALL, head="scores").eval()
    load_state(head, module.state_dict())
    assert torch.equal(head(x), module.scores(x))
    without = to_module(RESIDUAL).eval()
    y = torch.randn(2, 4, 8, 8)
    assert torch.equal(without.scores(y), without(y))
    with pytest.raises(ValueError, match="head"):
        GraphModule(SMALL, head="body")


def test_forward_all_computes_what_is_asked_for() -> None:
    module = to_module(RESIDUAL).eval()
    x = torch.randn(2, 4, 8, 8)
    assert list(module.forward_all(x)) == [node.path for node in RESIDUAL.nodes]
    assert list(module.forward_all(x, ["basic1.add1.b.identity1"])) == ["basic1.add1.b.identity1"]
    assert [step.node.path for step in plan(RESIDUAL, ["basic1.add1.b.identity1"])] == ["basic1.add1.b.identity1"]
    assert torch.equal(module.forward_all(x)["basic1.relu1"], module(x))
    with pytest.raises(UserError, match="did you mean"):
        module.forward_all(x, ["basic1.relu"])


def test_a_batch_of_another_shape_is_refused() -> None:
    with pytest.raises(UserError, match="1x10x12"):
        GraphModule(SMALL)(torch.ones(1, 1, 10, 12))


def test_more_dimensions_than_torch_has_are_refused() -> None:
    with pytest.raises(UserError, match="4 dimensions"):
        GraphModule(build((1, 3, 3, 3, 3), ("conv1", ops.Conv(1, 3))))


# Training


def test_a_last_batch_of_one_does_not_stop_training() -> None:
    graph = build((3, 1, 1), ("batchnorm1", ops.BatchNorm()), ("flatten1", ops.Flatten()), ("bn2", ops.BatchNorm()))
    module = to_module(graph).train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    x = torch.randn(1, 3, 1, 1)
    assert_close(module(x), x.flatten(1), 1e-4)  # the running statistics are still mean 0 and variance 1
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    module(torch.randn(8, 3, 1, 1))
    assert not torch.equal(module.state_dict()["bn2.running_mean"], before["bn2.running_mean"])


def test_batchnorm_trains_as_torchs_does() -> None:
    module = to_module(build((3, 5, 5), ("bn", ops.BatchNorm(momentum=0.3)))).train()
    theirs = nn.BatchNorm2d(3, momentum=0.3).train()
    for _ in range(3):
        x = torch.randn(4, 3, 5, 5)
        assert torch.equal(module(x), theirs(x))
    assert torch.equal(module.state_dict()["bn.running_var"], theirs.running_var)


def test_a_vector_alone_can_be_group_normalised() -> None:
    module = GraphModule(build((4,), ("groupnorm1", ops.GroupNorm(2, affine=False)))).train()
    assert_close(module(torch.tensor([[1.0, 3.0, 10.0, 30.0]])), torch.tensor([[-1.0, 1.0, -1.0, 1.0]]), 1e-4)


def test_average_of_a_window_larger_than_a_volume_is_refused() -> None:
    with pytest.raises(UserError, match="avgpool1"):
        GraphModule(build((1, 2, 2, 2), ("avgpool1", ops.AvgPool(4, padding=1, ceil_mode=True))))


def test_one_step_trains_as_plain_torch_does() -> None:
    graph = build(
        (1, 8, 8),
        ("conv1", ops.Conv(4, 3, padding=1)),
        ("relu1", ops.ReLU()),
        ("maxpool1", ops.MaxPool(2)),
        ("flatten1", ops.Flatten()),
        ("linear1", ops.Linear(10)),
    )
    module = to_module(graph).train()
    plain = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 10))
    plain.load_state_dict(dict(zip(plain.state_dict(), module.state_dict().values(), strict=True)))
    x, labels = torch.randn(6, 1, 8, 8), torch.randint(10, (6,))
    for network in (module, plain):
        F.cross_entropy(network(x), labels).backward()
    for ours, theirs in zip(module.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-6, atol=1e-7)


# Compiled and exported


@pytest.mark.parametrize(("graph", "training"), [(SMALL, True), (RESIDUAL, False)], ids=["small", "residual"])
def test_compiles_without_a_break(graph: Graph, training: bool) -> None:
    torch._dynamo.reset()
    module = to_module(graph).train(training)
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
    x = torch.randn(3, *graph.input)
    torch.manual_seed(0)
    out = compiled(x)
    out.sum().backward()
    assert out.shape[1:] == graph.output.shape
    if not training:
        assert_close(out, module(x).detach(), 1e-5)


@pytest.mark.slow
def test_compiles_with_the_default_compiler() -> None:
    torch._dynamo.reset()
    module = to_module(SMALL, head="scores").to(memory_format=torch.channels_last).eval()
    x = torch.randn(3, 1, 12, 12)
    assert_close(torch.compile(module)(x), module(x).detach(), 1e-5)


@pytest.mark.parametrize("graph", [SMALL, RESIDUAL, random_graph(0, 1)], ids=["small", "residual", "signal"])
def test_exports_with_a_batch_of_any_size(graph: Graph) -> None:
    module = loaded(graph, torch.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exported = torch.export.export(
            module, (torch.randn(2, *graph.input),), dynamic_shapes=({0: torch.export.Dim("batch")},)
        )
    for size in (1, 2, 5):
        x = torch.randn(size, *graph.input)
        assert_close(exported.module()(x).detach(), module(x).detach(), 1e-5)
    names = {name for name, _ in exported.named_parameters()} | {name for name, _ in exported.named_buffers()}
    assert names == set(module.state_dict())


@pytest.mark.gpu
def test_trains_on_a_gpu() -> None:
    module = to_module(SMALL).cuda().to(memory_format=torch.channels_last).train()
    F.cross_entropy(module.scores(torch.randn(8, 1, 12, 12, device="cuda")), torch.zeros(8).long().cuda()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())
