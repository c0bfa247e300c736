"""First weights: their size, their seeds, and what they do to the activations of a deep network."""

from __future__ import annotations

from math import sqrt

import pytest
import torch

from convscope import ops
from convscope.engine.initialise import SCHEMES, initialise
from convscope.engine.module import GraphModule, load_state
from convscope.errors import UserError
from convscope.network.graph import Graph, Node
from convscope.ops import Op, Shape


def chain(shape: Shape, *operations: Op) -> Graph:
    """Operations one after another, called op0, op1, ..."""
    nodes: list[Node] = []
    path = "input"
    for index, op in enumerate(operations):
        nodes.append(Node(f"op{index}", op, (path,), (shape,), op.shape([shape])))
        path, shape = nodes[-1].path, nodes[-1].shape
    return Graph(nodes[0].input_shapes[0], tuple(nodes))


CONV = ops.Conv(64, 3, padding=1)
FAN_IN, FAN_OUT = 32 * 9, 64 * 9


def deviation(scheme: str, *after: Op) -> float:
    return initialise(chain((32, 8, 8), CONV, *after), scheme)["op0.weight"].std().item()


@pytest.mark.parametrize(
    ("scheme", "after", "expected"),
    [
        ("kaiming", [ops.ReLU()], sqrt(2 / FAN_IN)),
        ("kaiming", [ops.BatchNorm(), ops.MaxPool(2), ops.SiLU()], sqrt(2 / FAN_IN)),
        ("kaiming", [ops.LeakyReLU(0.5)], sqrt(2 / 1.25 / FAN_IN)),
        ("kaiming", [ops.Flatten(), ops.Linear(3), ops.ReLU()], sqrt(1 / FAN_IN)),
        ("xavier", [ops.ReLU()], sqrt(2 / (FAN_IN + FAN_OUT))),
        ("lecun", [ops.ReLU()], sqrt(1 / FAN_IN)),
        ("pytorch", [ops.ReLU()], sqrt(1 / FAN_IN / 3)),
        ("default", [ops.ReLU(), ops.Conv(4, 1)], sqrt(2 / FAN_IN)),
        ("default", [ops.AvgPool(2), ops.Tanh(), ops.Conv(4, 1)], sqrt(2 / (FAN_IN + FAN_OUT))),
        ("default", [ops.Flatten(), ops.Linear(3)], sqrt(1 / FAN_IN)),
        ("default", [ops.Softmax()], 0.1 * sqrt(1 / FAN_IN)),
        ("default", [ops.ReLU(), ops.GlobalAvgPool(), ops.Flatten()], 0.1 * sqrt(1 / FAN_IN)),
        ("small", [], 0.01),
        ("large", [], 1.0),
        ("zeros", [], 0.0),
    ],
)
def test_standard_deviations(scheme: str, after: list[Op], expected: float) -> None:
    # 18,432 numbers: their deviation is known to within 0.5 %, one standard error.
    assert deviation(scheme, *after) == pytest.approx(expected, rel=0.025)


def test_grouped_convolutions_count_a_groups_inputs() -> None:
    graph = chain((64, 8, 8), ops.Conv(4096, 3, groups=64), ops.Sigmoid())
    assert initialise(graph, "lecun")["op0.weight"].std().item() == pytest.approx(1 / 3, rel=0.02)
    assert initialise(graph, "xavier")["op0.weight"].std().item() == pytest.approx(sqrt(2 / (9 + 64 * 9)), rel=0.02)


def test_pytorchs_bounds_are_torchs_own() -> None:
    ours = initialise(chain((32, 8, 8), CONV), "pytorch")
    theirs = torch.nn.Conv2d(32, 64, 3)
    for name in ("weight", "bias"):
        bound = 1 / sqrt(FAN_IN)
        for value in (ours[f"op0.{name}"], getattr(theirs, name)):
            assert 0.8 * bound < value.abs().max().item() <= bound * (1 + 1e-6)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_normalisations_start_as_the_identity(scheme: str) -> None:
    state = initialise(chain((4, 8, 8), ops.BatchNorm(), ops.LayerNorm(over="all"), ops.GroupNorm(2)), scheme)
    assert {name for name, value in state.items() if (value == 1).all()} == {
        *("op0.weight", "op0.running_var", "op1.weight", "op2.weight")
    }
    assert {name for name, value in state.items() if (value == 0).all()} == {
        *("op0.bias", "op0.running_mean", "op1.bias", "op2.bias")
    }


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_tensor_is_there_in_float32(scheme: str) -> None:
    graph = chain((2, 8, 8), CONV, ops.BatchNorm(), ops.Flatten(), ops.Linear(3, bias=False))
    state = initialise(graph, scheme)
    assert all(value.dtype == torch.float32 and value.isfinite().all() for value in state.values())
    load_state(GraphModule(graph), state)


def test_a_layer_more_changes_no_other_draw() -> None:
    def nodes(extra: bool) -> Graph:
        shape, conv = (3, 8, 8), ops.Conv(3, 3, padding=1)
        names = ["stem", "middle", "end"] if extra else ["stem", "end"]
        inputs = ["input", *names]
        return Graph(shape, tuple(Node(n, conv, (i,), (shape,), shape) for n, i in zip(names, inputs, strict=False)))

    short, long = initialise(nodes(False), seed=3), initialise(nodes(True), seed=3)
    assert all(torch.equal(value, long[name]) for name, value in short.items())
    assert not torch.equal(short["stem.weight"], short["end.weight"])
    assert not torch.equal(short["stem.weight"], initialise(nodes(False), seed=4)["stem.weight"])


def test_the_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    initialise(chain((2, 8, 8), CONV))
    assert torch.equal(torch.get_rng_state(), before)


def test_an_unknown_scheme_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean kaiming"):
        initialise(chain((2, 8, 8), CONV), "kaimin")


def test_what_a_bad_scheme_does_to_a_deep_network() -> None:
    layers = [op for _ in range(10) for op in (ops.Linear(256), ops.ReLU())]
    graph = chain((256,), *layers, ops.Linear(4))
    x = torch.randn(64, 256, generator=torch.Generator().manual_seed(0))
    last = {}
    for scheme in ("default", "lecun", "small", "large"):
        module = GraphModule(graph)
        load_state(module, initialise(graph, scheme))
        with torch.no_grad():
            last[scheme] = module.forward_all(x, ["op19"])["op19"].std().item()
    assert 0.2 < last["default"] < 5
    assert last["small"] < 1e-6  # vanished
    assert last["large"] > 1e8  # exploded
    assert last["small"] < last["lecun"] < last["default"]  # each ReLU halves what 1/sqrt(N) kept
