"""Files of several networks: which is taken, what it takes along, and what goes wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from convscope.errors import UserError
from convscope.network import family, notation
from convscope.network.formatter import format_statements
from convscope.network.network import Network
from convscope.network.zoo import find

TEXT = """# Two sizes of one thing

block unit(width) {
  conv width 3x3 padding=1 > relu
}

block outer(width) {
  unit width > maxpool 2
}

block unused() {
  relu
}

network small {
  input 1x8x8
  outer 4 > flatten > linear 10
  expect params=690 output=10
}

network large {
  input 1x8x8
  outer 16 > flatten > linear 10
}
"""


def test_a_file_of_several_networks_is_laid_out_as_it_stands() -> None:
    statements, _ = notation.parse(TEXT)
    assert format_statements(statements) == TEXT
    assert family.members(statements) == ("small", "large")


def test_one_network_takes_the_blocks_that_it_needs(tmp_path: Path) -> None:
    file = tmp_path / "two.net"
    file.write_text(TEXT)
    network = Network.load(file, "small")
    assert network.graph().parameter_count == 690
    assert "block unused" not in network.text()
    assert "Two sizes" in network.text()
    assert Network.parse(network.text()) == network
    assert Network.from_json(network.to_json()) == network
    assert find(f"{file}:large").graph().output.shape == (10,)


def test_which_one_must_be_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="2 networks in one file") as told:
        Network.parse(TEXT, "two.net")
    assert "FILE:small" in told.value.hint
    file = tmp_path / "two.net"
    file.write_text(TEXT)
    with pytest.raises(UserError, match="no network 'smal'") as told:
        Network.load(file, "smal")
    assert told.value.hint == "did you mean small?"
    assert Network.parse("network one {\nconv 4 3x3\n}").graph((1, 5, 5)).parameter_count == 40


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("network a {\nrelu\n}\nnetwork a {\nrelu\n}", "defined twice"),
        ("network a {\n}", "is empty"),
        ("relu\nnetwork a {\nrelu\n}", "stands beside networks"),
        ("network a {\nblock b() { relu }\n}", "'block'"),
        ("network a {\nrelu\ninput 1x2x2\n}", "after the first operation"),
        ("network a {\nrelu", "never closed"),
    ],
)
def test_mistakes_in_a_file_of_several(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Network.parse(text)


AUX = """input 1x8x8
conv 4 3x3 padding=1 > relu
aux 0.3 { globalavgpool > flatten > linear 10 } as side
flatten > linear 10
expect params=2610 output=10
"""


def test_an_auxiliary_head_is_in_no_count() -> None:
    network = Network.parse(AUX)
    assert network.text() == AUX
    assert Network.from_json(network.to_json()) == network
    graph = network.graph()
    assert [node.path for node in graph.nodes] == ["conv1", "relu1", "flatten1", "linear1"]
    (head,) = graph.heads
    assert head.weight == 0.3
    assert head.output.path == "side.linear1"
    trained = graph.with_heads
    assert trained.output.path == "linear1"
    assert trained.parameter_count == 2610 + 50
    assert network.with_classes(3).graph().heads[0].output.shape == (3,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("aux 0 { relu }", "aux 0"),
        ("aux yes { relu }", "aux yes"),
        ("aux 0.3 { aux 0.3 { relu } }", "aux inside aux"),
        ("aux 0.3 { }", "aux holds nothing"),
    ],
)
def test_mistakes_in_an_auxiliary_head(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Network.parse("input 1x8x8\nconv 4 3x3\n" + text).graph()


def test_aux_behind_the_last_step_has_nothing_beside_it() -> None:
    with pytest.raises(UserError, match="aux behind the last step"):
        Network.parse("input 4\nlinear 3\naux 0.3 { linear 3 }").graph()
