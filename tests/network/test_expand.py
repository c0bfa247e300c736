"""From the tree to the graph: paths, blocks, repeats, arithmetic, ``expect``; known networks to the last parameter."""

import csv
from pathlib import Path

import pytest

from convscope.errors import UserError
from convscope.network.expand import GraphError, letters
from convscope.network.graph import Graph
from convscope.network.network import Network
from convscope.ops import BatchNorm, Conv, Identity, ReLU

LENET = """\
# LeNet-5 as usually written today; LeCun et al. 1998
input 1x32x32
conv 6 5x5 > tanh > avgpool 2
conv 16 5x5 > tanh > avgpool 2
flatten > linear 120 > tanh > linear 84 > tanh > linear 10
expect params=61706 macs=416520 output=10
"""

BASIC = """\
block basic(width, stride=1) {
  add {
    conv width 3x3 stride=stride padding=1 bias=no > batchnorm > relu
    conv width 3x3 padding=1 bias=no > batchnorm
  | project width stride=stride
  } > relu
}
"""

RESNET18 = (
    "input 3x224x224\n"
    + BASIC
    + """\
conv 64 7x7 stride=2 padding=3 bias=no > batchnorm > relu > maxpool 3 stride=2 padding=1
repeat 2 { basic 64 }
basic 128 stride=2 > basic 128
basic 256 stride=2 > basic 256
basic 512 stride=2 > basic 512
globalavgpool > flatten > linear 1000
expect params=11689512 macs=1814073344 output=1000
"""
)

VGG11 = """\
input 3x224x224
block three(width) { conv width 3x3 padding=1 > relu }
three 64 > maxpool 2
three 128 > maxpool 2
repeat 2 { three 256 } > maxpool 2
repeat 2 { repeat 2 { three 512 } > maxpool 2 }
adaptiveavgpool 7 > flatten
repeat 2 { linear 4096 > relu > dropout 0.5 } > linear 1000
expect params=132863336 macs=7609090048 output=1000
"""

DENSENET121 = """\
input 3x224x224
block layer(growth=32) {
  concat {
    identity
  | batchnorm > relu > conv 4*growth 1x1 bias=no
    batchnorm > relu > conv growth 3x3 padding=1 bias=no
  }
}
block transition { batchnorm > relu > conv in_channels/2 1x1 bias=no > avgpool 2 }
conv 64 7x7 stride=2 padding=3 bias=no > batchnorm > relu > maxpool 3 stride=2 padding=1
repeat 6 { layer } > transition
repeat 12 { layer } > transition
repeat 24 { layer } > transition
repeat 16 { layer } > batchnorm > relu
globalavgpool > flatten > linear 1000
expect params=7978856 macs=2834161664 output=1000
"""

INCEPTION_3A = """\
input 192x28x28
concat {
  conv 64 1x1 > relu
| conv 96 1x1 > relu > conv 128 3x3 padding=1 > relu
| conv 16 1x1 > relu > conv 32 5x5 padding=2 > relu
| maxpool 3x3 stride=1 padding=1 > conv 32 1x1 > relu
}
"""


def graph(text: str) -> Graph:
    return Network.parse(text).graph()


def paths(text: str) -> list[str]:
    return [node.path for node in graph("input 8x6x6\n" + text).nodes]


# Known networks


def test_lenet_5_has_61706_parameters_and_416520_multiply_adds() -> None:
    lenet = graph(LENET)
    assert (lenet.parameter_count, lenet.macs, lenet.output.shape) == (61_706, 416_520, (10,))
    assert [node.parameter_count for node in lenet.nodes if node.parameter_count] == [156, 2416, 48_120, 10_164, 850]
    assert [node.macs for node in lenet.nodes if node.macs] == [117_600, 240_000, 48_000, 10_080, 840]


KNOWN = {"resnet18": RESNET18, "vgg11": VGG11, "densenet121": DENSENET121}


@pytest.mark.parametrize("name", KNOWN)
def test_a_known_network_keeps_what_it_expects(name: str) -> None:
    known = graph(KNOWN[name])
    assert known.output.shape == (1000,)
    assert len({node.path for node in known.nodes}) == len(known.nodes)


@pytest.mark.shared
@pytest.mark.parametrize("name", KNOWN)
def test_a_known_network_is_as_published(name: str, shared: Path) -> None:
    with (shared / "reference" / "params_and_macs.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["model"] == name]
    published = {(row["unit"], float(row["value"])) for row in rows if row["params"].isdigit()}
    known = graph(KNOWN[name])
    assert {int(row["params"]) for row in rows if row["params"].isdigit()} == {known.parameter_count}
    assert ("GFLOPs (2/MAC)", round(2 * known.macs / 1e9, 6)) in published
    assert ("GMACs", round(known.macs / 1e9, 3)) in published


def test_an_inception_module_as_in_the_paper_s_table() -> None:
    module = graph(INCEPTION_3A)
    assert module.output.shape == (256, 28, 28)
    assert module.output.inputs == ("concat1.a.relu1", "concat1.b.relu2", "concat1.c.relu2", "concat1.d.relu1")
    assert module.parameter_count == 12_352 + 18_528 + 110_720 + 3_088 + 12_832 + 6_176
    assert round((module.parameter_count - 368) / 1024) == 160  # "159K" in the paper, which cuts off
    assert round(module.macs / 1e6) == 128  # "128M"


def test_a_dense_block_grows_by_its_growth() -> None:
    block = Network.parse(DENSENET121).graph((3, 224, 224))
    merges = [node for node in block.nodes if node.op.word == "concat"]
    assert [node.shape[0] for node in merges[:6]] == [96, 128, 160, 192, 224, 256]
    first = [node for node in block.nodes if node.path.startswith(tuple(f"layer{i}." for i in range(1, 7)))]
    assert sum(node.parameter_count for node in first) == 335_040


# Paths


def test_a_step_is_named_by_its_word_and_its_number_among_its_siblings() -> None:
    assert paths("relu > conv 4 1 > relu\nrelu") == ["relu1", "conv1", "relu2", "relu3"]


def test_branches_haveletters_and_their_own_numbers() -> None:
    text = "relu > add { relu > relu | identity } > add { relu | add { relu | tanh } }"
    assert paths(text) == [
        "relu1", "add1.a.relu1", "add1.a.relu2", "add1.b.identity1", "add1",
        "add2.a.relu1", "add2.b.add1.a.relu1", "add2.b.add1.b.tanh1", "add2.b.add1", "add2",
    ]  # fmt: skip


def test_branches_beyond_z() -> None:
    assert [letters(i) for i in (0, 25, 26, 27, 51, 52, 701, 702)] == ["a", "z", "aa", "ab", "az", "ba", "zz", "aaa"]
    many = paths("concat { " + " | ".join(["relu"] * 28) + " }")
    assert many[25:28] == ["concat1.z.relu1", "concat1.aa.relu1", "concat1.ab.relu1"]


def test_a_block_s_steps_stand_below_its_name() -> None:
    text = "block b { relu > tanh }\nblock c { b > b }\nb > relu > c > b"
    assert paths(text) == [
        "b1.relu1", "b1.tanh1", "relu1", "c1.b1.relu1", "c1.b1.tanh1", "c1.b2.relu1", "c1.b2.tanh1", "b2.relu1",
        "b2.tanh1",
    ]  # fmt: skip


def test_a_repeat_numbers_on_and_leaves_no_trace_in_the_path() -> None:
    assert paths("relu > repeat 2 { relu > tanh } > relu") == ["relu1", "relu2", "tanh1", "relu3", "tanh2", "relu4"]
    assert paths("repeat 2 { repeat 2 { relu } > tanh }") == ["relu1", "relu2", "tanh1", "relu3", "relu4", "tanh2"]
    assert paths("block b { relu }\nrepeat 2 { add { b | relu } }") == [
        "add1.a.b1.relu1", "add1.b.relu1", "add1", "add2.a.b1.relu1", "add2.b.relu1", "add2",
    ]  # fmt: skip


def test_a_name_after_as_takes_the_place_of_word_and_number() -> None:
    text = "block b { relu as inner }\nb as first > b > add { relu | identity } as sum > relu as last > relu"
    assert paths(text) == ["first.inner", "b1.inner", "sum.a.relu1", "sum.b.identity1", "sum", "last", "relu1"]
    assert paths("repeat 1 { relu as once }") == ["once"]
    assert paths("project 4 as p > project 4 as q") == ["p.conv", "p.batchnorm", "q"]


@pytest.mark.parametrize(
    "text",
    [
        "relu as tanh1 > tanh",
        "relu as r > relu as r",
        "relu > tanh as relu1",
        "add { relu as r | relu } as b > relu as b",
        "block b { relu as r > tanh as r }\nb",
    ],
)
def test_no_two_steps_share_a_path(text: str) -> None:
    with pytest.raises(GraphError, match="is taken"):
        paths(text)


def test_a_node_knows_its_line_and_its_edges() -> None:
    nodes = graph("# a comment\ninput 8x6x6\n\nrelu >\n\n add {\n  tanh\n| identity }\n").nodes
    assert [node.line for node in nodes] == [4, 7, 8, 6]
    assert [node.inputs for node in nodes] == [
        ("input",), ("relu1",), ("relu1",), ("add1.a.tanh1", "add1.b.identity1"),
    ]  # fmt: skip
    assert nodes[-1].input_shapes == ((8, 6, 6), (8, 6, 6))


def test_branches_that_do_nothing_to_the_input_start_at_the_input() -> None:
    assert graph("input 3x4x4\nadd { relu | identity }").nodes[1].inputs == ("input",)


def test_the_graph_finds_nodes_by_path() -> None:
    lenet = graph(LENET)
    assert lenet.by_path["conv2"].shape == (16, 10, 10)
    assert lenet.output is lenet.by_path["linear3"]
    assert lenet.input == (1, 32, 32)


# Names that are read


def edges(text: str) -> dict[str, tuple[str, ...]]:
    return {node.path: node.inputs for node in graph("input 8x6x6\n" + text).nodes}


def test_from_reads_an_earlier_step_by_its_name() -> None:
    assert edges("relu as stem > tanh > add { silu | from stem }") == {
        "stem": ("input",), "tanh1": ("stem",), "add1.a.silu1": ("tanh1",), "add1": ("add1.a.silu1", "stem"),
    }  # fmt: skip


def test_from_begins_a_line_anew() -> None:
    text = "relu as left\nfrom input > tanh as right\nconcat { from left | from right | identity }"
    assert edges(text) == {
        "left": ("input",), "right": ("input",), "concat1.c.identity1": ("right",),
        "concat1": ("left", "right", "concat1.c.identity1"),
    }  # fmt: skip


def test_a_name_is_read_in_branches_repeats_and_side_branches() -> None:
    text = "relu as r > repeat 2 { add { tanh | from r } } > aux 0.5 { add { from r | identity } } > relu"
    network = graph("input 8x6x6\n" + text)
    assert [node.inputs[1] for node in network.nodes if node.op.word == "add"] == ["r", "r"]
    assert network.heads[0].output.inputs == ("r", "aux1.add1.b.identity1")


def test_each_call_of_a_block_reads_its_own_names() -> None:
    found = edges("block b { relu as r > tanh > add { from r | identity } }\nb > b as last > mul { from last | relu }")
    assert found["b1.add1"] == ("b1.r", "b1.add1.b.identity1")
    assert found["last.add1"] == ("last.r", "last.add1.b.identity1")
    assert found["mul1"] == ("last.add1", "mul1.b.relu1")


def test_the_nearest_of_two_equal_names_is_read() -> None:
    found = edges("relu as r > add { tanh as r > mul { from r | relu } | from r }")
    assert found["add1.a.mul1"] == ("add1.a.r", "add1.a.mul1.b.relu1")
    assert found["add1"] == ("add1.a.mul1", "r")


def test_a_name_may_be_a_path_with_dots() -> None:
    found = edges("conv 8 1 as layer1.0.conv > relu as layer1.0.relu > add { identity | from layer1.0.conv }")
    assert found["add1"] == ("add1.a.identity1", "layer1.0.conv")
    assert graph("input 8x6x6\nconv 4 1 as a.b").by_path["a.b"].parameters == {"weight": (4, 8, 1, 1), "bias": (4,)}


def test_a_name_that_is_read_may_be_a_whole_block_s_or_merge_s() -> None:
    found = edges("project 16 as p > add { relu | tanh } as sum\nfrom p > relu > add { identity | from sum }")
    assert found["relu1"] == ("p.batchnorm",)
    assert found["add1"] == ("add1.a.identity1", "sum")


# Blocks and values


def test_a_block_s_parameters_by_place_by_name_and_by_default() -> None:
    block = "input 8x6x6\nblock b(w, k=3, p=(k-1)/2, s=in_channels) { conv w k padding=p > conv s 1 }\n"
    for call in ("b 4", "b w=4", "b 4 3", "b 4 k=3 p=1", "b 4 s=8 k=3", "b 4 3 1 8"):
        nodes = graph(block + call).nodes
        assert [node.op for node in nodes] == [Conv(4, 3, padding=1), Conv(8, 1)], call
    assert graph(block + "b 4 5").nodes[0].op == Conv(4, 5, padding=2)


def test_a_parameter_is_any_value() -> None:
    text = "block b(k=3x3, how=same, yes_=yes, over=all) { conv 4 k padding=how bias=yes_ > layernorm over=over }\n"
    first, second = graph("input 8x6x6\n" + text + "b k=5x1 yes_=no > b").nodes[::2]
    assert first.op == Conv(4, (5, 1), padding="same", bias=False)
    assert second.op == Conv(4, (3, 3), padding="same")
    gelu = graph("input 8x6x6\nblock b(a) { gelu approximate=a }\nb a=tanh > b a=none > gelu approximate=none").nodes
    assert [getattr(node.op, "approximate", None) for node in gelu] == ["tanh", "none", "none"]


def test_a_block_s_own_parameter_comes_before_everything_outside() -> None:
    inner = "block inner(w) { conv w 1 }\n"
    outer = "block outer(w) { inner 2*w > conv w 1 }\n"
    assert [node.shape[0] for node in graph("input 8x6x6\n" + inner + outer + "outer 3").nodes] == [6, 3]
    with pytest.raises(GraphError, match="unknown value 'w'"):
        graph("input 8x6x6\nblock inner { conv w 1 }\nblock outer(w) { inner }\nouter 3")


def test_in_channels_is_that_of_the_place() -> None:
    text = "conv 3 1 > conv in_channels*4 1 > concat { identity | conv in_channels/2 1 } > conv in_channels%5 1"
    assert [n.shape[0] for n in graph("input 8x6x6\n" + text).nodes if n.op.word == "conv"] == [3, 12, 6, 3]
    block = "block widen { conv in_channels*2 1 }\nrepeat 3 { widen }"
    assert graph("input 1x6x6\n" + block).output.shape == (8, 6, 6)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1+2*3", 7),
        ("(1+2)*3", 9),
        ("10-2-3", 5),
        ("10-(5-3)", 8),
        ("24/4/2", 3),
        ("24/(4/2)", 12),
        ("7%4*2", 6),
        ("2*7%4", 2),
        ("8", 8),
        ("w", 5),
        ("w*w-w", 20),
    ],
)
def test_arithmetic(expression: str, value: int) -> None:
    text = f"input 1x4x4\nblock b(w) {{ conv {expression} 1 }}\nb 5"
    assert graph(text).output.shape[0] == value


def test_a_repeat_counts_by_an_expression() -> None:
    assert len(graph("input 1x4x4\nblock b(n) { repeat n*2-1 { relu } }\nb 3").nodes) == 5


# project


def test_project_is_the_identity_where_shapes_agree() -> None:
    assert [node.op for node in graph("input 8x6x6\nproject 8").nodes] == [Identity()]
    assert [node.op for node in graph("input 8x6x6\nproject 8 stride=1x1").nodes] == [Identity()]


@pytest.mark.parametrize(
    ("text", "shape"),
    [("project 16", (16, 6, 6)), ("project 8 stride=2", (8, 3, 3)), ("project 8 stride=1x2", (8, 6, 3))],
)
def test_project_is_a_1x1_convolution_with_batch_norm_elsewhere(text: str, shape: tuple[int, ...]) -> None:
    nodes = graph("input 8x6x6\n" + text).nodes
    assert [node.path for node in nodes] == ["project1.conv", "project1.batchnorm"]
    assert isinstance(nodes[0].op, Conv)
    assert (nodes[0].op.kernel_size, nodes[0].op.bias) == (1, False)
    assert nodes[1].op == BatchNorm()
    assert nodes[-1].shape == shape


def test_project_takes_its_numbers_by_name_too() -> None:
    for text in ("project 16 stride=2", "project out_channels=16 stride=2", "project stride=2 out_channels=16"):
        assert graph("input 8x6x6\n" + text).output.shape == (16, 3, 3)


# expect


def test_expect_holds_for_the_declared_input_only() -> None:
    network = Network.parse(LENET)
    assert network.graph((1, 28, 28)).parameter_count == 44_426
    assert network.graph((1, 32, 32)) is network.graph()
    with pytest.raises(GraphError, match=r"params is 44,426\n(.*\n)*.*61,706"):
        Network.parse(LENET.replace("1x32x32", "1x28x28")).graph()


@pytest.mark.parametrize("wrong", ["params=61707", "macs=416521", "output=11", "output=10x1", "params=61706 macs=0"])
def test_an_expect_that_does_not_hold_is_told(wrong: str) -> None:
    with pytest.raises(GraphError, match="as this line says") as caught:
        graph(LENET + f"expect {wrong}")
    assert len(caught.value.nodes) == 12


def test_expect_may_stand_anywhere() -> None:
    assert graph("expect params=0\ninput 4\nexpect output=4\nrelu\nexpect macs=0").output.op == ReLU()


# What worked


def test_a_graph_error_carries_the_nodes_that_worked() -> None:
    with pytest.raises(GraphError) as caught:
        graph("input 1x32x32\nconv 6 5x5 > maxpool 2\nadd { conv 6 3x3 > relu | conv 6 40x40 } > linear 10")
    assert [(node.path, node.shape) for node in caught.value.nodes] == [
        ("conv1", (6, 28, 28)),
        ("maxpool1", (6, 14, 14)),
        ("add1.a.conv1", (6, 12, 12)),
        ("add1.a.relu1", (6, 12, 12)),
    ]
    assert caught.value.where == "network, line 3, column 27 (add1.b.conv1)"
    assert isinstance(caught.value, UserError)
    with pytest.raises(GraphError) as caught:
        graph("input 1x8x8\nlinear 10")
    assert caught.value.nodes == ()


@pytest.mark.parametrize("shape", [(), (0,), (3, -1, 5), (2**41,), (2**30, 2**30), (1, 2, 3, 4, 5), (True,), (1.5,)])
def test_an_input_that_is_no_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(GraphError, match="an input of"):
        Network.parse("relu").graph(shape)


def test_an_input_may_be_a_list() -> None:
    assert Network.parse("relu").graph([1, 8, 8]).input == (1, 8, 8)  # type: ignore[arg-type]


# The same network otherwise


def test_with_input() -> None:
    text = "# top\nblock b { relu }\ninput 1x8x8  # small\nb > globalavgpool # end\nexpect output=1x1x1"
    network = Network.parse(text)
    other = network.with_input((3, 9, 9))
    assert other.text() == "# top\ninput 3x9x9\nblock b { relu }\nb > globalavgpool  # end\n".replace(
        "block b { relu }", "block b() {\n  relu\n}"
    )
    assert other.graph().output.shape == (3, 1, 1)
    assert network.with_input((1, 8, 8)) == network
    assert Network.parse("relu").with_input((4,)).graph().output.shape == (4,)


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("flatten > linear 10", "flatten > linear 7"),
        ("flatten > linear 10 bias=no  # the head", "flatten > linear 7 bias=no  # the head"),
        ("flatten > linear out_features=10", "flatten > linear out_features=7"),
        ("flatten > linear bias=no out_features=10", "flatten > linear bias=no out_features=7"),
        ("flatten > linear 10 > softmax", "flatten > linear 7 > softmax"),
        ("flatten > linear 10\n# the end\n", "flatten > linear 7\n# the end"),
        ("flatten > linear 10\nsoftmax", "flatten > linear 7\nsoftmax"),
        ("conv 10 1x1 > globalavgpool > flatten", "conv 7 1x1 > globalavgpool > flatten"),
        ("conv 10 1x1\nglobalavgpool\nflatten", "conv 7 1x1\nglobalavgpool\nflatten"),
        ("conv 4 3x3 > flatten > linear 7", "conv 4 3x3 > flatten > linear 7"),
    ],
)
def test_with_classes_rewrites_the_step_that_decides_the_outputs(text: str, after: str) -> None:
    network = Network.parse("input 1x8x8\n" + text + "\n")
    other = network.with_classes(7)
    assert other.text() == "input 1x8x8\n" + after + "\n"
    assert other.graph().output.shape == (7,)
    assert network.with_classes(network.graph().output.shape[0]) == network


@pytest.mark.parametrize(
    "text",
    [
        "conv 10 1x1",
        "flatten",
        "flatten > linear 10 > concat { identity | relu }",
        "block head { linear 10 }\nflatten > head",
        "flatten > add { linear 10 | linear 10 }",
    ],
)
def test_with_classes_says_what_is_missing(text: str) -> None:
    with pytest.raises(UserError) as caught:
        Network.parse("input 1x8x8\n" + text).with_classes(7)
    assert "the data has 7 classes" in caught.value.got
    assert "linear 7" in caught.value.expected


def test_with_classes_leaves_the_expected_counts_out() -> None:
    other = Network.parse(LENET).with_classes(26)
    assert "expect" not in other.text()
    assert "# LeNet-5" in other.text()
    assert other.graph().output.shape == (26,)
    assert Network.parse(LENET).with_classes(10) == Network.parse(LENET)


def test_a_node_knows_the_blocks_that_it_stands_in() -> None:
    text = "block inner(w, k=1) { conv w k > relu }\nblock outer(n) { inner n*2 }\nouter 3 as o > relu"
    network = graph("input 8x6x6\n" + text)
    assert [(g.path, g.block, g.arguments) for g in network.groups_of("o.inner1.conv1")] == [
        ("o", "outer", (("n", 3),)),
        ("o.inner1", "inner", (("w", 6), ("k", 1))),
    ]
    assert network.groups_of("relu1") == ()
