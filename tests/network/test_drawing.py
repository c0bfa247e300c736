"""Drawings: nothing overlaps, nothing is missing, every text fits, for the zoo and for any network."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from itertools import combinations, pairwise
from typing import Any

import pytest
from examples import examples
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from network_strategies import networks

from convscope.errors import UserError
from convscope.network import drawing, zoo
from convscope.network.drawing import svg
from convscope.network.drawing.columns import Plan
from convscope.network.drawing.layout import Box
from convscope.network.drawing.structure import every_node, parts_of, runs
from convscope.network.drawing.text import COSTS, LONGEST_LINE, short, width, wrapped
from convscope.network.expand import expand
from convscope.network.formatter import format_statements as text_of
from convscope.network.graph import INPUT, AuxiliaryHead, Graph, Node
from convscope.network.network import Network
from convscope.network.notation import parse
from convscope.network.summary import summarise
from convscope.network.tree import Input, Source
from convscope.ops import Add, Conv, ReLU

SLACK = 0.01
NAMESPACE = "{http://www.w3.org/2000/svg}"


def graph(text: str) -> Graph:
    return Network.parse(text).graph()


def overlap(one: Any, other: Any) -> bool:
    beside = one.x + one.width <= other.x + SLACK or other.x + other.width <= one.x + SLACK
    above = one.y + one.height <= other.y + SLACK or other.y + other.height <= one.y + SLACK
    return not (beside or above)


def inside(inner: Any, outer: Any) -> bool:
    across = outer.x - SLACK <= inner.x and inner.x + inner.width <= outer.x + outer.width + SLACK
    return across and outer.y - SLACK <= inner.y and inner.y + inner.height <= outer.y + outer.height + SLACK


def crosses(points: tuple[tuple[float, float], ...], box: Box) -> bool:
    """Whether a line runs through the inside of a box."""
    for (ax, ay), (bx, by) in pairwise(points):
        across = min(ax, bx) < box.x + box.width - 1 and max(ax, bx) > box.x + 1
        if across and min(ay, by) < box.y + box.height - 1 and max(ay, by) > box.y + 1:
            return True
    return False


def check(of: Graph, plan: Plan) -> None:
    """All that has to hold of any drawing."""
    keys = [box.key for box in plan.boxes]
    assert len(keys) == len(set(keys))
    shown = sorted(node.path for box in plan.boxes for node in box.nodes)
    assert shown == sorted(node.path for node in of.with_heads.nodes)
    assert [box.kind for box in plan.boxes].count("input") == 1
    by_height = sorted(plan.boxes, key=lambda box: box.y)
    for index, box in enumerate(by_height):
        for other in by_height[index + 1 :]:
            if other.y >= box.y + box.height:
                break
            assert not overlap(box, other), (box.key, other.key)
        for line in box.lines:
            assert line.width <= box.width - 4, line.text
        assert sum(line.style.height for line in box.lines) <= box.height
    for frame, other in combinations(plan.frames, 2):
        assert not overlap(frame, other) or inside(frame, other) or inside(other, frame), (frame.name, other.name)
    for frame in plan.frames:
        for box in plan.boxes:
            assert not overlap(frame, box) or inside(box, frame), (frame.name, box.key)
    for thing in (*plan.boxes, *plan.frames):
        assert -SLACK <= thing.x <= thing.x + thing.width <= plan.width + SLACK
        assert -SLACK <= thing.y <= thing.y + thing.height <= plan.height + SLACK
    for label in plan.labels:
        assert label.x + width(label.text, 10.5) <= plan.width + SLACK
        assert 0 <= label.y <= plan.height
    check_edges(of, plan)


def check_edges(of: Graph, plan: Plan) -> None:
    """The edges are the graph's, from bottom to top, and run through no box."""
    boxes = {box.key: box for box in plan.boxes}
    owner = {node.path: box.key for box in plan.boxes for node in box.nodes} | {INPUT: INPUT}
    drawn_from = {node.path for box in plan.boxes if box.run for node in box.run.nodes}
    folded = any(box.run and box.run.copies for box in plan.boxes)
    wanted = {
        (owner[source], owner[node.path])
        for node in every_node(of)
        for source in node.inputs
        if owner[source] != owner[node.path] and node.path in drawn_from
    }
    found = {(edge.source, edge.target) for edge in plan.edges}
    # Between equal stages the way back is not drawn; what leads on from the last leads on from the one that is.
    assert found == wanted if not folded else found <= wanted
    for edge in plan.edges:
        source, target = boxes[edge.source], boxes[edge.target]
        (x, y), (to_x, to_y) = edge.points[0], edge.points[-1]
        assert y == pytest.approx(source.y + source.height)
        assert to_y == pytest.approx(target.y)
        assert source.x <= x <= source.x + source.width
        assert target.x <= to_x <= target.x + target.width
        assert all(-SLACK <= px <= plan.width + SLACK and -SLACK <= py <= plan.height + SLACK for px, py in edge.points)
        assert all(ax == bx or ay == by for (ax, ay), (bx, by) in pairwise(edge.points))
        for box in plan.boxes:
            # The way to a head from within branches, or from the picture itself, may pass behind a box.
            within = edge.aside and (edge.source == INPUT or edge.target.startswith(("add", "mul")))
            if not within and (abs(box.x - x) < 2000 or len(edge.points) > 2):
                assert not crosses(edge.points, box), (edge.source, edge.target, box.key)


def check_svg(text: str) -> ElementTree.Element:
    """One valid picture that loads and runs nothing; returns its root."""
    root = ElementTree.fromstring(text)
    assert root.tag == f"{NAMESPACE}svg"
    assert root.get("role") == "img"
    assert [child.tag for child in root][:2] == [f"{NAMESPACE}title", f"{NAMESPACE}desc"]
    assert {element.tag.removeprefix(NAMESPACE) for element in root.iter()} <= {
        "svg", "title", "desc", "rect", "g", "path", "text", "circle",
    }  # fmt: skip
    assert text.count("http") == 1  # the namespace
    names = {name for element in root.iter() for name in element.attrib}
    assert not {name for name in names if name.startswith("on") or name in ("id", "href", "class", "style")}
    _, _, wide, high = map(float, root.get("viewBox", "").split())
    for element in root.findall(f"{NAMESPACE}text"):
        size = float(element.get("font-size", "0"))
        assert float(element.get("x", "0")) + width(element.text or "", size, bool(element.get("font-weight"))) <= wide
        assert 0 <= float(element.get("y", "0")) <= high
    return root


FIRST = {zoo.family(name): name for name in reversed(zoo.names())}
"""One network of each family; the others have more of the same stages or wider ones: `make proofs` draws them."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in FIRST.values() else [pytest.mark.slow]) for name in zoo.names()]
)
def test_every_known_network(name: str) -> None:
    of = zoo.known(name).graph()
    plan = drawing.plan_drawing(of)
    check(of, plan)
    check_svg(drawing.draw(of, name=name))
    assert plan.width / plan.height < 2.6
    assert plan.height < 2600


@given(networks(), st.sampled_from([(3, 16, 16), (4, 20), (12,)]), st.sampled_from(COSTS))
@example(parse("block narrow() { project 64 }\nnarrow")[0], (3, 16, 16), "memory")
@settings(max_examples=examples(15), suppress_health_check=list(HealthCheck))
def test_any_network(statements: Any, shape: tuple[int, ...], cost: str) -> None:
    kept = tuple(statement for statement in statements if not isinstance(statement, Input))
    try:
        of = expand(kept, Source("any", text_of(kept)), shape)
    except UserError:
        assume(False)
        return
    check(of, drawing.plan_drawing(of, cost))
    check_svg(drawing.draw(of, cost))


STEPS = [
    "relu", "batchnorm", "dropout 0.1", "identity", "conv 4 3x3 padding=1", "conv 4 1x1",
    "unit", "pair", "repeat 3 { unit }", "repeat 2 { pair }", "aux 0.3 { globalavgpool > flatten > linear 2 }",
]  # fmt: skip
BLOCKS = (
    "block unit() { conv 4 1x1 > relu > conv 4 3x3 padding=1 }\n"
    "block pair() { add { unit > relu | identity | aux 0.5 { unit } } > relu > unit }\n"
)


@st.composite
def bodies(draw: st.DrawFn, depth: int = 0) -> str:
    """Steps that keep 4x6x6, so that any of them may follow any."""
    steps = draw(st.lists(st.sampled_from(STEPS), min_size=1, max_size=(6, 3, 2, 2)[depth]))
    if depth < 3 and draw(st.booleans()):
        merge = draw(st.sampled_from(["add", "mul"]))
        branches = draw(st.lists(bodies(depth + 1), min_size=2, max_size=(4, 3, 2)[depth]))
        steps.insert(draw(st.integers(0, len(steps))), f"{merge} {{\n" + "\n|\n".join(branches) + "\n}")
    return "\n".join(steps)


@given(st.lists(bodies(), min_size=1, max_size=3).map("\n".join), st.sampled_from(COSTS))
@settings(max_examples=examples(15), suppress_health_check=list(HealthCheck))
def test_any_nest_of_branches_blocks_and_heads(text: str, cost: str) -> None:
    try:
        of = graph(f"input 4x6x6\n{BLOCKS}{text}")
    except UserError:
        assume(False)
        return
    assert parts_of(of) is not None
    check(of, drawing.plan_drawing(of, cost))
    check_svg(drawing.draw(of, cost))


def lines(of: Graph) -> dict[str, list[str]]:
    return {box.key: [line.text for line in box.lines] for box in drawing.plan_drawing(of).boxes}


def test_a_box_holds_an_operation_and_what_keeps_its_shape() -> None:
    found = lines(
        graph("input 3x16x16\nconv 8 3x3 stride=2 bias=no > batchnorm > relu > maxpool 2 > flatten > linear 10")
    )
    assert found["conv1"] == ["conv 8 3x3 /2", "batchnorm · relu", "10.6\xa0k · 232"]
    assert list(found) == ["input", "conv1", "maxpool1", "flatten1", "linear1"]


def test_what_comes_before_a_convolution_shares_its_box() -> None:
    found = lines(graph("input 4x8x8\nbatchnorm > relu > conv 8 1x1 > batchnorm > relu > conv 4 3x3"))
    assert found["batchnorm1"][:2] == ["batchnorm · relu", "conv 8 1x1"]
    assert found["batchnorm2"][:2] == ["batchnorm · relu", "conv 4 3x3"]
    assert list(found) == ["input", "batchnorm1", "batchnorm2"]


def test_a_branch_that_changes_nothing_is_a_line() -> None:
    plan = drawing.plan_drawing(graph("input 4x8x8\nadd { conv 4 1x1 | identity } > relu"))
    assert {box.key: box.kind for box in plan.boxes} == {
        "input": "input", "add1.a.conv1": "run", "add1.b.identity1": "wire", "add1": "merge",
    }  # fmt: skip
    axis = {box.key: box.x + box.width / 2 for box in plan.boxes}
    assert axis["input"] == axis["add1.a.conv1"] == axis["add1"]  # the flow stays straight


def test_branches_are_side_by_side() -> None:
    plan = drawing.plan_drawing(zoo.known("googlenet").graph())
    first = {box.key: box for box in plan.boxes}
    tops = [first[f"inception3a.concat1.{branch}"].y for branch in ("a.unit1.conv1", "b.unit1.conv1", "d.maxpool1")]
    assert len(set(tops)) == 1
    assert [f.name for f in plan.frames if f.aside] == ["aux1", "aux2"]
    assert all(edge.aside == boxed for edge in plan.edges for boxed in [first[edge.target].aside])


def test_equal_stages_are_drawn_once_and_say_so() -> None:
    of = zoo.known("resnet50").graph()
    plan = drawing.plan_drawing(of)
    (frame,) = [f for f in plan.frames if f.name == "bottleneck2 … bottleneck6 ×5"]
    assert frame.note == "5 × 218\xa0M = 1.09\xa0G, 27\xa0%"
    summed = sum(node.macs for node in of.nodes if re.match(r"layer3\.bottleneck[2-6]\.", node.path))
    assert short(summed) == "1.09\xa0G"
    (box,) = [b for b in plan.boxes if b.key == "layer3.bottleneck2.add1.a.conv1"]
    assert box.run is not None
    assert (box.run.times, len(box.nodes)) == (5, 15)
    # Every copy equals the one that is drawn.
    for shown in plan.boxes:
        if shown.run and shown.run.copies:
            first = [(n.op, n.input_shapes, n.shape) for n in shown.run.nodes] * (shown.run.times - 1)
            assert [(n.op, n.input_shapes, n.shape) for n in shown.run.copies] == first


def test_nothing_unequal_is_folded() -> None:
    # Every layer of a dense block reads more channels than the one before.
    assert not any(run.copies for run in runs(parts_of(zoo.known("densenet121").graph()) or ()))
    # A small network is drawn whole.
    assert not any(run.copies for run in runs(parts_of(zoo.known("resnet18").graph()) or ()))


def test_the_shape_stands_where_it_changes() -> None:
    plan = drawing.plan_drawing(graph("input 4x8x8\nconv 4 3x3 padding=1 > maxpool 2 > conv 8 1x1 > flatten"))
    assert [label.text for label in plan.labels] == ["4x4x4", "8x4x4", "128"]


def test_the_five_most_expensive_are_marked() -> None:
    of = zoo.known("vgg16").graph()
    for cost in COSTS:
        root = check_svg(drawing.draw(of, cost))
        marks = list(root.iter(f"{NAMESPACE}circle"))
        assert len(marks) == 5
    assert not list(check_svg(drawing.draw(zoo.known("lenet5").graph())).iter(f"{NAMESPACE}circle"))


def test_a_tooltip_says_it_all() -> None:
    root = check_svg(drawing.draw(zoo.known("lenet5").graph(), name="lenet5"))
    titles = [title.text or "" for title in root.iter(f"{NAMESPACE}title")]
    assert titles[0] == "The network lenet5"
    expected = "conv2: conv 16 5x5; output 16x10x10; 2,416 parameters, 240,000 MACs; receptive field 14x14"
    assert any(title.startswith(expected) for title in titles)
    assert "61,706 parameters" in (root.findtext(f"{NAMESPACE}desc") or "")


def test_colours_follow_the_cost() -> None:
    text = "input 3x32x32\nconv 8 3x3 > relu > flatten > linear 10"
    by_macs, by_parameters = (drawing.draw(graph(text), cost) for cost in ("macs", "parameters"))

    def colours(picture: str) -> list[str]:
        return re.findall(r'rx="4" fill="(#\w+)"', picture)

    assert colours(by_macs)[0] == colours(by_parameters)[-1] == svg.colour(1.0)
    assert colours(by_macs)[-1] != svg.colour(1.0)
    with pytest.raises(UserError, match="macs, parameters, memory"):
        drawing.draw(graph(text), "flops")


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_colour_is_readable_and_darker_than_the_cheaper() -> None:
    shares = [i / 500 for i in range(501)]
    lights = [luminance(svg.colour(share)) for share in shares]
    assert all(a >= b for a, b in pairwise(lights))
    for share, light in zip(shares, lights, strict=True):
        dark, bright = sorted([light, luminance(svg.ink(share))])
        assert (bright + 0.05) / (dark + 0.05) > 4.3


def test_a_graph_of_another_form_is_drawn_too() -> None:
    """Edges that no notation gives: a node read two nodes later, under paths that promise nothing."""
    shape = (4, 8, 8)
    names = ["x.a", "y", "x.b", "sum", "z"]
    reads = [("input",), ("x.a",), ("y",), ("x.a", "x.b"), ("sum",)]
    ops = [Conv(4, 1), ReLU(), Conv(4, 1), Add(), ReLU()]
    nodes = tuple(
        Node(name, op, inputs, (shape,) * len(inputs), shape)
        for name, op, inputs in zip(names, ops, reads, strict=True)
    )
    of = Graph(shape, nodes)
    assert parts_of(of) is None
    check(of, drawing.plan_drawing(of))
    check_svg(drawing.draw(of))
    head = AuxiliaryHead(0.5, (Node("h", ReLU(), ("y",), (shape,), shape),))
    check(replace(of, heads=(head,)), drawing.plan_drawing(replace(of, heads=(head,))))


def test_a_name_is_text() -> None:
    name = 'a<b>&"c"\x00\udcff' + "한" * 200
    root = check_svg(drawing.draw(graph("input 3\nlinear 2"), name=name))
    assert (root.findtext(f"{NAMESPACE}title") or "").startswith('The network a<b>&"c"')


def test_texts_fit_their_widths() -> None:
    font = pytest.importorskip("PIL.ImageFont")
    for file, bold in (("DejaVuSans.ttf", False), ("DejaVuSans-Bold.ttf", True)):
        try:
            face = font.truetype(file, 100)
        except OSError:
            pytest.skip("DejaVu Sans is not installed")
        for said in (
            "conv 64 3x3 /2",
            "batchnorm · relu",
            "118\xa0M · 9.41\xa0k",
            "5 × 218 M = 1.09 G, 27 %",
            "globalavgpool",
        ):
            assert face.getlength(said) <= width(said, 100, bold) * 1.03
    assert all(width(line, 10) <= 100 for line in wrapped("a few words that take several lines of this", 100, 10))
    assert width("batchnorm · relu", 12, bold=True) < LONGEST_LINE


def test_notebooks_show_the_drawing_above_the_table() -> None:
    for name, folded in (("lenet5", False), ("resnet18", True)):
        network = zoo.known(name)
        for html in (network._repr_html_(), summarise(network.graph())._repr_html_()):
            assert 0 <= html.index("<svg") < html.index("<table")
            assert ("<details" in html) == folded
        assert f">{name}</text>" in network._repr_html_()
    assert ">resnet18</text>" in zoo.known("resnet18").with_classes(5)._repr_html_()
