"""The torch module: the reference's numbers, everywhere that torch can take it."""

from __future__ import annotations

import copy
import warnings
import weakref

import numpy as np
import pytest
import torch
from random_graphs import batch_of, random_graph, state_of
from torch import nn
from torch.nn import functional as F  # noqa: N812

from convscope.arithmetic import module_operations
from convscope.arithmetic.module import GraphModule, load_state, to_module
from convscope.arithmetic.module_operations import compute_of, dropout
from convscope.arithmetic.plan import plan, scores_path
from convscope.arithmetic.reference import run
from convscope.errors import UserError
from convscope.network import ops
from convscope.network.graph import Graph, Node
from convscope.network.ops import OPERATIONS, Op, Shape

SEEDS = range(30)


def build(input_shape: Shape, *lines: tuple[str, Op, tuple[str, ...]] | tuple[str, Op]) -> Graph:
    """A graph from (path, operation) or (path, operation, inputs); without inputs, the node before is read."""
    shapes, nodes, last = {"input": input_shape}, [], "input"
    for path, op, *given in lines:
        inputs = given[0] if given else (last,)
        in_shapes = tuple(shapes[name] for name in inputs)
        nodes.append(Node(path, op, inputs, in_shapes, op.shape(in_shapes)))
        shapes[path], last = nodes[-1].shape, path
    return Graph(input_shape, tuple(nodes))


def loaded(graph: Graph, dtype: torch.dtype = torch.float64, **kwargs: str) -> GraphModule:
    module = GraphModule(graph, **kwargs).eval()
    load_state(module, {name: torch.from_numpy(value) for name, value in state_of(graph).items()})
    # Again after the cast, since loading into float32 rounded the numbers.
    module = module.to(dtype)
    load_state(module, {name: torch.from_numpy(value) for name, value in state_of(graph).items()})
    return module


def assert_close(got: torch.Tensor, expected: np.ndarray | torch.Tensor, tolerance: float) -> None:
    want = torch.as_tensor(expected)
    assert got.shape == want.shape
    scale = max(1.0, want.abs().max().item()) if want.numel() else 1.0
    assert ((got.double() - want.double()).abs() <= tolerance * scale).all()


SMALL = build(
    (1, 12, 12),
    ("conv1", ops.Conv(8, 3, padding=1)),
    ("relu1", ops.ReLU()),
    ("maxpool1", ops.MaxPool(2)),
    ("conv2", ops.Conv(8, 3, padding="same", stride=2)),
    ("batchnorm1", ops.BatchNorm()),
    ("relu2", ops.ReLU()),
    ("flatten1", ops.Flatten()),
    ("dropout1", ops.Dropout(0.5)),
    ("linear1", ops.Linear(10)),
    ("softmax1", ops.Softmax()),
)

RESIDUAL = build(
    (4, 8, 8),
    ("basic1.add1.a.conv1", ops.Conv(4, 3, padding=1, bias=False), ("input",)),
    ("basic1.add1.a.batchnorm1", ops.BatchNorm()),
    ("basic1.add1.b.identity1", ops.Identity(), ("input",)),
    ("basic1.add1", ops.Add(), ("basic1.add1.a.batchnorm1", "basic1.add1.b.identity1")),
    ("basic1.relu1", ops.ReLU()),
)


def test_torch_knows_every_operation() -> None:
    assert [cls.__name__ for cls in OPERATIONS.values() if not module_operations.supports(cls)] == []


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


@pytest.mark.parametrize("seed", SEEDS)
def test_gradients_do_not_depend_on_the_plan(seed: int) -> None:
    graph = random_graph(seed, 2)
    planned, plain = loaded(graph), loaded(graph)
    first = torch.from_numpy(batch_of(graph)).requires_grad_()
    second = first.detach().clone().requires_grad_()
    out = planned(first)
    weights = torch.randn(out.shape, dtype=torch.float64)
    (out * weights).sum().backward()
    (straight(plain, second) * weights).sum().backward()
    assert_close(first.grad, second.grad, 1e-9)
    for (name, a), b in zip(planned.named_parameters(), plain.parameters(), strict=True):
        if a.grad is None or b.grad is None:
            assert a.grad is b.grad, name
        else:
            assert_close(a.grad, b.grad, 1e-9)


def straight(module: GraphModule, x: torch.Tensor) -> torch.Tensor:
    """The graph node by node in its own order, nothing moved, overwritten or freed."""
    values = {"input": x}
    for node in module.graph.nodes:
        part = module.get_submodule(node.path)
        values[node.path] = compute_of(node)(part, [values[path] for path in node.inputs])
    return values[module.graph.output.path]


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


# The plan


def _swaps(*lines: tuple[str, Op, tuple[str, ...]] | tuple[str, Op], wanted: tuple[str, ...] = ()) -> bool:
    graph = build((2, 9, 9), *lines)
    order = [step.node.path for step in plan(graph, [graph.output.path, *wanted])]
    return order.index("pool") < order.index("relu")


def test_relu_and_maximum_change_places_where_nothing_else_looks() -> None:
    relu, pool = ("relu", ops.ReLU()), ("pool", ops.MaxPool(2))
    assert _swaps(relu, pool)
    assert _swaps(("relu", ops.ReLU6()), ("pool", ops.GlobalMaxPool()))
    assert _swaps(relu, ("pool", ops.AdaptiveMaxPool(3)))
    assert not _swaps(("relu", ops.Tanh()), pool)  # it rounds: different values may become equal
    assert not _swaps(relu, ("pool", ops.AvgPool(2)))
    assert not _swaps(relu, pool, wanted=("relu",))
    assert not _swaps(relu, pool, ("conv1", ops.Conv(2, 1), ("relu",)), ("c", ops.GlobalMaxPool()),
                      ("d", ops.GlobalMaxPool(), ("pool",)), ("e", ops.Add(), ("c", "d")))  # fmt: skip


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["nchw", "nhwc"])
@pytest.mark.parametrize("relu", [ops.ReLU(), ops.ReLU6()], ids=["relu", "relu6"])
@pytest.mark.parametrize(
    "pool",
    [
        ops.MaxPool(2),
        ops.MaxPool(3, stride=2, padding=1),
        ops.MaxPool(3, stride=1, padding="same"),
        ops.MaxPool(2, stride=2, padding="same", ceil_mode=True),
        ops.MaxPool(2, dilation=2),
        ops.MaxPool(3, stride=2, padding=1, dilation=2),
        ops.MaxPool(3, stride=1, padding="same", dilation=2),
        ops.AdaptiveMaxPool(4),
        ops.GlobalMaxPool(),
    ],
    ids=ops.Op.__str__,
)
def test_the_swap_changes_no_bit(pool: Op, relu: Op, layout: torch.memory_format) -> None:
    graph = build((3, 9, 9), ("identity1", ops.Identity()), ("relu1", relu), ("pool1", pool), ("mul1", ops.Mul()))
    module = GraphModule(graph)
    assert [step.node.path for step in plan(graph, ["mul1"])][1] == "pool1"
    generator = torch.Generator().manual_seed(0)
    for values in (
        torch.randint(-2, 3, (4, 3, 9, 9), generator=generator),  # many ties
        torch.randint(4, 9, (4, 3, 9, 9), generator=generator),  # above and below 6
        torch.randint(-3, 0, (4, 3, 9, 9), generator=generator),  # nothing above 0
        torch.randn(4, 3, 9, 9, generator=generator) * 4,
    ):
        first = values.float().to(memory_format=layout).requires_grad_()
        second = first.detach().clone().requires_grad_()
        one, two = module(first), straight(module, second)
        assert torch.equal(one, two)
        weights = torch.randn(one.shape, generator=generator)
        one.backward(weights)
        two.backward(weights)
        assert torch.equal(first.grad, second.grad)


def test_a_relu_overwrites_only_what_nobody_else_reads() -> None:
    conv, relu = ("conv1", ops.Conv(2, 1)), ("relu1", ops.ReLU(), ("conv1",))
    alone = build((2, 4, 4), conv, relu)
    shared = build((2, 4, 4), conv, relu, ("add1", ops.Add(), ("conv1", "relu1")))
    alias = build((2, 4, 4), ("identity1", ops.Identity()), ("relu1", ops.ReLU()))
    sole = build((2, 4, 4), ("add1", ops.Add()), ("relu1", ops.ReLU()))
    for graph, expected in ((alone, True), (shared, False), (alias, False), (sole, False)):
        found = [s.in_place for s in plan(graph, [graph.output.path]) if s.node.path == "relu1"]
        assert found == [expected], graph
    assert not any(step.in_place for step in plan(alone, ["conv1", "relu1"]))
    x = torch.full((1, 2, 4, 4), -1.0)
    GraphModule(alias)(x)
    GraphModule(sole)(x)
    assert (x == -1).all()


def test_values_are_freed_after_their_last_reader() -> None:
    depth = 12
    graph = build((4, 8, 8), *[(f"conv{i}", ops.Conv(4, 3, padding=1)) for i in range(depth)])
    module = to_module(graph).eval()
    alive: list[int] = []
    seen: list[weakref.ref[torch.Tensor]] = []
    for index, action in enumerate(module._actions["conv11"]):
        inner = action.compute

        def watched(part, inputs, inner=inner, index=index):  # type: ignore[no-untyped-def]
            alive.append(sum(ref() is not None for ref in seen))
            out = inner(part, inputs)
            seen.append(weakref.ref(out))
            return out

        object.__setattr__(action, "compute", watched)
    with torch.no_grad():
        module(torch.randn(1, 4, 8, 8))
    assert alive == [0] + [1] * (depth - 1)


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


@pytest.mark.parametrize("p", [0.01, 0.1, 0.5, 0.9])
def test_dropout_statistics(p: float) -> None:
    torch.manual_seed(0)
    n = 1_000_001  # no multiple of the four numbers in a word
    x = torch.ones(n, requires_grad=True)
    out = dropout(x, p)
    kept = out != 0
    assert abs(kept.double().mean().item() - (1 - p)) < 4 * (p * (1 - p) / n) ** 0.5 + 2**-17
    assert out[kept].unique().tolist() == pytest.approx([1 / (1 - p)], rel=2**-15 / (1 - p))
    neighbours = (kept[1:] == kept[:-1]).double().mean().item()
    assert abs(neighbours - (p * p + (1 - p) ** 2)) < 0.003
    out.sum().backward()
    assert torch.equal(x.grad, out.detach())


def test_dropout_follows_torchs_generator() -> None:
    x = torch.ones(64, 33)
    torch.manual_seed(5)
    first, second = dropout(x, 0.5), dropout(x, 0.5)
    torch.manual_seed(5)
    assert torch.equal(dropout(x, 0.5), first)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_dropout_takes_any_layout_and_precision(dtype: torch.dtype) -> None:
    for x in (
        torch.ones(3, 5, 4, 7, dtype=dtype).to(memory_format=torch.channels_last),
        torch.ones(6, 8, dtype=dtype).T,
        torch.ones(6, 9, dtype=dtype)[:, ::2],
        torch.ones(1, dtype=dtype).expand(50, 40),
        torch.ones(0, 4, dtype=dtype),
    ):
        out = dropout(x, 0.5)
        assert out.shape == x.shape
        assert out.dtype == dtype
        assert set(out.unique().tolist()) <= {0.0, 2.0}
    assert len(dropout(torch.ones(1, dtype=dtype).expand(50, 40), 0.5).unique()) == 2


def test_dropout_is_the_identity_in_evaluation_and_at_zero() -> None:
    graph = build((9,), ("dropout1", ops.Dropout(0.5)))
    x = torch.randn(4, 9)
    assert torch.equal(GraphModule(graph).eval()(x), x)
    assert not torch.equal(GraphModule(graph).train()(x), x)
    assert dropout(x, 0.0) is x


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
        assert torch.equal(ours.grad, theirs.grad)


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
