"""Where a network may be cut, and in which order its parts learn."""

from __future__ import annotations

import pytest
import torch

from convscope.engine.initialise import initialise
from convscope.engine.module import GraphModule, load_state, to_module
from convscope.errors import UserError
from convscope.learning.optimise import set_rate
from convscope.learning.recipe import Recipe
from convscope.learning.transfer.fine_tuning import (
    THAWS,
    cuts_of,
    discriminative,
    head_of,
    of_graph,
    parts_of,
    rest_of,
    statistics_of,
)
from convscope.network import zoo
from convscope.network.network import Network

RESIDUAL = """input 3x8x8
conv 4 3x3 padding=1 > batchnorm > relu
add {
  conv 4 3x3 padding=1 > batchnorm
| identity
}
relu > globalavgpool > flatten > linear 5
"""


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_lite0", "squeezenet1_1"])
def test_a_cut_network_continues_as_the_whole_one(name: str) -> None:
    graph = zoo.known(name).with_input((3, 64, 64)).with_classes(5).graph()
    state = initialise(graph, seed=1)
    module = GraphModule(graph)
    load_state(module, state)
    module.eval()
    x = torch.randn(2, 3, 64, 64)
    learning = [node.path for node in graph.nodes if node.parameters]
    order = {node.path: index for index, node in enumerate(graph.nodes)}
    cuts = [path for path in cuts_of(graph) if order[path] < order[learning[-1]]]
    chosen = [cuts[0], cuts[len(cuts) // 2], cuts[-1]]
    with torch.no_grad():
        values = module.forward_all(x, [*chosen, graph.output.path])
        for path in chosen:
            rest = rest_of(graph, path)
            behind = GraphModule(rest)
            load_state(behind, of_graph(state, rest))
            found = behind.eval()(values[path])
            torch.testing.assert_close(found, values[graph.output.path], rtol=1e-4, atol=1e-5)


def test_cuts_are_what_everything_passes_through() -> None:
    graph = Network.parse(RESIDUAL).graph()
    paths = [node.path for node in graph.nodes]
    inside = {path for path in paths if path.startswith("add1.")}
    assert inside
    assert cuts_of(graph) == [path for path in paths[:-1] if path not in inside]
    # By its definition: without the node nothing behind it can be reached from the input.
    for node in graph.nodes[:-1]:
        reached = {"input"}
        for other in graph.nodes:
            if other.path != node.path and reached & set(other.inputs):
                reached.add(other.path)
        assert (graph.output.path not in reached) == (node.path in cuts_of(graph))


def test_what_cannot_be_a_cut_is_refused_with_what_can() -> None:
    graph = Network.parse(RESIDUAL).graph()
    with pytest.raises(UserError, match="did you mean flatten1"):
        rest_of(graph, "flaten1")
    with pytest.raises(UserError, match=r"everything passes through, such as .*globalavgpool1"):
        rest_of(graph, next(node.path for node in graph.nodes if node.path.startswith("add1.")))
    with pytest.raises(UserError, match="nothing behind this node can learn"):
        rest_of(graph, "linear1")


def test_the_head_is_a_linear_layer_with_biases() -> None:
    assert head_of(Network.parse(RESIDUAL).graph()).path == "linear1"  # type: ignore[union-attr]
    for text in ("flatten > linear 5 bias=no", "conv 5 1x1 > globalavgpool > flatten", "flatten > linear 5 > relu"):
        assert head_of(Network.parse(f"input 3x8x8\nconv 4 3x3 > {text}").graph()) is None
    assert head_of(Network.parse("input 3x8x8\nflatten > linear 5 > softmax").graph()) is not None
    assert head_of(Network.parse("input 12\nlinear 5").graph()) is None


def test_the_top_thaws_first_and_learns_fastest() -> None:
    module = to_module(zoo.known("resnet18").with_input((3, 32, 32)).graph())
    recipe = Recipe(lr=1e-3).resolved(1000, pretrained=True)
    optimizer = discriminative(module, recipe)
    parts = parts_of(module.graph)
    assert sum(map(len, parts)) == len([node for node in module.graph.nodes if node.parameters])
    assert parts[0] == ["linear1"]
    assert parts[-1][-1] == "stem1.conv1"
    counted = sum(p.numel() for group in optimizer.param_groups for p in group["params"])
    assert counted == module.graph.parameter_count
    by_path = dict(module.named_parameters())
    for progress in (0.0, 0.05, 0.1, 0.3, 0.5, 1.0):
        set_rate(optimizer, 0.5, progress)
        thawed = [by_path[f"{part[0]}.weight"].requires_grad for part in parts]
        assert thawed == [progress >= since for since in THAWS]
    rates = [group["lr"] for group in optimizer.param_groups if group["weight_decay"]]
    assert rates == pytest.approx([1e-3 * 0.5 / 2.6**n for n in range(4)])
    with pytest.raises(UserError, match="muon"):
        discriminative(module, Recipe(optimizer="muon").resolved(1000))


def test_statistics_are_batch_norms() -> None:
    assert statistics_of(Network.parse(RESIDUAL).graph()) == (
        "batchnorm1",
        "add1.a.batchnorm1",
    )
