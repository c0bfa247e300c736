"""The plan: what it changes in the order of execution, and that it changes no number."""

from __future__ import annotations

import weakref

import pytest
import torch
from sample_graphs import assert_close, batch_of, build, loaded, random_graph

from convscope import ops
from convscope.engine.module import GraphModule, to_module
from convscope.engine.module_operations import compute_of
from convscope.network.plan import needed_input, plan
from convscope.ops import Op


def straight(module: GraphModule, x: torch.Tensor) -> torch.Tensor:
    """The graph node by node in its own order, nothing moved, overwritten or freed."""
    values = {"input": x}
    for node in module.graph.nodes:
        part = module.get_submodule(node.path)
        values[node.path] = compute_of(node)(part, [values[path] for path in node.inputs])
    return values[module.graph.output.path]


@pytest.mark.parametrize("seed", range(30))
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


def test_what_a_pool_leaves_unread_is_not_computed() -> None:
    """28 -> 26 -> 13 -> 11 -> 5 reads 26 of 28 rows; outputs and gradients are those of the whole."""
    graph = build(
        (1, 28, 28),
        ("conv1", ops.Conv(4, 3)),
        ("relu1", ops.ReLU()),
        ("maxpool1", ops.MaxPool(2)),
        ("conv2", ops.Conv(6, 3)),
        ("relu2", ops.ReLU()),
        ("maxpool2", ops.MaxPool(2)),
        ("flatten1", ops.Flatten()),
        ("linear1", ops.Linear(10)),
    )
    assert needed_input(graph, [graph.output.path]) == (26, 26)
    assert needed_input(graph, ["maxpool1", graph.output.path]) == (28, 28)
    assert needed_input(graph, ["relu1"]) == (28, 28)
    planned = to_module(graph).double()
    plain = to_module(graph).double()
    x = torch.randn(3, 1, 28, 28, dtype=torch.float64)
    torch.testing.assert_close(planned(x), straight(plain, x))
    planned(x).square().sum().backward()
    straight(plain, x).square().sum().backward()
    for ours, theirs in zip(planned.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


@pytest.mark.parametrize(
    "op", [ops.Conv(4, 3, padding=1), ops.BatchNorm(), ops.AvgPool(2, ceil_mode=True), ops.LayerNorm(over="all")]
)
def test_what_reads_to_the_edge_reads_all(op: Op) -> None:
    graph = build((4, 9, 9), ("first", op), ("pool", ops.MaxPool(2)))
    assert needed_input(graph, ["pool"]) == (9, 9)


def _roles(*lines: tuple[str, Op, tuple[str, ...]] | tuple[str, Op], wanted: tuple[str, ...] = ()) -> list[str]:
    graph = build((2, 9, 9), *lines)
    return [f"{step.node.path} {step.role}" for step in plan(graph, [graph.output.path, *wanted])]


def test_a_bias_is_added_after_the_maximum_that_alone_reads_it() -> None:
    conv, relu, pool = ("conv", ops.Conv(4, 3)), ("relu", ops.ReLU()), ("pool", ops.MaxPool(2))
    late = ["conv product", "pool all", "conv bias"]
    assert _roles(conv, pool) == late
    assert _roles(conv, relu, pool) == [*late, "relu all"]
    assert _roles(conv, pool, wanted=("conv",)) == ["conv all", "pool all"]
    assert _roles(("conv", ops.Conv(4, 3, bias=False)), pool) == ["conv all", "pool all"]
    assert _roles(conv, ("pool", ops.MaxPool(3, stride=1, padding=1))) == ["conv all", "pool all"]  # as many values
    assert _roles(conv, ("pool", ops.AvgPool(2))) == ["conv all", "pool all"]


@pytest.mark.parametrize("padding", [0, 1, "same"])
def test_a_late_bias_gives_the_same_results_and_gradients(padding: int | str) -> None:
    graph = build((2, 9, 9), ("conv", ops.Conv(4, 4, padding=padding)), ("relu", ops.ReLU()), ("pool", ops.MaxPool(2)))
    planned, plain = loaded(graph), loaded(graph)
    x = torch.from_numpy(batch_of(graph))
    out, expected = planned(x), straight(plain, x)
    assert_close(out.detach(), expected.detach(), 1e-12)
    weights = torch.randn(out.shape, dtype=torch.float64)
    (out * weights).sum().backward()
    (expected * weights).sum().backward()
    for a, b in zip(planned.parameters(), plain.parameters(), strict=True):
        assert_close(a.grad, b.grad, 1e-12)
