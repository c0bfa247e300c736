"""The name of one number of a network: written, read, refused in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convscope.errors import UserError
from convscope.network import zoo
from convscope.network.address import Address, parse_address

GRAPH = zoo.known("resnet20_cifar").graph()


@given(st.data())
def test_every_number_has_an_address_that_is_read_back(data: st.DataObject) -> None:
    node = data.draw(st.sampled_from(GRAPH.nodes))
    of = {"": node.shape, **node.parameters, **node.buffers}
    tensor = data.draw(st.sampled_from(sorted(of)))
    index = tuple(data.draw(st.integers(0, n - 1)) for n in of[tensor])
    address = Address(node.path, index, tensor)
    assert parse_address(GRAPH, str(address)) == address
    spaced = str(address).replace(",", " , ").replace("[", " [ ")
    assert parse_address(GRAPH, spaced) == address
    outside = Address(node.path, (*index[:-1], of[tensor][-1]), tensor)
    with pytest.raises(UserError, match="at most"):
        parse_address(GRAPH, str(outside))


@given(st.text(max_size=40))
def test_no_text_is_anything_but_an_address_or_a_mistake(text: str) -> None:
    try:
        found = parse_address(GRAPH, text)
    except UserError:
        return
    assert found.path in {"input", *GRAPH.by_path}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("conv1", "3 numbers from 0, such as conv1[8,16,16]"),
        ("linear1", "one number from 0, such as linear1[5]"),
        ("conv1[1,2]", "3: conv1 is 16x32x32"),
        ("conv1[16,0,0]", "at most conv1[15,31,31]"),
        ("conf1[0,0,0]", "did you mean conv1?"),
        ("conv1.wait[0,0,0,0]", "did you mean conv1.weight?"),
        ("relu1.weight[0]", "relu1 (relu) has no weights"),
        ("conv1.weight[0,0,0]", "4: conv1.weight is 16x3x3x3"),
        ("conv1[-1,0,0]", "3 numbers from 0"),
        ("conv1[a]", "3 numbers from 0"),
        ("", "convscope describe lists the nodes"),
    ],
)
def test_what_is_wrong_is_said(text: str, told: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_address(GRAPH, text)
    assert told in str(caught.value)
