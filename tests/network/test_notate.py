"""Any acyclic graph is written as a network whose graph it is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from examples import examples
from graph_strategies import graphs
from hypothesis import HealthCheck, given, settings

from convscope import ops
from convscope.errors import UserError
from convscope.network import zoo
from convscope.network.graph import Graph, Node
from convscope.network.network import Network
from convscope.network.notate import DEEPEST, call, notate
from convscope.network.tree import Argument, Call, From, Merge, Name, steps_of

FEW = settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.too_slow])
MANY = settings(max_examples=5_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def node(path: str, op: ops.Op, *inputs: str, shape: ops.Shape = (2, 4, 4)) -> Node:
    shapes = (shape,) * len(inputs)
    return Node(path, op, inputs, shapes, op.shape(shapes))


def chain(*nodes: Node) -> Graph:
    return Graph((2, 4, 4), nodes)


def check(graph: Graph) -> Network:
    network = Network.from_graph(graph)
    again = Network.parse(network.text())
    assert again == network
    assert Network.from_json(network.to_json()) == network
    found = again.graph()
    assert found.input == graph.input
    assert found.nodes == graph.nodes
    assert found.heads == graph.heads
    return network


@FEW
@given(graphs())
def test_any_graph_is_written_and_read_as_itself(graph: Graph) -> None:
    check(graph)


@pytest.mark.slow
@MANY
@given(graphs())
def test_any_graph_is_written_and_read_as_itself_at_length(graph: Graph) -> None:
    check(graph)


@pytest.mark.parametrize("name", ["lenet5", "resnet18", "densenet121", "googlenet", "seresnet50", "mobilenet_v2"])
def test_a_known_network_without_its_structure(name: str) -> None:
    graph = zoo.known(name).graph()
    flat = check(replace(graph, structure=None))
    merges = sum(n.op.inputs == "several" for n in graph.nodes)
    nested = sum(isinstance(step, Merge) for step in steps_of(flat.statements))
    assert nested == sum(n.op.inputs == "several" and ".a." not in n.path and ".b." not in n.path for n in graph.nodes)
    assert merges >= nested
    assert not any(isinstance(step, From) for step in steps_of(flat.statements))


@pytest.mark.parametrize("name", ["lenet5", "resnet18", "googlenet"])
def test_a_graph_with_its_structure_is_the_text_it_came_from(name: str) -> None:
    network = zoo.known(name)
    assert Network.from_graph(network.graph()) == network
    smaller = network.graph((network.graph().input[0], 64, 64))
    assert Network.from_graph(smaller) == network.with_input(smaller.input)
    assert "expect" not in Network.from_graph(smaller).text()


def test_a_structure_that_no_longer_fits_is_left_out() -> None:
    graph = Network.parse("input 2x4x4\nblock b { relu }\nb > tanh").graph()
    changed = replace(graph, nodes=(graph.nodes[0], replace(graph.nodes[1], op=ops.Sigmoid())))
    assert Network.from_graph(changed).text() == "input 2x4x4\nrelu as b1.relu1 > sigmoid as tanh1\n"


def test_a_graph_of_another_tool() -> None:
    graph = chain(
        node("Conv_0", ops.Conv(2, 3, padding=1), "input"),
        node("Relu_1", ops.ReLU(), "Conv_0"),
        node("Conv_2", ops.Conv(2, 1), "input"),
        node("Add_3", ops.Add(), "Conv_2", "Relu_1", "Relu_1"),
    )
    assert check(graph).text() == (
        "input 2x4x4\nconv 2 3 padding=1 as Conv_0 > relu as Relu_1\nfrom input > conv 2 1 as Conv_2\n"
        "add {\n  from Conv_2\n| from Relu_1\n| from Relu_1\n} as Add_3\n"
    )


def test_branches_are_nested_where_nothing_outside_reads_them() -> None:
    branch = node("add1.a.relu1", ops.ReLU(), "input")
    merge = node("add1", ops.Add(), "add1.a.relu1", "input")
    assert check(chain(branch, merge)).text() == "input 2x4x4\nadd {\n  relu\n| from input\n}\n"
    outside = node("tanh1", ops.Tanh(), "add1.a.relu1")
    text = check(chain(branch, merge, outside)).text()
    assert text.startswith("input 2x4x4\nrelu as add1.a.relu1\nadd {")


def test_a_branch_may_end_with_an_earlier_value() -> None:
    graph = chain(
        node("add1.a.relu1", ops.ReLU(), "input"),
        node("add1.a.tanh1", ops.Tanh(), "input"),
        node("add1", ops.Add(), "add1.a.relu1", "add1.a.tanh1"),
    )
    check(graph)


def test_merges_within_each_other_are_nested_to_a_depth() -> None:
    path, nodes, value = "", [], "input"
    for level in range(DEEPEST + 9, 0, -1):
        path = ".a.".join(["add1"] * level)
        nodes.append(node(path, ops.Add(), value, "input"))
        value = path
    check(chain(*nodes))


def test_an_operation_as_a_step() -> None:
    assert call(ops.MaxPool(3, 2)) == Call("maxpool", (Argument(3), Argument(2, "stride")))
    assert call(ops.Dropout(0.7), "d") == Call("dropout", (Argument(0.7),), "d")
    assert call(ops.Conv(4, (3,), bias=False)) == Call("conv", (Argument(4), Argument(3), Argument(Name("no"), "bias")))


@pytest.mark.parametrize(
    ("nodes", "got"),
    [
        ((node("/conv/Conv", ops.ReLU(), "input"),), "a node is called '/conv/Conv'"),
        ((node("repeat", ops.ReLU(), "input"),), "a node is called 'repeat'"),
        ((node("a", ops.ReLU(), "input"), node("a", ops.ReLU(), "a")), "two nodes are called 'a'"),
        ((node("a", ops.ReLU(), "b"), node("b", ops.ReLU(), "input")), "a reads 'b'"),
        ((node("a", ops.Add(), "input"),), "a (add) reads 1 values"),
        ((), "it has no operations"),
    ],
)
def test_what_no_text_can_say(nodes: tuple[Node, ...], got: str) -> None:
    with pytest.raises(UserError) as told:
        notate(chain(*nodes))
    assert told.value.got == got
