"""Costs: totals that add up, receptive fields against a brute-force oracle, memory that follows the live values."""

from __future__ import annotations

import json

import numpy as np
import pytest

from convscope.network import table, zoo
from convscope.network.costs import RULE
from convscope.network.default import default_network
from convscope.network.network import Network
from convscope.network.summary import summarise
from convscope.reference import forward as reference


def test_lenet5_row_by_row() -> None:
    summary = summarise(zoo.known("lenet5").graph())
    assert (summary.parameters, summary.macs) == (61_706, 416_520)
    costs = {row.path: (row.parameters, row.macs) for row in summary.rows if row.parameters}
    assert costs == {
        "conv1": (156, 117_600),
        "conv2": (2_416, 240_000),
        "linear1": (48_120, 48_000),
        "linear2": (10_164, 10_080),
        "linear3": (850, 840),
    }
    assert sum(row.parameters for row in summary.rows) == summary.parameters
    assert sum(row.macs for row in summary.rows) == summary.macs
    fields = {row.path: row.receptive_field for row in summary.rows}
    assert fields["conv1"] == (5, 5)
    assert fields["avgpool1"] == (6, 6)
    assert fields["conv2"] == (14, 14)
    assert fields["avgpool2"] == (16, 16)
    assert fields["linear1"] is None


NETS = [
    "input 1x15x15\nconv 1 3x3 > conv 1 3x3",
    "input 1x25x25\nconv 1 3x3 stride=2 > maxpool 2 > conv 1 3x3 dilation=2",
    "input 1x21x21\nadd { conv 1 5x5 padding=2 | conv 1 3x3 padding=1 > conv 1 1x1 } > avgpool 3 stride=1",
    "input 1x31\nconv 1 5 stride=2 > conv 1 3",
    "input 1x19x23\nconv 1 3x5 stride=1x2 > maxpool 3x2 stride=2x1",
]


@pytest.mark.parametrize("text", NETS)
def test_receptive_fields_are_what_a_changed_pixel_reaches(text: str) -> None:
    """Each input pixel is changed in turn; those that move the central output value are its receptive field."""
    graph = Network.parse(text).graph()
    rng = np.random.default_rng(0)
    state = {f"{n.path}.{k}": rng.uniform(0.5, 1, s) for n in graph.nodes for k, s in n.parameters.items()}
    base = rng.uniform(0.5, 1, (1, *graph.input))

    def centre(x: np.ndarray) -> float:
        out = reference.run(graph, state, x)[graph.output.path]
        return float(out[(0, 0, *(n // 2 for n in out.shape[2:]))])

    reached = []
    for place in np.ndindex(*graph.input[1:]):
        moved = base.copy()
        moved[(0, 0, *place)] += 100.0
        if centre(moved) != centre(base):
            reached.append(place)
    spans = tuple(max(axis) - min(axis) + 1 for axis in zip(*reached, strict=True))
    assert spans == summarise(graph).rows[-1].receptive_field


def test_the_tables_say_the_same() -> None:
    summary = summarise(zoo.known("lenet5").graph(), batch=4)
    for text in (table.to_text(summary), table.to_markdown(summary), table.to_html(summary)):
        assert "61,706" in text
        assert "416,520" in text
    assert RULE in table.to_text(summary)
    assert RULE in table.to_markdown(summary)
    document = json.loads(json.dumps(table.to_dict(summary)))
    assert document["rule"] == RULE
    assert sum(node["macs"] for node in document["nodes"]) == document["macs"]
    assert document["memory"]["batch"] == 4


@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (1, 8, 8), (3, 9, 30), (1, 28, 28), (3, 32, 32), (3, 65, 64), (3, 224, 224)]
)
def test_the_default_network_fits_any_picture(shape: tuple[int, ...]) -> None:
    graph = default_network(shape, 7).graph()
    assert graph.output.shape == (7,)
    assert graph.macs < 250e6


def test_the_five_most_expensive_nodes_are_marked() -> None:
    summary = summarise(zoo.known("resnet18").graph())
    marked = table.most_expensive(summary.rows)
    assert [row.macs for row in marked] == sorted((row.macs for row in summary.rows), reverse=True)[:5]
    text = table.to_text(summary)
    assert sum(" *" in line for line in text.splitlines()[2:-5]) == 5
    share = round(100 * sum(row.macs for row in marked) / summary.macs)
    assert f"* the 5 nodes with the most MACs: {share} % of all" in text
    assert table.to_dict(summary)["most_expensive"] == [row.path for row in marked]
    assert "\\* the 5 nodes" in table.to_markdown(summary)
    # Where few nodes cost anything, the column of MACs says it.
    assert table.most_expensive(summarise(zoo.known("lenet5").graph()).rows) == ()
