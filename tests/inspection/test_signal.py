"""What initialisation and depth do to values and gradients: measured against torch, and the facts of the textbooks."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.nn import functional

from convscope.engine.module import to_module
from convscope.errors import UserError
from convscope.inspection.signal import (
    CLASSROOM,
    KINDS,
    STARTS,
    DepthExperiment,
    Signal,
    depth_experiment,
    depth_network,
    measure,
    signal,
)
from convscope.network import zoo
from convscope.network.graph import INPUT
from convscope.network.network import Network

NET = "input 3x8x8\nconv 8 3x3 > sigmoid > maxpool 2 > flatten > linear 20 > relu > linear 5 > softmax"


@pytest.fixture(scope="module")
def classroom() -> DepthExperiment:
    return depth_experiment()


def by_path(rows: tuple[Signal, ...]) -> dict[str, Signal]:
    return {row.path: row for row in rows}


@pytest.mark.parametrize(
    ("end", "loss", "targets"),
    [
        ("linear 1 > sigmoid", functional.binary_cross_entropy_with_logits, [1.0, 0.0, 1.0, 1.0]),
        ("linear 1", functional.mse_loss, [0.3, -1.2, 2.0, 0.1]),
    ],
)
def test_one_output_has_the_loss_of_its_task(
    end: str, loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], targets: list[float]
) -> None:
    graph = Network.parse(f"input 3\nlinear 5 > tanh > {end}").graph()
    inputs_N3 = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    rows = by_path(signal(graph, "lecun", 7, inputs_N3, np.array(targets, np.int64 if "sigmoid" in end else float)))
    values = to_module(graph, "lecun", 7).train().forward_all(torch.from_numpy(inputs_N3))
    values["linear1"].retain_grad()
    loss(values["linear2"][:, 0], torch.tensor(targets)).backward()  # type: ignore[no-untyped-call]
    assert values["linear1"].grad is not None
    assert rows["linear1"].gradient_size == pytest.approx(values["linear1"].grad.abs().mean().item(), rel=1e-4)
    drawn = by_path(signal(graph, "lecun", 7))
    assert drawn["linear1"].gradient_size > 1e-4


def test_every_number_is_torchs() -> None:
    graph = Network.parse(NET).graph()
    numbers = np.random.default_rng(0)
    images, labels = numbers.standard_normal((4, 3, 8, 8)).astype(np.float32), [0, 1, 4, 2]
    rows = by_path(signal(graph, "lecun", 7, images, labels))
    module = to_module(graph, "lecun", 7).train()
    values = module.forward_all(torch.from_numpy(images).requires_grad_())
    for value in values.values():
        value.retain_grad()
    functional.cross_entropy(values["linear2"], torch.tensor(labels)).backward()  # type: ignore[no-untyped-call]
    assert list(rows) == [INPUT, *list(values)[:-1]]
    for path, value in list(values.items())[:-1]:
        assert value.grad is not None
        row = rows[path]
        assert row.mean == pytest.approx(value.mean().item(), rel=1e-4, abs=1e-6)
        assert row.std == pytest.approx(value.std(correction=0).item(), rel=1e-4)
        assert row.gradient_std == pytest.approx(value.grad.std(correction=0).item(), rel=1e-4)
        assert row.gradient_size == pytest.approx(value.grad.abs().mean().item(), rel=1e-4)
    for name, weight in module.named_parameters():
        if name.endswith("weight"):
            row = rows[name.removesuffix(".weight")]
            assert weight.grad is not None
            assert row.weight_std == pytest.approx(weight.std(correction=0).item(), rel=1e-4)
            assert row.weight_gradient_size == pytest.approx(weight.grad.abs().mean().item(), rel=1e-4)
    assert rows["relu1"].zeros == pytest.approx((values["relu1"] == 0).float().mean().item())
    assert rows["relu1"].saturated == pytest.approx(rows["relu1"].zeros)
    before = values["conv1"].sigmoid()
    assert rows["sigmoid1"].slope == pytest.approx((before * (1 - before)).mean().item(), rel=1e-5)
    assert (rows["conv1"].slope, rows["sigmoid1"].weight_std, rows[INPUT].weight_gradient_size) == (None, None, None)


def test_saturation_is_a_slope_below_a_tenth_of_the_largest() -> None:
    graph = Network.parse("input 1\nlinear 1 bias=no > sigmoid > linear 2").graph()
    module = to_module(graph)
    with torch.no_grad():
        module.get_submodule("linear1").weight.fill_(1.0)  # type: ignore[union-attr,operator]
    # The slope of a sigmoid is 0.025 at 3.64.
    rows = by_path(measure(module, np.array([[0.0], [3.6], [3.7], [-9.0]]), [0, 1, 0, 1]))
    assert rows["sigmoid1"].saturated == 0.5


def test_the_same_seed_the_same_rows() -> None:
    graph = zoo.known("lenet5").graph()
    assert signal(graph, seed=1) == signal(graph, seed=1) != signal(graph, seed=2)


def test_a_trained_or_any_network_is_measured_too() -> None:
    module = to_module(zoo.known("squeezenet1_1").with_input((3, 64, 64)).graph())
    rows = measure(module, examples=2)
    assert len(rows) > 50
    assert all(math.isfinite(row.std) and math.isfinite(row.gradient_size) for row in rows)


def test_mistakes_are_told_in_words() -> None:
    graph = Network.parse(NET).graph()
    for told, call in (
        ("did you mean lecun", lambda: signal(graph, "lecum")),
        ("N x 3x8x8", lambda: signal(graph, images_N=np.zeros((2, 3, 8)))),
        ("N x 3x8x8", lambda: signal(graph, images_N=np.zeros((0, 3, 8, 8)))),
        ("label of 5", lambda: signal(graph, images_N=np.zeros((1, 3, 8, 8)), labels_N=[5])),
        ("one an example: 2", lambda: signal(graph, images_N=np.zeros((2, 3, 8, 8)), labels_N=[0])),
        ("did you mean sigmoid", lambda: depth_network(3, "sigmod")),
        ("from 1 to 1000", lambda: depth_experiment(0)),
    ):
        with pytest.raises(UserError) as error:
            call()
        assert told in str(error.value), told


def test_the_sigmoids_slopes_are_multiplied_away(classroom: DepthExperiment) -> None:
    for scheme in STARTS:
        rows = classroom.network("sigmoid", scheme)
        assert [row.layer for row in rows] == list(range(1, 21))
        for row in rows:
            assert 0 < row.slope <= 0.25
            assert row.slopes <= 0.25 ** (21 - row.layer)
        assert rows[0].slopes == pytest.approx(math.prod(row.slope for row in rows))
    # 1/sqrt(N) keeps the size of a gradient through the weights, so that what is lost is the slopes'.
    slopes = classroom.network("sigmoid", "lecun")
    assert classroom.carried("sigmoid", "lecun") == pytest.approx(slopes[0].slopes / slopes[-1].slopes, rel=3)
    assert classroom.carried("sigmoid", "lecun") < 1e-10


def test_what_relu_and_the_right_weights_change(classroom: DepthExperiment) -> None:
    assert 0.1 < classroom.carried("relu", "kaiming") < 10
    assert classroom.carried("relu", "lecun") < 1e-2  # half of the values are zeroed at every layer: 2^-10
    assert 0.1 < classroom.carried("tanh", "lecun") < 10
    assert all(0.3 < row.std < 3 for row in classroom.network("relu", "kaiming"))


def test_a_bad_start_vanishes_or_explodes(classroom: DepthExperiment) -> None:
    small, large = classroom.network("relu", "small"), classroom.network("relu", "large")
    assert small[-1].std < 1e-15 < 1e10 < large[-1].std
    assert classroom.carried("relu", "small") < 1e-15
    assert classroom.carried("relu", "large") > 1e10
    assert classroom.network("tanh", "large")[-1].saturated > 0.5
    gains = [classroom.network("relu", scheme)[0].gain for scheme in STARTS]
    assert gains == pytest.approx([0.1, 1, math.sqrt(2), 10], rel=0.03)


def test_a_residual_connection_carries_a_gradient_past_weights_that_are_too_small(classroom: DepthExperiment) -> None:
    assert 0.5 < classroom.carried("relu + residual", "small") < 2
    assert classroom.carried("relu", "small") < 1e-15


def test_every_kind_of_layer_in_both_forms() -> None:
    for conv in (False, True):
        done = depth_experiment(3, tuple(KINDS), ["kaiming"], width=8, conv=conv, examples=4)
        assert [len(done.network(kind, "kaiming")) for kind in KINDS] == [3] * len(KINDS)
        assert all(row.std > 0 and row.weight_gradient_size > 0 for row in done.rows)
        assert done.layer == ("conv 8 3x3 padding=same" if conv else "linear 8")
    graph = depth_network(20, "relu + residual").graph()
    assert sum(node.op.word == "linear" for node in graph.nodes) == 21
    assert set(CLASSROOM) <= set(KINDS)


def test_batch_norm_makes_the_start_nearly_irrelevant() -> None:
    done = depth_experiment(20, ["relu + batch norm"], ["small", "kaiming", "large"])
    sizes = [done.network("relu + batch norm", scheme)[-1].std for scheme in done.schemes]
    assert max(sizes) < 1.1 * min(sizes)
